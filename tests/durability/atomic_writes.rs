//! Readers see the old file whole or the new one whole, a GET is a snapshot, and after a 200 the
//! write is in place. Kills are in killed_writes.rs, cut bodies in cut_bodies.rs.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use testkit::readers::{StopOnDrop, read_until};
use testkit::{Server, chunked, pattern, request_bytes};

#[test]
fn readers_during_1000_replaces_see_one_whole_version() {
    let server = Server::start();
    let versions = [pattern(1, 150_000), pattern(2, 260_000)];
    assert_eq!(server.post("file", &versions[0]).status, 200);
    let done = AtomicBool::new(false);
    let seen = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let judge = |status: u16, body: &[u8]| {
        assert_eq!(status, 200);
        let version = versions.iter().position(|version| version == body);
        let version =
            version.unwrap_or_else(|| panic!("a body of {} bytes is neither version", body.len()));
        seen[version].fetch_add(1, Ordering::Relaxed);
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| read_until(&done, &[&server], "file", &judge));
        }
        let _stop = StopOnDrop(&done);
        let mut conn = server.open();
        let sent = [("Transfer-Encoding", "chunked")];
        for round in 1..=1000 {
            let version = &versions[round % 2];
            let reply = match round % 4 {
                0 | 1 => conn.request("POST", "file", &[], version),
                _ => conn.request("POST", "file", &sent, &chunked(version, 50_000)),
            };
            assert_eq!(reply.expect("a reply").status, 200, "round {round}");
        }
    });
    let seen = seen.map(|count| count.load(Ordering::Relaxed));
    assert!(
        seen[0] > 10 && seen[1] > 10,
        "the readers saw {seen:?} of each version"
    );
    assert_eq!(server.visible(), ["file 150000"]);
    server.assert_clean();
}

/// A write, and the status that it got.
type Change = fn(&Server) -> u16;

#[test]
fn a_get_is_a_snapshot_of_the_file_when_it_was_opened() {
    let old = pattern(1, 24_000_000);
    let meanwhile: [(&str, Change); 5] = [
        ("append", |server| {
            server.put("file", &pattern(2, 1_000_000)).status
        }),
        ("replace by a shorter one", |server| {
            server.post("file", b"new").status
        }),
        ("replace by a longer one", |server| {
            server.post("file", &pattern(3, 30_000_000)).status
        }),
        ("mv onto it", |server| server.mv("other", "file").status),
        ("delete", |server| server.delete("file").status),
    ];
    let server = Server::start();
    for (what, change) in meanwhile {
        assert_eq!(server.post("file", &old).status, 200);
        assert_eq!(server.post("other", b"other").status, 200);
        let mut conn = server.open();
        conn.send(&request_bytes("GET", "file", &[], b""));
        let reply = conn.head().expect("a head");
        assert_eq!(reply.header("Content-Length"), Some("24000000"));
        // The head is here and far more is to come than the buffers in between can hold: the reply
        // is under way.
        assert_eq!(change(&server), 200, "{what}");
        let mut place = 0;
        let body = conn.body(&reply, &mut |part| {
            assert!(
                old[place..].starts_with(part),
                "{what}: other bytes after {place}"
            );
            place += part.len();
        });
        body.unwrap_or_else(|error| panic!("{what}: {error} after {place} bytes"));
        assert_eq!(place, old.len(), "{what}");
        assert_eq!(
            conn.request("GET", "/file", &[], b"")
                .expect("a reply")
                .text(),
            "OK",
            "behind it, {what}"
        );
    }
}

#[test]
fn after_200_the_write_is_in_place_for_every_reader() {
    let one = Server::start();
    let two = one.sibling();
    let mut writer = one.open();
    let mut reader = two.open();
    let mut status = |method: &str, target: &str, body: &[u8]| {
        writer
            .request(method, target, &[], body)
            .expect("a reply")
            .status
    };
    for round in 0..200usize {
        let body = pattern(round as u8, 1 + round * 997 % 100_000);
        let name = format!("folder-{round}/file");
        assert_eq!(status("POST", &name, &body), 200);
        assert!(
            one.content(&name).as_ref() == Some(&body),
            "POST in round {round}, on the disk"
        );
        let mut read = |name: &str| reader.request("GET", name, &[], b"").expect("a reply");
        assert!(read(&name).body == body, "POST in round {round}");
        assert_eq!(status("PUT", &name, b"more"), 200);
        let longer = [&body[..], b"more"].concat();
        assert!(read(&name).body == longer, "PUT in round {round}");
        assert_eq!(
            status(
                "PUT",
                &format!("{name}/mv"),
                format!("{{\"path\":\"m-{round}\"}}").as_bytes()
            ),
            200
        );
        assert_eq!(read(&name).status, 404, "mv in round {round}");
        assert!(
            read(&format!("m-{round}")).body == longer,
            "mv in round {round}"
        );
        assert_eq!(status("DELETE", &format!("m-{round}"), b""), 200);
        assert_eq!(
            read(&format!("m-{round}")).status,
            404,
            "DELETE in round {round}"
        );
        assert_eq!(status("DELETE", &format!("folder-{round}"), b""), 200);
    }
    assert!(one.visible().is_empty());
    one.assert_clean();
}

#[test]
fn mv_is_atomic_to_readers() {
    let server = Server::start();
    let content = pattern(1, 120_000);
    assert_eq!(server.post("here", &content).status, 200);
    let done = AtomicBool::new(false);
    let found = AtomicUsize::new(0);
    let judge = |status: u16, body: &[u8]| match status {
        404 => {}
        200 => {
            assert!(body == content, "a part of {} bytes", body.len());
            found.fetch_add(1, Ordering::Relaxed);
        }
        other => panic!("status {other}"),
    };
    thread::scope(|scope| {
        for name in ["here", "there/file"] {
            let (done, server, judge) = (&done, &server, &judge);
            scope.spawn(move || read_until(done, &[server], name, judge));
        }
        let _stop = StopOnDrop(&done);
        for round in 0..250 {
            assert_eq!(server.mv("here", "there/file").status, 200, "round {round}");
            assert_eq!(server.mv("there/file", "here").status, 200, "round {round}");
        }
    });
    assert!(found.load(Ordering::Relaxed) > 10);
    assert_eq!(server.visible(), ["here 120000", "there/"]);
}

#[test]
fn a_file_published_by_mv_is_never_missing() {
    let server = Server::start();
    let versions = [pattern(1, 150_000), pattern(2, 80_000)];
    assert_eq!(server.post("current", &versions[0]).status, 200);
    let done = AtomicBool::new(false);
    let judge = |status: u16, body: &[u8]| {
        assert_eq!(status, 200, "missing in between");
        assert!(
            versions.iter().any(|version| version == body),
            "neither version: {} bytes",
            body.len()
        );
    };
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| read_until(&done, &[&server], "current", &judge));
        }
        let _stop = StopOnDrop(&done);
        for round in 0..300 {
            assert_eq!(
                server.post("tmp/new", &versions[round % 2]).status,
                200,
                "round {round}"
            );
            assert_eq!(server.mv("tmp/new", "current").status, 200, "round {round}");
        }
    });
    server.assert_clean();
}
