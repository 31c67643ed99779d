//! Every combination of If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since and
//! If-Range, against files that are unchanged, changed or missing, compared with the model of RFC
//! 9110, section 13.2.2.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::fields::{ALL, COMMON, Lines, MODIFIED, combination};
use super::model::{Outcome, Present, evaluate};
use testkit::{Client, Reply, Server};

/// What has become of the file since the client saw it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Unchanged,
    Changed,
    Absent,
}

const STATES: [State; 3] = [State::Unchanged, State::Changed, State::Absent];

const OLD: &[u8] = b"old content";
const NEW: &[u8] = b"0123456789, which is newer";

/// Puts the file `file` into a state; gives the tag that the client has seen, and what there is
/// now.
fn arrange(server: &Server, client: &mut Client, state: State) -> (String, Option<Present>) {
    server.place_at("file", OLD, MODIFIED);
    let seen = client.tag("file");
    let mut now = Present {
        opaque: seen.clone(),
        modified: MODIFIED,
    };
    match state {
        State::Unchanged => {}
        State::Changed => {
            server.place_at("file", NEW, MODIFIED + 1000);
            now.opaque = client.tag("file");
            now.modified += 1000;
            assert_ne!(seen, now.opaque, "the tag of a file that has changed");
        }
        State::Absent => {
            fs::remove_file(server.storage().join("file")).expect("removed");
            return (seen, None);
        }
    }
    (seen, Some(now))
}

fn borrowed(lines: &Lines) -> Vec<(&str, &str)> {
    lines
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

#[test]
fn every_combination_on_reads() {
    let server = Server::start();
    let mut client = Client::of(&server);
    for state in STATES {
        let (seen, now) = arrange(&server, &mut client, state);
        let mut met = [0; 5];
        for method in ["GET", "HEAD"] {
            for number in 0..ALL {
                let (fields, lines) = combination(number, &seen);
                let outcome = evaluate(&fields, true, method == "GET", now.as_ref());
                let reply = client.ask(method, "file", &borrowed(&lines), b"");
                let shown = format!("{method}, {state:?}, {lines:?}\n{}", reply.head);
                met[judge_read(&reply, method, now.as_ref(), outcome, &shown)] += 1;
            }
        }
        let all_met = if now.is_some() { &met[..4] } else { &met[4..] };
        assert!(all_met.iter().all(|&count| count > 100), "{met:?}");
    }
}

/// Fails where the reply is not what the outcome calls for; tells which of the five replies it is.
fn judge_read(
    reply: &Reply,
    method: &str,
    now: Option<&Present>,
    outcome: Outcome,
    shown: &str,
) -> usize {
    assert!(!reply.closes(), "{shown}");
    let Some(now) = now else {
        // It would not have been 2xx anyway, so the conditions say nothing (13.2.1).
        assert_eq!(reply.status, 404, "{shown}");
        return 4;
    };
    let content = if now.modified == MODIFIED { OLD } else { NEW };
    let length = content.len().to_string();
    let span = format!("bytes 2-5/{length}");
    let (status, body, range) = match outcome {
        Outcome::Failed => (412, None, None),
        Outcome::NotModified => (304, Some(&b""[..]), None),
        Outcome::Part => (206, Some(&content[2..6]), Some(span.as_str())),
        Outcome::Perform => (200, Some(content), None),
    };
    assert_eq!(reply.status, status, "{shown}");
    assert_eq!(reply.header("Content-Range"), range, "{shown}");
    match body {
        _ if method == "HEAD" => {}
        Some(body) => assert!(reply.body == body, "{shown}{:?}", reply.text()),
        None => assert!(
            reply.text().starts_with("412 Precondition Failed: "),
            "{shown}"
        ),
    }
    if outcome != Outcome::Failed {
        assert_eq!(reply.header("ETag"), Some(now.opaque.as_str()), "{shown}");
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(now.modified));
        assert_eq!(
            reply.header("Last-Modified"),
            Some(date.as_str()),
            "{shown}"
        );
    }
    if outcome == Outcome::NotModified {
        // Of a 304 it could only be the length of the 200 (8.6).
        let said = reply.header("Content-Length");
        assert!(said.is_none_or(|said| said == length), "{shown}");
    }
    [412, 304, 206, 200]
        .iter()
        .position(|&s| s == status)
        .expect("one of them")
}

