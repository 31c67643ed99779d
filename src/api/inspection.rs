//! Examines the content of an upload while it is received: its digest (RFC 9530), and whether its
//! sender meant it for `mv`.

use sha2::{Digest as _, Sha256};
use tiny_http::Head;

use super::error::Error;
use crate::http::admission::is_media_type;
use crate::http::digest;
use crate::http::path_object::PathObject;

/// The types that a body meant for `mv` comes with: that of the object, and the one that `curl -d`
/// sends for any body. A body of another type that looks like it is content, such as a line of a
/// log.
const MOVE_MEDIA_TYPES: [&str; 2] = ["application/json", "application/x-www-form-urlencoded"];

/// The examination of one upload.
pub(super) struct Inspection {
    expected: Vec<digest::Sha256>,
    is_digest_wanted: bool,
    hash: Option<Sha256>,
    path_object: Option<PathObject>,
}

impl Inspection {
    /// What the fields of a request ask for. There is no content coding, so that the digest of the
    /// content (`Content-Digest`) is that of what is stored (`Repr-Digest`).
    pub(super) fn of(head: &Head) -> Result<Self, Error> {
        const MALFORMED: &str = "a digest must be like sha-256=:BASE64:";
        let mut expected = Vec::new();
        for name in ["Content-Digest", "Repr-Digest"] {
            if let Some(value) = head.field(name) {
                let parsed = digest::parse(&value);
                expected.extend(parsed.map_err(|digest::Malformed| Error::Content(MALFORMED))?);
            }
        }
        let wanted = head.field("Want-Repr-Digest");
        let is_digest_wanted = wanted.is_some_and(|value| digest::is_wanted(&value));
        let is_hashed = !expected.is_empty() || is_digest_wanted;
        Ok(Self {
            expected,
            is_digest_wanted,
            hash: is_hashed.then(Sha256::new),
            path_object: None,
        })
    }

    /// The same, and whether the body was meant for `mv`.
    pub(super) fn with_move_check(mut self, head: &Head) -> Self {
        let media_type = head.field("Content-Type").unwrap_or_default();
        let is_of = |other: &&str| is_media_type(&media_type, other);
        let may_be_meant = MOVE_MEDIA_TYPES.iter().any(is_of);
        self.path_object = may_be_meant.then(PathObject::default);
        self
    }

    /// Whether there is nothing to find out, so that the content need not pass through memory.
    pub(super) fn is_empty(&self) -> bool {
        self.hash.is_none() && self.path_object.is_none()
    }

    /// Takes the next part of the content.
    pub(super) fn update(&mut self, part: &[u8]) {
        if let Some(hash) = &mut self.hash {
            hash.update(part);
        }
        if let Some(object) = &mut self.path_object {
            object.update(part);
        }
    }

    /// Refuses content that is `{"path": "..."}` as a whole.
    pub(super) fn check_purpose(&self) -> Result<(), Error> {
        match self
            .path_object
            .as_ref()
            .is_some_and(PathObject::is_complete)
        {
            true => Err(Error::Content(
                "to move it, PUT to its name and /mv; ?create appends the JSON to the file",
            )),
            false => Ok(()),
        }
    }

    /// Whether the reply is to have the digest of the content.
    pub(super) fn is_digest_wanted(&self) -> bool {
        self.is_digest_wanted
    }

    /// Refuses content that does not have the digests sent with it; returns its digest if it has
    /// been computed: for these, or because it is wanted.
    pub(super) fn check_digest(self) -> Result<Option<digest::Sha256>, Error> {
        let found = self.hash.map(|hash| hash.finalize().into());
        match self.expected.iter().all(|it| Some(*it) == found) {
            true => Ok(found),
            false => Err(Error::Digest),
        }
    }
}
