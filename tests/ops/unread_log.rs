//! Standard error and standard output that are not read, or closed: the server serves and ends all
//! the same.

use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, mpsc};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use testkit::process::{Process, command};
use testkit::{AT_ONCE, Conn, LIMIT, TempDir, eventually};

/// A server whose log goes here.
fn logging_to(log: impl Into<Stdio>, args: &[&str]) -> Process {
    let dir = Arc::new(TempDir::new());
    Process::serving(command(&dir).args(args).stderr(log), &dir)
}

/// A pipe that takes no more.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = io::pipe().expect("a pipe");
    let flags = fcntl_getfl(&writer).expect("flags");
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).expect("set");
    for size in [4096, 1] {
        while writer.write(&vec![b'\n'; size]).is_ok() {}
    }
    fcntl_setfl(&writer, flags).expect("set");
    (reader, writer)
}

/// Names so long that the lines of a few thousand requests are more than the server keeps.
fn name(number: usize) -> String {
    format!("{}/{number}", ["long-name"; 22].join("-"))
}

/// Uploads and small downloads, in turns on a kept connection, each of which has to be answered
/// within seconds.
fn work(addr: SocketAddr, requests: usize) {
    let mut conn = Conn::open(addr);
    conn.limit_reads(AT_ONCE);
    for number in 0..requests {
        let (method, body) = [("POST", &b"content"[..]), ("GET", b"")][number % 2];
        let reply = conn.request(method, &name(number / 2 % 50), &[], body);
        let reply = reply.unwrap_or_else(|error| panic!("request {number}: {error}"));
        assert_eq!(reply.status, 200, "request {number}");
    }
}

// symptom: a log without a reader (`http-nas 2>&1 | less`, a log shipper that hangs) stopped the
//          server: after some 950 replies every thread waited, and SIGTERM, too.
// cause:   the line was written to the pipe by the thread that had served the request, or had the
//          signal.
// fix:     lines go through a bounded queue to a thread of their own; what does not fit is counted.
#[test]
fn requests_are_answered_and_the_server_ends_while_nobody_reads_the_log() {
    let (_unread, log) = io::pipe().expect("a pipe");
    let mut server = logging_to(log, &[]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| work(server.addr, 1_250));
        }
    });
    server.signal("TERM");
    let (status, took) = server.wait();
    assert_eq!(status.code(), Some(0));
    assert!(took < AT_ONCE, "it took {took:?}");
}

