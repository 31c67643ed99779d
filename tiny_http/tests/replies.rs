//! Replies as they are sent: parts of files, streams, replies that cannot be finished, clients that
//! do not take them.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{self, ErrorKind, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, mpsc};

use common::files::file;
use common::{Client, LIMIT, config, ok, start};
use testkit::pattern;
use tiny_http::{Content, Outgoing, Progress, Reply, Request, StatusCode};

#[test]
fn parts_of_files_are_sent_as_they_are() {
    let content = pattern(1, 3_000_000);
    let shared = Arc::new(file(&content));
    let running = start(config(), move |mut request: Request| {
        let (from, to) = request.url()[1..].split_once('-').unwrap();
        let part = from.parse().unwrap()..to.parse().unwrap();
        let content = Content::File(&shared, part);
        let reply = Reply {
            status: StatusCode(206),
            fields: &[("X", "y")],
            content,
            closes: false,
        };
        request.send(reply, &()).unwrap();
    });
    let mut client = running.connect();
    for (from, to) in [
        (0, 0),
        (0, 1),
        (5, 4096),
        (0, 32767),
        (1, 32769),
        (0, 65535),
        (0, 65536),
        (7, 65544),
        (100_000, 3_000_000),
        (0, 3_000_000),
    ] {
        client.send(format!("GET /{from}-{to} HTTP/1.1\r\n\r\n"));
        let received = client.receive();
        assert_eq!(received.status, 206);
        assert!(received.head.contains("\r\nX: y\r\n"), "{}", received.head);
        assert!(received.content == content[from..to], "{from} to {to}");
    }
    client.send("HEAD /0-3000000 HTTP/1.1\r\n\r\n");
    let head = client.head();
    assert!(head.contains("\r\nContent-Length: 3000000\r\n"), "{head}");
    client.send("GET /0-1 HTTP/1.1\r\n\r\n");
    assert_eq!(client.receive().content, &content[..1]);
}

