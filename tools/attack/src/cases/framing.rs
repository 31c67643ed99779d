//! Requests whose framing can be read in two ways, and a DELETE behind each that one of the two
//! would carry out.
//!
//! Belongs here: every spelling of Transfer-Encoding, and how a body is tried (CVE-2026-66752).
//! Does not belong here: lengths.

use std::io::{self, ErrorKind};
use std::time::Duration;

use testkit::malformed::{FIELDS, Malformed};

use crate::pattern::thousands;
use crate::scene::{Outcome, SMUGGLED, Scene};

/// Field lines that say `chunked` lawfully, in ways that a server might not see.
const LAWFUL: &[&[u8]] = &[
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding:chunked",
    b"Transfer-Encoding:  chunked",
    b"Transfer-Encoding:\tchunked",
    b"Transfer-Encoding: chunked ",
    b"Transfer-Encoding: chunked\t",
    b"transfer-encoding: chunked",
    b"TRANSFER-ENCODING: chunked",
    b"tRANSFER-eNCODING: chunked",
];

/// The form in which a server that takes the body for chunked carries out the DELETE.
const BEHIND: &str = "behind the last chunk";

/// What follows the field line: what it is called, fields in front of it and behind it, and the
/// rest of the bytes.
type Form = (&'static str, Vec<u8>, Vec<u8>, Vec<u8>);

/// How a DELETE can hide behind a spelling. Each is a request of its own to a server that reads the
/// framing wrongly.
fn forms() -> Vec<Form> {
    let smuggled = SMUGGLED.to_vec();
    let empty = [b"0\r\n\r\n", SMUGGLED].concat();
    let chunk = [
        format!("{:x}\r\n", SMUGGLED.len()).as_bytes(),
        SMUGGLED,
        b"\r\n0\r\n\r\n",
    ]
    .concat();
    let lines = |text: String| text.into_bytes();
    let all = format!("\r\nContent-Length: {}", empty.len());
    let before = format!("Content-Length: {}\r\n", empty.len());
    let size_line = chunk.len() - SMUGGLED.len() - b"\r\n0\r\n\r\n".len();
    vec![
        (
            "as a body without framing",
            Vec::new(),
            Vec::new(),
            smuggled.clone(),
        ),
        (BEHIND, Vec::new(), Vec::new(), empty.clone()),
        (
            "within a chunk, Content-Length before it",
            Vec::new(),
            lines(format!("\r\nContent-Length: {size_line}")),
            chunk,
        ),
        (
            "within Content-Length, behind the last chunk",
            Vec::new(),
            lines(all),
            empty.clone(),
        ),
        (
            "the same, Content-Length first",
            lines(before),
            Vec::new(),
            empty,
        ),
        (
            "behind Content-Length: 0",
            lines("Content-Length: 0\r\n".to_owned()),
            Vec::new(),
            smuggled,
        ),
    ]
}

/// What was tried and what came of it.
#[derive(Default)]
struct Trials {
    count: u64,
    carried_out: u64,
}

/// Tries each spelling in each form.
pub fn transfer_encodings(scene: &Scene) -> io::Result<Outcome> {
    scene.try_smuggled()?;
    let forms = forms();
    let malformed: Vec<_> = FIELDS.iter().filter(|fields| is_coding(fields)).collect();
    let mut outcome = Outcome::default();
    let mut trials = Trials::default();
    for _ in scene.rounds(5, 1) {
        for version in ["1.1", "1.0"] {
            for fields in &malformed {
                for form in &forms {
                    try_one(
                        scene,
                        version,
                        fields.bytes,
                        form,
                        &mut outcome,
                        &mut trials,
                    )?;
                }
            }
            for spelling in LAWFUL {
                // Behind the last chunk of a lawful body, a DELETE is one.
                for form in forms.iter().filter(|form| form.0 != BEHIND) {
                    try_one(scene, version, spelling, form, &mut outcome, &mut trials)?;
                }
            }
        }
    }
    let spellings = malformed.len() + LAWFUL.len();
    outcome.sent = format!(
        "{spellings} spellings, {} requests with a DELETE behind",
        thousands(trials.count)
    );
    outcome.remark = victims(trials.carried_out);
    Ok(outcome)
}

/// Whether a server may take field lines for `Transfer-Encoding: chunked`, or pass over a coding in
/// them.
fn is_coding(fields: &Malformed) -> bool {
    fields.mentions("chunked") || fields.mentions("Transfer-Encoding")
}

/// The remark on the victims.
pub fn victims(carried_out: u64) -> String {
    match carried_out {
        0 => "no DELETE carried out".to_owned(),
        1 => "1 DELETE carried out".to_owned(),
        count => format!("{count} DELETEs carried out"),
    }
}

fn try_one(
    scene: &Scene,
    version: &str,
    spelling: &[u8],
    (how, before, behind, rest): &Form,
    outcome: &mut Outcome,
    trials: &mut Trials,
) -> io::Result<()> {
    let begin = format!(
        "{} /file/smuggled HTTP/{version}\r\nHost: nas\r\n",
        scene.store()
    );
    let keep: &[u8] = if version == "1.0" {
        b"\r\nConnection: keep-alive"
    } else {
        b""
    };
    let request = [
        begin.as_bytes(),
        before,
        spelling,
        behind,
        keep,
        b"\r\n\r\n",
        rest,
    ]
    .concat();
    trials.count += 1;
    let fault = refused(scene, &request, &[400]);
    let name = || {
        format!(
            "HTTP/{version}, {:?}, {how}",
            String::from_utf8_lossy(spelling)
        )
    };
    if !scene.victim_is_there() {
        trials.carried_out += 1;
        outcome.fault(format!("{}: the DELETE was carried out", name()));
        scene.place_victim()?;
    }
    if let (Err(text), true) = (fault, scene.is_ours()) {
        outcome.fault(format!("{}: {text}", name()));
    }
    Ok(())
}

/// Sends a request; the reply must be one of these, the connection closed behind it, and nothing
/// more said.
pub fn refused(scene: &Scene, request: &[u8], statuses: &[u16]) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    let mut conn = scene.open().map_err(text)?;
    conn.try_send(request).map_err(text)?;
    conn.allow(Duration::from_secs(3));
    let reply = conn.reply_to("GET");
    // Another server may wait for more, and is not judged by it.
    conn.allow(Duration::from_millis(if scene.is_ours() {
        3_000
    } else {
        20
    }));
    let (rest, end) = match &reply {
        Ok(_) => conn.rest(),
        Err(_) => (Vec::new(), Ok(())),
    };
    let reply = reply.map_err(|error| format!("no reply: {error}"))?;
    if !statuses.contains(&reply.status) {
        return Err(format!("status {}", reply.status));
    }
    if !rest.is_empty() {
        let said = String::from_utf8_lossy(&rest);
        return Err(format!(
            "more was said behind the refusal: {:?}",
            said.lines().next()
        ));
    }
    match end {
        Err(error) if error.kind() == ErrorKind::TimedOut => {
            Err("the connection stays open".to_owned())
        }
        _ => Ok(()),
    }
}
