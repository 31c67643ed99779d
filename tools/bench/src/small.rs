//! Rows of small requests.

use std::io::{self, Error};
use std::time::{Duration, Instant};

use crate::conn;
use crate::content;
use crate::engine::Turn;
use crate::kind::Ask;
use crate::load::Load;
use crate::outcome::{
    Figure, Fold, Outcome, RATE, SLOWEST, STALLS, Sample, THREADS, TYPICAL, Unit, figure, median,
};
use crate::process;
use crate::scene::{MEDIUM, MEDIUM_LENGTH, SMALL, SMALL_LENGTH};
use crate::slow;

/// Connections at once.
const CONNECTIONS: usize = 64;
const APPENDERS: usize = 16;
const APPENDED: usize = 1024;

/// A reply that takes so long has waited for a timer (a delayed ACK comes after 40 ms).
const STALL: f64 = 0.035;

pub fn get(turn: &Turn<'_>) -> io::Result<Outcome> {
    run(
        turn,
        false,
        |_| turn.server.kind.get(SMALL).without_body(),
        Some(SMALL_LENGTH),
    )
}

pub fn get_new(turn: &Turn<'_>) -> io::Result<Outcome> {
    run(
        turn,
        true,
        |_| turn.server.kind.get(SMALL).without_body(),
        Some(SMALL_LENGTH),
    )
}

/// Right behind many uploads at once, each of which has taken a thread where a server has one for
/// each.
pub fn get_warm(turn: &Turn<'_>) -> io::Result<Outcome> {
    slow::upload_at_once(turn)?;
    let outcome = get(turn)?;
    let threads = process::threads(turn.server.process());
    Ok(match outcome {
        Outcome::Done(mut sample) => {
            let threads = figure(THREADS, Unit::Count, Fold::Median, threads as f64);
            sample.figures.push(threads);
            Outcome::Done(sample)
        }
        Outcome::NotThere => Outcome::NotThere,
    })
}

/// Uploads that are refused, a new connection each: the reply says so, and the rest of the body is
/// the server's affair.
pub fn refused(turn: &Turn<'_>) -> io::Result<Outcome> {
    let Some(ask) = turn.server.kind.refused() else {
        return Ok(Outcome::NotThere);
    };
    let request = with_body(&ask, &turn.scene.piece[..SMALL_LENGTH]);
    let load = Load {
        statuses: 400..500,
        ..load(turn, true, vec![request; CONNECTIONS], None)
    };
    let (latencies, seconds) = load.run()?;
    Ok(Outcome::Done(sample(&latencies, seconds)))
}

pub fn post(turn: &Turn<'_>) -> io::Result<Outcome> {
    run_posts(turn, false)
}

pub fn post_new(turn: &Turn<'_>) -> io::Result<Outcome> {
    run_posts(turn, true)
}

fn run_posts(turn: &Turn<'_>, renews: bool) -> io::Result<Outcome> {
    let body = &turn.scene.piece[..SMALL_LENGTH];
    let name = |place| format!("small-{place}");
    let request = |place| with_body(&turn.server.kind.store(&name(place)), body);
    let outcome = run(turn, renews, request, None)?;
    for place in 0..CONNECTIONS {
        content::check(
            &turn.place.storage.join(name(place)),
            SMALL_LENGTH as u64,
            Some(body),
        )?;
    }
    Ok(outcome)
}

/// All append to one file.
pub fn append(turn: &Turn<'_>) -> io::Result<Outcome> {
    const NAME: &str = "appended";
    let Some(ask) = turn.server.kind.append(NAME) else {
        return Ok(Outcome::NotThere);
    };
    let path = turn.place.storage.join(NAME);
    std::fs::write(&path, b"")?;
    let request = with_body(&ask, &turn.scene.piece[..APPENDED]);
    let load = load(turn, false, vec![request; APPENDERS], None);
    let (latencies, seconds) = load.run()?;
    content::check(&path, (latencies.len() * APPENDED) as u64, None)?;
    std::fs::remove_file(path)?;
    Ok(Outcome::Done(sample(&latencies, seconds)))
}

