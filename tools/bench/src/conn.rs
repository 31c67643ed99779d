//! One connection of the client: it sends from memory, and discards what it receives without copying it.
//!
//! In: requests, replies, bodies delimited in any way that a server may. Out: what is asked for, and time.

use std::io::{self, Error, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, sockopt};

use crate::kind::Ask;

/// No reply is waited for longer than this.
const PATIENCE: Duration = Duration::from_secs(120);

/// Room for the head of a reply, and for the lines between chunks.
const BUFFER: usize = 64 * 1024;

/// The most that is discarded at once. It is never written to, so it is no memory.
const DISCARDED: usize = 4 << 20;

pub struct Conn {
    pub stream: TcpStream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    discarded: Vec<u8>,
}

/// The head of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub status: u16,
    pub body: Length,
    /// Whether the server closes the connection behind it.
    pub closes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    Known(u64),
    Chunked,
    /// Up to the end of the connection.
    ToTheEnd,
}

impl Conn {
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        Self::of(TcpStream::connect(address)?)
    }

    /// A connection from an address of the client's, with a receive buffer of so many bytes if any are said.
    pub fn open_from(from: SocketAddr, to: SocketAddr, buffer: Option<usize>) -> io::Result<Self> {
        let (family, flags) = (AddressFamily::INET, SocketFlags::CLOEXEC);
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        if let Some(bytes) = buffer {
            sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
        }
        rustix::net::bind(&socket, &from)?;
        rustix::net::connect(&socket, &to)?;
        Self::of(TcpStream::from(socket))
    }

    pub fn of(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            buffer: vec![0; BUFFER],
            start: 0,
            end: 0,
            discarded: Vec::new(),
        })
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// A request without a body: the status of its reply, and the length of the reply's body, which is discarded.
    pub fn ask(&mut self, ask: &Ask) -> io::Result<(u16, u64)> {
        self.send(&ask.without_body())?;
        self.reply()
    }

    /// Reads a reply and discards its body: its status, and the length of the body.
    pub fn reply(&mut self) -> io::Result<(u16, u64)> {
        let head = self.head()?;
        Ok((head.status, self.discard(head.body)?))
    }

    /// Reads a reply with a short body: its status, and the body.
    pub fn reply_with_body(&mut self) -> io::Result<(u16, Vec<u8>)> {
        let head = self.head()?;
        let mut body = Vec::new();
        match head.body {
            Length::Known(length) => {
                while body.len() < usize::try_from(length).unwrap_or(usize::MAX) {
                    self.some()?;
                    body.append(&mut self.taken());
                }
            }
            Length::ToTheEnd => {
                while self.receive()? > 0 {
                    body.append(&mut self.taken());
                }
            }
            Length::Chunked => {
                while let length @ 1.. = self.chunk_size()? {
                    for _ in 0..length {
                        body.push(self.byte()?);
                    }
                    self.line()?;
                }
            }
        }
        Ok((head.status, body))
    }

    pub fn head(&mut self) -> io::Result<Head> {
        loop {
            let received = &self.buffer[self.start..self.end];
            if let Some((head, length)) = parse(received)? {
                self.start += length;
                if head.status != 100 {
                    return Ok(head);
                }
            } else if self.receive()? == 0 {
                return Err(Error::new(
                    ErrorKind::UnexpectedEof,
                    "closed without a reply",
                ));
            }
        }
    }

    pub fn discard(&mut self, body: Length) -> io::Result<u64> {
        match body {
            Length::Known(length) => {
                self.skip(length)?;
                Ok(length)
            }
            Length::Chunked => {
                let mut total = 0;
                while let length @ 1.. = self.chunk_size()? {
                    self.skip(length)?;
                    self.line()?;
                    total += length;
                }
                Ok(total)
            }
            Length::ToTheEnd => {
                let mut total = (self.end - self.start) as u64;
                self.start = self.end;
                loop {
                    match self.truncated(u64::MAX)? {
                        0 => return Ok(total),
                        more => total += more,
                    }
                }
            }
        }
    }

    /// Discards all up to the end of the connection, and says how much it was.
    pub fn discard_all(&mut self) -> io::Result<u64> {
        self.discard(Length::ToTheEnd)
    }

    /// Discards so many bytes.
    pub fn skip(&mut self, length: u64) -> io::Result<()> {
        let buffered = (self.end - self.start).min(usize::try_from(length).unwrap_or(usize::MAX));
        self.start += buffered;
        let mut left = length - buffered as u64;
        while left > 0 {
            match self.truncated(left)? {
                0 => {
                    return Err(Error::new(
                        ErrorKind::UnexpectedEof,
                        "closed in the midst of a reply",
                    ));
                }
                more => left -= more,
            }
        }
        Ok(())
    }

    /// Discards what has come, up to a limit. MSG_TRUNC: the bytes are not even copied (tcp(7)).
    fn truncated(&mut self, most: u64) -> io::Result<u64> {
        if self.discarded.is_empty() {
            self.discarded = vec![0; DISCARDED];
        }
        let most = DISCARDED.min(usize::try_from(most).unwrap_or(usize::MAX));
        loop {
            match rustix::net::recv(&self.stream, &mut self.discarded[..most], RecvFlags::TRUNC) {
                Ok((_, length)) => return Ok(length as u64),
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// The size of the chunk that comes next; behind the last one, with the trailers read.
    fn chunk_size(&mut self) -> io::Result<u64> {
        let line = self.line()?;
        let text = String::from_utf8_lossy(&line);
        let digits = text.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(digits, 16).map_err(|_| broken("a chunk without a size"))?;
        if size == 0 {
            while !self.line()?.is_empty() {}
        }
        Ok(size)
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => return Ok(line),
                b'\r' => {}
                byte => line.push(byte),
            }
        }
    }

    fn byte(&mut self) -> io::Result<u8> {
        self.some()?;
        self.start += 1;
        Ok(self.buffer[self.start - 1])
    }

    /// What is in the buffer, taken out.
    fn taken(&mut self) -> Vec<u8> {
        let taken = self.buffer[self.start..self.end].to_vec();
        self.start = self.end;
        taken
    }

    /// Waits until something is in the buffer.
    fn some(&mut self) -> io::Result<()> {
        if self.start == self.end && self.receive()? == 0 {
            return Err(Error::new(
                ErrorKind::UnexpectedEof,
                "closed in the midst of a reply",
            ));
        }
        Ok(())
    }

    fn receive(&mut self) -> io::Result<usize> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.end == self.buffer.len() {
            return Err(broken("a head without an end"));
        }
        let (_, length) = rustix::net::recv(
            &self.stream,
            &mut self.buffer[self.end..],
            RecvFlags::empty(),
        )?;
        self.end += length;
        Ok(length)
    }
}

