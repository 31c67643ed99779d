//! Folders as archives: GNU tar restores from them what is there.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use testkit::archives::{archive, begin, finish, names, restore};
use testkit::{Server, eventually, pattern};

/// All that an archive keeps of an entry.
#[derive(Debug, PartialEq)]
struct Item {
    path: Vec<u8>,
    mode: u32,
    owner: (u32, u32),
    modified: (i64, i64),
    content: Vec<u8>,
}

/// What is below a folder, sorted.
fn items(dir: &Path) -> Vec<Item> {
    let mut found = Vec::new();
    let mut left = vec![dir.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(&folder).expect("readable").flatten() {
            let path = entry.path();
            let meta = fs::symlink_metadata(&path).expect("there");
            let content = if meta.is_dir() {
                left.push(path.clone());
                Vec::new()
            } else if meta.is_symlink() {
                fs::read_link(&path)
                    .expect("a link")
                    .into_os_string()
                    .into_vec()
            } else {
                fs::read(&path).expect("readable")
            };
            found.push(Item {
                path: path
                    .strip_prefix(dir)
                    .expect("below")
                    .as_os_str()
                    .as_bytes()
                    .to_vec(),
                mode: meta.mode(),
                owner: (meta.uid(), meta.gid()),
                modified: (meta.mtime(), meta.mtime_nsec()),
                content,
            });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn assert_same(found: &[Item], expected: &[Item]) {
    for (found, expected) in found.iter().zip(expected) {
        let name = String::from_utf8_lossy(&expected.path);
        let short = |item: &Item| (item.path.clone(), item.mode, item.owner, item.modified);
        assert_eq!(short(found), short(expected), "{name:?}");
        assert!(found.content == expected.content, "the content of {name:?}");
    }
    assert_eq!(found.len(), expected.len(), "the number of entries");
}

fn set_modified(path: &Path, time: SystemTime) {
    let file = fs::File::open(path).expect("readable");
    file.set_modified(time).expect("its time can be set");
}

/// Compares the folder `d` with what GNU tar restores of it.
fn assert_restored(server: &Server) {
    let first = archive(server, "d");
    let expected = items(&server.storage().join("d"));
    assert_same(&items(&restore(server, &first)), &expected);
    assert!(archive(server, "d") == first, "a second archive differs");
    assert_eq!(first.len() % 512, 0, "an archive consists of whole blocks");
    assert!(
        first.ends_with(&[0; 1024]),
        "an archive ends with two empty blocks"
    );
}

#[test]
fn files_of_all_lengths_are_restored() {
    let server = Server::start();
    for length in [
        0, 1, 511, 512, 513, 65_535, 65_536, 65_537, 1_048_576, 3_000_000,
    ] {
        server.place(&format!("d/{length:07}"), &pattern(1, length));
    }
    let again = server.storage().join("d/again");
    fs::hard_link(server.storage().join("d/0000513"), again).expect("linked");
    assert_restored(&server);
}

#[test]
fn names_and_links_are_restored_whatever_they_hold() {
    let server = Server::start();
    let names: [&[u8]; 14] = [
        b" ",
        b"-rf",
        b"two\nlines",
        b"\"quotes'\\",
        b"\x01\x7f",
        b"\xff\xfe",
        &[0xff; 255],
        &[b'p'; 99],
        &[b'p'; 100],
        &[b'p'; 101],
        "é".as_bytes(),
        &[0xc3, 0xa9].repeat(127),
        b"C:\\x",
        b"a=b",
    ];
    let long = "n".repeat(255);
    for folder in ["d".to_owned(), format!("d/{long}/{long}")] {
        let files = server.storage().join(&folder).join("files");
        let links = server.storage().join(&folder).join("links");
        fs::create_dir_all(&files).expect("made");
        fs::create_dir_all(&links).expect("made");
        for name in names.map(OsStr::from_bytes) {
            fs::write(files.join(name), name.as_bytes()).expect("written");
            symlink(name, links.join(name)).expect("linked");
        }
    }
    assert_restored(&server);
}

#[test]
fn links_stay_links_wherever_they_lead() {
    let server = Server::start();
    server.place("d/folder/file", b"content");
    fs::create_dir(server.storage().join("d/links")).expect("made");
    for (name, target) in [
        ("relative", "../folder/file"),
        ("absolute", "/etc/passwd"),
        ("out", "../../../outside"),
        ("nowhere", "nowhere"),
        ("circle", "circle"),
        ("folder", "../folder"),
        ("dot", "."),
        ("own", "../../.http-nas"),
        ("long", &"t/".repeat(1000)),
    ] {
        symlink(target, server.storage().join("d/links").join(name)).expect("linked");
    }
    assert_restored(&server);
}

#[test]
fn modes_are_restored() {
    let server = Server::start();
    let dir = server.storage().join("d");
    for (name, mode) in [
        ("600", 0o600),
        ("755", 0o755),
        ("444", 0o444),
        ("4711", 0o4711),
        ("1777/", 0o1777),
        ("2750/", 0o2750),
        ("700/", 0o700),
    ] {
        match name.strip_suffix('/') {
            Some(name) => fs::create_dir_all(dir.join(name)).expect("made"),
            None => server.place(&format!("d/{name}"), name.as_bytes()),
        }
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(dir.join(name), mode).expect("set");
    }
    assert_restored(&server);
}

#[test]
fn times_are_restored_to_the_nanosecond() {
    let server = Server::start();
    let dir = server.storage().join("d");
    let after = |seconds, nanos| UNIX_EPOCH + Duration::new(seconds, nanos);
    let before = |seconds, nanos| UNIX_EPOCH - Duration::new(seconds, nanos);
    for (name, time) in [
        ("nanos", after(1_700_000_000, 123_456_789)),
        ("whole", after(1_700_000_000, 0)),
        ("one", after(1, 1)),
        ("epoch", UNIX_EPOCH),
        ("before", before(1_000_000, 0)),
        ("before-nanos", before(1_000_000, 1)),
        ("2106", after(0xffff_ffff, 999_999_999)),
    ] {
        server.place(&format!("d/{name}"), b"");
        set_modified(&dir.join(name), time);
        let folder = dir.join(format!("{name}-folder"));
        fs::create_dir(&folder).expect("made");
        fs::write(folder.join("file"), b"").expect("written");
        set_modified(&folder, time);
    }
    assert_restored(&server);
}

#[test]
fn each_folder_comes_before_its_entries_and_those_are_sorted_bytewise() {
    let server = Server::start();
    for name in ["b", "a-", "a/z", "a/B", "a/b/c", "a0", "a.txt", "~"] {
        server.place(&format!("d/{name}"), b"");
    }
    fs::create_dir(server.storage().join("d/empty")).expect("made");
    let expected = [
        "a/", "a/B", "a/b/", "a/b/c", "a/z", "a-", "a.txt", "a0", "b", "empty/", "~",
    ];
    assert_eq!(names(&archive(&server, "d")), expected);
    assert_eq!(names(&archive(&server, "d%2Fa")), ["B", "b/", "b/c", "z"]);
    assert!(names(&archive(&server, "d/empty")).is_empty());
}

#[test]
fn the_root_is_without_the_servers_own_folder() {
    let server = Server::start();
    server.post("f", b"1");
    server.post("sub/f", b"2");
    // A folder further down may have any name.
    server.place("sub/.http-nas/f", b"3");
    assert!(server.storage().join(".http-nas").is_dir());
    let expected = ["f", "sub/", "sub/.http-nas/", "sub/.http-nas/f", "sub/f"];
    for target in ["%2F", "/file/%2f", "/file/%2F%2F"] {
        assert_eq!(names(&archive(&server, target)), expected, "{target}");
    }
    symlink("..", server.storage().join("sub/up")).expect("linked");
    let by_a_link = names(&archive(&server, "sub%2Fup"));
    assert!(
        !by_a_link.contains(&".http-nas/".to_owned()),
        "{by_a_link:?}"
    );
}

#[test]
fn what_is_no_folder_has_no_archive() {
    let server = Server::start();
    server.place("file", b"content");
    server.place("folder/f", b"content");
    symlink("folder", server.storage().join("link")).expect("linked");
    symlink("../..", server.storage().join("out")).expect("linked");
    let made = Command::new("mkfifo")
        .arg(server.storage().join("fifo"))
        .status();
    assert!(made.is_ok_and(|status| status.success()));
    let head = |target: &str, headers: &[(&str, &str)]| {
        let get = server.request("GET", target, headers, b"");
        let head = server.request("HEAD", target, headers, b"");
        assert_eq!(head.status, get.status, "{target}");
        assert!(head.body.is_empty(), "{target}");
        for name in ["Content-Type", "Transfer-Encoding", "Content-Length"] {
            assert_eq!(head.header(name), get.header(name), "{target}: {name}");
        }
        get.status
    };
    for (target, status) in [
        ("folder/tar", 200),
        ("link/tar", 200),
        ("file/tar", 409),
        ("missing/tar", 404),
        ("file/below/tar", 404),
        ("fifo/tar", 409),
        ("out/tar", 404),
        (".http-nas/tar", 403),
        ("..%2F/tar", 400),
    ] {
        assert_eq!(head(target, &[]), status, "{target}");
    }
    for (field, value, status) in [
        ("If-None-Match", "*", 304),
        ("If-None-Match", "\"x\"", 200),
        ("If-Match", "*", 200),
        ("If-Match", "\"x\"", 412),
        ("Range", "bytes=0-1", 200),
    ] {
        assert_eq!(
            head("folder/tar", &[(field, value)]),
            status,
            "{field}: {value}"
        );
    }
}

#[test]
fn fifos_and_sockets_are_left_out_and_the_log_says_so() {
    let server = Server::start();
    server.place("d/a", b"1");
    server.place("d/z", b"2");
    let _socket = UnixListener::bind(server.storage().join("d/socket")).expect("bound");
    let fifo = server.storage().join("d/fifo");
    let made = Command::new("mkfifo").arg(fifo).status();
    assert!(made.is_ok_and(|status| status.success()));
    assert_eq!(names(&archive(&server, "d")), ["a", "z"]);
    eventually("the log says it", || {
        server
            .log()
            .contains("an archive is without FIFOs, sockets or devices left_out=2 name=\"d\"")
    });
}

#[test]
fn http_1_0_gets_an_archive_up_to_the_end_of_the_connection() {
    let server = Server::start();
    server.place("d/a", &pattern(1, 300_000));
    let (conn, head) = begin(&server, "d", "1.0");
    assert_eq!(head.header("Transfer-Encoding"), None);
    assert_eq!(head.header("Content-Length"), None);
    assert!(head.closes());
    let archive_1_0 = finish(conn, &head).expect("the whole archive");
    assert!(archive_1_0 == archive(&server, "d"));
}
