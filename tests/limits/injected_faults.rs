//! System calls that fail for a while or are interrupted (strace injects the errors): descriptors,
//! memory, buffers, threads. Only the request that is hit notices, and the server serves
//! afterwards.
//!
//! Responsible for: faults of single calls under load. Not for: limits that hold
//! (few_descriptors.rs), a disk that is full or fails (tests/shell).

use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testkit::process::signal;
use testkit::{Conn, Reply, Server, chunked, digest, eventually, pattern, request_bytes, skip};

/// Clients at a time, and how often each of them does what it does.
const CLIENTS: u8 = 4;
const ROUNDS: u8 = 3;

/// Has the server wait for the body.
const EXPECTS: (&str, &str) = ("Expect", "100-continue");

const LARGE: usize = 300_000;

/// The system calls that fail, the errors that they give, and which calls of a thread give them
/// (strace(1), `when=`).
type Fault = (&'static str, &'static [&'static str], &'static str);

/// Each of these may cost one request.
const REFUSED: [Fault; 7] = [
    (
        "accept4",
        &["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "ECONNABORTED"],
        "2+5",
    ),
    (
        "openat,openat2,pipe2",
        &["EMFILE", "ENFILE", "ENOMEM"],
        "2+7",
    ),
    ("recvfrom,splice", &["ENOMEM", "ENOBUFS"], "3+7"),
    ("sendmsg,sendto,sendfile", &["ENOMEM", "ENOBUFS"], "3+7"),
    ("epoll_ctl", &["ENOMEM", "ENOSPC"], "2+5"),
    ("poll,ppoll", &["ENOMEM"], "1+2"),
    ("clone3,clone", &["EAGAIN", "ENOMEM"], "1+2"),
];

/// None of these may be noticed.
const INTERRUPTED: [Fault; 5] = [
    (
        "accept4,recvfrom,recvmsg,sendto,sendmsg,sendfile,splice",
        &["EINTR"],
        "2+3",
    ),
    (
        "poll,ppoll,epoll_wait,epoll_pwait,epoll_pwait2",
        &["EINTR"],
        "2+3",
    ),
    ("read,write,pread64,pwrite64", &["EINTR"], "2+3"),
    ("fallocate,ftruncate,fsync,fdatasync", &["EINTR"], "2+3"),
    ("copy_file_range", &["EINTR"], "1+2"),
];

/// System calls of a server that fail, until it is dropped.
struct Injection {
    strace: Child,
    trace: PathBuf,
}

impl Injection {
    fn begin(server: &Server, (calls, error, when): (&str, &str, &str)) -> Injection {
        let trace = server.dir.outside().join("trace");
        let strace = Command::new("strace")
            .args(["-f", "-qq", "-e", "signal=none", "-o"])
            .arg(&trace)
            .args(["-e", &format!("trace={calls}")])
            .args(["-e", &format!("inject={calls}:error={error}:when={when}")])
            .args(["-p", &server.pid().to_string()])
            .stderr(Stdio::null())
            .spawn()
            .expect("strace starts");
        let injection = Injection { strace, trace };
        eventually("each thread is traced", || {
            let threads = fs::read_dir(format!("/proc/{}/task", server.pid())).expect("it runs");
            let status = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("status"));
            let mut states = threads.flatten().filter_map(|thread| status(thread).ok());
            states.all(|state| !state.contains("TracerPid:\t0\n"))
        });
        injection
    }

    /// How many calls have failed, of how many.
    fn hits(&self) -> (usize, usize) {
        let trace = fs::read_to_string(&self.trace).unwrap_or_default();
        (trace.matches(" (INJECTED)").count(), trace.lines().count())
    }

    /// Lets the system calls of the server be again, and says how many have failed, of how many.
    fn end(mut self) -> (usize, usize) {
        self.withdraw();
        self.hits()
    }

    fn withdraw(&mut self) {
        if matches!(self.strace.try_wait(), Ok(None)) {
            // A SIGKILL would leave threads stopped that it is about to let go on.
            signal(self.strace.id(), "TERM");
            let _ = self.strace.wait();
        }
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        self.withdraw();
    }
}

/// Whether there is a strace that may trace.
fn can_trace() -> bool {
    let traced = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .stderr(Stdio::null())
        .status();
    let is_there = traced.is_ok_and(|status| status.success());
    if !is_there {
        skip("strace is not there or may not trace");
    }
    is_there
}

/// A client with names of its own, which knows what has to be there.
struct Client<'s> {
    server: &'s Server,
    number: u8,
    conn: Option<Conn>,
    /// Requests that were not carried out, or of which that is not known.
    hit: usize,
}