#[test]
fn a_file_that_has_become_shorter_resets_the_connection() {
    let running = start(config(), |mut request: Request| {
        let (file, length) = (
            file(&pattern(1, 200_000)),
            request.url()[1..].parse().unwrap(),
        );
        let content = Content::File(&file, 0..length);
        let reply = ok(content);
        let error = request.send(reply, &()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    });
    for length in [200_001, 300_000, 3_000_000] {
        let mut client = running.connect();
        client.send(format!("GET /{length} HTTP/1.1\r\n\r\n"));
        assert_eq!(
            client.rest().map_err(|e| e.kind()),
            Err(ErrorKind::ConnectionReset)
        );
    }
    running.wait_for_connections(0);
}

/// Writes what the target says: `|` is a flush, `f` and `F` are parts of files, `L` is a long
/// write, `!` an error, any other letter itself.
fn write(target: &str, outgoing: &mut Outgoing<'_>) -> io::Result<()> {
    let (small, large) = (file(&pattern(1, 1000)), file(&pattern(1, 100_000)));
    for letter in target.chars() {
        match letter {
            '|' => outgoing.flush()?,
            'f' => outgoing.write_file(&small, 10..1000)?,
            'F' => outgoing.write_file(&large, 10..100_000)?,
            'L' => outgoing.write_all(&[b'L'; 40_000])?,
            '!' => return Err(io::Error::other("on purpose")),
            other => outgoing.write_all(other.to_string().as_bytes())?,
        }
    }
    Ok(())
}

/// The content that results.
fn written(target: &str) -> Vec<u8> {
    let mut all = Vec::new();
    for letter in target.chars() {
        match letter {
            '|' => {}
            'f' => all.extend_from_slice(&pattern(1, 1000)[10..]),
            'F' => all.extend_from_slice(&pattern(1, 100_000)[10..]),
            'L' => all.extend_from_slice(&[b'L'; 40_000]),
            other => all.extend_from_slice(other.to_string().as_bytes()),
        }
    }
    all
}

fn stream(mut request: Request) {
    let target = request.url()[1..].to_owned();
    let length = request
        .head()
        .field("Length")
        .map(|length| length.parse().unwrap());
    let write = Box::new(|outgoing: &mut Outgoing<'_>| write(&target, outgoing));
    let content = Content::Stream { length, write };
    let reply = ok(content);
    let _ = request.send(reply, &());
}

#[test]
fn streams_are_sent_in_chunks_with_a_length_or_to_the_end() {
    let running = start(config(), stream);
    let mut client = running.connect();
    for target in [
        "",
        "a",
        "ab|c",
        "|",
        "f",
        "F",
        "aFb",
        "FF",
        "LL",
        "aLbF|Lf",
        "ffffffffffffffffffffffffffffffffffffffff",
    ] {
        let expected = written(target);
        client.send(format!("GET /{target} HTTP/1.1\r\n\r\n"));
        let received = client.receive();
        assert!(
            received.head.contains("\r\nTransfer-Encoding: chunked\r\n"),
            "{}",
            received.head
        );
        assert!(received.content == expected, "{target} in chunks");
        client.send(format!(
            "GET /{target} HTTP/1.1\r\nLength: {}\r\n\r\n",
            expected.len()
        ));
        let received = client.receive();
        let length = format!("\r\nContent-Length: {}\r\n", expected.len());
        assert!(received.head.contains(&length), "{}", received.head);
        assert!(received.content == expected, "{target} with a length");
        let mut old = running.connect();
        old.send(format!(
            "GET /{target} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        ));
        let head = old.head();
        assert!(
            head.contains("\r\nConnection: close\r\n") && !head.contains("Length"),
            "{head}"
        );
        assert!(old.rest().unwrap() == expected, "{target} to the end");
    }
}

#[test]
fn a_stream_that_is_broken_off_resets_the_connection() {
    let running = start(config(), stream);
    for (target, version, length) in [
        ("a!", "1.1", None),
        ("aF!", "1.1", None),
        ("LLL!", "1.0", None),
        ("aa", "1.1", Some(3)),
        ("aaaa", "1.1", Some(3)),
        ("F", "1.1", Some(3)),
        ("LL!", "1.1", Some(80_000)),
    ] {
        let mut client = running.connect();
        let length = length.map_or(String::new(), |length| format!("Length: {length}\r\n"));
        client.send(format!("GET /{target} HTTP/{version}\r\n{length}\r\n"));
        assert_eq!(
            client.rest().map_err(|e| e.kind()),
            Err(ErrorKind::ConnectionReset),
            "{target}"
        );
    }
    running.wait_for_connections(0);
}

#[test]
fn progress_decides_whether_to_wait_for_the_client() {
    struct Impatient(Mutex<Vec<&'static str>>);
    impl Progress for &Impatient {
        fn may_end(&self) {
            self.0.lock().unwrap().push("may end");
        }

        fn may_wait(&self) -> bool {
            self.0.lock().unwrap().push("may not wait");
            false
        }
    }
    let told = Arc::new(Impatient(Mutex::new(Vec::new())));
    let (done, dones) = mpsc::channel();
    let progress = Arc::clone(&told);
    let running = start(config(), move |mut request: Request| {
        let content = vec![0; request.url()[1..].parse().unwrap()];
        let reply = ok(Content::Bytes(&content));
        done.send(
            request
                .send(reply, &&*progress)
                .map_err(|error| error.kind()),
        )
        .unwrap();
    });
    let mut client = running.connect();
    client.send("GET /10 HTTP/1.1\r\n\r\nGET /100000000 HTTP/1.1\r\n\r\n");
    assert_eq!(dones.recv_timeout(LIMIT), Ok(Ok(())));
    assert_eq!(dones.recv_timeout(LIMIT), Ok(Err(ErrorKind::WouldBlock)));
    let told = told.0.lock().unwrap();
    assert_eq!(told[..2], ["may end"; 2]);
    assert_eq!(told.last(), Some(&"may not wait"));
}

#[test]
fn a_client_that_is_gone_is_detected() {
    let (gone, is_gone) = mpsc::channel();
    let (entered, enters) = mpsc::channel();
    let running = start(config(), move |mut request: Request| {
        assert!(!request.is_client_gone());
        entered.send(()).unwrap();
        let began = std::time::Instant::now();
        while !request.is_client_gone() && began.elapsed() < LIMIT {
            std::thread::yield_now();
        }
        gone.send(request.is_client_gone()).unwrap();
    });
    for ends in [drop::<Client> as fn(Client), |client| {
        let _ = client.0.shutdown(Shutdown::Both);
        drop(client);
    }] {
        let mut client = running.connect();
        client.send("GET / HTTP/1.1\r\n\r\n");
        enters.recv_timeout(LIMIT).unwrap();
        ends(client);
        assert_eq!(is_gone.recv_timeout(LIMIT * 2), Ok(true));
    }
}
