//! Replies on their way out: their heads, and content with a length, in chunks, or up to the end of the connection.
//!
//! Responsible for: which bytes are sent, and in which pieces. Not for: what a reply says, and what follows it.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::ops::Range;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::PollFlags;

use crate::io::{GONE, Socket};
use crate::{HTTPVersion, StatusCode};

/// How much content is gathered before it is sent, in bytes: enough that framing and calls cost next to nothing.
pub(crate) const GATHERED: usize = 32 * 1024;

/// Parts of files from this length on leave by `sendfile`, in bytes; shorter ones with what is gathered.
const LARGE: u64 = 64 * 1024;

/// With this many bytes of a file left, the next call may send the last of them.
const LAST: u64 = 2 << 20;

/// Writes status line and fields, each value as it stands, and the empty line.
///
/// A field that would break the head in two (response splitting) is left out.
pub(crate) fn head<'f>(
    version: &HTTPVersion,
    status: StatusCode,
    fields: impl IntoIterator<Item = (&'f str, &'f str)>,
) -> Vec<u8> {
    let mut head = Vec::with_capacity(512);
    let phrase = status.default_reason_phrase();
    head.extend_from_slice(format!("HTTP/{version} {} {phrase}\r\n", status.0).as_bytes());
    let is_plain = |text: &str| text.bytes().all(|b| !b.is_ascii_control() || b == b'\t');
    for (name, value) in fields {
        if is_plain(name) && is_plain(value) {
            for piece in [name, ": ", value, "\r\n"] {
                head.extend_from_slice(piece.as_bytes());
            }
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// What shows a client the end of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing is sent of it: the reply is to HEAD, or of a status without content.
    Head,
    /// The length in bytes, which stands in the head.
    Length(u64),
    /// The last chunk (RFC 9112, section 7.1).
    LastChunk,
    /// The end of the connection.
    Close,
}

/// A field that the server itself adds to a reply.
pub(crate) type Field = (&'static str, String);

/// How content of this length, where it is known, is to end, and the field that says so (RFC 9112, section 6.3).
pub(crate) fn framing(
    status: StatusCode,
    length: Option<u64>,
    is_chunked: bool,
    is_head: bool,
) -> (End, Vec<Field>) {
    // RFC 9110, section 8.6: with these there is not even a length, unless that of another reply is known.
    if matches!(status.0, 100..=199 | 204 | 304) {
        return (End::Head, Vec::new());
    }
    let (end, field) = match (is_chunked, length) {
        (true, _) => (
            End::LastChunk,
            Some(("Transfer-Encoding", "chunked".to_owned())),
        ),
        (false, Some(length)) => (
            End::Length(length),
            Some(("Content-Length", length.to_string())),
        ),
        (false, None) => (End::Close, None),
    };
    (if is_head { End::Head } else { end }, Vec::from_iter(field))
}

/// What follows a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// More, at once: what is written may wait for it.
    More,
    /// More, whenever it comes.
    Later,
    /// Nothing of this reply.
    Nothing,
}

/// What takes the bytes of a reply.
pub(crate) trait Sink {
    /// Takes all of these parts.
    fn send(&mut self, parts: &mut [IoSlice<'_>], next: Next) -> io::Result<()>;
}

impl<W: Write> Sink for W {
    fn send(&mut self, parts: &mut [IoSlice<'_>], _: Next) -> io::Result<()> {
        parts.iter().try_for_each(|part| self.write_all(part))
    }
}

/// What is told of a reply while it is sent.
///
/// It is told before each write whether its thread may wait for the client in it: only what waits for no client any
/// more is about to be free.
pub trait Progress {
    /// So many bytes of the content are out.
    fn has_sent(&self, _content: u64) {}

    /// The next write does not wait, and may be the last.
    fn may_end(&self) {}

    /// The client takes no more for now. Says whether to wait until it does; else the reply is broken off.
    fn may_wait(&self) -> bool {
        true
    }
}

/// Nobody is told, and clients are waited for.
impl Progress for () {}

/// A connection, to which is sent.
pub(crate) struct Wire<'s> {
    pub(crate) socket: &'s Socket,
    pub(crate) progress: &'s dyn Progress,
    /// How long the client may take nothing.
    pub(crate) timeout: Option<Duration>,
}

impl Wire<'_> {
    /// Waits until the client takes more, if that was all that was wrong.
    fn wait(&self, error: io::Error) -> io::Result<()> {
        if error.kind() != io::ErrorKind::WouldBlock || !self.progress.may_wait() {
            return Err(error);
        }
        self.socket.wait_writable(self.timeout)
    }
}

impl Sink for Wire<'_> {
    fn send(&mut self, mut parts: &mut [IoSlice<'_>], next: Next) -> io::Result<()> {
        // Drops the parts that are empty.
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            if next == Next::Nothing {
                self.progress.may_end();
            }
            match self.socket.send(parts, next == Next::More) {
                Ok(sent) => IoSlice::advance_slices(&mut parts, sent),
                Err(error) => self.wait(error)?,
            }
        }
        Ok(())
    }
}

/// A reply that is being sent. What is written to it is its content.
///
/// Unless it is finished it has no end.
pub(crate) struct Encoder<S> {
    sink: S,
    /// The head, until it is sent with the first of the content.
    head: Vec<u8>,
    gathered: Vec<u8>,
    end: End,
    /// Bytes of content that were written.
    written: u64,
}

impl<S: Sink> Encoder<S> {
    pub(crate) fn new(sink: S, head: Vec<u8>, end: End) -> Self {
        Self {
            sink,
            head,
            gathered: Vec::new(),
            end,
            written: 0,
        }
    }

    /// Bytes of content that were written.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Copies content as it comes, up to its end, or to the length that was told.
    pub(crate) fn copy(&mut self, mut reader: impl Read) -> io::Result<()> {
        let mut buffer = Vec::new();
        loop {
            let left = match self.end {
                End::Head => return Ok(()),
                End::Length(length) => length - self.written,
                End::LastChunk | End::Close => u64::MAX,
            };
            buffer.resize(left.min(GATHERED as u64) as usize, 0);
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => {
                    self.write_all(&buffer[..read])?;
                    if read as u64 == left {
                        return Ok(());
                    }
                    self.flush()?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends the content.
    ///
    /// # Errors
    /// That it is not as long as was told, or what sending says.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if let End::Length(length) = self.end
            && length != self.written
        {
            let told = format!(
                "{} bytes were written, of {length} that were told",
                self.written
            );
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, told));
        }
        self.send(&[], Next::Nothing)
    }

    fn check_room(&self, count: u64) -> io::Result<()> {
        match self.end {
            End::Length(length) if count > length - self.written => {
                Err(io::Error::other("more content is written than was told"))
            }
            _ => Ok(()),
        }
    }

    fn send_gathered(&mut self, next: Next) -> io::Result<()> {
        match self.gathered.is_empty() && self.head.is_empty() {
            true => Ok(()),
            false => self.send(&[], next),
        }
    }

    /// Sends what is gathered, and these bytes of content behind it.
    fn send(&mut self, content: &[u8], next: Next) -> io::Result<()> {
        let length = self.gathered.len() + content.len();
        let (mut size_line, mut line_end, mut last) = (String::new(), &b""[..], &b""[..]);
        if self.end == End::LastChunk {
            // An empty chunk would be the last.
            if length > 0 {
                size_line = format!("{length:X}\r\n");
                line_end = b"\r\n";
            }
            if next == Next::Nothing {
                last = b"0\r\n\r\n";
            }
        }
        let parts = [
            &self.head,
            size_line.as_bytes(),
            &self.gathered,
            content,
            line_end,
            last,
        ];
        self.sink.send(&mut parts.map(IoSlice::new), next)?;
        self.head = Vec::new();
        self.gathered.clear();
        Ok(())
    }
}

/// Writes content. With [`End::Head`] it goes nowhere.
impl<S: Sink> Write for Encoder<S> {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        if self.end == End::Head {
            return Ok(content.len());
        }
        self.check_room(content.len() as u64)?;
        if self.gathered.len() + content.len() < GATHERED {
            self.gathered.extend_from_slice(content);
        } else {
            self.send(content, Next::Later)?;
        }
        self.written += content.len() as u64;
        Ok(content.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_gathered(Next::Later)
    }
}

impl Encoder<Wire<'_>> {
    /// Whether nothing that is sent can arrive.
    pub(crate) fn is_client_gone(&self) -> bool {
        self.sink.socket.seen(PollFlags::empty()).intersects(GONE)
    }

    /// Writes a part of a file: by `sendfile` where it is large. Whoever watches is told of each step.
    ///
    /// # Errors
    /// What the system says; `UnexpectedEof` where the file has become shorter.
    pub(crate) fn write_file(&mut self, file: &File, part: Range<u64>) -> io::Result<()> {
        let length = part.end.saturating_sub(part.start);
        if self.end == End::Head {
            return Ok(());
        }
        self.check_room(length)?;
        if length < LARGE || matches!(self.sink.socket, Socket::Nowhere) {
            return self.gather(file, part);
        }
        let is_chunk = self.end == End::LastChunk;
        self.send_gathered(Next::More)?;
        if is_chunk {
            let size_line = format!("{length:X}\r\n");
            self.sink
                .send(&mut [IoSlice::new(size_line.as_bytes())], Next::More)?;
        }
        let mut offset = part.start;
        while offset < part.end {
            self.sink
                .progress
                .has_sent(self.written + offset - part.start);
            let left = part.end - offset;
            if !is_chunk && left <= LAST {
                self.sink.progress.may_end();
            }
            if let Err(error) = self.sink.socket.send_file(file, &mut offset, left) {
                self.sink.wait(error)?;
            }
        }
        self.written += length;
        match is_chunk {
            true => self.sink.send(&mut [IoSlice::new(b"\r\n")], Next::Later),
            false => Ok(()),
        }
    }

    fn gather(&mut self, file: &File, part: Range<u64>) -> io::Result<()> {
        let mut offset = part.start;
        while offset < part.end {
            if self.gathered.len() >= GATHERED {
                self.send_gathered(Next::Later)?;
            }
            let before = self.gathered.len();
            let most = (part.end - offset).min(GATHERED as u64) as usize;
            self.gathered.reserve_exact(most);
            let read = || rustix::io::pread(file, spare_capacity(&mut self.gathered), offset);
            if rustix::io::retry_on_intr(read)? == 0 {
                // The file has become shorter meanwhile.
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            // There may be room for more than was asked for.
            self.gathered.truncate(before + most);
            let read = (self.gathered.len() - before) as u64;
            offset += read;
            self.written += read;
        }
        Ok(())
    }
}
