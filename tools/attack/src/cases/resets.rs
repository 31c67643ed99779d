//! Connections that are opened and reset.
//!
//! A socket that is closed while bytes for it lie unread sends a reset and no end (RFC 1122,
//! section 4.2.2.13), as a client does that gives up. So in the first case each connection has the
//! server say something first, and every fourth, for comparison, is closed before a word is said.
//! In the second, the client resets in each state of a connection.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::pattern::thousands;
use crate::scene::{Outcome, Scene};

/// A file that resets within a body must leave as it is.
const KEPT: &str = "reset-kept";

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

/// What is sent before the reset, and how much of a reply is read.
struct State {
    name: &'static str,
    sent: String,
    read: usize,
}

fn states(store: &str) -> [State; 8] {
    let state = |name, sent: &str, read| State {
        name,
        sent: sent.to_owned(),
        read,
    };
    let upload =
        |more: &str| format!("{store} /file/{KEPT} HTTP/1.1\r\nHost: nas\r\n{more}\r\n\r\n");
    let declared = upload("Content-Length: 100000");
    let begun = declared.clone() + &"b".repeat(50_000);
    let chunked = upload("Transfer-Encoding: chunked") + "1000\r\nbbbb";
    let refused = "POST /nothing HTTP/1.1\r\nHost: nas\r\nContent-Length: 100000\r\n\r\nbbbb";
    let get = "GET /file/reset HTTP/1.1\r\nHost: nas\r\n\r\n";
    [
        state("after connecting", "", 0),
        state("in the head", "GET /file/reset HTTP/1.1\r\nHo", 0),
        state("before the body", &declared, 0),
        state("in the body", &begun, 0),
        state("in a chunk", &chunked, 0),
        state("in the reply", get, 100_000),
        state(
            "behind a reply",
            "GET /file HTTP/1.1\r\nHost: nas\r\n\r\n",
            12,
        ),
        state("behind a refusal", refused, 12),
    ]
}

/// Resets in each state of a connection, by a socket that is told to send nothing more when it is
/// closed (SO_LINGER of 0). What was stored before stays as it was.
pub fn in_each_state(scene: &Scene) -> io::Result<Outcome> {
    std::fs::write(scene.storage.join("reset"), vec![b'r'; 3 << 20])?;
    std::fs::write(scene.storage.join(KEPT), b"kept")?;
    let states = states(scene.store());
    let mut outcome = Outcome::default();
    let mut count = 0;
    for _ in scene.rounds(500, 20) {
        for State { name, sent, read } in &states {
            count += 1;
            if let Err(error) = reset_behind(scene, sent, *read) {
                outcome.fault(format!("{name}: {error}"));
            }
        }
    }
    if std::fs::read(scene.storage.join(KEPT))? != b"kept" {
        outcome.fault("part of a body was stored".to_owned());
    }
    let names: Vec<_> = states.iter().map(|state| state.name).collect();
    outcome.sent = format!("{} resets: {}", thousands(count), names.join(", "));
    Ok(outcome)
}

fn reset_behind(scene: &Scene, sent: &str, read: usize) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&scene.address, WORD)?;
    stream.set_read_timeout(Some(WORD))?;
    stream.write_all(sent.as_bytes())?;
    stream.read_exact(&mut vec![0; read])?;
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;
    Ok(())
}