/// The head at the beginning of what was received, and its length in bytes; `None` where it has not come whole.
pub fn parse(received: &[u8]) -> io::Result<Option<(Head, usize)>> {
    let Some(end) = memchr::memmem::find(received, b"\r\n\r\n") else {
        return Ok(None);
    };
    let text =
        std::str::from_utf8(&received[..end]).map_err(|_| broken("a head that is no text"))?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 "));
    let status = status.and_then(|rest| rest.get(..3)?.parse().ok());
    let status = status.ok_or_else(|| broken("no reply begins like this"))?;
    let mut head = Head {
        status,
        body: Length::ToTheEnd,
        closes: false,
    };
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            return Err(broken("a field without a colon"));
        };
        let value = value.trim();
        if name.eq_ignore_ascii_case("Content-Length") {
            let length = value
                .parse()
                .map_err(|_| broken("no length in Content-Length"))?;
            head.body = Length::Known(length);
        } else if name.eq_ignore_ascii_case("Transfer-Encoding") {
            head.body = Length::Chunked;
        } else if name.eq_ignore_ascii_case("Connection") {
            head.closes = value.eq_ignore_ascii_case("close");
        }
    }
    if matches!(status, 100..200 | 204 | 304) {
        head.body = Length::Known(0);
    }
    Ok(Some((head, end + 4)))
}

fn broken(text: &str) -> Error {
    Error::new(ErrorKind::InvalidData, text)
}
