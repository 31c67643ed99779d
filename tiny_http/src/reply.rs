//! A reply whose content is not a reader: an addition to the interface of tiny_http.
//!
//! Responsible for: what such a reply consists of, and sending it. Not for: its connection
//! (`request.rs`).

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::ops::Range;

use crate::encode::Encoder;
use crate::method::HTTPVersion;
use crate::reply_head::{self, End, Field};
use crate::status::StatusCode;
use crate::wire::{Next, Sink as _, Wire};

/// A reply whose content is not a reader.
///
/// `Date`, `Connection` and the field that says how the content is delimited are added to its
/// fields.
pub struct Reply<'r> {
    /// The status.
    pub status: StatusCode,
    /// Names and values. A field that would split the head in two is left out.
    pub fields: &'r [(&'r str, &'r str)],
    /// The content. To a HEAD request, and with 1xx, 204 and 304, it is not sent.
    pub content: Content<'r>,
    /// Whether it is to be the last on its connection.
    pub closes: bool,
}

/// The content of a [`Reply`].
pub enum Content<'c> {
    /// Bytes.
    Bytes(&'c [u8]),
    /// A part of a file, which leaves by `sendfile` where it is large.
    File(&'c File, Range<u64>),
    /// Content that is made while it is sent.
    Stream {
        /// Its length in bytes, where it is known beforehand. Otherwise it is sent in chunks, or to
        /// clients of HTTP/1.0 up to the end of the connection.
        length: Option<u64>,
        /// Writes it. Where that fails, the connection is broken off, so that the client does not
        /// take a part for the whole.
        write: Box<WriteContent<'c>>,
    },
}

/// A function that writes content.
pub type WriteContent<'c> = dyn FnOnce(&mut Outgoing<'_>) -> io::Result<()> + 'c;

impl Content<'_> {
    fn length(&self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::File(_, part) => Some(part.end.saturating_sub(part.start)),
            Self::Stream { length, .. } => *length,
        }
    }
}

/// Where the content of a [`Content::Stream`] is written to. It is buffered; flushing sends it.
pub struct Outgoing<'s>(Encoder<Wire<'s>>);

impl Outgoing<'_> {
    /// How many bytes of content have been written.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.0.written()
    }

    /// Whether the client is known to have closed the whole connection. Where it has ended only its
    /// half, that is not known before more is sent.
    #[must_use]
    pub fn is_client_gone(&self) -> bool {
        self.0.wire().is_client_gone()
    }

    /// Writes a part of a file: by `sendfile` where it is large. The [`Progress`](crate::Progress)
    /// is notified of each step.
    ///
    /// # Errors
    /// Those of reading and of sending; `UnexpectedEof` where the file has become shorter.
    pub fn write_file(&mut self, file: &File, part: Range<u64>) -> io::Result<()> {
        self.0.write_file(file, part)
    }
}

impl Write for Outgoing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Reply<'_> {
    /// How the content is delimited, and the field that says so.
    pub(crate) fn framing(&self, version: &HTTPVersion, is_head: bool) -> (End, Vec<Field>) {
        let length = self.content.length();
        let is_chunked = length.is_none() && *version > (1, 0);
        reply_head::framing(self.status, length, is_chunked, is_head)
    }

    /// Sends it with these fields in addition. `sent` is set to the bytes of content
    /// that were written, also where that fails.
    pub(crate) fn write(
        self,
        mut wire: Wire<'_>,
        own: &[Field],
        end: End,
        sent: &mut u64,
    ) -> io::Result<()> {
        let own = own.iter().map(|(name, value)| (*name, value.as_str()));
        let fields = self.fields.iter().copied().chain(own);
        let head = reply_head::head(&HTTPVersion(1, 1), self.status, fields);
        match self.content {
            _ if end == End::Head => wire.send(&mut [IoSlice::new(&head)], Next::Nothing),
            Content::Bytes(bytes) => {
                *sent = bytes.len() as u64;
                let parts = &mut [IoSlice::new(&head), IoSlice::new(bytes)];
                wire.send(parts, Next::Nothing)
            }
            content => {
                let mut outgoing = Outgoing(Encoder::new(wire, head, end));
                let written = match content {
                    Content::File(file, part) => outgoing.write_file(file, part),
                    Content::Stream { write, .. } => write(&mut outgoing),
                    Content::Bytes(_) => Ok(()),
                };
                *sent = outgoing.sent();
                written.and_then(|()| outgoing.0.finish())
            }
        }
    }
}