/// One connection, one request after the other, of several kinds: nothing but the server itself can
/// hold up a reply.
pub fn one_by_one(turn: &Turn<'_>) -> io::Result<Outcome> {
    let (kind, body) = (turn.server.kind, &turn.scene.piece[..SMALL_LENGTH]);
    let mut conn = conn::open(turn.server.address)?;
    let begin = Instant::now();
    let mut latencies = Vec::new();
    while begin.elapsed() < duration(turn) {
        let stored = kind.store("small-0");
        let chunked = [
            format!("{:x}\r\n", body.len()).as_bytes(),
            body,
            b"\r\n0\r\n\r\n",
        ]
        .concat();
        // Head and body apart, as curl sends them.
        let exchanges: [(Vec<u8>, &[u8], Option<usize>); 4] = [
            (kind.get(SMALL).without_body(), b"", Some(SMALL_LENGTH)),
            (kind.get(MEDIUM).without_body(), b"", Some(MEDIUM_LENGTH)),
            (stored.with_length(body.len() as u64), body, None),
            (stored.chunked(), &chunked, None),
        ];
        for (head, body, expected) in exchanges {
            let sent = Instant::now();
            conn.try_send(&head)?;
            conn.try_send(body)?;
            let reply = conn.final_head()?;
            let length = conn.discard(reply.body)?;
            latencies.push(sent.elapsed().as_secs_f64());
            let wrong = expected.is_some_and(|expected| expected as u64 != length);
            if !matches!(reply.status, 200 | 201 | 204) || wrong {
                return Err(Error::other(format!(
                    "status {} and {length} bytes",
                    reply.status
                )));
            }
            if reply.closes {
                conn = conn::open(turn.server.address)?;
            }
        }
    }
    let mut figures = times(&latencies).to_vec();
    let stalls = latencies
        .iter()
        .filter(|seconds| **seconds >= STALL)
        .count();
    figures.push(figure(STALLS, Unit::Count, Fold::Sum, stalls as f64));
    Ok(Outcome::Done(Sample {
        figures,
        work: latencies.len() as f64,
        processor: None,
    }))
}

fn duration(turn: &Turn<'_>) -> Duration {
    Duration::from_millis(if turn.scene.short { 200 } else { 500 })
}

fn with_body(ask: &Ask, body: &[u8]) -> Vec<u8> {
    [&ask.with_length(body.len() as u64), body].concat()
}

fn load(turn: &Turn<'_>, renews: bool, requests: Vec<Vec<u8>>, expected: Option<usize>) -> Load {
    Load {
        address: turn.server.address,
        requests,
        expected: expected.map(|length| length as u64),
        statuses: 200..205,
        renews,
        ends: Instant::now() + duration(turn),
    }
}

fn run(
    turn: &Turn<'_>,
    renews: bool,
    request: impl Fn(usize) -> Vec<u8>,
    expected: Option<usize>,
) -> io::Result<Outcome> {
    let requests = (0..CONNECTIONS).map(request).collect();
    let (latencies, seconds) = load(turn, renews, requests, expected).run()?;
    Ok(Outcome::Done(sample(&latencies, seconds)))
}

fn sample(latencies: &[f64], seconds: f64) -> Sample {
    let count = latencies.len() as f64;
    let mut figures = vec![figure(RATE, Unit::Rate, Fold::Median, count / seconds)];
    figures.extend(times(latencies));
    Sample {
        figures,
        work: count,
        processor: None,
    }
}

/// How long the requests took.
pub fn times(latencies: &[f64]) -> [Figure; 2] {
    [
        figure(TYPICAL, Unit::Milliseconds, Fold::Median, median(latencies)),
        figure(
            SLOWEST,
            Unit::Milliseconds,
            Fold::Max,
            Fold::Max.of(latencies),
        ),
    ]
}
