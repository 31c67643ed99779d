//! The well-behaved client: it stores, appends, reads and compares all the while, on one connection
//! that it keeps and on new ones, and remembers its slowest request and every error.
//!
//! Belongs here: what a careful client does, retries included. Does not belong here: judging what
//! it met with.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use testkit::http::{Conn, Reply, chunked, request_bytes};

use crate::pattern::{hash, pattern};
use crate::tally::Tally;

/// A request that is not over by then has failed, retries included.
const LIMIT: Duration = Duration::from_secs(10);

/// How long it rests after a round, so that it does not take a core of its own.
const REST: Duration = Duration::from_millis(5);

/// How long it waits where the server says when to come again, at most.
const LONGEST_RETRY: Duration = Duration::from_secs(1);

/// Lengths of the contents: nothing, little, around a buffer, above what leaves in one write.
const LENGTHS: [usize; 7] = [700, 0, 16_384, 1, 65_537, 300_000, 8_192];

/// How a server is written to.
#[derive(Clone, Debug)]
pub struct Dialect {
    /// The method that creates or replaces.
    pub store: &'static str,
    /// The method that appends, where there is one.
    pub append: Option<&'static str>,
    /// The value of `Authorization`, which a server may look at.
    pub authorization: String,
}

/// What a request has come to.
struct Outcome {
    reply: Reply,
    /// Whether the request had been sent before, on a connection that closed without a reply: it
    /// may have been carried out then. One that got 503 has not been.
    may_be_repeated: bool,
}

impl Outcome {
    /// Whether it is what a request of this method should come to. Any success counts as 200, and
    /// so does 404 to a DELETE that may have been carried out before (RFC 9110, section 9.2.2).
    fn is(&self, status: u16, method: &str) -> bool {
        match self.reply.status {
            201 | 204 => status == 200,
            404 if method == "DELETE" && self.may_be_repeated => status == 200,
            found => found == status,
        }
    }
}

/// A request, ready to be sent.
struct Request<'r> {
    method: &'r str,
    bytes: Vec<u8>,
}

/// The client at work: one thread for a connection that is kept, one for new connections.
#[derive(Debug)]
pub struct Good {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Tally>>,
}

#[derive(Debug, Default)]
struct Shared {
    ended: AtomicBool,
    rounds: [AtomicU64; 2],
}

impl Good {
    pub fn start(address: SocketAddr, dialect: Dialect) -> Self {
        let shared = Arc::new(Shared::default());
        let start = |keeps: bool| {
            let shared = Arc::clone(&shared);
            let dialect = dialect.clone();
            std::thread::spawn(move || Client::new(address, dialect, keeps).work(&shared))
        };
        let threads = vec![start(false), start(true)];
        Self { shared, threads }
    }

