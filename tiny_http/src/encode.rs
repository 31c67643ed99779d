//! Replies on their way out: content with a length, in chunks, or up to the end of the connection.
//!
//! Responsible for: which bytes are sent, and in which writes. Not for: the head (`reply_head.rs`),
//! and what follows the reply.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::ops::Range;

use rustix::buffer::spare_capacity;

use crate::reply_head::End;
use crate::wire::{Next, Sink, Wire};

/// How much content is buffered before it is sent, in bytes: enough to make the cost of framing and
/// system calls negligible.
const BUFFER_SIZE: usize = 32 * 1024;

/// Parts of files of at least this length leave by `sendfile`, in bytes; shorter ones are buffered.
const LARGE: u64 = 64 * 1024;

/// A reply that is being sent. What is written to it is its content. A reply that is not finished
/// is incomplete for the client.
pub(crate) struct Encoder<S> {
    sink: S,
    /// The head, until it is sent with the first of the content.
    head: Vec<u8>,
    buffer: Vec<u8>,
    end: End,
    /// How many bytes of content have been written.
    written: u64,
}

impl<S: Sink> Encoder<S> {
    pub(crate) fn new(sink: S, head: Vec<u8>, end: End) -> Self {
        Self {
            sink,
            head,
            buffer: Vec::new(),
            end,
            written: 0,
        }
    }

    /// How many bytes of content have been written.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Copies content as it comes, up to its end or to the declared length.
    pub(crate) fn copy(&mut self, mut reader: impl Read) -> io::Result<()> {
        let mut buffer = Vec::new();
        loop {
            let left = match self.end {
                End::Head => return Ok(()),
                End::Length(length) => length - self.written,
                End::LastChunk | End::Close => u64::MAX,
            };
            buffer.resize(left.min(BUFFER_SIZE as u64) as usize, 0);
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
    /// That the content is shorter than declared; those of sending.
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

    fn send_buffered(&mut self, next: Next) -> io::Result<()> {
        match self.buffer.is_empty() && self.head.is_empty() {
            true => Ok(()),
            false => self.send(&[], next),
        }
    }

    /// Sends what is buffered, and these bytes of content after it.
    fn send(&mut self, content: &[u8], next: Next) -> io::Result<()> {
        let length = self.buffer.len() + content.len();
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
            &self.buffer,
            content,
            line_end,
            last,
        ];
        self.sink.send(&mut parts.map(IoSlice::new), next)?;
        self.head = Vec::new();
        self.buffer.clear();
        Ok(())
    }
}

/// Writes content. With [`End::Head`] it is dropped.
impl<S: Sink> Write for Encoder<S> {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        if self.end == End::Head {
            return Ok(content.len());
        }
        self.check_room(content.len() as u64)?;
        if self.buffer.len() + content.len() < BUFFER_SIZE {
            self.buffer.extend_from_slice(content);
        } else {
            self.send(content, Next::Later)?;
        }
        self.written += content.len() as u64;
        Ok(content.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_buffered(Next::Later)
    }
}

impl Encoder<Wire<'_>> {
    /// The connection to the client.
    pub(crate) fn wire(&self) -> &Wire<'_> {
        &self.sink
    }

    /// Writes a part of a file: by `sendfile` where it is large.
    ///
    /// # Errors
    /// Those of reading and of sending; `UnexpectedEof` where the file has become shorter.
    pub(crate) fn write_file(&mut self, file: &File, part: Range<u64>) -> io::Result<()> {
        let length = part.end.saturating_sub(part.start);
        if self.end == End::Head {
            return Ok(());
        }
        self.check_room(length)?;
        if length < LARGE || !self.sink.takes_files() {
            return self.buffer_file(file, part);
        }
        let is_chunk = self.end == End::LastChunk;
        self.send_buffered(Next::More)?;
        if is_chunk {
            let size_line = format!("{length:X}\r\n");
            self.sink
                .send(&mut [IoSlice::new(size_line.as_bytes())], Next::More)?;
        }
        self.sink.send_file(file, part, self.written, !is_chunk)?;
        self.written += length;
        match is_chunk {
            true => self.sink.send(&mut [IoSlice::new(b"\r\n")], Next::Later),
            false => Ok(()),
        }
    }

    fn buffer_file(&mut self, file: &File, part: Range<u64>) -> io::Result<()> {
        let mut offset = part.start;
        while offset < part.end {
            if self.buffer.len() >= BUFFER_SIZE {
                self.send_buffered(Next::Later)?;
            }
            let before = self.buffer.len();
            let most = (part.end - offset).min(BUFFER_SIZE as u64) as usize;
            self.buffer.reserve_exact(most);
            let read = || rustix::io::pread(file, spare_capacity(&mut self.buffer), offset);
            if rustix::io::retry_on_intr(read)? == 0 {
                // The file has become shorter.
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            // The buffer may have room for more than was asked for.
            self.buffer.truncate(before + most);
            let read = (self.buffer.len() - before) as u64;
            offset += read;
            self.written += read;
        }
        Ok(())
    }
}
