//! What ends after some time: idle connections, slow heads, bodies and readers that stall,
//! lingering connections.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{self, Read};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{LIMIT, config, echo, start};
use testkit::eventually;
use tiny_http::{Config, HeadFault, Response};

const SHORT: Duration = Duration::from_millis(300);

#[test]
fn an_idle_connection_is_closed_without_a_reply() {
    let running = start(
        Config {
            keep_alive: SHORT,
            ..config()
        },
        echo,
    );
    let (mut new, mut used) = (running.connect(), running.connect());
    assert_eq!(used.get("/a").content, b"/a");
    let began = Instant::now();
    assert_eq!(new.rest().unwrap(), b"");
    assert_eq!(used.rest().unwrap(), b"");
    assert!(began.elapsed() < LIMIT / 2);
    running.wait_for_connections(0);
}

#[test]
fn a_connection_in_use_does_not_end() {
    let running = start(
        Config {
            keep_alive: SHORT,
            ..config()
        },
        echo,
    );
    let mut client = running.connect();
    let began = Instant::now();
    while began.elapsed() < SHORT * 4 {
        assert_eq!(client.get("/a").content, b"/a");
    }
}

#[test]
fn a_slow_head_is_refused_in_time_however_it_trickles() {
    let running = start(
        Config {
            head_timeout: SHORT,
            ..config()
        },
        echo,
    );
    let mut client = running.connect();
    let began = Instant::now();
    client
        .0
        .set_read_timeout(Some(Duration::from_millis(10)))
        .unwrap();
    client.send("GET /");
    let mut reply = Vec::new();
    // A byte now and then does not extend the time.
    while client.0.read_to_end(&mut reply).is_err() {
        assert!(
            began.elapsed() < LIMIT,
            "{}",
            String::from_utf8_lossy(&reply)
        );
        let _ = io::Write::write(&mut client.0, b"a");
    }
    let reply = String::from_utf8(reply).unwrap();
    assert!(
        reply.starts_with("HTTP/1.1 408 Request Timeout\r\n"),
        "{reply}"
    );
    assert!(reply.contains("\r\nConnection: close\r\n"), "{reply}");
    assert!(began.elapsed() >= SHORT);
}

#[test]
fn slow_heads_occupy_no_thread() {
    let running = start(config(), echo);
    let slow = (0..200).map(|_| {
        let mut client = running.connect();
        client.send("GET / HTTP/1.1\r\nHost:");
        client
    });
    let mut slow: Vec<_> = slow.collect();
    running.wait_for_connections(200);
    assert_eq!(running.connect().get("/a").content, b"/a");
    for client in &mut slow {
        client.send(" h\r\n\r\n");
        assert_eq!(client.receive().content, b"/");
    }
}

#[test]
fn many_heads_that_are_late_at_once_are_all_handed_out() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (config, noted) = (
        Config {
            head_timeout: SHORT,
            hands_out_refusals: true,
            ..config()
        },
        Arc::clone(&seen),
    );
    let running = start(config, move |request| {
        let fault = request.refusal().map(|refusal| refusal.fault);
        noted
            .lock()
            .unwrap()
            .push((fault, request.url().to_owned()));
        let _ = request.respond(Response::empty(408));
    });
    let mut clients: Vec<_> = (0..50).map(|_| running.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(format!("GET /{number}"));
    }
    clients
        .iter_mut()
        .for_each(|client| assert_eq!(client.receive().status, 408));
    let mut seen = seen.lock().unwrap().clone();
    seen.sort_by_key(|(_, target)| target[1..].parse::<usize>().unwrap());
    let expected = (0..50).map(|number| (Some(HeadFault::Stalled), format!("/{number}")));
    assert_eq!(seen, expected.collect::<Vec<_>>());
}

#[test]
fn a_body_that_stalls_times_out() {
    let errors = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&errors);
    let running = start(
        Config {
            body_timeout: SHORT,
            ..config()
        },
        move |mut request| {
            let read = request.as_reader().read_to_end(&mut Vec::new());
            noted
                .lock()
                .unwrap()
                .push((read.unwrap_err().kind(), request.body_fault()));
            let _ = request.respond(Response::empty(408));
        },
    );
    for head in [
        "Content-Length: 5\r\n\r\nab",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        "Transfer-Encoding: chunked\r\n\r\n5",
    ] {
        let mut client = running.connect();
        client.send(format!("PUT / HTTP/1.1\r\n{head}"));
        let received = client.receive();
        assert_eq!(received.status, 408);
        assert!(
            received.head.contains("Connection: close"),
            "{}",
            received.head
        );
    }
    let expected = (io::ErrorKind::TimedOut, Some(tiny_http::BodyFault::Stalled));
    assert_eq!(*errors.lock().unwrap(), [expected; 3]);
}

#[test]
fn a_reader_that_stalls_is_reset() {
    let done = Arc::new(Mutex::new(None));
    let noted = Arc::clone(&done);
    let running = start(
        Config {
            reply_timeout: SHORT,
            ..config()
        },
        move |request| {
            let content = io::repeat(b'x').take(1 << 30);
            let response = Response::empty(200)
                .with_data(content, Some(1 << 30))
                .with_chunked_threshold(usize::MAX);
            *noted.lock().unwrap() = Some(request.respond(response).is_ok());
        },
    );
    let mut client = running.connect();
    client.send("GET / HTTP/1.1\r\n\r\n");
    eventually("the reply is given up", || done.lock().unwrap().is_some());
    running.wait_for_connections(0);
    assert_eq!(
        client.rest().map_err(|error| error.kind()),
        Err(io::ErrorKind::ConnectionReset)
    );
}

#[test]
fn lingering_ends_where_nothing_comes_and_at_the_latest_after_a_while() {
    for (idle, total) in [(SHORT, LIMIT * 3), (LIMIT * 3, SHORT)] {
        let config = Config {
            linger_idle: idle,
            linger_timeout: total,
            ..config()
        };
        let running = start(config, echo);
        let mut client = running.connect();
        client.send("PUT / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n");
        let began = Instant::now();
        assert_eq!(client.receive().content, b"/");
        // The client sees the end at once.
        assert_eq!(client.rest().unwrap(), b"");
        assert_eq!(running.server.num_connections(), 1);
        running.wait_for_connections(0);
        assert!(began.elapsed() >= SHORT);
    }
}