#[test]
fn a_second_signal_ends_the_server_at_once_while_nobody_reads_the_log() {
    let (_unread, log) = full_pipe();
    let mut server = logging_to(log, &[]);
    let mut upload = Conn::open(server.addr);
    upload.send(
        b"POST /file/a HTTP/1.1\r\nHost: nas\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    );
    assert_eq!(upload.head().expect("a word").status, 100);
    server.signal("TERM");
    eventually("an end of accepting", || {
        let other = Conn::try_open(server.addr);
        other
            .and_then(|mut other| {
                other.limit_reads(AT_ONCE);
                other.request("GET", "%2F", &[], b"")
            })
            .is_ok_and(|reply| reply.status == 503)
            || Conn::try_open(server.addr).is_err()
    });
    assert!(server.is_alive());
    server.signal("INT");
    let (status, took) = server.wait();
    assert_eq!(status.code(), Some(130));
    assert!(took < AT_ONCE, "it took {took:?}");
}

#[test]
fn lost_lines_are_counted_and_the_others_are_whole() {
    const REQUESTS: usize = 8_000;
    for format in ["text", "json"] {
        let (unread, log) = io::pipe().expect("a pipe");
        let mut server = logging_to(log, &["--log-format", format]);
        work(server.addr, REQUESTS);
        // The reader comes back.
        let reader = std::thread::spawn(move || {
            let lines = BufReader::new(unread).lines();
            lines.map(|line| line.expect("text")).collect::<Vec<_>>()
        });
        // A line from after the loss.
        work(server.addr, 1);
        server.signal("TERM");
        assert_eq!(server.wait().0.code(), Some(0));
        let lines = reader.join().expect("lines");
        let of = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
        let said: Vec<&String> = lines
            .iter()
            .filter(|line| line.contains("lines of the log are lost"))
            .collect();
        assert!(!said.is_empty(), "{format}: {} lines", lines.len());
        let lost = said.iter().map(|line| count_of(line)).sum::<usize>();
        assert!(lost > 1_000, "{lost}");
        assert_eq!(lost + of(" request ") + of("\"request\""), REQUESTS + 1);
        assert!(lines.iter().any(|line| line.contains("stopped")));
        for line in &lines {
            let is_whole = match format {
                "json" => line.starts_with("{\"time\":\"2") && line.ends_with('}'),
                _ => line.starts_with('2') && !line[1..].contains(" INFO request"),
            };
            assert!(is_whole || line.contains(" INFO request "), "{line}");
        }
        drop(server);
    }
}

/// The number behind `lost=` or `"lost":`.
fn count_of(line: &str) -> usize {
    let at = line.rfind("lost").expect("a count") + "lost".len();
    let digits = line[at..].trim_matches(|c: char| !c.is_ascii_digit());
    digits.parse().unwrap_or_else(|_| panic!("{line}"))
}

#[test]
fn a_log_that_may_not_wait_is_waited_for_all_the_same() {
    let (mut unread, log) = io::pipe().expect("a pipe");
    let flags = fcntl_getfl(&log).expect("flags");
    fcntl_setfl(&log, flags | OFlags::NONBLOCK).expect("set");
    let mut server = logging_to(log, &[]);
    // More than the pipe takes, and less than is kept.
    work(server.addr, 1_000);
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        unread.read_to_string(&mut text).map(|_| text)
    });
    server.signal("TERM");
    assert_eq!(server.wait().0.code(), Some(0));
    let text = reader.join().expect("a text").expect("a text");
    assert_eq!(text.matches(" INFO request ").count(), 1_000);
    assert!(!text.contains("lost"), "{text}");
}

#[test]
fn a_log_whose_reader_has_gone_does_no_harm() {
    let (reader, log) = io::pipe().expect("a pipe");
    drop(reader);
    let mut server = logging_to(log, &[]);
    work(server.addr, 100);
    server.signal("TERM");
    assert_eq!(server.wait().0.code(), Some(0));
}

#[test]
fn a_start_whose_line_nobody_reads_is_a_start() {
    let (_unread, stdout) = full_pipe();
    let (log, stderr) = io::pipe().expect("a pipe");
    let dir = Arc::new(TempDir::new());
    let mut server = Process::start(command(&dir).stdout(stdout).stderr(stderr), &dir);
    let (sender, found) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            let word = line
                .split(' ')
                .find_map(|word| word.strip_prefix("address="));
            let address = word.and_then(|address| address.parse().ok());
            let _ = address.map(|address| sender.send(address));
        }
    });
    let addr = found.recv_timeout(LIMIT);
    server.addr = addr.expect("an address in the log");
    work(server.addr, 2);
    assert!(server.dir.storage().join(name(0)).exists());
    server.signal("TERM");
    assert_eq!(server.wait().0.code(), Some(0));
}

#[test]
fn a_start_that_fails_ends_while_nobody_reads_why() {
    for (args, code) in [(&["--port", "many"][..], 2), (&["--host", "192.0.2.1"], 1)] {
        let (_unread, stderr) = full_pipe();
        let dir = Arc::new(TempDir::new());
        let mut server = Process::start(command(&dir).args(args).stderr(stderr), &dir);
        let (status, took) = server.wait();
        assert_eq!(status.code(), Some(code), "{args:?}");
        assert!(took < AT_ONCE, "{args:?} took {took:?}");
    }
}