/// What of a file a write that is refused must leave as it was.
#[derive(Debug, PartialEq)]
struct Fingerprint {
    inode: Option<u64>,
    modified: Option<SystemTime>,
    content: Option<Vec<u8>>,
}

/// Of `file` and of `source`.
fn fingerprints(server: &Server) -> [Fingerprint; 2] {
    ["file", "source"].map(|name| {
        let meta = fs::metadata(server.storage().join(name)).ok();
        Fingerprint {
            inode: meta.as_ref().map(MetadataExt::ino),
            modified: meta.and_then(|meta| meta.modified().ok()),
            content: server.content(name),
        }
    })
}

/// A write that the conditions are put to.
struct Write {
    name: &'static str,
    method: &'static str,
    target: &'static str,
    body: &'static [u8],
    /// Whether it is 404 where there is no `file`.
    needs_file: bool,
    /// What it leaves in `file`, given what there was.
    leaves: fn(Option<&[u8]>) -> Option<Vec<u8>>,
    takes_source: bool,
}

const SOURCE: &[u8] = b"the source";

const WRITES: [Write; 5] = [
    Write {
        name: "POST",
        method: "POST",
        target: "file",
        body: b"posted",
        needs_file: false,
        leaves: |_| Some(b"posted".to_vec()),
        takes_source: false,
    },
    Write {
        name: "PUT",
        method: "PUT",
        target: "file",
        body: b", appended",
        needs_file: true,
        leaves: |was| was.map(|was| [was, b", appended"].concat()),
        takes_source: false,
    },
    Write {
        name: "DELETE",
        method: "DELETE",
        target: "file",
        body: b"",
        needs_file: true,
        leaves: |_| None,
        takes_source: false,
    },
    Write {
        name: "mv",
        method: "PUT",
        target: "source/mv",
        body: b"{\"path\": \"file\"}",
        needs_file: false,
        leaves: |_| Some(SOURCE.to_vec()),
        takes_source: true,
    },
    Write {
        name: "cp",
        method: "PUT",
        target: "source/cp",
        body: b"{\"path\": \"file\"}",
        needs_file: false,
        leaves: |_| Some(SOURCE.to_vec()),
        takes_source: false,
    },
];

fn every_combination_of(write: &Write) {
    let server = Server::start();
    let mut client = Client::of(&server);
    for state in STATES {
        let mut arranged = None;
        let (mut done, mut refused) = (0, 0);
        for number in 0..COMMON {
            let (seen, now) = arranged.take().unwrap_or_else(|| {
                server.place_at("source", SOURCE, MODIFIED - 9);
                arrange(&server, &mut client, state)
            });
            let (fields, lines) = combination(number, &seen);
            let before = fingerprints(&server);
            let reply = client.ask(write.method, write.target, &borrowed(&lines), write.body);
            let shown = format!("{}, {state:?}, {lines:?}: {}", write.name, reply.summary());
            let outcome = evaluate(&fields, false, false, now.as_ref());
            if write.needs_file && now.is_none() {
                assert_eq!(reply.status, 404, "{shown}");
                refused += 1;
            } else if outcome == Outcome::Failed {
                assert_eq!(reply.status, 412, "{shown}");
                let start = "412 Precondition Failed: ";
                assert!(reply.text().starts_with(start), "{shown}");
                refused += 1;
            } else {
                assert_eq!(
                    (reply.status, reply.text().as_str()),
                    (200, "OK"),
                    "{shown}"
                );
                let content = (write.leaves)(before[0].content.as_deref());
                assert_eq!(server.content("file"), content, "{shown}");
                let gone = server.content("source").is_none();
                assert_eq!(gone, write.takes_source, "{shown}: the source");
                done += 1;
                continue;
            }
            assert_eq!(fingerprints(&server), before, "{shown}: something changed");
            arranged = Some((seen, now));
        }
        let possible = state != State::Absent || !write.needs_file;
        assert!(
            refused > 100 && (done > 20) == possible,
            "{done}, {refused}"
        );
    }
    server.assert_clean();
}

#[test]
fn every_combination_on_post() {
    every_combination_of(&WRITES[0]);
}

#[test]
fn every_combination_on_put() {
    every_combination_of(&WRITES[1]);
}

#[test]
fn every_combination_on_delete() {
    every_combination_of(&WRITES[2]);
}

#[test]
fn every_combination_on_mv() {
    every_combination_of(&WRITES[3]);
}

#[test]
fn every_combination_on_cp() {
    every_combination_of(&WRITES[4]);
}
