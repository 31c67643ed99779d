//! Replies that are continued later, without a thread: `Request::detach` and `Selector`.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::ErrorKind;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use common::{Client, LIMIT, Running, config, echo, start_with};
use tiny_http::{ClientFault, Config, Detached, Request, Selector, StatusCode};

/// A server with one thread, and the replies to requests for `/later`.
fn start(config: Config) -> (Running, Receiver<Detached>) {
    let (detached, replies) = channel();
    let running = start_with(config, 1, move |request: Request| match request.url() {
        "/later" => {
            let reply = request.detach(StatusCode(200), &[("X-Field", "value")]);
            detached.send(reply.unwrap()).unwrap();
        }
        _ => echo(request),
    });
    (running, replies)
}

/// A client that has asked for `/later`, and its reply.
fn detach((running, replies): &(Running, Receiver<Detached>)) -> (Client, Detached) {
    let mut client = running.connect();
    client.send("GET /later HTTP/1.1\r\n\r\n");
    (client, replies.recv_timeout(LIMIT).unwrap())
}

/// Waits until the selector reports this key alone.
fn wait_for_key(selector: &Selector, key: u64) {
    let mut keys = Vec::new();
    while keys != [key] {
        let deadline = Instant::now() + LIMIT;
        selector.wait(Some(deadline), &mut keys).unwrap();
        assert!(Instant::now() < deadline, "no event of {key}");
    }
}

/// Calls until the result is there.
fn until<T>(mut next: impl FnMut() -> Option<T>) -> T {
    let mut found = None;
    testkit::eventually("the result", || {
        found = next();
        found.is_some()
    });
    found.unwrap()
}

#[test]
fn content_comes_later_and_takes_no_thread_meanwhile() {
    let server = start(config());
    let mut all: Vec<_> = (0..50).map(|_| detach(&server)).collect();
    // The one thread is free.
    assert_eq!(server.0.connect().get("/other").content, b"/other");
    server.0.wait_for_connections(50);
    let content: Arc<[u8]> = b"content"[..].into();
    for (client, reply) in &mut all {
        let head = client.head();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        for field in ["X-Field: value", "Connection: close", "Date: "] {
            assert!(head.contains(&format!("\r\n{field}")), "{head}");
        }
        assert_eq!(head.matches("Transfer-Encoding: chunked").count(), 1);
        for _ in 0..2 {
            assert!(reply.send(Arc::clone(&content)).unwrap());
        }
        assert!(
            reply.send(Arc::default()).unwrap(),
            "no content ends nothing"
        );
        assert_eq!((reply.sent(), reply.unsent()), (14, None));
    }
    assert_eq!(Arc::strong_count(&content), 1, "it is not kept");
    for (mut client, reply) in all {
        reply.finish().unwrap();
        assert_eq!(
            client.rest().unwrap(),
            b"7\r\ncontent\r\n7\r\ncontent\r\n0\r\n\r\n"
        );
    }
    server.0.wait_for_connections(0);
}

#[test]
fn the_end_is_that_of_the_connection_in_http_1_0_and_head_has_no_content() {
    let server = start(config());
    for (request, expected) in [
        ("GET /later HTTP/1.0", &b"content"[..]),
        ("HEAD /later HTTP/1.1", b""),
    ] {
        let mut client = server.0.connect();
        client.send(format!("{request}\r\n\r\n"));
        let mut reply = server.1.recv_timeout(LIMIT).unwrap();
        assert!(reply.send(b"content"[..].into()).unwrap());
        reply.finish().unwrap();
        let head = client.head();
        assert_eq!(head.contains("chunked"), request.ends_with("1.1"), "{head}");
        assert_eq!(client.rest().unwrap(), expected, "{request}");
    }
}

