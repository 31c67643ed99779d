//! What the engine promises, under thousands of short connections: never two requests of one
//! connection at a time, and each reply to its own connection.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "fuzz/random.rs"]
mod random;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use common::{config, start_with};
use random::Random;
use testkit::eventually;
use tiny_http::{Config, Request, Response};

const CLIENTS: usize = 8;
const CONNECTIONS: usize = 400;

#[test]
fn requests_and_replies_stay_with_their_connections() {
    let under_way = Arc::new(Mutex::new(HashSet::new()));
    let served = Arc::new(AtomicUsize::new(0));
    let (set, count) = (Arc::clone(&under_way), Arc::clone(&served));
    // Idle connections are closed all the time to make room.
    let config = Config {
        max_connections: 8,
        ..config()
    };
    let running = start_with(config, 6, move |mut request: Request| {
        let id = request.connection_id();
        assert!(
            set.lock().unwrap().insert(id),
            "two requests of one connection"
        );
        let mut body = String::new();
        let read = request.as_reader().read_to_string(&mut body);
        std::thread::yield_now();
        let reply = format!("{} {body}", request.url());
        assert!(set.lock().unwrap().remove(&id));
        count.fetch_add(1, Ordering::Relaxed);
        if read.is_ok() && !request.url().len().is_multiple_of(7) {
            let _ = request.respond(Response::from_string(reply));
        }
    });
    let replied = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (running, replied) = (&running, &replied);
            scope.spawn(move || {
                let mut random = Random(0x9E37_79B9 + client as u64);
                for connection in 0..CONNECTIONS {
                    replied.fetch_add(
                        talk(running, &format!("{client}-{connection}"), &mut random),
                        Ordering::Relaxed,
                    );
                }
            });
        }
    });
    // The last requests may still be handled, for clients that have gone.
    eventually("all requests are served", || {
        under_way.lock().unwrap().is_empty()
    });
    let (served, replied) = (
        served.load(Ordering::Relaxed),
        replied.load(Ordering::Relaxed),
    );
    assert!(
        replied > CLIENTS * CONNECTIONS / 8,
        "{replied} replies to {served} requests"
    );
}

/// One connection: several requests at once, whose replies are read, or not, or in part. Returns
/// how many came.
fn talk(running: &common::Running, name: &str, random: &mut Random) -> usize {
    use std::io::Write;
    let mut client = running.connect();
    let mut replies = 0;
    for round in 0..1 + random.below(4) {
        let count = 1 + random.below(3);
        let target = |number| format!("/{name}/{round}/{number}{}", "x".repeat(number));
        let mut sent = String::new();
        for number in 0..count {
            let body = "b".repeat(random.below(3) * 50);
            sent += &format!(
                "PUT {} HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}",
                target(number),
                body.len()
            );
        }
        let cut = match random.below(8) {
            0 => random.below(sent.len()),
            _ => sent.len(),
        };
        // A connection that was closed to make room may fail between any two requests.
        let is_sent = client.0.write_all(&sent.as_bytes()[..cut]).is_ok();
        if !is_sent || cut < sent.len() || random.below(8) == 0 {
            return replies;
        }
        for number in 0..count {
            let Ok(head) = client.try_head() else {
                return replies;
            };
            let reply = client.receive_behind(head);
            if reply.status == 500 {
                assert!(target(number).len().is_multiple_of(7), "{name}");
                continue;
            }
            let content = String::from_utf8(reply.content).unwrap();
            assert_eq!(content.split(' ').next(), Some(&*target(number)), "{name}");
            replies += 1;
        }
    }
    replies
}
