//! Archives of folders that change meanwhile: entries that vanish are left out, and an archive that
//! lacks anything else does not look whole.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use testkit::archives::{MIB, archive, begin, finish, names, place_large, restore};
use testkit::{Server, eventually, pattern};

#[test]
fn an_archive_goes_on_whatever_becomes_of_the_files() {
    let server = Server::start();
    place_large(&server, "d/a");
    place_large(&server, "d/c/a");
    for name in ["b", "c/b", "e/e", "f", "g", "h", "i/i"] {
        server.place(&format!("d/{name}"), b"old");
    }
    let (conn, head) = begin(&server, "d", "1.1");
    assert_eq!(server.put("d%2Fa", b"more").status, 200);
    assert_eq!(server.delete("d/b").status, 200);
    assert_eq!(server.delete("d/e").status, 200);
    assert_eq!(server.post("d/f", b"replaced").status, 200);
    assert_eq!(server.put("d/g", b" and more").status, 200);
    assert_eq!(server.mv("d%2Fh", "d/0").status, 200);
    assert_eq!(server.delete("d%2Fi").status, 200);
    assert_eq!(server.post("d/i", b"a file now").status, 200);
    assert_eq!(server.post("d/new", b"new").status, 200);
    let archive = finish(conn, &head).expect("the whole archive");
    assert_eq!(names(&archive), ["a", "c/", "c/a", "c/b", "f", "g", "i"]);
    let restored = restore(&server, &archive);
    let length = |name: &str| fs::metadata(restored.join(name)).expect("restored").len();
    assert_eq!((length("a"), length("c/a")), (64 * MIB, 64 * MIB));
    for (name, content) in [
        ("f", "replaced"),
        ("g", "old and more"),
        ("i", "a file now"),
    ] {
        let found = fs::read_to_string(restored.join(name)).expect("restored");
        assert_eq!(found, content, "{name}");
    }
}

#[test]
fn a_folder_that_vanishes_while_it_is_sent_ends_there() {
    let server = Server::start();
    place_large(&server, "d/s/s/a");
    server.place("d/s/s/z", b"");
    server.place("d/s/z", b"");
    server.place("d/t/f", b"last");
    let (conn, head) = begin(&server, "d", "1.1");
    assert_eq!(server.delete("d/s").status, 200);
    let archive = finish(conn, &head).expect("the whole archive");
    assert_eq!(names(&archive), ["s/", "s/s/", "s/s/a", "t/", "t/f"]);
}

#[test]
fn a_file_that_shrinks_breaks_the_archive_off() {
    for version in ["1.1", "1.0"] {
        let server = Server::start();
        place_large(&server, "d/a");
        server.place("d/b", b"");
        let (conn, head) = begin(&server, "d", version);
        let path = server.storage().join("d/a");
        let file = fs::File::options().write(true).open(path).expect("there");
        file.set_len(MIB).expect("it can be cut");
        let end = finish(conn, &head);
        assert!(end.is_err(), "HTTP/{version}: a short archive looks whole");
        eventually("the log says why", || {
            server.log().contains("\\\"a\\\" has become shorter")
        });
    }
}

#[test]
fn the_folder_itself_must_not_vanish() {
    for (deleted, version) in [("up", "1.1"), ("up%2Fd", "1.1"), ("up%2Fd", "1.0")] {
        let server = Server::start();
        place_large(&server, "up/d/a");
        server.place("up/d/b", b"");
        let (conn, head) = begin(&server, "up%2Fd", version);
        assert_eq!(server.delete(deleted).status, 200);
        let end = finish(conn, &head);
        assert!(
            end.is_err(),
            "{deleted}, HTTP/{version}: a short archive looks whole"
        );
    }
}

#[test]
fn what_cannot_be_read_breaks_the_archive_off() {
    let server = Server::start();
    place_large(&server, "d/a");
    server.place("d/b", b"content");
    server.place("d/c", b"");
    let (conn, head) = begin(&server, "d", "1.1");
    let limit = |limit: &str| {
        let pid = server.pid().to_string();
        let nofile = format!("--nofile={limit}");
        let limited = Command::new("prlimit")
            .args(["--pid", &pid, &nofile])
            .status();
        assert!(
            limited.is_ok_and(|status| status.success()),
            "prlimit failed"
        );
    };
    // No descriptor for the next file.
    limit("3:");
    let end = finish(conn, &head);
    limit("512:");
    assert!(end.is_err(), "a short archive looks whole");
    eventually("the log says why", || {
        server.log().contains("\\\"b\\\": out of descriptors")
    });

    fs::remove_file(server.storage().join("d/a")).expect("removed");
    let path = server.storage().join("d/b");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("set");
    let reply = server.open().request("GET", "d/tar", &[], b"");
    // root may read anything.
    match fs::read(&path) {
        Ok(_) => assert_eq!(names(&reply.expect("the whole archive").body), ["b", "c"]),
        Err(_) => assert!(reply.is_err(), "a short archive looks whole"),
    }
}

#[test]
fn a_file_that_is_being_appended_to_is_as_before_the_append() {
    let mut server = Server::start();
    let other = server.sibling();
    let mut was_cut = false;
    for round in 0..10 {
        assert_eq!(other.post("file", b"old content").status, 200);
        server.kill_in_an_append(&pattern(2, 64 * MIB as usize));
        let on_disk = server.content("file").expect("there").len();
        let whole = other.get("file").body;
        was_cut |= on_disk > whole.len();
        let archive = archive(&other, "%2F");
        let restored = restore(&other, &archive);
        let content = fs::read(restored.join("file")).expect("restored");
        assert!(content == whole, "round {round}: {} bytes", content.len());
        server.restart();
        if was_cut {
            break;
        }
    }
    assert!(was_cut, "no kill came in the middle of an append");
}