/// What a request has come to.
#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Done,
    Refused,
    /// There was no reply, or no whole one.
    Unknown,
}

impl Client<'_> {
    fn ask(&mut self, method: &str, target: &str, body: &[u8]) -> (Outcome, Vec<u8>) {
        self.send(method, target, &[], body)
    }

    /// A request, and what has come in reply where it was carried out.
    fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (Outcome, Vec<u8>) {
        let addr = self.server.addr;
        let conn = self.conn.get_or_insert_with(|| Conn::open(addr));
        let reply = exchange(conn, &request_bytes(method, target, headers, body), method);
        if !reply.as_ref().is_ok_and(|reply| !reply.closes()) {
            self.conn = None;
        }
        let outcome = outcome(&reply);
        let Some(outcome) = outcome else {
            panic!("{method} {target}: {:?}", reply.map(|it| it.summary()));
        };
        self.hit += usize::from(outcome != Outcome::Done);
        (outcome, reply.map(|reply| reply.body).unwrap_or_default())
    }

    /// Whether a file is as it has to be after a request that would have changed it.
    fn check(&self, name: &str, outcome: Outcome, old: Option<&[u8]>, new: Option<&[u8]>) {
        let content = self.server.content(name);
        let is = |expected: Option<&[u8]>| content.as_deref() == expected;
        let is_right = match outcome {
            Outcome::Done => is(new),
            Outcome::Refused => is(old),
            Outcome::Unknown => is(old) || is(new),
        };
        let length = content.as_ref().map(Vec::len);
        assert!(is_right, "{name}, of {length:?} bytes, is torn or lost");
    }

    fn round(&mut self, round: u8) {
        let name = |name: &str| format!("{}/{name}", self.number);
        let (kept, written, copy, log) = (name("kept"), name("written"), name("copy"), name("log"));
        let folder = format!("{}/", self.number);
        let kept_content = pattern(self.number, LARGE);

        let body = pattern(round, LARGE);
        for is_chunked in [true, false] {
            let old = self.server.content(&written);
            let (outcome, _) = match is_chunked {
                true => {
                    let headers = [("Transfer-Encoding", "chunked"), EXPECTS];
                    self.send("POST", &written, &headers, &chunked(&body, 50_000))
                }
                false => self.send("POST", &written, &[EXPECTS], &body),
            };
            self.check(&written, outcome, old.as_deref(), Some(&body));
        }

        for appended in [&[round; 100], &body[..]] {
            let old = self.server.content(&log).unwrap_or_default();
            let new = [&old[..], appended].concat();
            let (outcome, _) = self.ask("PUT", &log, appended);
            self.check(&log, outcome, Some(&old), Some(&new));
        }

        let (outcome, content) = self.ask("GET", &kept, b"");
        assert!(outcome != Outcome::Done || content == kept_content);
        let sum = digest::sha256_hex(&kept_content);
        let (outcome, content) = self.ask("GET", &format!("{kept}/sha256"), b"");
        assert!(outcome != Outcome::Done || content.starts_with(sum.as_bytes()));
        let (outcome, content) = self.ask("GET", &folder, b"");
        let list = String::from_utf8_lossy(&content);
        assert!(outcome != Outcome::Done || list.contains("kept"), "{list}");

        // On a connection of its own.
        self.conn = None;
        let path = format!("{{\"path\": \"{copy}\"}}");
        let (outcome, _) = self.ask("PUT", &format!("{kept}/cp"), path.as_bytes());
        self.check(&copy, outcome, None, Some(&kept_content));
        if self.server.content(&copy).is_some() {
            let (outcome, _) = self.ask("DELETE", &copy, b"");
            self.check(&copy, outcome, Some(&kept_content), None);
            let _ = fs::remove_file(self.server.storage().join(&copy));
        }
    }
}

