//! Appends never interleave and never tear, from one server or from two; a slow one delays no
//! other; one that fails leaves the file as it was.

use std::fs::{self, File};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use testkit::readers::{StopOnDrop, read_until};
use testkit::{AT_ONCE, Server, chunked, eventually, litter, pattern, request_bytes};

/// 64 bodies of 1 byte to 8 MiB; the first byte of each is its number.
fn bodies() -> Vec<Vec<u8>> {
    let length = |number: u32| 2f64.powf(23.0 * f64::from(number) / 63.0).round() as usize;
    (0..64u8)
        .map(|number| pattern(number, length(number.into())))
        .collect()
}

/// Fails unless `content` is `base` and then each of `bodies` once, whole, in any order.
fn assert_each_once(content: &[u8], base: &[u8], bodies: &[Vec<u8>]) {
    let mut rest = content.strip_prefix(base).expect("the old content stays");
    let mut seen = vec![false; bodies.len()];
    while let Some(&number) = rest.first() {
        let place = content.len() - rest.len();
        let body = bodies.get(usize::from(number));
        let body = body.unwrap_or_else(|| panic!("no body starts with {number}, at {place}"));
        rest = rest
            .strip_prefix(body.as_slice())
            .unwrap_or_else(|| panic!("body {number} is torn, at {place}"));
        assert!(
            !seen[usize::from(number)],
            "body {number} is there twice, at {place}"
        );
        seen[usize::from(number)] = true;
    }
    let missing: Vec<usize> = (0..bodies.len()).filter(|&number| !seen[number]).collect();
    assert!(missing.is_empty(), "missing: {missing:?}");
}

fn append_in_parallel(servers: &[&Server]) {
    let base = b"base, not a body\n".repeat(100);
    let bodies = bodies();
    assert_eq!(servers[0].post("file", &base).status, 200);
    thread::scope(|scope| {
        for (number, body) in bodies.iter().enumerate() {
            let server = servers[number % servers.len()];
            scope.spawn(move || {
                let reply = if number % 4 < 2 {
                    server.put("file", body)
                } else {
                    server.request(
                        "PUT",
                        "file",
                        &[("Transfer-Encoding", "chunked")],
                        &chunked(body, 40_000),
                    )
                };
                assert_eq!(reply.status, 200, "body {number}: {}", reply.summary());
                assert!(server.get("file/wc").status == 200);
            });
        }
    });
    for server in servers {
        assert_each_once(&server.get("file").body, &base, &bodies);
    }
    servers[0].assert_clean();
}

#[test]
fn of_64_parallel_appends_each_is_there_once_and_whole() {
    append_in_parallel(&[&Server::start()]);
}

#[test]
fn of_64_parallel_appends_by_two_servers_each_is_there_once_and_whole() {
    let one = Server::start();
    let two = one.sibling();
    append_in_parallel(&[&one, &two]);
}

#[test]
fn readers_during_appends_see_whole_appends_in_a_growing_file() {
    let one = Server::start();
    let two = one.sibling();
    let piece = pattern(5, 700_001);
    assert_eq!(one.post("file", b"").status, 200);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            let (done, piece, one, two) = (&done, &piece, &one, &two);
            scope.spawn(move || {
                let highest = AtomicUsize::new(0);
                let judge = |status: u16, body: &[u8]| {
                    assert_eq!(status, 200);
                    assert_eq!(
                        body.len() % piece.len(),
                        0,
                        "{} bytes are not whole appends",
                        body.len()
                    );
                    assert!(
                        body.chunks(piece.len()).all(|part| part == piece),
                        "an append reads otherwise"
                    );
                    let before = highest.swap(body.len(), Ordering::Relaxed);
                    assert!(
                        body.len() >= before,
                        "the file shrank from {before} to {}",
                        body.len()
                    );
                };
                read_until(done, &[one, two], "file", &judge)
            });
        }
        let _stop = StopOnDrop(&done);
        for round in 0..40 {
            let server = if round % 2 == 0 { &one } else { &two };
            assert_eq!(server.put("file", &piece).status, 200, "round {round}");
        }
    });
    assert_eq!(one.visible(), [format!("file {}", 40 * piece.len())]);
    one.assert_clean();
}

