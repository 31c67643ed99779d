//! Heads that are too large, and bodies behind methods that have no use for one.

use std::io;
use std::time::Duration;

use crate::pattern::{bytes, thousands};
use crate::scene::{Outcome, Poured, SMUGGLED, Scene, pour};

/// Adds up what was taken of several endless messages, and says which of them were not cut off.
pub fn sum(scene: &Scene, outcome: &mut Outcome, all: &[(&str, Poured)]) -> u64 {
    for (what, poured) in all {
        let taken = bytes(poured.taken);
        if !poured.cut_off {
            outcome.fault(format!("{what}: not cut off after {taken}"));
        }
        let refused = poured
            .status
            .is_none_or(|status| (400..500).contains(&status));
        if scene.is_ours() && !refused {
            outcome.fault(format!("{what}: status {:?}", poured.status));
        }
    }
    all.iter().map(|(_, poured)| poured.taken).sum()
}

/// Heads without an end: one long line, many lines, a target.
pub fn endless_headers(scene: &Scene) -> io::Result<Outcome> {
    const MOST: u64 = 2 << 30;
    let many: Vec<u8> = (0..10_000)
        .flat_map(|n| format!("X-{n}: {n}\r\n").into_bytes())
        .collect();
    let long = vec![b'a'; 128 * 1024];
    let kinds: [(&str, &[u8], &[u8]); 4] = [
        ("one line", b"GET /file HTTP/1.1\r\nX-Long: ", &long),
        ("many lines", b"GET /file HTTP/1.1\r\n", &many),
        ("a target", b"GET /", &long),
        ("a method", b"GET", &long),
    ];
    let mut outcome = Outcome::default();
    let mut all = Vec::new();
    for _ in scene.rounds(50, 1) {
        for (what, begin, filler) in kinds {
            all.push((
                what,
                pour(scene, begin, filler, MOST, scene.seconds(4.0, 1.0))?,
            ));
        }
    }
    let taken = sum(scene, &mut outcome, &all);
    outcome.sent = format!(
        "{} heads of up to 2 GiB without an end; {} taken in all",
        all.len(),
        bytes(taken)
    );
    Ok(outcome)
}

/// Heads with an end, but with far too many fields.
pub fn ten_thousand_headers(scene: &Scene) -> io::Result<Outcome> {
    let fields: String = (0..10_000).map(|n| format!("X-{n}: y\r\n")).collect();
    let head = format!("GET /file HTTP/1.1\r\nHost: nas\r\n{fields}\r\n");
    let mut outcome = Outcome::default();
    let mut count = 0;
    for _ in scene.rounds(1_000, 5) {
        count += 1;
        let mut conn = scene.open()?;
        let sent = conn.try_send(head.as_bytes());
        match conn.reply_to("GET") {
            Ok(reply) if (400..500).contains(&reply.status) => {}
            Ok(reply) => outcome.fault(format!("status {}", reply.status)),
            // nginx resets the connection under its reply now and then; the reply is to be seen.
            Err(error) if scene.is_ours() => outcome.fault(format!("no reply: {error}, {sent:?}")),
            Err(_) => {}
        }
    }
    let (count, size) = (thousands(count), bytes(head.len() as u64));
    outcome.sent = format!("{count} heads of 10,000 fields, {size} each");
    Ok(outcome)
}

/// GET and HEAD with a body of each framing, in which a DELETE is hidden, and behind them a request
/// whose reply must come in its turn.
pub fn get_and_head_with_bodies(scene: &Scene) -> io::Result<Outcome> {
    scene.try_smuggled()?;
    std::fs::write(scene.storage.join("read"), b"content")?;
    let chunked = [
        format!("{:x}\r\n", SMUGGLED.len()).as_bytes(),
        SMUGGLED,
        b"\r\n0\r\n\r\n",
    ]
    .concat();
    let length = format!("Content-Length: {}", SMUGGLED.len());
    let framings = [
        (length.as_str(), SMUGGLED),
        ("Transfer-Encoding: chunked", &chunked),
    ];
    let mut outcome = Outcome::default();
    let mut count = 0;
    for _ in scene.rounds(400, 5) {
        for method in ["GET", "HEAD"] {
            for (framing, body) in framings {
                count += 1;
                let head =
                    format!("{method} /file/read HTTP/1.1\r\nHost: nas\r\n{framing}\r\n\r\n");
                let request = [head.as_bytes(), body].concat();
                if let Err(text) = with_body(scene, method, &request) {
                    outcome.fault(format!("{method}, {framing}: {text}"));
                }
            }
        }
    }
    if !scene.victim_is_there() {
        outcome.fault("a body was carried out as a request".to_owned());
    }
    outcome.sent = format!(
        "{} GETs and HEADs with a DELETE as body, and a GET behind each",
        thousands(count)
    );
    Ok(outcome)
}

fn with_body(scene: &Scene, method: &str, request: &[u8]) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    let mut conn = scene.open().map_err(text)?;
    conn.try_send(request).map_err(text)?;
    let behind = conn.try_send(b"GET /file HTTP/1.1\r\nHost: nas\r\n\r\n");
    let first = conn.reply_to(method).map_err(text)?;
    match first.status {
        200 if method == "GET" && first.body != b"content" => return Err("another body".to_owned()),
        200 => {}
        // A server need not take a body that means nothing (RFC 9110, section 9.3.1).
        400 | 413 if first.closes() => return Ok(()),
        status => return Err(format!("status {status}")),
    }
    if first.closes() {
        return Ok(());
    }
    behind.map_err(text)?;
    let second = conn
        .reply_to("GET")
        .map_err(|error| format!("the request behind it: {error}"))?;
    if second.status != 200 || second.body != b"OK" {
        return Err(format!(
            "the request behind it: {} {:?}",
            second.status,
            String::from_utf8_lossy(&second.body)
        ));
    }
    conn.allow(Duration::from_millis(1));
    let (rest, _) = conn.rest();
    if rest.is_empty() {
        Ok(())
    } else {
        Err("more than was asked for".to_owned())
    }
}
