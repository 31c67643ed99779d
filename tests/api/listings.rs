//! Listings of folders, as text and as JSON: which format, which entries, their order and their
//! sizes.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};
use std::{fs, thread};

use testkit::json::{self, Json};
use testkit::readers::StopOnDrop;
use testkit::{AT_ONCE, Server, pattern};

pub const JSON: &[(&str, &str)] = &[("Accept", "application/json")];

/// An entry as name, type, size and time.
pub type Entry = (String, String, u64, String);

/// The entries of a list as JSON.
pub fn entries(text: &str) -> Vec<Entry> {
    let Json::List(list) = json::parse(text) else {
        panic!("not a list: {text}");
    };
    let entry = |object: &Json| {
        let Json::Object(members) = object else {
            panic!("not an object: {object:?}");
        };
        let keys: Vec<&str> = members.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["name", "type", "size", "modified"]);
        let text = |key| object.get(key).text().to_owned();
        (
            text("name"),
            text("type"),
            object.get("size").number() as u64,
            text("modified"),
        )
    };
    list.iter().map(entry).collect()
}

fn listed(server: &Server, folder: &str) -> Vec<Entry> {
    let reply = server.request("GET", folder, JSON, b"");
    assert_eq!(reply.status, 200, "{folder}: {}", reply.summary());
    assert_eq!(reply.header("Content-Type"), Some("application/json"));
    entries(&reply.text())
}

fn size_of(server: &Server, name: &str) -> Option<u64> {
    let entries = listed(server, "%2F");
    entries
        .into_iter()
        .find(|entry| entry.0 == name)
        .map(|entry| entry.2)
}

#[test]
fn the_format_is_the_one_that_is_named() {
    let server = Server::start();
    server.place("d/a", b"1");
    for (accept, is_json) in [
        ("application/json", true),
        ("Application/Json", true),
        ("application/json;q=0.1, text/plain", false),
        ("text/html, application/json; charset=utf-8", true),
        ("*/*", false),
        ("application/*", true),
        ("text/plain", false),
        ("application/json;q=0", false),
        ("application/json;q=0.000, */*", false),
        ("application/problem+json", false),
        ("", false),
    ] {
        let headers = [("Accept", accept)];
        let get = server.request("GET", "d", &headers, b"");
        let head = server.request("HEAD", "d", &headers, b"");
        let media_type = if is_json {
            "application/json"
        } else {
            "text/plain; charset=utf-8"
        };
        assert_eq!(get.header("Content-Type"), Some(media_type), "{accept:?}");
        assert_eq!(
            get.text().starts_with('['),
            is_json,
            "{accept:?}: {}",
            get.text()
        );
        for reply in [&get, &head] {
            assert_eq!(reply.header("Vary"), Some("Accept"), "{accept:?}");
        }
        for name in ["Content-Type", "Content-Length", "Transfer-Encoding"] {
            assert_eq!(head.header(name), get.header(name), "{accept:?}: {name}");
        }
        assert_eq!(
            get.header("Content-Length"),
            (!is_json).then_some("2"),
            "{accept:?}"
        );
        let unchanged = server.request(
            "GET",
            "d",
            &[("Accept", accept), ("If-None-Match", "*")],
            b"",
        );
        assert_eq!(
            (unchanged.status, unchanged.header("Vary")),
            (304, Some("Accept"))
        );
    }
    let reply = server.get("d");
    assert_eq!(
        (reply.text().as_str(), reply.header("Vary")),
        ("a\n", Some("Accept"))
    );
    let missing = server.request("GET", "none", JSON, b"");
    assert_eq!(
        missing.header("Content-Type"),
        Some("application/problem+json")
    );
}