/// Sends a request, with its body when the server waits for it, and gives the reply.
fn exchange(conn: &mut Conn, request: &[u8], method: &str) -> io::Result<Reply> {
    let head = request.windows(4).position(|end| end == b"\r\n\r\n");
    let (head, body) = request.split_at(head.expect("a head") + 4);
    let mut rest = request;
    if head.windows(7).any(|name| name == b"Expect:") {
        conn.try_send(head)?;
        let first = conn.head()?;
        if first.status != 100 {
            return conn.body(&first, &mut |_| {}).map(|()| first);
        }
        rest = body;
    }
    let sent = conn.try_send(rest);
    // A refusal may close before the body is through; its reply can be read all the same.
    let reply = conn.reply_to(method);
    reply.map_err(|error| sent.err().unwrap_or(error))
}

/// None where a reply is not one that a request may get: neither the right one nor the server's own
/// affair.
fn outcome(reply: &io::Result<Reply>) -> Option<Outcome> {
    use ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    match reply {
        Ok(reply) if reply.status == 200 => Some(Outcome::Done),
        Ok(reply) if matches!(reply.status, 500 | 503 | 507) => Some(Outcome::Refused),
        Ok(_) => None,
        Err(error) if matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof) => {
            Some(Outcome::Unknown)
        }
        Err(_) => None,
    }
}

/// What all clients do; how many requests were hit.
fn load(server: &Server) -> usize {
    let hit = AtomicUsize::new(0);
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let hit = &hit;
            scope.spawn(move || {
                let mut client = Client {
                    server,
                    number,
                    conn: None,
                    hit: 0,
                };
                (0..ROUNDS).for_each(|round| client.round(round));
                hit.fetch_add(client.hit, Ordering::SeqCst);
            });
        }
    });
    hit.into_inner()
}

/// A server, and a file for each client.
fn start() -> Server {
    let mut server = Server::with(&["--sync", "data"], &[]);
    server.expect_errors();
    for number in 0..CLIENTS {
        server.place(&format!("{number}/kept"), &pattern(number, LARGE));
        server.place(&format!("{number}/log"), b"");
    }
    server
}

#[test]
fn a_fault_of_the_system_costs_the_request_that_it_hits_and_nothing_else() {
    if !can_trace() {
        return;
    }
    let refused = REFUSED.map(|fault| (fault, true));
    let interrupted = INTERRUPTED.map(|fault| (fault, false));
    for ((calls, errors, when), may_cost) in refused.into_iter().chain(interrupted) {
        for error in errors {
            let mut server = start();
            let before = server.descriptors();
            let injection = Injection::begin(&server, (calls, error, when));
            let hit = load(&server);
            let (failed, of) = injection.end();
            eprintln!("{calls}: {error} at {failed} of {of} calls cost {hit} requests");
            assert!(failed > 0, "{calls}: {error}: no call has failed");
            assert!(
                hit <= if may_cost { failed } else { 0 },
                "{calls}: {error} at {failed} calls cost {hit} requests"
            );
            assert!(server.is_alive(), "{calls}: {error}");
            assert_eq!(load(&server), 0, "{calls}: {error}: it is over");
            eventually(&format!("{calls}: {error}: no descriptor is left"), || {
                server.descriptors() <= before
            });
            server.assert_clean();
            let exit = server.stop();
            assert_eq!(exit.code, Some(0), "{calls}: {error}");
        }
    }
}

#[test]
fn while_nothing_can_be_accepted_it_is_tried_now_and_then() {
    const IDLE: usize = 8;
    // One for each that makes room, and then every tenth of a second.
    const TRIES: usize = IDLE + 6;
    const LEAST: Duration = Duration::from_millis(400);
    if !can_trace() {
        return;
    }
    for error in ["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"] {
        let server = start();
        let idle: Vec<Conn> = (0..IDLE).map(|_| server.open()).collect();
        assert_eq!(server.get("0/kept").status, 200);
        let began = Instant::now();
        let injection = Injection::begin(&server, ("accept4", error, "1+"));
        let mut waiting = server.open();
        waiting.send(&request_bytes("GET", "1/kept", &[], b""));
        eventually("it is tried repeatedly", || injection.hits().0 >= TRIES);
        let took = began.elapsed();
        assert!(took >= LEAST, "{error}: {TRIES} times in {took:?}");
        injection.end();
        let reply = waiting.reply_to("GET").expect("a reply");
        assert!(reply.body == pattern(1, LARGE), "{error}");
        assert_eq!(server.get("0/kept").status, 200, "{error}");
        drop(idle);
    }
}
