//! Refusals whose client has not sent all of its body, and never closes.
//!
//! A socket that is closed with bytes unread resets its connection, and a reset may take the reply
//! from the client (RFC 9112, section 9.6).

use std::io::{self, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::pattern::thousands;
use crate::scene::{Look, Outcome, Scene, look, open_many};

/// How long a refused connection on which nothing comes may be kept. nginx's lingering_timeout is 5
/// s.
const SILENCE: Duration = Duration::from_secs(8);

/// How long a client waits for its status.
const LIMIT: Duration = Duration::from_secs(10);

/// A path that no upload can have, and what a refused upload is told there.
const REFUSED: &str = "POST /nothing HTTP/1.1\r\nHost: nas\r\nContent-Length: 60000000\r\n\r\n";
const STATUS: u16 = 404;

/// Refused uploads whose clients neither close nor send on, or a byte now and then: each has its
/// reply, and those that are silent are let go.
pub fn many_lingering(scene: &Scene) -> io::Result<Outcome> {
    let wanted = scene.scale(1_000, 100);
    let begin = [REFUSED.as_bytes(), &[b'b'; 8192]].concat();
    let mut all = open_many(scene, wanted, Duration::from_secs(5));
    let mut outcome = Outcome::default();
    for stream in &mut all {
        if let Err(error) = stream.write_all(&begin) {
            outcome.fault(format!("the beginning of a body: {error}"));
        }
    }
    let told = all.iter().filter(|stream| tells(stream, STATUS)).count();
    let hold = if scene.short {
        Duration::from_secs(1)
    } else {
        SILENCE
    };
    let over = Instant::now() + hold;
    while Instant::now() < over {
        std::thread::sleep(Duration::from_millis(500));
        for mut stream in all.iter().skip(1).step_by(2) {
            // Whether it is taken is the server's affair.
            let _ = stream.write(b"b");
        }
    }
    let silent: Vec<_> = all.iter().step_by(2).collect();
    let kept = if scene.short { 0 } else { still_taken(&silent) };
    outcome.sent = format!(
        "{} refused uploads, half of them silent afterwards, half with two bytes a second, held for {} s",
        thousands(all.len() as u64),
        hold.as_secs()
    );
    if all.len() < wanted {
        outcome.fault(format!("only {} connections could be opened", all.len()));
    }
    if told < all.len() {
        outcome.fault(format!("only {told} of {} were told {STATUS}", all.len()));
    }
    if kept > 0 {
        outcome.fault(format!("{kept} silent connections were kept for {hold:?}"));
    }
    Ok(outcome)
}

/// Waits for the status of a reply.
fn tells(stream: &TcpStream, status: u16) -> bool {
    let deadline = Instant::now() + LIMIT;
    while Instant::now() < deadline {
        match look(stream) {
            Look::Said(said) => return said == status,
            Look::Closed => return false,
            Look::Open => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    false
}

/// How many connections are still there at the server's end: where there is none, the first byte is
/// answered with a reset, and the next cannot be sent.
fn still_taken(streams: &[&TcpStream]) -> usize {
    let send = |mut stream: &TcpStream| stream.write(b"b").is_ok();
    streams.iter().for_each(|stream| {
        send(stream);
    });
    let deadline = Instant::now() + Duration::from_millis(500);
    let mut left = streams.to_vec();
    while !left.is_empty() && Instant::now() < deadline {
        left.retain(|stream| send(stream));
        std::thread::sleep(Duration::from_millis(20));
    }
    left.len()
}
