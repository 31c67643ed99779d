//! Digests of a body: those that come with it, and the one that is wanted back (RFC 9530).

use std::io::{self, Read};

use sha2::{Digest as _, Sha256 as Hash};

use super::{Error, Op, Request};
use crate::http::digest::{self, Sha256};
use crate::http::framing::BodyFault;
use crate::http::name::Name;

/// What is to be done about the digest of a body.
#[derive(Debug, Default)]
pub(super) struct Digests {
    expected: Vec<Sha256>,
    /// Whether the reply is to bear it.
    pub(super) is_wanted: bool,
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

    /// Refuses a body with another digest than one that came with it.
    pub(super) fn check(&self, found: &Sha256) -> Result<(), Error> {
        match self.expected.iter().all(|expected| expected == found) {
            true => Ok(()),
            false => Err(Error::Digest),
        }
    }
}

/// A request whose body is hashed while it is read.
pub(super) struct Hashed<'r> {
    request: &'r mut dyn Request,
    hash: Hash,
}

impl<'r> Hashed<'r> {
    pub(super) fn new(request: &'r mut dyn Request) -> Self {
        let hash = Hash::new();
        Self { request, hash }
    }

    /// The digest of what has been read.
    pub(super) fn digest(self) -> Sha256 {
        self.hash.finalize().into()
    }
}

impl Read for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.request.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}

impl Request for Hashed<'_> {
    fn is_head(&self) -> bool {
        self.request.is_head()
    }

    fn target(&self) -> String {
        self.request.target()
    }

    fn field(&self, name: &'static str) -> Option<String> {
        self.request.field(name)
    }

    fn declared(&self) -> Option<u64> {
        self.request.declared()
    }

    fn fault(&self) -> Option<BodyFault> {
        self.request.fault()
    }

    fn keep_computing(&mut self, done: u64, total: u64) -> Result<(), Error> {
        self.request.keep_computing(done, total)
    }

    fn did(&self, op: Op) {
        self.request.did(op);
    }

    fn leads_to(&self, name: &Name) {
        self.request.leads_to(name);
    }
}
