//! What a handler answers with.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;

use crate::computing::Computing;
use crate::http::digest::{self, Sha256};
use crate::http::head::Field;

/// The field that tells caches that the format is negotiated.
pub(super) const VARY: Field = ("Vary", Cow::Borrowed("Accept"));

/// A reply: status, fields and content.
#[derive(Debug)]
pub(crate) struct Reply<'s> {
    /// The status code.
    pub status: u16,
    /// Fields other than those of every reply (`Date`, `Content-Length`, `Transfer-Encoding`,
    /// `Connection`, and [`crate::http::head::browser_protection`]).
    pub fields: Vec<Field>,
    /// What follows the head.
    pub content: Content<'s>,
}

/// The content of a reply.
pub(crate) enum Content<'s> {
    /// None, and its length is not stated (204, 304).
    None,
    /// Bytes in memory.
    Bytes(Vec<u8>),
    /// A part of an open file.
    File {
        /// The file.
        file: File,
        /// Which of its bytes, which it has.
        part: Range<u64>,
    },
    /// What is written into a sink while it is sent. Where that fails, the connection is broken
    /// off, so that the client does not take a part for the whole.
    Stream {
        /// The length in bytes, where it is known before the end.
        length: Option<u64>,
        /// Writes the content.
        write: Writer<'s>,
    },
    /// Events that the server sends later, for as long as the client wants them.
    Events,
}

/// Writes a stream.
pub(super) type Writer<'s> = Box<dyn FnOnce(&mut dyn Sink) -> io::Result<()> + 's>;

/// Where the content of a reply is written that is made while it is sent. Making it may be a
/// computation.
pub(crate) trait Sink: Write + Computing {
    /// Writes a part of a file.
    ///
    /// # Errors
    /// Those of reading and sending; `UnexpectedEof` where the file has become shorter.
    fn write_file(&mut self, file: &File, part: Range<u64>) -> io::Result<()>;
}

impl Content<'_> {
    /// The length in bytes, where it is known.
    #[must_use]
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::None | Self::Events => None,
            Self::Stream { length, .. } => *length,
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::File { part, .. } => Some(part.end - part.start),
        }
    }
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::None => "None",
            Self::Bytes(_) => "Bytes",
            Self::File { .. } => "File",
            Self::Stream { .. } => "Stream",
            Self::Events => "Events",
        };
        write!(f, "{kind}({:?})", self.length())
    }
}

impl Reply<'_> {
    /// 200 with a text.
    #[must_use]
    pub(crate) fn text(text: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            fields: vec![("Content-Type", "text/plain; charset=utf-8".into())],
            content: Content::Bytes(text.into()),
        }
    }

    /// 304, with the fields that 200 would have.
    #[must_use]
    pub(crate) fn not_modified(fields: Vec<Field>) -> Self {
        Self {
            status: 304,
            fields,
            content: Content::None,
        }
    }

    /// 204: there is nothing to answer with.
    #[must_use]
    pub(crate) fn nothing() -> Self {
        Self {
            status: 204,
            fields: Vec::new(),
            content: Content::None,
        }
    }

    /// 200 `OK`: a change has been made, or a check passed.
    #[must_use]
    pub(crate) fn done() -> Self {
        Self::text("OK")
    }

    /// The same, with the digest of the body if that is wanted.
    #[must_use]
    pub(crate) fn stored(wanted: Option<Sha256>) -> Self {
        let mut reply = Self::done();
        let digest = wanted.map(|digest| ("Repr-Digest", digest::field(&digest).into()));
        reply.fields.extend(digest);
        reply
    }
}