#[test]
fn json_tells_name_type_size_and_time() {
    let server = Server::start();
    let dir = server.storage().join("d");
    for (name, content, seconds, millis) in [
        ("b.csv", &b"12345"[..], 1_792_000_000_i64, 123),
        ("A", b"", 0, 0),
        ("old", b"1", -1, 999),
        ("sub/x", b"1", 1, 0),
    ] {
        server.place(&format!("d/{name}"), content);
        let time = Duration::from_secs(seconds.unsigned_abs());
        let time = if seconds < 0 {
            UNIX_EPOCH - time
        } else {
            UNIX_EPOCH + time
        };
        let file = fs::File::open(dir.join(name)).expect("there");
        file.set_modified(time + Duration::from_millis(millis))
            .expect("set");
    }
    symlink("b.csv", dir.join("link")).expect("linked");
    symlink("../../outside", dir.join("out")).expect("linked");
    let made = Command::new("mkfifo").arg(dir.join("fifo")).status();
    assert!(made.is_ok_and(|status| status.success()));
    let found = listed(&server, "d");
    let short: Vec<(&str, &str, u64)> = found
        .iter()
        .map(|(name, kind, size, _)| (name.as_str(), kind.as_str(), *size))
        .collect();
    let expected = [
        ("A", "file", 0),
        ("b.csv", "file", 5),
        ("fifo", "other", 0),
        ("link", "symlink", 0),
        ("old", "file", 1),
        ("out", "symlink", 0),
        ("sub", "directory", 0),
    ];
    assert_eq!(short, expected);
    let modified = |name: &str| {
        let entry = found.iter().find(|entry| entry.0 == name);
        entry.map(|entry| entry.3.as_str()).unwrap_or_default()
    };
    assert_eq!(modified("b.csv"), "2026-10-14T17:46:40.123Z");
    assert_eq!(modified("A"), "1970-01-01T00:00:00.000Z");
    assert_eq!(modified("old"), "1969-12-31T23:59:59.999Z");
    let this_century = |name: &str| modified(name).starts_with("20") && modified(name).len() == 24;
    assert!(this_century("link") && this_century("sub"), "{found:?}");
}

#[test]
fn an_empty_folder_is_an_empty_list_and_the_root_hides_the_servers_own_folder() {
    let server = Server::start();
    assert_eq!(listed(&server, "%2F"), []);
    assert_eq!(server.post("a/.http-nas/x", b"1").status, 200);
    let names =
        |folder| -> Vec<String> { listed(&server, folder).into_iter().map(|e| e.0).collect() };
    assert!(server.storage().join(".http-nas").is_dir());
    assert_eq!(names("%2F"), ["a"]);
    assert_eq!(names("a"), [".http-nas"]);
}

#[test]
fn odd_names_can_be_told() {
    let server = Server::start();
    let names: [(&[u8], &str, &str); 9] = [
        (b"\x01\x1f\x7f", "\x01\x1f\x7f", "%01%1F%7F"),
        (b" ", " ", " "),
        (b"\"", "\"", "\""),
        (b"a\nb", "a\nb", "a%0Ab"),
        (b"a\\n", "a\\n", "a\\n"),
        (b"x\xffy", "x\u{fffd}y", "x\u{fffd}y"),
        ("\u{85}".as_bytes(), "\u{85}", "%C2%85"),
        ("é".as_bytes(), "é", "é"),
        ("日本".as_bytes(), "日本", "日本"),
    ];
    fs::create_dir(server.storage().join("d")).expect("made");
    let mut sorted = names;
    sorted.sort_by_key(|(name, _, _)| *name);
    for (name, _, _) in names {
        fs::write(
            server.storage().join("d").join(OsStr::from_bytes(name)),
            b"",
        )
        .expect("written");
    }
    let json: Vec<String> = listed(&server, "d")
        .into_iter()
        .map(|entry| entry.0)
        .collect();
    assert_eq!(json, sorted.map(|(_, json, _)| json));
    let text = server.get("d").text();
    assert_eq!(
        text.lines().collect::<Vec<_>>(),
        sorted.map(|(_, _, text)| text)
    );
}

#[test]
fn a_size_is_that_of_whole_appends() {
    let server = Server::start();
    let other = server.sibling();
    let line = pattern(1, 3_000_000);
    assert_eq!(server.post("file", b"").status, 200);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _stop = StopOnDrop(&done);
            (0..40).for_each(|_| assert_eq!(server.put("file", &line).status, 200));
        });
        let mut last = 0;
        while !done.load(Ordering::Relaxed) {
            let size = size_of(&other, "file").expect("it is there");
            assert_eq!(size % line.len() as u64, 0, "a part of an append");
            assert!(size >= last, "{size} after {last}");
            last = size;
        }
    });
    assert_eq!(size_of(&server, "file"), Some(40 * line.len() as u64));
}

