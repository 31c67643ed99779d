//! Clients that send slowly, stop sending, or do not read.

use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::pattern::{bytes, thousands};
use crate::scene::{CLIENT_TIMEOUT, Look, Outcome, Scene, look, open_many};

/// How often each connection gets its next byte.
const BEAT: Duration = Duration::from_secs(1);

/// How long a head may take (docs/operations.md), with a second for a busy machine.
const HEAD_LIMIT: Duration = Duration::from_secs(32);

/// A connection that is fed slowly, and what it has said.
struct Slow {
    stream: TcpStream,
    open: bool,
    status: Option<u16>,
}

impl Slow {
    /// Sees whether it is still open.
    fn look(&mut self) {
        while self.open {
            match look(&self.stream) {
                Look::Open => return,
                Look::Closed => self.open = false,
                Look::Said(status) => self.status = self.status.or(Some(status)),
            }
        }
    }

    /// Sends without waiting.
    fn feed(&mut self, bytes: &[u8]) {
        self.look();
        let error = if self.open {
            self.stream.write(bytes).err()
        } else {
            None
        };
        if error.is_some_and(|error| error.kind() != ErrorKind::WouldBlock) {
            self.open = false;
        }
    }
}

/// Opens this many connections, with the beginning of their requests sent.
fn begin(scene: &Scene, count: usize, head: impl Fn(usize) -> String) -> Vec<Slow> {
    let streams = open_many(scene, count, Duration::from_secs(15));
    let slow = |(number, stream)| {
        let mut slow = Slow {
            stream,
            open: true,
            status: None,
        };
        slow.feed(head(number).as_bytes());
        slow
    };
    streams.into_iter().enumerate().map(slow).collect()
}

fn open(all: &[Slow]) -> usize {
    all.iter().filter(|slow| slow.open).count()
}

fn said(all: &[Slow], status: u16) -> usize {
    all.iter()
        .filter(|slow| slow.status == Some(status))
        .count()
}

