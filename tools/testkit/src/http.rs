//! A small raw HTTP/1.1 client: it sends whatever bytes it is given and reads one reply at a time, strictly.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::LIMIT;

#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    /// The head as it came, status line first, without the empty line.
    pub head: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    /// The value of the header `name`; fails where it comes twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, v)| v.as_str());
        assert!(
            values.next().is_none(),
            "{name} comes twice in:\n{}",
            self.head
        );
        value
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn closes(&self) -> bool {
        self.header("Connection")
            .is_some_and(|v| v.eq_ignore_ascii_case("close"))
    }

    /// The status and, for an error, its line: what a failed assertion should show.
    pub fn summary(&self) -> String {
        let cut = self.body.len().min(200);
        format!(
            "{} {:?}",
            self.status,
            String::from_utf8_lossy(&self.body[..cut])
        )
    }
}

pub struct Conn {
    stream: BufReader<TcpStream>,
}

impl Conn {
    pub fn try_open(addr: SocketAddr) -> io::Result<Conn> {
        let stream = TcpStream::connect_timeout(&addr, LIMIT)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        stream.set_nodelay(true)?;
        Ok(Conn {
            stream: BufReader::with_capacity(64 * 1024, stream),
        })
    }

    pub fn open(addr: SocketAddr) -> Conn {
        Conn::try_open(addr).expect("the server accepts a connection")
    }

    /// A connection with a reply that nobody reads in it: to drop it sends a reset, not an orderly end.
    pub fn open_to_reset(addr: SocketAddr) -> Conn {
        let mut conn = Conn::open(addr);
        conn.send(b"GET /file HTTP/1.1\r\nHost: nas\r\n\r\n");
        let mut byte = [0];
        let seen = conn
            .stream
            .get_ref()
            .peek(&mut byte)
            .expect("the health reply comes");
        assert_eq!(seen, 1, "the server closed instead of answering GET /file");
        conn
    }

