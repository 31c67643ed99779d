//! Digests of a body: those that come with it, and the one that is wanted back (RFC 9530).

use sha2::{Digest as _, Sha256 as Hash};

use super::{Error, Request};
use crate::http::digest::{self, Sha256};

/// What is to be done about the digest of a body.
#[derive(Debug, Default)]
pub(super) struct Digests {
    expected: Vec<Sha256>,
    /// Whether the reply is to bear it.
    is_wanted: bool,
}

impl Digests {
    /// Reads the fields of a request. No content coding is known here, so that the digest of the content
    /// (`Content-Digest`) and that of what is stored of it (`Repr-Digest`) are the same.
    pub(super) fn of(request: &dyn Request) -> Result<Self, Error> {
        const MALFORMED: &str = "a digest must be like sha-256=:BASE64:";
        let mut expected = Vec::new();
        for name in ["Content-Digest", "Repr-Digest"] {
            if let Some(value) = request.field(name) {
                expected.extend(
                    digest::parse(&value).map_err(|digest::Malformed| Error::Content(MALFORMED))?,
                );
            }
        }
        let wants = request.field("Want-Repr-Digest");
        let is_wanted = wants.is_some_and(|value| digest::is_wanted(&value));
        Ok(Self {
            expected,
            is_wanted,
        })
    }

    /// Whether nobody cares about the digest.
    pub(super) fn are_idle(&self) -> bool {
        self.expected.is_empty() && !self.is_wanted
    }

    /// Refuses a body with another digest than one that came with it; gives that of the body where it is wanted.
    pub(super) fn check(&self, hash: Option<BodyHash>) -> Result<Option<Sha256>, Error> {
        let found = hash.map(BodyHash::digest);
        match self
            .expected
            .iter()
            .all(|expected| Some(*expected) == found)
        {
            true => Ok(found.filter(|_| self.is_wanted)),
            false => Err(Error::Digest),
        }
    }
}

/// Hashes a body.
#[derive(Default)]
pub(super) struct BodyHash(Hash);

impl BodyHash {
    /// The digest of what has been seen.
    fn digest(self) -> Sha256 {
        self.0.finalize().into()
    }

    /// Takes the next part in.
    pub(super) fn see(&mut self, part: &[u8]) {
        self.0.update(part);
    }
}