#[test]
fn a_killed_append_does_not_count() {
    let mut server = Server::start();
    let other = server.sibling();
    let mut was_cut = false;
    for round in 0..10 {
        assert_eq!(other.post("file", b"old content").status, 200);
        server.kill_in_an_append(&pattern(2, 64 << 20));
        let on_disk = fs::metadata(other.storage().join("file"))
            .expect("there")
            .len();
        let counted = other.request("HEAD", "file", &[], b"");
        let counted = counted
            .header("Content-Length")
            .and_then(|length| length.parse().ok());
        was_cut |= counted.is_some_and(|counted| counted < on_disk);
        assert_eq!(size_of(&other, "file"), counted, "round {round}");
        server.restart();
        if was_cut {
            break;
        }
    }
    assert!(was_cut, "no kill came in the middle of an append");
}

#[test]
fn http_1_0_gets_listings() {
    let server = Server::start();
    server.place("d/a", b"1");
    for (headers, has_length) in [("", true), ("Accept: application/json\r\n", false)] {
        let mut conn = server.open();
        let request = format!("GET /file/d HTTP/1.0\r\n{headers}Connection: keep-alive\r\n\r\n");
        conn.send(request.as_bytes());
        let reply = conn.reply_to("GET").expect("a reply");
        assert_eq!(reply.text().lines().count(), 1, "{headers}");
        assert_eq!(
            reply.header("Content-Length").is_some(),
            has_length,
            "{headers}"
        );
        assert_eq!(reply.header("Transfer-Encoding"), None, "{headers}");
        assert_eq!(reply.closes(), !has_length, "{headers}");
    }
}

// symptom: the list of an empty folder came 200 ms late.
// cause:   its head was sent as one of which more is to follow (MSG_MORE of send(2)), and nothing
//          did.
// fix:     a head with nothing to follow is sent as it is.
#[test]
fn the_list_of_an_empty_folder_comes_at_once() {
    let server = Server::start();
    assert_eq!(server.post("empty/", b"").status, 200);
    let mut conn = server.open();
    let start = std::time::Instant::now();
    for _ in 0..100 {
        let reply = conn.request("GET", "empty", &[], b"").expect("a reply");
        assert_eq!((reply.status, reply.text()), (200, String::new()));
    }
    let took = start.elapsed();
    assert!(took < AT_ONCE, "100 lists in {took:?}");
}

#[test]
fn a_listing_is_sorted_bytewise_one_name_a_line() {
    let server = Server::start();
    let names = [
        "b", "a", "B", "a.b", "Z", "é", "ü.txt", "日本", "a b", "a-b", "_", "~", "0", "10", "9",
        "+",
    ];
    for name in names {
        server.place(&format!("list/{name}"), b"");
    }
    fs::create_dir(server.storage().join("list/folder")).expect("made");
    let mut wanted: Vec<&str> = names.to_vec();
    wanted.push("folder");
    wanted.sort_unstable_by_key(|name| name.as_bytes());
    for target in ["list", "list/", "/list", "./list", "list%2F", "%2Flist"] {
        let reply = server.get(&format!("/file/{target}"));
        assert_eq!(reply.status, 200, "{target}");
        assert_eq!(
            reply.header("Content-Type"),
            Some("text/plain; charset=utf-8"),
            "{target}"
        );
        assert_eq!(reply.text().lines().collect::<Vec<_>>(), wanted, "{target}");
    }
}

#[test]
fn an_empty_folder_lists_nothing_and_the_root_hides_the_servers_own_folder() {
    let server = Server::start();
    assert_eq!(server.get("/file/%2F").text(), "");
    server.post("b", b"1");
    server.post("a/x", b"1");
    fs::create_dir_all(server.storage().join(".http-nas")).expect("there");
    let reply = server.get("/file/%2F");
    assert_eq!((reply.status, reply.text().trim_end()), (200, "a\nb"));
    fs::create_dir(server.storage().join("empty")).expect("made");
    let reply = server.get("empty");
    assert_eq!((reply.status, reply.text().as_str()), (200, ""));
}
