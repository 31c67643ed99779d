//! Listings of folders with many entries: little memory, slow readers, and entries that vanish
//! meanwhile.

use std::fs;

use crate::api::listings::{JSON, entries};
use testkit::{Server, eventually, request_bytes};

/// Many empty files with long names, made quickly.
fn fill(server: &Server, count: usize) -> Vec<String> {
    let dir = server.storage().join("many");
    fs::create_dir(&dir).expect("made");
    let names: Vec<String> = (0..count).map(|number| format!("{number:0100}")).collect();
    for name in &names {
        fs::File::create(dir.join(name)).expect("made");
    }
    names
}

#[test]
fn entries_that_vanish_while_they_are_listed_are_left_out() {
    let server = Server::start();
    // More than the sockets hold of it.
    let names = fill(&server, 60_000);
    let mut conn = server.open();
    conn.send(&request_bytes("GET", "many", JSON, b""));
    let head = conn.head().expect("a head");
    assert_eq!(head.status, 200);
    let (kept, gone) = names.split_at(59_000);
    let dir = server.storage().join("many");
    gone.iter()
        .for_each(|name| fs::remove_file(dir.join(name)).expect("removed"));
    let mut text = Vec::new();
    conn.body(&head, &mut |part| text.extend_from_slice(part))
        .expect("the whole list");
    let found = entries(&String::from_utf8(text).expect("UTF-8"));
    let found: Vec<&str> = found.iter().map(|entry| entry.0.as_str()).collect();
    assert!(found == kept, "{} entries", found.len());
    // The next reply comes in order.
    let next = conn.request("GET", "/file", &[], b"").expect("a reply");
    assert_eq!(next.text(), "OK");
}

#[test]
fn many_entries_take_little_memory() {
    let server = Server::start();
    assert_eq!(server.get("/file").text(), "OK");
    let before = server.proc_status("VmHWM");
    let names = fill(&server, 50_000);
    let bytes: usize = names.iter().map(|name| name.len() + 1).sum();
    for headers in [&[][..], JSON] {
        let reply = server.request("GET", "many", headers, b"");
        assert_eq!(reply.text().lines().count(), names.len(), "{headers:?}");
        if headers.is_empty() {
            assert_eq!(
                reply.header("Content-Length"),
                Some(bytes.to_string().as_str())
            );
            assert!(reply.text().lines().eq(&names));
        }
    }
    // The names, half as much again while the room for them grows, and where each begins.
    let more = server.proc_status("VmHWM") - before;
    assert!(
        more < 16 * 1024,
        "{more} KiB more for {} KiB of names",
        bytes >> 10
    );
    eventually("it is given back", || {
        server.proc_status("VmRSS") < before + 4 * 1024
    });
}

#[test]
fn a_reader_that_is_slow_keeps_its_place_and_gets_all() {
    let server = Server::with(&["--max-transfers", "1"], &[]);
    let names = fill(&server, 60_000);
    for headers in [&[][..], JSON] {
        let mut conn = server.open();
        conn.send(&request_bytes("GET", "many", headers, b""));
        let head = conn.head().expect("a head");
        assert_eq!(server.get("many").status, 503, "{headers:?}");
        let mut lines = 0;
        let count = &mut |part: &[u8]| lines += part.iter().filter(|&&byte| byte == b'\n').count();
        conn.body(&head, count).expect("the whole list");
        assert_eq!(lines, names.len(), "{headers:?}");
        // Its place is free once it has all.
        assert_eq!(server.get("many/tar").status, 200, "{headers:?}");
    }
}
