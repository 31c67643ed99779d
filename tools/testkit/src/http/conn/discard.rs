//! What a client does that does not look at the bytes: it discards them, or waits for the end.

use std::io::{self, ErrorKind};

use rustix::net::RecvFlags;

use super::{Conn, Length, eof, uninterrupted};

/// The most that is discarded at once. It is never written to, so it takes no memory.
const DISCARDED: usize = 4 << 20;

impl Conn {
    /// Sends a request and discards the body of the reply: the status, and the length of the body.
    pub fn ask(&mut self, request: &[u8]) -> io::Result<(u16, u64)> {
        self.try_send(request)?;
        self.discard_reply()
    }

    /// Reads a reply and discards its body: the status, and the length of the body.
    pub fn discard_reply(&mut self) -> io::Result<(u16, u64)> {
        let head = self.final_head()?;
        Ok((head.status, self.discard(head.body)?))
    }

    /// Discards a body; its length.
    pub fn discard(&mut self, body: Length) -> io::Result<u64> {
        let mut total = 0;
        match body {
            Length::Known(length) => {
                self.skip(length)?;
                total = length;
            }
            Length::Chunked => loop {
                let size = self.chunk_size()?;
                self.skip(size)?;
                self.chunk_end()?;
                if size == 0 {
                    break;
                }
                total += size;
            },
            Length::ToTheEnd => loop {
                match self.truncated(u64::MAX)? {
                    0 => break,
                    more => total += more,
                }
            },
        }
        Ok(total)
    }

    /// Discards this many bytes.
    pub fn skip(&mut self, length: u64) -> io::Result<()> {
        let mut left = length;
        while left > 0 {
            match self.truncated(left)? {
                0 => return Err(eof("closed in the middle of a body")),
                more => left -= more,
            }
        }
        Ok(())
    }

    /// Discards what has come, up to a limit; how much it was. MSG_TRUNC: the bytes are not even
    /// copied (tcp(7)).
    fn truncated(&mut self, most: u64) -> io::Result<u64> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        if self.start < self.end {
            return Ok(self.take(most, &mut |_| ()) as u64);
        }
        self.limit_next_read()?;
        if self.discarded.is_empty() {
            self.discarded = vec![0; DISCARDED];
        }
        let room = &mut self.discarded[..most.min(DISCARDED)];
        let (_, length) =
            uninterrupted(|| rustix::net::recv(&self.stream, &mut *room, RecvFlags::TRUNC))?;
        Ok(length as u64)
    }

    /// Reads until the server closes: what is left, and whether it closed in time and in order.
    pub fn rest(&mut self) -> (Vec<u8>, io::Result<()>) {
        let mut rest = Vec::new();
        loop {
            match self.fill() {
                Ok(true) => self.take(usize::MAX, &mut |part| rest.extend_from_slice(part)),
                Ok(false) => return (rest, Ok(())),
                Err(error) => return (rest, Err(error)),
            };
        }
    }

    /// Whether the server ends the connection without another byte.
    pub fn closed(&mut self) -> bool {
        match self.fill() {
            Ok(has_bytes) => !has_bytes,
            Err(error) => error.kind() != ErrorKind::TimedOut,
        }
    }

    /// Whether it can be used for another request: neither closed nor with bytes that were not
    /// asked for.
    pub fn is_fresh(&self) -> bool {
        if self.start < self.end || self.stream.set_nonblocking(true).is_err() {
            return false;
        }
        let peeked = self.stream.peek(&mut [0]);
        let blocking = self.stream.set_nonblocking(false);
        blocking.is_ok() && peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}
