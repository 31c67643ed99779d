//! A small HTTP/1.1 client over a raw socket: it sends whatever bytes it is given and reads one reply at a time.
//!
//! Every wait has a limit: a connection is given a deadline, and nothing on it waits for longer.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Longer heads are no replies.
const MAX_HEAD: usize = 64 * 1024;

/// The shortest timeout that a socket can be given.
const SHORTEST: Duration = Duration::from_millis(1);

/// One connection.
#[derive(Debug)]
pub struct Conn {
    pub stream: TcpStream,
    /// Received, but not part of a reply yet.
    pending: Vec<u8>,
    deadline: Instant,
}

/// One final reply.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether a `100 Continue` came before it.
    pub continued: bool,
}

impl Reply {
    pub fn field(&self, name: &str) -> Option<&str> {
        let same = |(field, _): &&(String, String)| field.eq_ignore_ascii_case(name);
        self.fields
            .iter()
            .find(same)
            .map(|(_, value)| value.as_str())
    }

    /// Whether the server says that it closes the connection.
    pub fn closes(&self) -> bool {
        let value = self.field("Connection");
        value.is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

impl Conn {
    /// Connects; from now on, so much time is left for all that happens on it.
    pub fn open(address: SocketAddr, limit: Duration) -> io::Result<Self> {
        let begun = Instant::now();
        let stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_nodelay(true)?;
        Ok(Self::of(stream, limit.saturating_sub(begun.elapsed())))
    }

    /// A connection that is there already; from now on, so much time is left for all that happens on it.
    pub fn of(stream: TcpStream, limit: Duration) -> Self {
        Self {
            stream,
            pending: Vec::new(),
            deadline: Instant::now() + limit,
        }
    }

    /// Sets another deadline, so much time from now.
    pub fn allow(&mut self, limit: Duration) {
        self.deadline = Instant::now() + limit;
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(late("the deadline is over"));
        }
        Ok(left.max(SHORTEST))
    }

    /// Sends all of it. The deadline is for each step of the kernel's.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write_all(bytes).map_err(|error| named(&error))
    }

    /// Nothing more is sent; replies can still be read.
    pub fn end_sending(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Whether it may be used for another request: neither closed nor with bytes that nobody asked for.
    pub fn is_fresh(&self) -> bool {
        if !self.pending.is_empty() || self.stream.set_nonblocking(true).is_err() {
            return false;
        }
        let peeked = self.stream.peek(&mut [0]);
        let blocking = self.stream.set_nonblocking(false);
        blocking.is_ok() && peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// Reads one final reply. `is_head`: it has no body, whatever it says.
    pub fn reply(&mut self, is_head: bool) -> io::Result<Reply> {
        let mut continued = false;
        loop {
            let end = self.head_end()?;
            let head: Vec<u8> = self.pending.drain(..end).collect();
            let mut reply = parse(&head)?;
            if reply.status == 100 {
                continued = true;
                continue;
            }
            reply.continued = continued;
            if !is_head && reply.status != 204 && reply.status != 304 {
                reply.body = self.body(&reply)?;
            }
            return Ok(reply);
        }
    }

    /// Reads until the server closes: what is left, and whether it closed in time and in order.
    pub fn rest(&mut self) -> (Vec<u8>, io::Result<()>) {
        let mut end = Ok(());
        while end.is_ok() {
            match self.receive() {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => end = Err(error),
            }
        }
        (std::mem::take(&mut self.pending), end)
    }

    fn head_end(&mut self) -> io::Result<usize> {
        loop {
            let end = self.pending.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                return Ok(end + 4);
            }
            if self.pending.len() > MAX_HEAD {
                return Err(no_reply("a head without an end"));
            }
            if self.receive()? == 0 {
                return Err(io::Error::new(
                    ErrorKind::UnexpectedEof,
                    "closed without a reply",
                ));
            }
        }
    }

    fn body(&mut self, reply: &Reply) -> io::Result<Vec<u8>> {
        let Some(length) = reply.field("Content-Length") else {
            let (body, end) = self.rest();
            return end.map(|()| body);
        };
        let length: usize = length
            .parse()
            .map_err(|_| no_reply("no length in Content-Length"))?;
        while self.pending.len() < length {
            if self.receive()? == 0 {
                return Err(io::Error::new(
                    ErrorKind::UnexpectedEof,
                    "closed in the midst of a reply",
                ));
            }
        }
        Ok(self.pending.drain(..length).collect())
    }

    fn receive(&mut self) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        let mut buffer = [0; 32 * 1024];
        let received = self
            .stream
            .read(&mut buffer)
            .map_err(|error| named(&error))?;
        self.pending.extend_from_slice(&buffer[..received]);
        Ok(received)
    }
}

/// One request, ready to be sent.
pub struct Request<'r> {
    pub method: &'r str,
    pub name: &'r str,
    pub content: &'r [u8],
    /// Otherwise it has a Content-Length.
    pub chunked: bool,
    /// Whether the connection is to be kept.
    pub keeps: bool,
}

impl Request<'_> {
    pub fn bytes(&self) -> Vec<u8> {
        let (method, name) = (self.method, self.name);
        let mut bytes = format!("{method} /file/{name} HTTP/1.1\r\nHost: nas\r\n").into_bytes();
        if !self.keeps {
            bytes.extend_from_slice(b"Connection: close\r\n");
        }
        if self.chunked {
            bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            for chunk in self.content.chunks(10_000) {
                bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
        } else {
            if !matches!(self.method, "GET" | "DELETE") {
                let length = self.content.len();
                bytes.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
            }
            bytes.extend_from_slice(b"\r\n");
            bytes.extend_from_slice(self.content);
        }
        bytes
    }
}

/// Sends one request on a connection of its own and reads the reply.
pub fn ask(address: SocketAddr, bytes: &[u8], limit: Duration) -> io::Result<Reply> {
    let mut conn = Conn::open(address, limit)?;
    conn.send(bytes)?;
    conn.reply(bytes.starts_with(b"HEAD "))
}

fn parse(head: &[u8]) -> io::Result<Reply> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .ok_or_else(|| no_reply(&format!("no reply begins like this: {first:?}")))?;
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_owned(), value.trim().to_owned()))
    };
    Ok(Reply {
        status,
        fields: lines.filter_map(field).collect(),
        body: Vec::new(),
        continued: false,
    })
}

fn no_reply(text: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, text)
}

fn late(text: &str) -> io::Error {
    io::Error::new(ErrorKind::TimedOut, text)
}

/// The system calls a timeout of a socket "would block".
fn named(error: &io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => late("no byte in time"),
        kind => io::Error::new(kind, error.to_string()),
    }
}
