//! Content-Length: from nothing to more than can be counted, and in every way that is no number.

use std::io::{self, ErrorKind};

use testkit::malformed::FIELDS;

use super::framing::{refused, victims};
use crate::pattern::thousands;
use crate::scene::{Outcome, SMUGGLED, Scene};

/// Lengths that are numbers, and far more than is sent: 50 GB, 10 TB, 2^31, 2^32 + 1, 2^63 - 1,
/// 2^63, 2^64 - 1.
const HUGE: &[u64] = &[
    50_000_000_000,
    10_000_000_000_000,
    1 << 31,
    (1 << 32) + 1,
    i64::MAX as u64,
    1 << 63,
    u64::MAX,
];

/// From this length on, no machine that this runs on has the space.
const TOO_LONG: u64 = 10_000_000_000_000;

pub fn content_lengths(scene: &Scene) -> io::Result<Outcome> {
    scene.try_smuggled()?;
    let mut outcome = Outcome::default();
    // Whether a server takes them for 0 or 1, a request stands behind the body.
    let malformed = FIELDS
        .iter()
        .filter(|fields| fields.mentions("Content-Length"));
    let (mut count, mut carried_out) = (0, 0);
    let mut judge = |outcome: &mut Outcome, name: &[u8], fault: Result<(), String>| {
        count += 1;
        let name = String::from_utf8_lossy(name).into_owned();
        if !scene.victim_is_there() {
            carried_out += 1;
            outcome.fault(format!("{name:?}: the DELETE was carried out"));
        }
        if let (Err(text), true) = (fault, scene.is_ours()) {
            outcome.fault(format!("{name:?}: {text}"));
        }
        scene.place_victim()
    };
    for _ in scene.rounds(5, 1) {
        for fields in malformed.clone() {
            for body in [b"".as_slice(), b"x"] {
                let head = [begin(scene).as_slice(), fields.bytes, b"\r\n\r\n"].concat();
                let request = [&head, body, SMUGGLED].concat();
                judge(&mut outcome, fields.bytes, refused(scene, &request, &[400]))?;
            }
        }
        for length in HUGE {
            let field = format!("Content-Length: {length}");
            judge(&mut outcome, field.as_bytes(), cut_short(scene, *length))?;
            judge(
                &mut outcome,
                field.as_bytes(),
                before_the_body(scene, *length),
            )?;
        }
        for (length, body) in [(0, b"".as_slice()), (1, b"x")] {
            let field = format!("Content-Length: {length}");
            let request = [begin(scene).as_slice(), field.as_bytes(), b"\r\n\r\n", body].concat();
            judge(
                &mut outcome,
                field.as_bytes(),
                stored(scene, &request, body),
            )?;
        }
    }
    let fields = malformed.count() + HUGE.len() + 2;
    outcome.sent = format!("{fields} lengths, {} requests", thousands(count));
    outcome.remark = victims(carried_out);
    Ok(outcome)
}

fn begin(scene: &Scene) -> Vec<u8> {
    format!("{} /file/length HTTP/1.1\r\nHost: nas\r\n", scene.store()).into_bytes()
}

/// A body that ends long before its length: whatever is in it is no request, and the client is
/// told.
fn cut_short(scene: &Scene, length: u64) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    let field = format!("Content-Length: {length}\r\n\r\n");
    let mut conn = scene.open().map_err(text)?;
    conn.try_send(&[begin(scene).as_slice(), field.as_bytes(), SMUGGLED].concat())
        .map_err(text)?;
    // The server may have replied and closed already.
    conn.finish();
    let reply = conn
        .reply_to("GET")
        .map_err(|error| format!("cut short: no reply: {error}"))?;
    match reply.status {
        400 | 413 | 507 => Ok(()),
        status => Err(format!("cut short: status {status}")),
    }
}

/// With `Expect: 100-continue`, a refusal comes before the body.
fn before_the_body(scene: &Scene, length: u64) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    let fields = format!("Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n");
    let mut conn = scene.open().map_err(text)?;
    conn.try_send(&[begin(scene).as_slice(), fields.as_bytes()].concat())
        .map_err(text)?;
    conn.allow(std::time::Duration::from_millis(300));
    let refusable = length >= TOO_LONG || (length > 1 << 30 && scene.has_flag("--max-upload-size"));
    match conn.reply_to("GET") {
        Ok(reply) if reply.continued => Err("told to go on and then refused".to_owned()),
        Ok(reply) if matches!(reply.status, 400 | 413 | 507) => Ok(()),
        Ok(reply) => Err(format!("status {}", reply.status)),
        Err(error) if error.kind() == ErrorKind::TimedOut && !refusable => Ok(()),
        Err(error) => Err(format!("not refused before its body: {error}")),
    }
}

fn stored(scene: &Scene, request: &[u8], body: &[u8]) -> Result<(), String> {
    let reply = scene.ask(request).map_err(|error| error.to_string())?;
    let content = std::fs::read(scene.storage.join("length")).unwrap_or_default();
    if !(200..300).contains(&reply.status) || content != body {
        return Err(format!(
            "status {}, {} bytes stored",
            reply.status,
            content.len()
        ));
    }
    Ok(())
}
