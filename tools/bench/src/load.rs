//! Many connections at once, each with one request under way at any time.
//!
//! Two threads share the connections, each with an event loop of its own, so that a reply costs the
//! client a receive and a send.

use std::io::{self, Error, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use rustix::net::RecvFlags;
use testkit::http::{self, Length};

/// Threads of the client.
const THREADS: usize = 2;

/// Room for a reply.
const BUFFER: usize = 16 * 1024;

/// No reply is waited for longer than this.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(30);

/// What is sent on each connection, repeatedly.
pub struct Load {
    pub address: SocketAddr,
    /// One for each connection.
    pub requests: Vec<Vec<u8>>,
    /// The length of the body of a reply, where it is known.
    pub expected: Option<u64>,
    /// What the status of each reply has to be.
    pub statuses: Range<u16>,
    /// Whether each request has a connection of its own.
    pub renews: bool,
    pub ends: Instant,
}

impl Load {
    /// Sends until the time is over, and waits for the replies that are still to come. Says how
    /// long each request took, and all together, in seconds.
    pub fn run(&self) -> io::Result<(Vec<f64>, f64)> {
        let begin = Instant::now();
        let share = self.requests.len().div_ceil(THREADS);
        let latencies = std::thread::scope(|scope| {
            let threads: Vec<_> = self
                .requests
                .chunks(share)
                .map(|requests| scope.spawn(move || self.work(requests)))
                .collect();
            let mut all = Vec::new();
            for thread in threads {
                let failed = |_| Err(Error::other("a thread of the client has failed"));
                all.append(&mut thread.join().unwrap_or_else(failed)?);
            }
            Ok::<_, Error>(all)
        })?;
        Ok((latencies, begin.elapsed().as_secs_f64()))
    }

    fn work(&self, requests: &[Vec<u8>]) -> io::Result<Vec<f64>> {
        let queue = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut clients = Vec::new();
        for (place, request) in requests.iter().enumerate() {
            clients.push(Client::new(self, request, place as u64, &queue)?);
        }
        let mut latencies = Vec::new();
        let mut open = clients.len();
        let none = epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        };
        let mut events = vec![none; clients.len()];
        let timeout = Timespec::try_from(CLIENT_TIMEOUT).map_err(Error::other)?;
        while open > 0 {
            let count = match epoll::wait(&queue, &mut events[..], Some(&timeout)) {
                Ok(0) => return Err(Error::new(ErrorKind::TimedOut, "no reply in time")),
                Ok(count) => count,
                Err(rustix::io::Errno::INTR) => continue,
                Err(errno) => return Err(errno.into()),
            };
            for event in &events[..count] {
                let place = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
                if let Some(seconds) = clients[place].receive(self)? {
                    latencies.push(seconds);
                    if Instant::now() < self.ends {
                        clients[place].again(self, &queue)?;
                    } else {
                        clients[place].stream = None;
                        open -= 1;
                    }
                }
            }
        }
        Ok(latencies)
    }
}

/// One connection and the request that is under way on it.
struct Client<'r> {
    stream: Option<TcpStream>,
    request: &'r [u8],
    place: u64,
    buffer: Vec<u8>,
    received: usize,
    began: Instant,
    closes: bool,
}

impl<'r> Client<'r> {
    fn new(load: &Load, request: &'r [u8], place: u64, queue: &OwnedFd) -> io::Result<Self> {
        let mut client = Self {
            stream: None,
            request,
            place,
            buffer: vec![0; BUFFER],
            received: 0,
            began: Instant::now(),
            closes: false,
        };
        client.again(load, queue)?;
        Ok(client)
    }

    /// Sends the request, on a new connection where there is none to be used again.
    fn again(&mut self, load: &Load, queue: &OwnedFd) -> io::Result<()> {
        self.began = Instant::now();
        self.received = 0;
        if load.renews || self.closes {
            self.stream = None;
        }
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(load.address)?;
                stream.set_nodelay(true)?;
                epoll::add(
                    queue,
                    &stream,
                    epoll::EventData::new_u64(self.place),
                    epoll::EventFlags::IN,
                )?;
                self.closes = false;
                self.stream.insert(stream)
            }
        };
        // Some KiB always find room in an empty buffer, so that this does not wait.
        stream.write_all(self.request)
    }

    /// Receives the bytes that have come; after a whole reply it returns how long that took, in
    /// seconds.
    fn receive(&mut self, load: &Load) -> io::Result<Option<f64>> {
        let Some(stream) = &self.stream else {
            return Ok(None);
        };
        let room = &mut self.buffer[self.received..];
        let (_, length) = rustix::net::recv(stream, room, RecvFlags::DONTWAIT)?;
        if length == 0 {
            return Err(Error::new(
                ErrorKind::UnexpectedEof,
                "closed before the reply was whole",
            ));
        }
        self.received += length;
        let Some((head, head_length)) = http::parse(&self.buffer[..self.received])? else {
            return Ok(None);
        };
        let body = self.received - head_length;
        let is_whole = match head.body {
            Length::Known(length) => length == body as u64,
            Length::Chunked => self.buffer[..self.received].ends_with(b"\r\n0\r\n\r\n"),
            Length::ToTheEnd => false,
        };
        if !is_whole {
            return Ok(None);
        }
        let is_wrong = match (head.body, load.expected) {
            (Length::Known(length), Some(expected)) => length != expected,
            // Its chunks are framed with some bytes more.
            (Length::Chunked, Some(expected)) => (body as u64) < expected,
            _ => false,
        };
        if is_wrong || !load.statuses.contains(&head.status) {
            return Err(Error::other(format!(
                "status {} and {body} bytes",
                head.status
            )));
        }
        self.closes = head.closes;
        Ok(Some(self.began.elapsed().as_secs_f64()))
    }
}
