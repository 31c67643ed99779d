//! What the tests share: a server with threads, and raw sockets as its clients.
//!
//! Not here: what the tests of the whole program need as well (`tools/testkit`).
#![allow(unreachable_pub, reason = "what a module has for others is pub")]
#![allow(dead_code)]

pub mod files;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tiny_http::{Config, ConfigListenAddr, Content, Reply, Request, Response, Server, StatusCode};

/// How long a test waits for anything at most.
pub const LIMIT: Duration = Duration::from_secs(20);

/// A server whose threads handle requests until it is dropped.
pub struct Running {
    pub server: Arc<Server>,
    threads: Vec<JoinHandle<()>>,
}

/// Settings under which nothing ends by itself, and one request of a connection is handed out at a
/// time.
pub fn config() -> Config {
    Config {
        pipelined_requests: 1,
        ..Config::default()
    }
}

pub fn start(config: Config, handle: impl Fn(Request) + Clone + Send + 'static) -> Running {
    start_with(config, 3, handle)
}

pub fn start_with(
    config: Config,
    threads: usize,
    handle: impl Fn(Request) + Clone + Send + 'static,
) -> Running {
    let address = ConfigListenAddr::from_socket_addrs("127.0.0.1:0").unwrap();
    let server = Server::with_config(vec![address.bind().unwrap()], config).unwrap();
    let server = Arc::new(server);
    let threads = (0..threads).map(|_| {
        let (server, handle) = (Arc::clone(&server), handle.clone());
        std::thread::spawn(move || server.incoming_requests().for_each(handle))
    });
    let threads = threads.collect();
    Running { server, threads }
}

impl Running {
    pub fn address(&self) -> SocketAddr {
        self.server.server_addr().to_ip().unwrap()
    }

    pub fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.address()).unwrap())
    }

    /// Waits until there are this many connections.
    pub fn wait_for_connections(&self, count: usize) {
        let is_count = || self.server.num_connections() == count;
        testkit::eventually(&format!("{count} connections"), is_count);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.threads.iter().for_each(|_| self.server.unblock());
        for thread in self.threads.drain(..) {
            assert!(
                thread.join().is_ok() || std::thread::panicking(),
                "a handler has panicked"
            );
        }
    }
}

/// A reply with this content, after which the connection goes on.
pub fn ok(content: Content<'_>) -> Reply<'_> {
    Reply {
        status: StatusCode(200),
        fields: &[],
        content,
        closes: false,
    }
}

/// Answers with the target of the request.
pub fn echo(request: Request) {
    let target = request.url().to_owned();
    let _ = request.respond(Response::from_string(target));
}

pub struct Client(pub TcpStream);

/// What a client has received.
#[derive(Debug, PartialEq)]
pub struct Received {
    pub status: u16,
    pub head: String,
    pub content: Vec<u8>,
}

impl Client {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        Self(stream)
    }

    /// Sends one byte of urgent data.
    pub fn send_urgent(&mut self, byte: u8) {
        let sent = rustix::net::send(&self.0, &[byte], rustix::net::SendFlags::OOB);
        assert_eq!(sent, Ok(1));
    }

    pub fn send(&mut self, text: impl AsRef<[u8]>) {
        self.0.write_all(text.as_ref()).unwrap();
    }

    /// Reads a head, and no byte behind it.
    pub fn head(&mut self) -> String {
        self.try_head().unwrap()
    }

    pub fn try_head(&mut self) -> io::Result<String> {
        self.read_through(b"\r\n\r\n")
    }

    fn read_through(&mut self, end: &[u8]) -> io::Result<String> {
        let mut read = Vec::new();
        while !read.ends_with(end) {
            let mut byte = [0];
            self.0.read_exact(&mut byte)?;
            read.push(byte[0]);
        }
        Ok(String::from_utf8(read).unwrap())
    }

    /// Reads a reply with a length or in chunks.
    pub fn receive(&mut self) -> Received {
        let head = self.head();
        self.receive_behind(head)
    }

    /// Reads the content of a reply whose head was read.
    pub fn receive_behind(&mut self, head: String) -> Received {
        let mut content = Vec::new();
        if head.contains("\r\nTransfer-Encoding: chunked\r\n") {
            while self.chunk(&mut content) > 0 {}
        } else {
            let mut lines = head.lines();
            let length = lines.find_map(|line| line.strip_prefix("Content-Length: "));
            content = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            self.0.read_exact(&mut content).unwrap();
        }
        let status = head[9..12].parse().unwrap();
        Received {
            status,
            head,
            content,
        }
    }

    /// Reads a chunk and appends its data; returns its size.
    fn chunk(&mut self, content: &mut Vec<u8>) -> usize {
        let line = self.read_through(b"\r\n").unwrap();
        let size = usize::from_str_radix(line.trim_end(), 16).unwrap();
        let mut data = vec![0; size + 2];
        self.0.read_exact(&mut data).unwrap();
        assert_eq!(data.split_off(size), b"\r\n");
        content.extend_from_slice(&data);
        size
    }

    /// Sends a request without a body and receives the reply.
    pub fn get(&mut self, target: &str) -> Received {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
        self.receive()
    }

    /// Reads up to the end of the connection.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).map(|_| rest)
    }
}