#[test]
fn a_client_that_takes_nothing_keeps_no_thread_and_gets_all_when_it_reads() {
    const LENGTH: usize = 4 << 20;
    let server = start(config());
    let (mut client, mut reply) = detach(&server);
    reply.limit_buffer(64 * 1024);
    let content: Arc<[u8]> = testkit::pattern(7, LENGTH).into();
    assert!(
        !reply.send(Arc::clone(&content)).unwrap(),
        "it has not read"
    );
    let unsent = reply.unsent().map(|content| content.len());
    assert_eq!(unsent, Some(LENGTH));
    let error = reply.send(b"more"[..].into()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    // What is kept of it here, and what the client's system has taken.
    assert!(reply.sent() < 1 << 20, "{} are buffered", reply.sent());
    assert_eq!(reply.client_fault(), None);
    let selector = Selector::new().unwrap();
    selector.add(&reply, 3).unwrap();
    let reader = std::thread::spawn(move || client.receive());
    while !reply.flush().unwrap() {
        wait_for_key(&selector, 3);
    }
    assert_eq!(reply.sent(), LENGTH as u64);
    reply.finish().unwrap();
    assert!(reader.join().unwrap().content == *content);
}

#[test]
fn a_reply_that_is_dropped_or_cannot_be_finished_is_no_whole_one() {
    let server = start(config());
    let (mut client, mut reply) = detach(&server);
    assert!(reply.send(b"part"[..].into()).unwrap());
    client.head();
    drop(reply);
    let error = client.rest().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let (mut client, mut reply) = detach(&server);
    assert!(!reply.send(vec![b'x'; 64 << 20].into()).unwrap());
    let error = reply.finish().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert!(client.rest().is_err(), "it is reset");
    server.0.wait_for_connections(0);
}

#[test]
fn a_client_that_is_gone_is_reported() {
    let server = start(config());
    let selector = Selector::new().unwrap();
    let (client, mut reply) = detach(&server);
    selector.add(&reply, 1).unwrap();
    drop(client);
    // What has closed its connection answers to the next content with a reset.
    let fault = until(|| {
        let _ = reply.send(b"x"[..].into());
        reply.client_fault()
    });
    assert_eq!(fault, ClientFault::Gone);
    wait_for_key(&selector, 1);
    drop(reply);
    server.0.wait_for_connections(0);
    // A wake is not lost, whenever it comes.
    selector.wake();
    let (start, mut keys) = (Instant::now(), Vec::new());
    selector.wait(Some(start + LIMIT), &mut keys).unwrap();
    assert!(keys.is_empty() && start.elapsed() < LIMIT);
    let deadline = Instant::now() + Duration::from_millis(20);
    selector.wait(Some(deadline), &mut keys).unwrap();
    assert!(Instant::now() >= deadline, "it is woken once");
}

#[test]
fn a_client_that_sends_nothing_more_goes_on_reading() {
    let server = start(config());
    let selector = Selector::new().unwrap();
    let (mut client, mut reply) = detach(&server);
    selector.add(&reply, 1).unwrap();
    client.0.shutdown(Shutdown::Write).unwrap();
    wait_for_key(&selector, 1);
    client.head();
    for _ in 0..3 {
        assert_eq!(reply.client_fault(), None);
        assert!(reply.send(b"x"[..].into()).unwrap());
    }
    reply.finish().unwrap();
    assert_eq!(
        client.rest().unwrap(),
        b"1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n0\r\n\r\n"
    );
}

#[test]
fn what_a_client_sends_after_its_request_is_discarded_up_to_a_bound() {
    let server = start(Config {
        max_skipped: 10_000,
        ..config()
    });
    let mut client = server.0.connect();
    // A request that comes with the first one, and one that comes later.
    let both = "GET /later HTTP/1.1\r\n\r\nGET /other HTTP/1.1\r\n\r\n";
    client.send(both);
    let mut reply = server.1.recv_timeout(LIMIT).unwrap();
    let selector = Selector::new().unwrap();
    selector.add(&reply, 1).unwrap();
    client.send("GET /later HTTP/1.1\r\n\r\n");
    wait_for_key(&selector, 1);
    assert_eq!(reply.client_fault(), None);
    assert!(server.1.try_recv().is_err(), "it is not carried out");
    client.send([b'x'; 9_000]);
    assert_eq!(reply.client_fault(), None);
    assert!(reply.send(b"x"[..].into()).unwrap());
    client.head();
    client.send([b'x'; 2_000]);
    assert_eq!(until(|| reply.client_fault()), ClientFault::SendsTooMuch);
    assert_eq!(server.0.connect().get("/other").content, b"/other");
}

#[test]
fn a_detached_reply_is_a_connection_that_does_not_make_room_and_that_the_end_waits_for() {
    let server = start(Config {
        max_connections: 2,
        ..config()
    });
    let (mut client, mut reply) = detach(&server);
    let mut others = Vec::new();
    for _ in 0..3 {
        // Each one takes the place of the one before, which is idle.
        let mut other = server.0.connect();
        assert_eq!(other.get("/other").content, b"/other");
        others.push(other);
    }
    assert!(reply.send(b"x"[..].into()).unwrap());
    server.0.server.drain();
    assert!(!server.0.server.wait_until_drained(Duration::ZERO));
    assert!(reply.send(b"y"[..].into()).unwrap());
    reply.finish().unwrap();
    assert_eq!(client.receive().content, b"xy");
    drop(client);
    assert!(server.0.server.wait_until_drained(LIMIT));
}

// A request that was put aside is answered later, on a connection that goes on.
#[test]
fn a_request_that_is_put_aside_is_waited_for_and_answered_later() {
    let (put_aside, requests) = channel();
    let running = start_with(config(), 1, move |request: Request| match request.url() {
        "/later" => put_aside.send(request).unwrap(),
        _ => echo(request),
    });
    let selector = Selector::new().unwrap();
    let [mut first, second] = [1, 2].map(|key| {
        let mut client = running.connect();
        client.send("GET /later HTTP/1.1\r\n\r\n");
        let request = requests.recv_timeout(LIMIT).unwrap();
        selector.add_request(&request, key).unwrap();
        (client, request)
    });
    // The one thread is free.
    assert_eq!(running.connect().get("/other").content, b"/other");
    assert!(!first.1.is_client_gone());
    // What comes meanwhile is for later.
    first.0.send("GET /next HTTP/1.1\r\n\r\n");
    wait_for_key(&selector, 1);
    assert!(!first.1.is_client_gone());
    let (client, mut request) = second;
    drop(client);
    wait_for_key(&selector, 2);
    until(|| request.is_client_gone().then_some(()));
    selector.remove_request(&first.1);
    let response = tiny_http::Response::from_string("content");
    first.1.respond(response).unwrap();
    assert_eq!(first.0.receive().content, b"content");
    assert_eq!(first.0.receive().content, b"/next");
    let mut keys = Vec::new();
    first.0.send("GET /more HTTP/1.1\r\n\r\n");
    assert_eq!(first.0.receive().content, b"/more");
    selector.wait(Some(Instant::now()), &mut keys).unwrap();
    assert!(!keys.contains(&1), "{keys:?}");
}