    pub fn limit_reads(&self, limit: Duration) {
        self.stream
            .get_ref()
            .set_read_timeout(Some(limit))
            .expect("a read limit can be set");
    }

    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("the server takes what is sent");
    }

    /// Says that nothing more will be sent (FIN); replies can still be read.
    pub fn finish(&self) {
        // An error means that the server has closed already: just as finished.
        let _ = self.stream.get_ref().shutdown(Shutdown::Write);
    }

    /// The next head, interim ones (1xx) included.
    pub fn head(&mut self) -> io::Result<Reply> {
        let mut head = String::new();
        loop {
            let mut line = Vec::new();
            (&mut self.stream)
                .take(64 * 1024)
                .read_until(b'\n', &mut line)?;
            if line.is_empty() {
                return Err(io::Error::new(
                    ErrorKind::UnexpectedEof,
                    "closed before a whole head",
                ));
            }
            let line = String::from_utf8(line).map_err(|_| bad("a head that is not UTF-8"))?;
            match line.strip_suffix("\r\n") {
                Some("") => break,
                Some(_) => head.push_str(&line),
                None => return Err(bad(&format!("a header line without CR LF: {line:?}"))),
            }
        }
        parse_head(head)
    }

    /// Hands the body of `reply` to `sink` as it comes.
    pub fn body(&mut self, reply: &Reply, sink: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        if let Some(coding) = reply.header("Transfer-Encoding") {
            if coding != "chunked" || reply.header("Content-Length").is_some() {
                return Err(bad("framing that is not plain in a reply"));
            }
            return self.chunked_body(sink);
        }
        match reply.header("Content-Length") {
            Some(length) => {
                let length = length
                    .parse()
                    .map_err(|_| bad("a Content-Length of a reply"))?;
                self.counted_body(length, sink)
            }
            None => loop {
                let part = self.stream.fill_buf()?;
                if part.is_empty() {
                    return Ok(());
                }
                sink(part);
                let used = part.len();
                self.stream.consume(used);
            },
        }
    }

    /// The beginning of a body that comes in chunks: the first of them.
    pub fn first_chunk(&mut self) -> io::Result<Vec<u8>> {
        let mut chunk = Vec::new();
        self.chunk(&mut |part| chunk.extend_from_slice(part))?;
        Ok(chunk)
    }

    fn counted_body(&mut self, mut left: u64, sink: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let mut block = vec![0; left.min(256 * 1024) as usize];
        while left > 0 {
            let want = left.min(block.len() as u64) as usize;
            let got = self.stream.read(&mut block[..want])?;
            if got == 0 {
                return Err(io::Error::new(
                    ErrorKind::UnexpectedEof,
                    format!("{left} bytes short"),
                ));
            }
            sink(&block[..got]);
            left -= got as u64;
        }
        Ok(())
    }

    fn chunked_body(&mut self, sink: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        while self.chunk(sink)? > 0 {}
        Ok(())
    }

    /// One chunk; its size.
    fn chunk(&mut self, sink: &mut dyn FnMut(&[u8])) -> io::Result<u64> {
        let mut line = String::new();
        (&mut self.stream).take(100).read_line(&mut line)?;
        let size = line
            .strip_suffix("\r\n")
            .and_then(|hex| u64::from_str_radix(hex, 16).ok());
        let size = size.ok_or_else(|| bad(&format!("a chunk size line: {line:?}")))?;
        self.counted_body(size, sink)?;
        let mut end = [0; 2];
        self.stream.read_exact(&mut end)?;
        if end != *b"\r\n" {
            return Err(bad("a chunk without CR LF behind it (or a trailer)"));
        }
        Ok(size)
    }

    /// The final reply to a request of `method`, whole.
    pub fn reply_to(&mut self, method: &str) -> io::Result<Reply> {
        let mut reply = self.head()?;
        while reply.status < 200 {
            reply = self.head()?;
        }
        if method != "HEAD" && reply.status != 204 && reply.status != 304 {
            let mut body = Vec::new();
            self.body(&reply, &mut |part| body.extend_from_slice(part))?;
            reply.body = body;
        }
        Ok(reply)
    }

    pub fn request(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Reply> {
        // A refusal may close before the body is through; its reply can be read all the same.
        let sent = self.try_send(&request_bytes(method, target, headers, body));
        self.reply_to(method)
            .map_err(|error| sent.err().unwrap_or(error))
    }

    /// Whether the server ends the connection without another byte.
    pub fn closed(&mut self) -> bool {
        loop {
            match self.stream.fill_buf() {
                Ok(part) => return part.is_empty(),
                // A signal, or the whole machine stood still: with a time limit, recv(2) is not begun again by itself.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                }
            }
        }
    }
}

fn bad(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

fn parse_head(head: String) -> io::Result<Reply> {
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let status = first
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| first.strip_prefix("HTTP/1.0 "))
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .ok_or_else(|| bad(&format!("a status line: {first:?}")))?;
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| bad(&format!("a header line: {line:?}")))?;
        if name.is_empty() || name.contains([' ', '\t']) {
            return Err(bad(&format!("a header line: {line:?}")));
        }
        headers.push((name.to_string(), value.trim().to_string()));
    }
    Ok(Reply {
        status,
        head,
        headers,
        body: Vec::new(),
    })
}

/// A request with a Content-Length where there is a body or the method calls for one. A `name` without a leading
/// slash stands for `/file/name`.
pub fn request_bytes(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let prefix = if target.starts_with('/') || target.contains("://") {
        ""
    } else {
        "/file/"
    };
    let mut bytes = format!("{method} {prefix}{target} HTTP/1.1\r\nHost: nas\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    let framed = headers
        .iter()
        .any(|(n, _)| n.eq_ignore_ascii_case("Transfer-Encoding"));
    if !framed && (!body.is_empty() || method == "POST" || method == "PUT") {
        bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// `body` in chunks of `size` bytes, with the last chunk.
pub fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len() + 64);
    for chunk in body.chunks(size) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}
