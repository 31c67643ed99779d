//! Bytes that are no HTTP/1.1: older, newer and other protocols, and none at all.

use std::io::{self, ErrorKind};
use std::time::Duration;

use testkit::malformed::{HEADS, Malformed};
use testkit::random::Random;

use crate::pattern::{pattern, thousands};
use crate::scene::{Outcome, SMUGGLED, Scene};

/// The first bytes of a TLS 1.2 client hello: record, handshake, version, and a few of its fields.
const TLS: &[u8] = b"\x16\x03\x01\x00\x4a\x01\x00\x00\x46\x03\x03AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\x00\x00\x04\xc0\x2f\x00\xff\
    \x01\x00\x00\x19\x00\x00\x00\x0e\x00\x0c\x00\x00\x09localhost\x00\x0d\x00\x04\x00\x02\x04\x01";

/// HTTP/2's preface with an empty SETTINGS frame behind it (RFC 9113, section 3.4).
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// What is sent besides the malformed request lines that all tests share, and whether a 200 may
/// come back.
const FIXED: &[(&str, &[u8], bool)] = &[
    ("HTTP/0.9", b"GET /file\r\n", true),
    ("HTTP/0.9 with a space", b"GET /file \r\n\r\n", true),
    ("HTTP/1.0", b"GET /file HTTP/1.0\r\n\r\n", true),
    ("HTTP/2 preface", HTTP2, false),
    ("TLS", TLS, false),
    ("SSH", b"SSH-2.0-OpenSSH_9.6\r\n", false),
    ("SOCKS", b"\x05\x01\x00", false),
    (
        "PROXY, version 2",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\0\x01\0\x02",
        false,
    ),
    ("NULs", &[0; 2_000], false),
    ("line ends", &[b'\n'; 2_000], false),
    ("half a line", b"GET /fi", false),
];

pub fn old_and_foreign(scene: &Scene) -> io::Result<Outcome> {
    scene.try_smuggled()?;
    let lines = HEADS.iter().filter(|head| is_foreign(head));
    let lines: Vec<_> = lines.map(|head| (head.shown(), head.bytes)).collect();
    let mut outcome = Outcome::default();
    let mut random = Random::new(2026);
    let mut count = 0;
    let mut kept_open = 0;
    for round in scene.rounds(200, 2) {
        let noise = pattern(round as u64, 4_096);
        let bits: Vec<u8> = (0..64).map(|_| (random.number() >> 56) as u8).collect();
        let random = [
            ("random bytes", noise.as_slice(), false),
            ("a few random bytes", &bits, false),
        ];
        let lines = lines
            .iter()
            .map(|(name, bytes)| (name.as_str(), *bytes, false));
        for (name, bytes, may_succeed) in FIXED.iter().copied().chain(lines).chain(random) {
            for behind in [b"".as_slice(), SMUGGLED] {
                count += 1;
                let (status, end) = talk(scene, &[bytes, behind].concat())?;
                if !end {
                    kept_open += 1;
                    outcome.fault(format!("{name}: the connection stays open"));
                }
                if scene.is_ours() && status == Some(200) && !may_succeed {
                    outcome.fault(format!("{name}: status 200"));
                }
                if name == "HTTP/1.0" && behind.is_empty() && status != Some(200) {
                    outcome.fault(format!("{name}: status {status:?} instead of 200"));
                }
            }
            // Line ends in front of a request are passed over lawfully (RFC 9112, section 2.2).
            if !scene.victim_is_there() {
                if name != "line ends" {
                    outcome.fault(format!("{name}: the DELETE behind it was carried out"));
                }
                scene.place_victim()?;
            }
        }
        if kept_open > 10 {
            break;
        }
    }
    let kinds = FIXED.len() + lines.len() + 2;
    outcome.sent = format!(
        "{} connections with {kinds} kinds of bytes, a DELETE behind every second",
        thousands(count)
    );
    Ok(outcome)
}

/// Whether this is the first line of another protocol, or of another version.
fn is_foreign(head: &Malformed) -> bool {
    matches!(head.fault, "RequestLine" | "Version")
}

/// Sends it all, closes the sending end, and reads to the end: the status of the first reply, where
/// there is one, and whether the server closed.
fn talk(scene: &Scene, bytes: &[u8]) -> io::Result<(Option<u16>, bool)> {
    let mut conn = scene.open()?;
    // The server may close before all of it is out.
    let _ = conn.try_send(bytes).map(|()| conn.finish());
    conn.allow(Duration::from_secs(2));
    let (said, end) = conn.rest();
    let said = String::from_utf8_lossy(&said);
    let status = said
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok());
    Ok((
        status,
        !end.is_err_and(|error| error.kind() == ErrorKind::TimedOut),
    ))
}