#[test]
fn a_slow_append_delays_no_other() {
    let server = Server::start();
    assert_eq!(server.post("log", b"start\n").status, 200);
    let slow_line = b"slow, in many small parts\n".repeat(20);
    let framing = format!("Content-Length: {}", slow_line.len());
    let mut slow = server.begin("PUT", "log", &framing);
    let mut wanted = b"start\n".to_vec();
    for (number, part) in slow_line.chunks(26).enumerate() {
        slow.send(part);
        if number + 1 == 20 {
            break;
        }
        let start = Instant::now();
        let line = format!("quick {number}\n");
        assert_eq!(server.put("log", line.as_bytes()).status, 200);
        wanted.extend_from_slice(line.as_bytes());
        assert_eq!(server.get("log").body, wanted, "after {number} parts");
        assert!(start.elapsed() < AT_ONCE, "delayed: {:?}", start.elapsed());
    }
    assert_eq!(slow.reply_to("PUT").expect("a reply").status, 200);
    wanted.extend_from_slice(&slow_line);
    assert_eq!(server.get("log").body, wanted);
    server.assert_clean();
}

#[test]
fn an_append_that_fails_leaves_the_file_as_it_was() {
    let server = Server::start();
    let old = pattern(1, 100_000);
    assert_eq!(server.post("file", &old).status, 200);
    for sent in [1usize, 100_000, 7_999_999] {
        let mut conn = server.open();
        let mut bytes = request_bytes("PUT", "file", &[], &pattern(2, 8_000_000));
        bytes.truncate(bytes.len() - 8_000_000 + sent);
        conn.send(&bytes);
        assert_eq!(
            server.get("file").body.len(),
            old.len(),
            "while {sent} bytes of it are here"
        );
        conn.finish();
        assert_eq!(
            conn.reply_to("PUT").map_or(400, |reply| reply.status),
            400,
            "{sent} bytes of it"
        );
        assert!(server.get("file").body == old, "after {sent} bytes of it");
    }
    server.assert_clean();
    assert!(litter(&server.storage()).is_empty());
}

fn replace_often(server: &Server, content: &[u8]) {
    for round in 0..150 {
        assert_eq!(server.post("file", content).status, 200, "round {round}");
    }
}

#[test]
fn replaces_and_appends_by_two_servers_never_mix() {
    let one = Server::start();
    let two = one.sibling();
    let bases = [pattern(1, 200_000), pattern(2, 90_000)];
    let line = pattern(9, 30_000);
    assert_eq!(one.post("file", &bases[0]).status, 200);
    let done = AtomicBool::new(false);
    let judge = |status: u16, body: &[u8]| {
        assert_eq!(status, 200);
        let base = bases.iter().find(|base| body.starts_with(base));
        let base =
            base.unwrap_or_else(|| panic!("{} bytes start with neither version", body.len()));
        let appended = &body[base.len()..];
        assert_eq!(
            appended.len() % line.len(),
            0,
            "{} bytes are not whole appends",
            appended.len()
        );
        assert!(
            appended.chunks(line.len()).all(|part| part == line),
            "an append reads otherwise"
        );
    };
    thread::scope(|scope| {
        scope.spawn(|| read_until(&done, &[&one, &two], "file", &judge));
        let stop = StopOnDrop(&done);
        let writers = [
            scope.spawn(|| replace_often(&one, &bases[0])),
            scope.spawn(|| replace_often(&two, &bases[1])),
            scope.spawn(|| (0..150).for_each(|_| assert_eq!(two.put("file", &line).status, 200))),
        ];
        for writer in writers {
            writer.join().expect("a writer failed");
        }
        drop(stop);
    });
    let before = one.get("file").body;
    judge(200, &before);
    assert_eq!(one.put("file", &line).status, 200);
    assert!(two.get("file").body == [before, line].concat());
    one.assert_clean();
}

#[test]
fn an_append_that_waited_for_a_file_goes_to_the_one_that_has_its_name() {
    let server = Server::start();
    // What another server does that replaces the file: it holds the file that is there until the
    // name leads to the new.
    for (number, (method, target)) in [("PUT", "file"), ("POST", "file"), ("DELETE", "file")]
        .into_iter()
        .enumerate()
    {
        server.place("file", b"old, ");
        server.place("next", b"new, ");
        let held = File::open(server.storage().join("file")).expect("it is there");
        held.lock().expect("it can be locked");
        let mut conn = server.open();
        conn.send(&request_bytes(method, target, &[], b"tail"));
        // So a file is opened to be locked by who writes, and never to be looked at.
        eventually(&format!("{method} waits for the lock"), || {
            server.has_open("file").contains(&"rw")
        });
        let path = server.storage();
        fs::rename(path.join("next"), path.join("file")).expect("renamed");
        held.unlock().expect("it can be unlocked");
        assert_eq!(conn.reply_to(method).expect("a reply").status, 200);
        let wanted: [Option<&[u8]>; 3] = [Some(b"new, tail"), Some(b"tail"), None];
        let content = server.content("file");
        assert_eq!(content.as_deref(), wanted[number], "{method}");
    }
    server.assert_clean();
}
