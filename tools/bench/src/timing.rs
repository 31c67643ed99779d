//! How long refusals of wrong tokens take: whether a client could find out from it which names
//! there are, or how much of a digest it has right. It is said with its error, and nothing is
//! judged.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use testkit::digest::sha256_hex;
use testkit::random::Random;
use testkit::rules::{basic, bearer};
use testkit::{Conn, Server, TempDir};

use crate::outcome::median;

pub const WORD: &str = "timing";

/// How many requests of each of two kinds make one difference.
const IN_A_GROUP: usize = 500;

/// How many differences there are.
const GROUPS: usize = 100;

/// What is compared: two values of `Authorization`, and what differs between them.
struct Pair {
    what: &'static str,
    values: [String; 2],
}

/// Measures on a server of its own, and prints what was found.
///
/// # Errors
/// Where a reply is not 401 or does not come.
pub fn run() -> io::Result<()> {
    let wrong = format!("{:043}", 1);
    let dir = Arc::new(TempDir::new());
    let access = write(dir.outside(), &wrong)?;
    // The log of refusals would take longer than what is measured.
    let server = Server::on(dir, &["--access", &access], &[("RUST_LOG", "error")]);
    let other = format!("{:043}", 2);
    let pairs = [
        Pair {
            what: "a name that there is, and one that there is not",
            values: [basic("loader", &other), basic("nobody", &other)],
        },
        Pair {
            what: "a token with 31 of 32 bytes of a digest, and one with none",
            values: [bearer(&wrong), bearer(&other)],
        },
        Pair {
            what: "the same token twice, for comparison",
            values: [bearer(&other), bearer(&other)],
        },
    ];
    for pair in &pairs {
        measure(&server, pair)?;
    }
    Ok(())
}

/// An access file with 100 tokens, one of which has a digest that differs from that of `wrong` in
/// its last byte alone.
fn write(folder: &Path, wrong: &str) -> io::Result<String> {
    let near = sha256_hex(wrong.as_bytes());
    let last = if near.ends_with("00") { "01" } else { "00" };
    let near = format!("{}{last}", &near[..62]);
    let entry = |name: &str, digest: &str| {
        format!(r#"{{"name": "{name}", "sha256": ["{digest}"], "allow": []}}"#)
    };
    let many = (3..102).map(|number| {
        let digest = sha256_hex(format!("{number:043}").as_bytes());
        entry(&format!("token-{number}"), &digest)
    });
    let all: Vec<_> = many.chain([entry("loader", &near)]).collect();
    let path = folder.join("access.json");
    std::fs::write(&path, testkit::rules::file(&all))?;
    Ok(path.display().to_string())
}

/// Sends both kinds in a random order on one connection, and compares the medians of each group.
fn measure(server: &Server, pair: &Pair) -> io::Result<()> {
    let requests = pair.values.each_ref().map(|value| {
        let head = "GET /file/f HTTP/1.1\r\nHost: nas\r\nAuthorization: ";
        format!("{head}{value}\r\n\r\n").into_bytes()
    });
    let mut conn = server.open();
    let mut random = Random::new(1);
    let (mut differences, mut all) = (Vec::new(), Vec::new());
    // The first group warms up.
    for group in 0..=GROUPS {
        let mut times = [Vec::new(), Vec::new()];
        while times.iter().any(|times| times.len() < IN_A_GROUP) {
            let kind = usize::from(random.number() >> 63 == 1);
            times[kind].push(time(&mut conn, &requests[kind])?);
        }
        if group > 0 {
            let [one, other] = times.each_ref().map(|times| median(times));
            differences.push(one - other);
            all.extend([one, other]);
        }
    }
    let count = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / count;
    let squares = differences.iter().map(|it| (it - mean).powi(2));
    let error = (squares.sum::<f64>() / (count - 1.0) / count).sqrt();
    println!(
        "{}: {:.2} µs, difference {:+.0} ns ± {:.0} ns (95 %), {} requests",
        pair.what,
        median(&all) * 1e6,
        mean * 1e9,
        1.96 * error * 1e9,
        2 * IN_A_GROUP * GROUPS,
    );
    Ok(())
}

/// One request, in seconds.
fn time(conn: &mut Conn, request: &[u8]) -> io::Result<f64> {
    let begin = Instant::now();
    conn.try_send(request)?;
    let reply = conn.final_head()?;
    let took = begin.elapsed().as_secs_f64();
    conn.discard(reply.body)?;
    match reply.status {
        401 => Ok(took),
        other => Err(io::Error::other(format!("status {other}"))),
    }
}
