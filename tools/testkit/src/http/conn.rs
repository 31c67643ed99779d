//! One connection: sends what it is given, and reads replies one after another.

mod discard;

use std::io::{self, Error, ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::net::RecvFlags;

use super::head::{self, Head, Length};
use super::{Reply, bad, request_bytes};
use crate::LIMIT;

/// Room for a head: a longer one is no reply.
const BUFFER: usize = 64 * 1024;

/// The most of a body that is received at once.
const PIECE: usize = 256 * 1024;

#[derive(Debug)]
pub struct Conn {
    pub stream: TcpStream,
    /// Received, and from `start` to `end` not part of a reply yet.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// When everything on it has to be over; without one, each wait has the same limit.
    deadline: Option<Instant>,
    discarded: Vec<u8>,
}

/// Sends one request on a connection of its own and reads the reply, all within a limit.
pub fn ask(address: SocketAddr, request: &[u8], limit: Duration) -> io::Result<Reply> {
    let mut conn = Conn::open_within(address, limit)?;
    conn.try_send(request)?;
    let is_head = request.starts_with(b"HEAD ");
    conn.reply_to(if is_head { "HEAD" } else { "GET" })
}

// Opening, limits and sending.
impl Conn {
    pub fn open(addr: SocketAddr) -> Conn {
        Conn::try_open(addr).expect("the server accepts a connection")
    }

    pub fn try_open(addr: SocketAddr) -> io::Result<Conn> {
        Conn::of(TcpStream::connect_timeout(&addr, LIMIT)?, LIMIT)
    }

    /// A connection on which each wait has this limit.
    pub fn of(stream: TcpStream, limit: Duration) -> io::Result<Conn> {
        stream.set_read_timeout(Some(limit))?;
        stream.set_write_timeout(Some(limit))?;
        stream.set_nodelay(true)?;
        Ok(Conn {
            stream,
            buffer: vec![0; BUFFER],
            start: 0,
            end: 0,
            deadline: None,
            discarded: Vec::new(),
        })
    }

    /// Connects; opening and all that happens on it has to be over within the limit.
    pub fn open_within(addr: SocketAddr, limit: Duration) -> io::Result<Conn> {
        let deadline = Instant::now() + limit;
        let mut conn = Conn::of(TcpStream::connect_timeout(&addr, limit)?, limit)?;
        conn.deadline = Some(deadline);
        Ok(conn)
    }

    /// A connection with a reply that is not read in it: to drop it sends a reset, not an orderly
    /// end.
    pub fn open_to_reset(addr: SocketAddr) -> Conn {
        let mut conn = Conn::open(addr);
        conn.send(b"GET /file HTTP/1.1\r\nHost: nas\r\n\r\n");
        let seen = conn.stream.peek(&mut [0]).expect("the health reply comes");
        assert_eq!(seen, 1, "the server closed instead of answering GET /file");
        conn
    }

    /// From now on, all that happens on it has to be over within the limit.
    pub fn allow(&mut self, limit: Duration) {
        self.deadline = Some(Instant::now() + limit);
    }

    /// The limit of each time that it waits for bytes.
    pub fn limit_reads(&self, limit: Duration) {
        let set = self.stream.set_read_timeout(Some(limit));
        set.expect("a read limit can be set");
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("the server takes what is sent");
    }

    /// Sends all of it. A deadline is for each step of the kernel's.
    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(left) = self.left()? {
            self.stream.set_write_timeout(Some(left))?;
        }
        self.stream.write_all(bytes).map_err(named)
    }

    /// Says that nothing more will be sent (FIN); replies can still be read.
    pub fn finish(&self) {
        // An error means that the server has closed already: just as finished.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    fn left(&self) -> io::Result<Option<Duration>> {
        let Some(deadline) = self.deadline else {
            return Ok(None);
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::new(ErrorKind::TimedOut, "the deadline is over"));
        }
        // The shortest that a socket can be given.
        Ok(Some(left.max(Duration::from_millis(1))))
    }
}