    /// Waits until both threads have done this many more rounds; `false` where they have not in
    /// that time.
    pub fn wait(&self, rounds: u64, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let counts = || {
            self.shared
                .rounds
                .each_ref()
                .map(|n| n.load(Ordering::Relaxed))
        };
        let before = counts();
        while Instant::now() < deadline {
            let now = counts();
            if before
                .iter()
                .zip(now)
                .all(|(before, now)| now >= before + rounds)
            {
                return true;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        false
    }

    /// Ends it after the round it is in.
    pub fn end(mut self) -> Tally {
        self.shared.ended.store(true, Ordering::Relaxed);
        let mut sum = Tally::default();
        for thread in self.threads.drain(..) {
            match thread.join() {
                Ok(tally) => sum.add(tally),
                Err(_) => sum.fail("the good client itself has failed".to_owned()),
            }
        }
        sum
    }
}

impl Drop for Good {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

struct Client {
    address: SocketAddr,
    dialect: Dialect,
    keeps: bool,
    kept: Option<Conn>,
    tally: Tally,
}

impl Client {
    fn new(address: SocketAddr, dialect: Dialect, keeps: bool) -> Self {
        Self {
            address,
            dialect,
            keeps,
            kept: None,
            tally: Tally::default(),
        }
    }

    fn work(mut self, shared: &Shared) -> Tally {
        let mut number = 0;
        while !shared.ended.load(Ordering::Relaxed) {
            if let Err(text) = self.round(number) {
                self.kept = None;
                self.tally.fail(text);
                std::thread::sleep(REST * 10);
            } else {
                shared.rounds[usize::from(self.keeps)].fetch_add(1, Ordering::Relaxed);
            }
            number += 1;
            std::thread::sleep(REST);
        }
        self.tally
    }

    /// Stores, reads, appends, reads, and now and then removes and finds nothing.
    fn round(&mut self, number: usize) -> Result<(), String> {
        let who = if self.keeps { "kept" } else { "new" };
        let name = format!("good/{who}-{}", number % 8);
        let seed = number as u64 * 2 + u64::from(self.keeps);
        let large = if number % 16 == 7 { 1 << 20 } else { 0 };
        let mut content = pattern(seed, LENGTHS[number % LENGTHS.len()] + large);
        let chunked = number.is_multiple_of(2);
        self.expect(self.dialect.store, &name, &content, chunked, 200)?;
        self.compare(&name, &content)?;
        if let Some(method) = self.dialect.append {
            let more = pattern(!seed, LENGTHS[(number + 3) % LENGTHS.len()]);
            self.expect(method, &name, &more, !chunked, 200)?;
            content.extend_from_slice(&more);
            self.compare(&name, &content)?;
        }
        if number.is_multiple_of(4) {
            self.expect("DELETE", &name, b"", false, 200)?;
            self.expect("GET", &name, b"", false, 404)?;
        }
        Ok(())
    }

    fn compare(&mut self, name: &str, content: &[u8]) -> Result<(), String> {
        let body = self.expect("GET", name, b"", false, 200)?.body;
        let (found, wanted) = (body.len(), content.len());
        if found != wanted {
            return Err(format!("GET {name}: {found} bytes instead of {wanted}"));
        }
        if hash(&body) != hash(content) || body != content {
            let place = body.iter().zip(content).position(|(a, b)| a != b);
            return Err(format!("GET {name}: another byte at {place:?}"));
        }
        Ok(())
    }

    /// A request on `/file/NAME`, in chunks or with a length.
    fn bytes(&self, method: &str, name: &str, content: &[u8], is_chunked: bool) -> Vec<u8> {
        let mut headers = vec![("Authorization", self.dialect.authorization.as_str())];
        if !self.keeps {
            headers.push(("Connection", "close"));
        }
        if !is_chunked {
            return request_bytes(method, name, &headers, content);
        }
        headers.push(("Transfer-Encoding", "chunked"));
        request_bytes(method, name, &headers, &chunked(content, 10_000))
    }

    /// One request, with the retries of a careful client, and its time.
    fn expect(
        &mut self,
        method: &str,
        name: &str,
        content: &[u8],
        chunked: bool,
        status: u16,
    ) -> Result<Reply, String> {
        let begin = Instant::now();
        let keeps = self.keeps;
        let chunked = chunked && !content.is_empty();
        let request = Request {
            method,
            bytes: self.bytes(method, name, content, chunked),
        };
        let outcome = self.until_answered(&request, begin + LIMIT);
        let took = begin.elapsed();
        self.tally.requests += 1;
        if took > self.tally.slowest {
            self.tally.slowest = took;
            self.tally.slowest_name = format!("{method} {name}");
        }
        let what = || {
            let connection = if keeps { "kept" } else { "new" };
            let seconds = took.as_secs_f64();
            format!("{method} {name} ({connection} connection, {seconds:.1} s)")
        };
        let outcome = outcome.map_err(|error| format!("{}: {error}", what()))?;
        if outcome.is(status, method) {
            return Ok(outcome.reply);
        }
        let reply = outcome.reply;
        let found = reply.status;
        let said = String::from_utf8_lossy(&reply.body);
        let said = said.lines().next().unwrap_or_default().to_owned();
        Err(format!("{}: {found} instead of {status}: {said}", what()))
    }

    fn until_answered(&mut self, request: &Request<'_>, deadline: Instant) -> io::Result<Outcome> {
        let mut may_be_repeated = false;
        loop {
            let mut outcome = self.once(request, deadline)?;
            may_be_repeated |= outcome.may_be_repeated;
            outcome.may_be_repeated = may_be_repeated;
            let wait = outcome.reply.header("Retry-After");
            let wait: Option<u64> = wait.and_then(|seconds| seconds.parse().ok());
            let Some(wait) = wait.filter(|_| outcome.reply.status == 503) else {
                return Ok(outcome);
            };
            let wait = Duration::from_secs(wait).min(LONGEST_RETRY);
            if Instant::now() + wait >= deadline {
                return Ok(outcome);
            }
            self.tally.told_to_wait += 1;
            std::thread::sleep(wait);
        }
    }

    /// Sends on the connection that was kept, if there is one, and once again on a new one where
    /// that had been closed under the request (RFC 9112, section 9.3.1; never for an append, which
    /// might be doubled).
    fn once(&mut self, request: &Request<'_>, deadline: Instant) -> io::Result<Outcome> {
        let mut may_be_repeated = false;
        if let Some(conn) = self.kept.take().filter(Conn::is_fresh) {
            let again = Some(request.method) != self.dialect.append;
            match self.exchange(conn, request, deadline) {
                Err(error) if again && was_closed(&error) => may_be_repeated = true,
                other => {
                    return other.map(|reply| Outcome {
                        reply,
                        may_be_repeated,
                    });
                }
            }
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let conn = Conn::open_within(self.address, left.max(Duration::from_millis(1)))?;
        Ok(Outcome {
            reply: self.exchange(conn, request, deadline)?,
            may_be_repeated,
        })
    }

    fn exchange(
        &mut self,
        mut conn: Conn,
        request: &Request<'_>,
        deadline: Instant,
    ) -> io::Result<Reply> {
        conn.allow(deadline.saturating_duration_since(Instant::now()));
        let reply = conn.exchange(request.method, &request.bytes)?;
        if self.keeps && !reply.closes() {
            self.kept = Some(conn);
        }
        Ok(reply)
    }
}

fn was_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}
