//! The bodies of requests: when they are asked for, how they end, and how they get into files.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom};
use std::net::Shutdown;
use std::sync::mpsc;

use common::files::file;
use common::{LIMIT, config, start};
use testkit::pattern;
use tiny_http::{Pipe, Request, Response};

#[test]
fn the_body_is_waited_for_with_100_continue_when_it_is_read() {
    let running = start(config(), |mut request: Request| {
        let mut body = String::new();
        if request.url() == "/read" {
            request.as_reader().read_to_string(&mut body).unwrap();
        }
        let _ = request.respond(Response::from_string(body));
    });
    let head = |target| {
        format!("PUT {target} HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    };
    let mut client = running.connect();
    for _ in 0..2 {
        client.send(head("/read"));
        assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
        client.send("hello");
        assert_eq!(client.receive().content, b"hello");
    }
    // Without `100 Continue`, the client may send the body or not: no request can follow.
    client.send(head("/"));
    let received = client.receive();
    assert!(
        received.head.starts_with("HTTP/1.1 200") && received.head.contains("Connection: close"),
        "{}",
        received.head
    );
    assert_eq!(client.rest().unwrap(), b"");
}

#[test]
fn the_end_of_input_before_the_end_of_a_body_is_an_error() {
    let (noted, notes) = mpsc::channel();
    let running = start(config(), move |mut request: Request| {
        let input = request.input().unwrap();
        if request.url() == "/end" {
            input.end();
        }
        let read = request.as_reader().read_to_end(&mut Vec::new());
        let again = request.as_reader().read(&mut [0; 8]);
        noted
            .send((read.unwrap_err().kind(), again.unwrap_err().kind()))
            .unwrap();
    });
    use io::ErrorKind::{InvalidData, UnexpectedEof};
    for (target, body, ends, expected) in [
        ("/", "Content-Length: 5\r\n\r\nabc", true, UnexpectedEof),
        (
            "/",
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            true,
            UnexpectedEof,
        ),
        (
            "/",
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd",
            false,
            InvalidData,
        ),
        (
            "/",
            "Transfer-Encoding: chunked\r\n\r\nx",
            false,
            InvalidData,
        ),
        ("/end", "Content-Length: 5\r\n\r\nabc", false, UnexpectedEof),
    ] {
        let mut client = running.connect();
        client.send(format!("PUT {target} HTTP/1.1\r\n{body}"));
        if ends {
            client.0.shutdown(Shutdown::Write).unwrap();
        }
        assert_eq!(
            notes.recv_timeout(LIMIT),
            Ok((expected, expected)),
            "{body}"
        );
        assert_eq!(client.receive().status, 500);
        assert_eq!(client.rest().unwrap(), b"");
    }
}

// symptom: a client keeps a connection for its next request although it has ended.
// cause:   the end of the input was noticed only where some of the body was still to come.
// fix:     the reply is the last one wherever the input was ended.
#[test]
fn a_body_that_had_come_whole_before_the_end_of_input_is_the_last() {
    let running = start(config(), |mut request: Request| {
        let input = request.input().unwrap();
        let mut body = vec![0];
        request.as_reader().read_exact(&mut body).unwrap();
        input.end();
        request.as_reader().read_to_end(&mut body).unwrap();
        let _ = request.respond(Response::from_data(body));
    });
    let mut client = running.connect();
    client.send("PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello");
    let reply = client.receive();
    assert_eq!(reply.content, b"hello");
    assert!(reply.head.contains("Connection: close"), "{reply:?}");
    assert_eq!(client.rest().unwrap(), b"");
}

#[test]
fn bodies_go_into_files_whole() {
    let (stored, stores) = mpsc::channel();
    let running = start(config(), move |mut request: Request| {
        let path = std::env::temp_dir().join(format!("tiny-http-append-{}", std::process::id()));
        let mut target = file(b"");
        if request.url() == "/append" {
            // splice(2) fails for such a file.
            target = OpenOptions::new()
                .create(true)
                .append(true)
                .read(true)
                .open(&path)
                .unwrap();
            std::fs::remove_file(path).unwrap();
        }
        let mut pipe = Pipe::new().unwrap();
        let mut moved = 0;
        while request
            .fill(&mut pipe)
            .inspect(|count| moved += *count as u64)
            .unwrap()
            > 0
        {
            let is_moved = pipe.empty_into(&target).unwrap();
            assert_eq!(is_moved, request.url() == "/");
        }
        let received = request.counts().0;
        let mut content = Vec::new();
        target.seek(SeekFrom::Start(0)).unwrap();
        target.read_to_end(&mut content).unwrap();
        assert_eq!((content.len() as u64, moved), (received, received));
        stored.send(content).unwrap();
        let _ = request.respond(Response::empty(201));
    });
    let mut client = running.connect();
    for target in ["/", "/append"] {
        for length in [0, 1, 5000, 65_536, 65_537, 3_000_000] {
            let body = pattern(1, length);
            client.send(format!(
                "PUT {target} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n"
            ));
            client.send(&body);
            assert!(
                stores.recv_timeout(LIMIT).unwrap() == body,
                "{target} {length}"
            );
            assert_eq!(client.receive().status, 201);
            let chunks = body
                .chunks(100_000)
                .map(|data| [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat());
            let chunks = chunks.collect::<Vec<_>>().concat();
            client.send(format!(
                "PUT {target} HTTP/1.1\r\nTransfer-Encoding: CHUNKED\r\n\r\n"
            ));
            client.send([&chunks[..], b"0\r\n\r\n"].concat());
            assert!(
                stores.recv_timeout(LIMIT).unwrap() == body,
                "{target} {length} in chunks"
            );
            assert_eq!(client.receive().status, 201);
        }
    }
}

// symptom: a client that sent urgent data in a body (MSG_OOB of send(2)) kept a thread busy for
//          ever.
// cause:   splice(2) stops before the urgent byte, and poll(2) reports input.
// fix:     input that is not spliced is received, which skips that byte.
#[test]
fn urgent_data_does_not_stop_a_body() {
    let (stored, stores) = mpsc::channel();
    let running = start(config(), move |mut request: Request| {
        let mut target = file(b"");
        let mut pipe = Pipe::new().unwrap();
        while request.fill(&mut pipe).unwrap() > 0 {
            pipe.empty_into(&target).unwrap();
        }
        let mut content = Vec::new();
        target.rewind().unwrap();
        target.read_to_end(&mut content).unwrap();
        stored.send(content).unwrap();
        let _ = request.respond(Response::empty(201));
    });
    let mut client = running.connect();
    let body = pattern(1, 200_000);
    client.send("PUT / HTTP/1.1\r\nContent-Length: 200000\r\n\r\n");
    client.send(&body[..100_000]);
    client.send_urgent(b'!');
    client.send(&body[100_000..]);
    assert!(stores.recv_timeout(LIMIT).unwrap() == body);
    assert_eq!(client.receive().status, 201);
}