// Replies.
impl Conn {
    pub fn request(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Reply> {
        self.exchange(method, &request_bytes(method, target, headers, body))
    }

    /// Sends a request of this method and reads the reply.
    pub fn exchange(&mut self, method: &str, request: &[u8]) -> io::Result<Reply> {
        // A refusal may close before the body is through; its reply can be read all the same.
        let sent = self.try_send(request);
        self.reply_to(method)
            .map_err(|error| sent.err().unwrap_or(error))
    }

    /// The final reply to a request of `method`, whole.
    pub fn reply_to(&mut self, method: &str) -> io::Result<Reply> {
        let mut continued = false;
        let mut reply = self.head()?;
        while reply.status < 200 {
            continued |= reply.status == 100;
            reply = self.head()?;
        }
        if method != "HEAD" {
            let mut body = Vec::new();
            self.body(&reply, &mut |part| body.extend_from_slice(part))?;
            reply.body = body;
        }
        Ok(Reply { continued, ..reply })
    }

    /// The next head, interim ones (1xx) included.
    pub fn head(&mut self) -> io::Result<Reply> {
        let (head, length) = self.whole_head()?;
        let reply = Reply::of(&head, &self.buffer[self.start..self.start + length]);
        self.start += length;
        reply
    }

    /// The next head that is not interim, as a value: for clients that must not take much time.
    pub fn final_head(&mut self) -> io::Result<Head> {
        loop {
            let (head, length) = self.whole_head()?;
            self.start += length;
            if head.status >= 200 {
                return Ok(head);
            }
        }
    }

    fn whole_head(&mut self) -> io::Result<(Head, usize)> {
        loop {
            if let Some(found) = head::parse(&self.buffer[self.start..self.end])? {
                return Ok(found);
            }
            if self.receive()? == 0 {
                return Err(eof("closed before a whole head"));
            }
        }
    }

    /// Hands the body of `reply` to `sink` as it comes.
    pub fn body(&mut self, reply: &Reply, sink: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        match reply.length {
            Length::Known(length) => self.counted_body(length, sink),
            Length::Chunked => {
                while self.chunk(sink)? > 0 {}
                Ok(())
            }
            Length::ToTheEnd => {
                while self.fill()? {
                    self.take(usize::MAX, sink);
                }
                Ok(())
            }
        }
    }

    /// The next chunk of a body that comes in chunks; empty at its end.
    pub fn next_chunk(&mut self) -> io::Result<Vec<u8>> {
        let mut chunk = Vec::new();
        self.chunk(&mut |part| chunk.extend_from_slice(part))?;
        Ok(chunk)
    }

    fn counted_body(&mut self, length: u64, sink: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let mut left = length;
        if self.end - self.start < usize::try_from(left).unwrap_or(usize::MAX) {
            self.widen();
        }
        while left > 0 {
            if !self.fill()? {
                return Err(eof(&format!("{left} bytes short")));
            }
            left -= self.take(usize::try_from(left).unwrap_or(usize::MAX), sink) as u64;
        }
        Ok(())
    }

    /// One chunk; its size.
    fn chunk(&mut self, sink: &mut dyn FnMut(&[u8])) -> io::Result<u64> {
        let size = self.chunk_size()?;
        self.counted_body(size, sink)?;
        self.chunk_end()?;
        Ok(size)
    }

    fn chunk_size(&mut self) -> io::Result<u64> {
        let line = self.line()?;
        let digits = line.strip_suffix("\r\n");
        let size = digits.and_then(|hex| u64::from_str_radix(hex, 16).ok());
        size.ok_or_else(|| bad(&format!("a chunk size line: {line:?}")))
    }

    fn chunk_end(&mut self) -> io::Result<()> {
        match self.line()?.as_str() {
            "\r\n" => Ok(()),
            _ => Err(bad("a chunk without CR LF behind it (or a trailer)")),
        }
    }

    /// A short line, with its end.
    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        while !line.ends_with('\n') && line.len() < 100 {
            if !self.fill()? {
                return Err(eof("closed in the middle of a body"));
            }
            line.push(self.buffer[self.start].into());
            self.start += 1;
        }
        Ok(line)
    }
}

// The buffer.
impl Conn {
    /// Waits until there is a byte in the buffer; `false` at the end of the connection.
    fn fill(&mut self) -> io::Result<bool> {
        Ok(self.start < self.end || self.receive()? > 0)
    }

    /// Hands up to this many bytes of the buffer on; how many it were.
    fn take(&mut self, most: usize, sink: &mut dyn FnMut(&[u8])) -> usize {
        let length = most.min(self.end - self.start);
        sink(&self.buffer[self.start..self.start + length]);
        self.start += length;
        length
    }

    /// Receives behind what is in the buffer.
    fn receive(&mut self) -> io::Result<usize> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.start > 0 && self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.buffer.len() {
            return Err(bad("a head without an end"));
        }
        self.limit_next_read()?;
        let room = &mut self.buffer[self.end..];
        let (length, _) =
            uninterrupted(|| rustix::net::recv(&self.stream, &mut *room, RecvFlags::empty()))?;
        self.end += length;
        Ok(length)
    }

    /// Makes room for the pieces of a body.
    fn widen(&mut self) {
        if self.buffer.len() < PIECE {
            self.buffer.resize(PIECE, 0);
        }
    }

    fn limit_next_read(&self) -> io::Result<()> {
        match self.left()? {
            Some(left) => self.stream.set_read_timeout(Some(left)),
            None => Ok(()),
        }
    }
}

/// A signal, or a machine that stood still: with a limit of time, recv(2) is not begun again by
/// itself.
fn uninterrupted<T>(mut receive: impl FnMut() -> rustix::io::Result<T>) -> io::Result<T> {
    loop {
        match receive() {
            Err(rustix::io::Errno::INTR) => {}
            other => return other.map_err(|errno| named(errno.into())),
        }
    }
}

/// The system calls a timeout of a socket "would block".
fn named(error: Error) -> Error {
    match error.kind() {
        ErrorKind::WouldBlock => Error::new(ErrorKind::TimedOut, "no byte in time"),
        _ => error,
    }
}

fn eof(text: &str) -> Error {
    Error::new(ErrorKind::UnexpectedEof, text)
}
