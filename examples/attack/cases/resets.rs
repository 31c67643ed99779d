//! Connections that are opened and reset.
//!
//! A socket that is closed while bytes for it lie unread sends a reset and no end (RFC 1122, section 4.2.2.13): the
//! one way to it that needs nothing but the standard library. So each connection has the server say something first,
//! and every fourth, for comparison, is closed before a word is said.

use std::io::{self, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::pattern::thousands;
use crate::scene::{Outcome, Scene};

/// How many threads do it.
const THREADS: usize = 4;

/// How long the server may take to say something.
const WORD: Duration = Duration::from_secs(2);

pub fn connect_and_reset(scene: &Scene) -> io::Result<Outcome> {
    let count = scene.scale(10_000, 400);
    std::fs::write(scene.storage.join("reset"), vec![b'r'; 300_000])?;
    let deadline = Instant::now() + scene.seconds(40.0, 4.0);
    let store = scene.store();
    let begun = [
        "GET /file/reset HTTP/1.1\r\nHost: nas\r\n\r\n".to_owned(),
        format!(
            "{store} /file/reset HTTP/1.1\r\nHost: nas\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n"
        ),
        "nonsense\r\n\r\n".to_owned(),
        String::new(),
    ];
    let run = |part: usize| {
        let numbers = (part..count).step_by(THREADS);
        let numbers = numbers.take_while(|_| Instant::now() < deadline);
        numbers.fold((0, 0), |(resets, ends), number| {
            match reset(scene, &begun[number / THREADS % begun.len()]) {
                Ok(true) => (resets + 1, ends),
                Ok(false) | Err(_) => (resets, ends + 1),
            }
        })
    };
    let parts: Vec<(u64, u64)> = std::thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> = (0..THREADS)
            .map(|part| scope.spawn(move || run(part)))
            .collect();
        threads
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .collect()
    });
    let (resets, ends) = parts
        .iter()
        .fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
    let (all, resets_text) = (thousands(resets + ends), thousands(resets));
    let mut outcome = Outcome {
        sent: format!(
            "{all} connections, {resets_text} of them reset within a reply or a body, the others closed at once"
        ),
        ..Outcome::default()
    };
    if resets * 2 < count as u64 {
        outcome.fault(format!(
            "only {resets_text} of {count} connections got so far that they could be reset"
        ));
    }
    Ok(outcome)
}

/// One connection; whether it ended with a reset.
fn reset(scene: &Scene, begun: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&scene.address, WORD)?;
    if begun.is_empty() {
        return Ok(false);
    }
    stream.set_read_timeout(Some(WORD))?;
    stream.write_all(begun.as_bytes())?;
    let waits = stream.peek(&mut [0])? > 0;
    if begun.contains("100-continue") {
        stream.write_all(&[b'b'; 5_000])?;
    }
    Ok(waits)
}
