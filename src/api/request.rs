//! A request as its handler sees it: the head, which is a value, and the body, which is read.

use std::io::{self, Read};

use tiny_http::{Framing, Head, Pipe};

use super::annotations::Annotations;
use super::error::Error;
use crate::computing::Computing;
use crate::http::body::BodyFault;
use crate::storage::{self, Provenance};

/// A request. Reading reads its body; what is computed before the reply is computed on its behalf.
///
/// An error of reading holds a [`BodyFault`] where the body did not come whole.
pub(crate) trait Request: Read + Computing {
    /// The head.
    fn head(&self) -> &Head;

    /// What the handler adds to the log line of the request.
    fn annotations(&self) -> &Annotations;

    /// Where what it writes comes from.
    fn provenance(&self) -> Provenance;

    /// Reads what has arrived of the body, without waiting for more; 0 at its end.
    ///
    /// # Errors
    /// `WouldBlock` where nothing has arrived; those of reading.
    fn read_ready(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Moves the next part of the body into an empty pipe and returns its length in bytes; 0 at the
    /// end.
    ///
    /// # Errors
    /// Those of reading.
    fn fill(&mut self, pipe: &mut Pipe) -> io::Result<usize>;
}

/// Whether the reply is sent without its content.
pub(super) fn is_head(head: &Head) -> bool {
    head.method() == "HEAD"
}

/// The length of the body in bytes; `None` where it is not declared.
pub(super) fn declared_length(head: &Head) -> Option<u64> {
    match head.framing {
        Framing::Empty => Some(0),
        Framing::Length(length) => Some(length),
        Framing::Chunked => None,
    }
}

/// The error of a request whose body could not be read; `failed` is for errors that are not its
/// client's.
pub(super) fn read_error(error: io::Error, failed: impl Fn(storage::Error) -> Error) -> Error {
    match error.downcast::<BodyFault>() {
        Ok(fault) => Error::Body(fault),
        Err(error) => failed(error.into()),
    }
}