/// A byte a second, on each, of a head that does not end.
pub fn heads(scene: &Scene) -> io::Result<Outcome> {
    let duration = scene.seconds(34.0, 1.2);
    let begun = Instant::now();
    let mut all = begin(scene, scene.scale(1_000, 100), |_| {
        "GET /file HTTP/1.1\r\nX-Slow: ".to_owned()
    });
    let last = Instant::now();
    while begun.elapsed() < duration || (!scene.short && last.elapsed() < HEAD_LIMIT) {
        let next = Instant::now() + scene.seconds(1.0, 0.2).min(BEAT);
        all.iter_mut().for_each(|slow| slow.feed(b"a"));
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    all.iter_mut().for_each(Slow::look);
    let count = thousands(all.len() as u64);
    let cut_off = all.len() - open(&all);
    let mut outcome = Outcome {
        sent: format!(
            "{count} heads, a byte a second, for {} s; {cut_off} were cut off",
            begun.elapsed().as_secs()
        ),
        ..Outcome::default()
    };
    // nginx allows 60 s by default, which is its own affair.
    if scene.is_ours() && !scene.short && cut_off < all.len() {
        outcome.fault(format!(
            "{} heads were not cut off after 30 s",
            all.len() - cut_off
        ));
    }
    Ok(outcome)
}

/// The same of twice as many, for less than a head may take: none of them is cut off.
pub fn many_heads(scene: &Scene) -> io::Result<Outcome> {
    let begun = Instant::now();
    let wanted = scene.scale(2_000, 200);
    let mut all = begin(scene, wanted, |_| {
        "GET /file HTTP/1.1\r\nX-Slow: ".to_owned()
    });
    let duration = scene.seconds(12.0, 1.2);
    while begun.elapsed() < duration {
        let next = Instant::now() + scene.seconds(1.0, 0.2).min(BEAT);
        all.iter_mut().for_each(|slow| slow.feed(b"a"));
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let mut outcome = Outcome::default();
    scene.judge_waiting(&mut outcome);
    all.iter_mut().for_each(Slow::look);
    let (count, cut_off) = (all.len(), all.len() - open(&all));
    // Each head comes to its end, and is answered.
    all.iter_mut()
        .for_each(|slow| slow.feed(b"\r\nHost: nas\r\n\r\n"));
    let deadline = Instant::now() + CLIENT_TIMEOUT;
    while said(&all, 200) < count - cut_off && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
        all.iter_mut().for_each(Slow::look);
    }
    let answered = said(&all, 200);
    outcome.sent = format!(
        "{} heads, a byte a second, for {} s, and then their ends",
        thousands(count as u64),
        duration.as_secs()
    );
    if count < wanted {
        outcome.fault(format!("only {count} connections could be opened"));
    }
    if cut_off > 0 {
        outcome.fault(format!("{cut_off} heads were cut off within {duration:?}"));
    }
    if answered < count {
        outcome.fault(format!("only {answered} of {count} heads were answered"));
    }
    Ok(outcome)
}

/// A byte a second, on each, of a body; then none at all.
pub fn bodies(scene: &Scene) -> io::Result<Outcome> {
    let store = scene.store();
    let head = |number: usize| {
        let framing = match number % 2 {
            0 => "Content-Length: 1000000",
            _ => "Transfer-Encoding: chunked",
        };
        format!("{store} /file/slow/{number} HTTP/1.1\r\nHost: nas\r\n{framing}\r\n\r\n")
    };
    let duration = scene.seconds(13.0, 1.0);
    let begun = Instant::now();
    let mut all = begin(scene, scene.scale(600, 60), head);
    while begun.elapsed() < duration {
        let next = Instant::now() + scene.seconds(1.0, 0.2).min(BEAT);
        for (number, slow) in all.iter_mut().enumerate() {
            slow.feed(if number % 2 == 0 { b"a" } else { b"1\r\na\r\n" });
        }
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let refused = said(&all, 503);
    let running = open(&all);
    let count = all.len();
    let mut sent = format!(
        "{count} bodies, a byte a second, for {} s",
        begun.elapsed().as_secs()
    );
    if refused > 0 {
        sent += &format!("; {refused} were refused (503)");
    }
    let mut outcome = Outcome::default();
    if scene.has_flag("--idle-timeout") && !scene.short {
        std::thread::sleep(Duration::from_secs(4));
        all.iter_mut().for_each(Slow::look);
        let (left, told) = (open(&all), said(&all, 408));
        sent += &format!("; then nothing for 4 s at an idle limit of 2 s: {told} got 408");
        if scene.is_ours() && left > 0 {
            outcome.fault(format!(
                "{left} of {running} stalled bodies were not cut off"
            ));
        }
        if scene.is_ours() && told < running {
            outcome.fault(format!("only {told} of {running} stalled bodies got 408"));
        }
    }
    outcome.sent = sent;
    Ok(outcome)
}

/// Requests for a large file on one connection, one behind the other, and no reply is ever read.
pub fn unread_pipeline(scene: &Scene) -> io::Result<Outcome> {
    const SIZE: u64 = 100 << 20;
    let count = scene.scale(1_000, 100);
    std::fs::File::create(scene.storage.join("big"))?.set_len(SIZE)?;
    let hold = scene.seconds(8.0, 0.7);
    let begun = Instant::now();
    let requests = b"GET /file/big HTTP/1.1\r\nHost: nas\r\n\r\n".repeat(count);
    let streams = open_many(scene, 1, Duration::from_secs(5));
    let mut taken = 0;
    for mut stream in &streams {
        while begun.elapsed() < hold {
            match stream.write(&requests[taken..]) {
                Ok(sent) => taken += sent,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let (number, size, time) = (thousands(count as u64), bytes(SIZE), hold.as_secs_f64());
    Ok(Outcome {
        sent: format!(
            "{number} GETs of {size} on one connection, {} of them taken, unread for {time} s",
            bytes(taken as u64)
        ),
        ..Outcome::default()
    })
}
