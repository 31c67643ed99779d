//! Whether and how a connection goes on behind a reply.
//!
//! Not here: deadlines (`deadlines.rs`), several requests in flight (`pipelining.rs`).
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{Read, Write};

use common::{config, echo, ok, start};
use tiny_http::{Config, Content, Reply, Request, Response};

#[test]
fn a_short_unread_body_keeps_its_connection() {
    let running = start(config(), echo);
    let mut client = running.connect();
    client.send("PUT /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(client.receive().content, b"/a");
    assert_eq!(client.get("/b").content, b"/b");
    // The end of this one is not known before it is read.
    client.send("PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    assert!(client.receive().head.contains("Connection: close"));
}

#[test]
fn the_server_says_when_a_connection_ends() {
    let running = start(config(), |mut request: Request| {
        let reply = Reply {
            closes: request.url() == "/last",
            ..ok(Content::Bytes(b"x"))
        };
        request.send(reply, &()).unwrap();
    });
    for (version, fields, target, expected) in [
        ("1.1", "", "/", None),
        ("1.1", "Connection: close\r\n", "/", Some("close")),
        ("1.1", "", "/last", Some("close")),
        ("1.0", "", "/", Some("close")),
        ("1.0", "Connection: keep-alive\r\n", "/", Some("keep-alive")),
    ] {
        let mut client = running.connect();
        client.send(format!("GET {target} HTTP/{version}\r\n{fields}\r\n"));
        let received = client.receive();
        let said = received
            .head
            .lines()
            .find_map(|line| line.strip_prefix("Connection: "));
        assert_eq!(said, expected, "{version} {fields}");
        match expected {
            Some("close") => assert_eq!(client.rest().unwrap(), b""),
            _ => assert_eq!(client.get("/").status, 200),
        }
    }
}

#[test]
fn an_empty_line_behind_the_last_body_does_not_cost_the_reply() {
    let running = start(config(), |mut request: Request| {
        let body = request.as_reader().read_to_end(&mut Vec::new()).unwrap();
        let _ = request.respond(Response::from_string(body.to_string()));
    });
    let mut client = running.connect();
    client.send("PUT / HTTP/1.1\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n");
    client.send([&[b'x'; 100_000][..], b"\r\n"].concat());
    assert_eq!(client.receive().content, b"100000");
    assert_eq!(client.rest().unwrap(), b"");
}

#[test]
fn a_client_that_sends_before_it_reads_sees_a_refusal() {
    let running = start(config(), |request| {
        let _ = request.respond(Response::from_string("full").with_status_code(507));
    });
    for head in [
        "Content-Length: 60000000",
        "Transfer-Encoding: chunked",
        "Content-Length : 1",
    ] {
        let mut client = running.connect();
        client.send(format!("PUT / HTTP/1.1\r\n{head}\r\n\r\n3938700\r\n"));
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..58 {
            client.send(&piece);
        }
        let expected = if head.contains(" :") { 400 } else { 507 };
        assert_eq!(client.receive().status, expected, "{head}");
        assert_eq!(client.rest().unwrap(), b"");
    }
    running.wait_for_connections(0);
}

#[test]
fn a_connection_can_go_over_to_another_protocol() {
    // With the settings of tiny_http: what follows such a request is not parsed as another one.
    let running = start(Config::default(), |request: Request| {
        let mut stream = request.upgrade("echo", Response::empty(101));
        let mut line = [0; 5];
        stream.read_exact(&mut line).unwrap();
        stream.write_all(&line).unwrap();
    });
    let mut client = running.connect();
    client.send("GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhel");
    let head = client.head();
    assert!(
        head.starts_with("HTTP/1.1 101 ") && head.contains("\r\nUpgrade: echo\r\n"),
        "{head}"
    );
    client.send("lo");
    assert_eq!(client.rest().unwrap(), b"hello");
}
