//! Chunked bodies whose framing has no end or is far larger than their content.

use std::io;

use super::heads::sum;
use crate::pattern::bytes;
use crate::scene::{Outcome, SMUGGLED, Scene, pour};

/// What a client may send of something without an end, in bytes.
const MOST: u64 = 2 << 30;

fn head(scene: &Scene) -> String {
    let store = scene.store();
    format!("{store} /file/chunks HTTP/1.1\r\nHost: nas\r\nTransfer-Encoding: chunked\r\n\r\n")
}

/// Pours each kind: what it is called, what begins its body, what is repeated.
fn pour_all(scene: &Scene, kinds: &[(&str, Vec<u8>, Vec<u8>)], what: &str) -> io::Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut all = Vec::new();
    for _ in scene.rounds(50, 1) {
        for (name, begin, filler) in kinds {
            let begin = [head(scene).as_bytes(), begin].concat();
            let poured = pour(scene, &begin, filler, MOST, scene.seconds(4.0, 1.0))?;
            all.push((*name, poured));
        }
    }
    let taken = sum(scene, &mut outcome, &all);
    outcome.sent = format!(
        "{} {what} of up to 2 GiB; {} taken in all",
        all.len(),
        bytes(taken)
    );
    Ok(outcome)
}

/// A line with the size of a chunk that goes on and on.
pub fn endless_size(scene: &Scene) -> io::Result<Outcome> {
    let line = |byte: u8| vec![byte; 128 * 1024];
    let kinds = [
        ("zeros", b"5\r\nhello\r\n".to_vec(), line(b'0')),
        ("digits", Vec::new(), line(b'f')),
        ("spaces", b"5".to_vec(), line(b' ')),
        ("line ends", Vec::new(), b"\r\n".repeat(64 * 1024)),
    ];
    pour_all(scene, &kinds, "lines with the size of a chunk,")
}

/// One extension without an end, and very many that end.
pub fn extensions(scene: &Scene) -> io::Result<Outcome> {
    let line = |byte: u8| vec![byte; 128 * 1024];
    let kinds = [
        ("a name", b"5;".to_vec(), line(b'a')),
        ("a value", b"5;a=".to_vec(), line(b'a')),
        (
            "a quoted value",
            b"5;a=\"".to_vec(),
            b"\\\"".repeat(64 * 1024),
        ),
        ("semicolons", b"5".to_vec(), line(b';')),
    ];
    let mut outcome = pour_all(scene, &kinds, "extensions")?;
    // Nothing of this is without an end, and it may be taken; memory is what is looked at.
    let chunk = [b"1;".as_slice(), &[b'e'; 4_000], b"\r\nx\r\n"].concat();
    let many = chunk.repeat(scene.scale(16_000, 1_000));
    let begin = head(scene);
    let mut conn = scene.open()?;
    let whole = [begin.as_bytes(), &many, b"0\r\n\r\n"].concat();
    let sent = conn.try_send(&whole);
    let status = match conn.reply_to("GET") {
        Ok(reply) => reply.status.to_string(),
        Err(error) if scene.is_ours() => {
            outcome.fault(format!(
                "chunks with extensions: no reply: {error}, {sent:?}"
            ));
            "nothing".to_owned()
        }
        Err(_) => "nothing".to_owned(),
    };
    outcome.sent += &format!(
        "; {} of chunks of a byte with 4 kB beside it (answered with {status})",
        bytes(whole.len() as u64)
    );
    Ok(outcome)
}

/// Trailers without an end, and trailers that look like a request.
pub fn trailers(scene: &Scene) -> io::Result<Outcome> {
    scene.try_smuggled()?;
    let end = b"5\r\nhello\r\n0\r\n".to_vec();
    let many: Vec<u8> = (0..10_000)
        .flat_map(|n| format!("X-{n}: {n}\r\n").into_bytes())
        .collect();
    let kinds = [
        (
            "one line",
            [end.as_slice(), b"X-Long: "].concat(),
            vec![b'a'; 128 * 1024],
        ),
        ("many lines", end.clone(), many),
        (
            "requests",
            end,
            [b"X: y\r\n", &SMUGGLED[..SMUGGLED.len() - 2]]
                .concat()
                .repeat(1_000),
        ),
    ];
    let mut outcome = pour_all(scene, &kinds, "trailers")?;
    if !scene.victim_is_there() {
        outcome.fault("a trailer was carried out as a request".to_owned());
    }
    Ok(outcome)
}
