//! What a file server needs of a request beyond the interface of tiny_http.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::ops::Range;

use crate::body::BodyFault;
use crate::encode::{self, Encoder, End, Next, Progress, Sink, Wire};
use crate::exchange::{Exchange, Input};
use crate::head::Head;
use crate::presence::Presence;
use crate::request::connection_field;
use crate::response::date;
use crate::role::Refusal;
use crate::splice::Pipe;
use crate::{HTTPVersion, Method, Request, StatusCode};

/// A reply whose content is not a reader.
///
/// `Date`, `Connection` and what says the length of the content are added to its fields.
pub struct Reply<'r> {
    /// The status.
    pub status: StatusCode,
    /// Names and values. One that would break the head in two is left out.
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
    /// What is made while it is sent.
    Stream {
        /// Its length in bytes, where it is known beforehand. Else it is sent in chunks, or up to the end of the connection
        /// to clients of HTTP/1.0.
        length: Option<u64>,
        /// Writes it. Where that fails, the connection is broken off, so that the client takes no part for the whole.
        write: Box<WriteContent<'c>>,
    },
}

/// What writes content.
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

/// Content that is made while it is sent. What is written to it is gathered; flushing sends it.
pub struct Outgoing<'s>(Encoder<Wire<'s>>);

impl Outgoing<'_> {
    /// Bytes of content that have been written.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.0.written()
    }

    /// Whether the client is known to have closed the whole connection. One that has ended its half may
    /// have: that shows once more is sent.
    #[must_use]
    pub fn is_client_gone(&self) -> bool {
        self.0.is_client_gone()
    }

    /// Writes a part of a file: by `sendfile` where it is large. The [`Progress`] is told of each step.
    ///
    /// # Errors
    /// What the system says; `UnexpectedEof` where the file has become shorter.
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

impl Request {
    /// The head: its fields without a copy, its framing.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Why the head is refused, if it is. See [`Config::hands_out_refusals`](crate::Config).
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    /// The number of the connection, which no other one of the server has.
    #[must_use]
    pub fn connection_id(&self) -> u64 {
        self.exchange.as_ref().map_or(0, |exchange| exchange.id)
    }

    /// Why reading the body has failed, if it has.
    #[must_use]
    pub fn body_fault(&self) -> Option<BodyFault> {
        self.exchange.as_ref()?.body_fault()
    }

    /// Bytes of the body that have been read, and bytes of the reply's content that have been sent.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (
            self.exchange
                .as_ref()
                .map_or(0, |exchange| exchange.received),
            self.sent,
        )
    }

    /// What of the connection another thread may end: its input.
    #[must_use]
    pub fn input(&mut self) -> Option<Input> {
        self.exchange.as_mut().map(Exchange::input)
    }

    /// Whether the client is known to be gone, so that nobody waits for the reply. To be asked again and again while a
    /// reply is made that takes long. It is not known as long as replies to requests before are under way.
    pub fn is_client_gone(&mut self) -> bool {
        let Some(exchange) = &self.exchange else {
            return true;
        };
        // To find out, something may have to be sent, which must not get into another reply.
        if !exchange.has_turn() {
            return false;
        }
        let presence = self
            .presence
            .get_or_insert_with(|| Presence::of(&exchange.socket));
        presence.is_gone(&exchange.socket, self.head.version < (1, 1))
    }

    /// Reads what has come of the body, without waiting for more; 0 at its end.
    ///
    /// # Errors
    /// Those of [`as_reader`](Request::as_reader); `WouldBlock` where nothing has come, or the client waits for the word to
    /// send it (`Expect: 100-continue`).
    pub fn read_ready(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match &mut self.exchange {
            Some(exchange) => exchange.read_ready(out),
            None => Ok(0),
        }
    }

    /// Moves what comes next of the body into a pipe that is empty, without a copy in the program, and says how many bytes
    /// that were; 0 at its end.
    ///
    /// # Errors
    /// Those of [`as_reader`](Request::as_reader), for which [`body_fault`](Request::body_fault) is set.
    pub fn fill(&mut self, pipe: &mut Pipe) -> io::Result<usize> {
        match &mut self.exchange {
            Some(exchange) => exchange.fill(pipe),
            None => Ok(0),
        }
    }

    /// Sends a reply. When the request is dropped, its connection goes on, or ends.
    ///
    /// # Errors
    /// Those of the content, what the system says, `WouldBlock` where the client may not be waited for. The connection is
    /// broken off then.
    pub fn send(&mut self, reply: Reply<'_>, progress: &dyn Progress) -> io::Result<()> {
        let version = &self.head.version;
        let length = reply.content.length();
        let is_chunked = length.is_none() && *version > (1, 0);
        let is_head = *self.method() == Method::Head;
        let (end, mut own) = encode::framing(reply.status, length, is_chunked, is_head);
        let goes_on = self.begin_reply(end)? && !reply.closes;
        own.push(("Date", date()));
        own.extend(connection_field(goes_on, &self.head.version));
        let own = own.iter().map(|(name, value)| (*name, value.as_str()));
        let fields = reply.fields.iter().copied().chain(own);
        let head = encode::head(&HTTPVersion(1, 1), reply.status, fields);
        let Some(exchange) = &self.exchange else {
            return Ok(());
        };
        let mut wire = exchange.wire(progress);
        let sent = match reply.content {
            _ if end == End::Head => wire.send(&mut [IoSlice::new(&head)], Next::Nothing),
            Content::Bytes(bytes) => {
                let parts = &mut [IoSlice::new(&head), IoSlice::new(bytes)];
                self.sent = bytes.len() as u64;
                wire.send(parts, Next::Nothing)
            }
            content => {
                let mut outgoing = Outgoing(Encoder::new(wire, head, end));
                let written = match content {
                    Content::File(file, part) => outgoing.write_file(file, part),
                    Content::Stream { write, .. } => write(&mut outgoing),
                    Content::Bytes(_) => Ok(()),
                };
                self.sent = outgoing.sent();
                written.and_then(|()| outgoing.0.finish())
            }
        };
        self.end_reply(sent, goes_on)
    }
}
