//! What `info` tells of where a file comes from: who wrote it last, when, and by which request.
//!
//! File systems that do not keep it, and servers that are killed meanwhile, are in
//! tests/shell/attributes.sh.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use testkit::digest::{member, sha256_hex};
use testkit::json::{self, Json};
use testkit::rows::each;
use testkit::rules::{anonymous, bearer, put, token};
use testkit::{Client, Reply, Server, TempDir, attributes, chunked, pattern, skip, unix};

use super::info::info;

/// What is told of every file.
const ALWAYS: [&str; 5] = ["name", "type", "size", "modified", "etag"];

/// What is told beside it of a file that a client has written.
const ORIGIN: [&str; 3] = ["client", "at", "request_id"];

const WANTED: (&str, &str) = ("Want-Repr-Digest", "sha-256=1");

const LARGE: usize = 300_000;

/// A server; none where the file system of the tests has no extended attributes.
fn start() -> Option<Server> {
    start_with(&[])
}

fn start_with(args: &[&str]) -> Option<Server> {
    let server = Server::with(args, &[]);
    if !attributes::are_kept(&server.storage()) {
        skip("the file system of the tests has no extended attributes");
        return None;
    }
    Some(server)
}

/// Fails where a file is not said to come from this request, which wrote it last.
fn assert_from(server: &Server, name: &str, reply: &Reply, what: &str) {
    assert_eq!(reply.status, 200, "{what}: {}", reply.summary());
    let found = info(server, name);
    assert_eq!(found.names(), [&ALWAYS[..], &ORIGIN].concat(), "{what}");
    let id = reply.header("X-Request-Id").expect("an id");
    assert_eq!(found.get("request_id").text(), id, "{what}");
    assert_eq!(found.get("client").text(), "127.0.0.1", "{what}");
    assert_eq!(found.get("at"), found.get("modified"), "{what}");
    let tag = Client::of(server).tag(name);
    assert_eq!(found.get("etag").text(), tag, "{what}");
}

fn assert_unknown(server: &Server, name: &str, what: &str) {
    assert_eq!(info(server, name).names(), ALWAYS, "{what}");
}

fn path(to: &str) -> Vec<u8> {
    format!("{{\"path\": \"{to}\"}}").into_bytes()
}

#[test]
fn each_way_to_write_a_file_names_its_request() {
    let Some(server) = start() else { return };
    let large = pattern(1, LARGE);
    let whole = ("Content-Range", "bytes 0-3/4");
    let is_chunked = ("Transfer-Encoding", "chunked");
    let in_chunks = chunked(&large, 50_000);
    each(
        [
            ("POST of a new file", "POST", "f", &[][..], &b"new"[..]),
            ("POST in its place", "POST", "f", &[], b"other"),
            ("an append", "PUT", "f", &[], b" and more"),
            ("a long append", "PUT", "f", &[], &large),
            (
                "a long append in chunks",
                "PUT",
                "f",
                &[is_chunked],
                &in_chunks,
            ),
            ("a long POST", "POST", "f", &[], &large),
            (
                "a long POST in chunks",
                "POST",
                "f",
                &[is_chunked],
                &in_chunks,
            ),
            ("an empty POST", "POST", "f", &[], b""),
            ("an append to an empty file", "PUT", "f", &[], b"1"),
            ("an append that may create", "PUT", "f?create", &[], b"2"),
            ("an append that creates", "PUT", "a/g?create", &[], b"1"),
            ("a long one", "PUT", "a/h?create", &[], &large),
            ("an append from byte 0", "PUT", "a/i", &[whole], b"1234"),
        ],
        |(what, method, target, fields, body)| {
            let reply = server.request(method, target, fields, body);
            let name = target.trim_end_matches("?create");
            assert_from(&server, name, &reply, what);
        },
    );
}

#[test]
fn a_request_that_changes_nothing_is_not_named() {
    let Some(server) = start() else { return };
    let written = server.post("file", b"content");
    server.place("elsewhere", b"content");
    for (method, target, fields, body, status) in [
        ("PUT", "file", &[][..], &b""[..], 200),
        ("POST", "file", &[("If-None-Match", "*")], b"x", 412),
        ("PUT", "file", &[("If-Match", "\"x\"")], b"x", 412),
        (
            "PUT",
            "file",
            &[("Content-Range", "bytes 1-1/2")],
            b"x",
            416,
        ),
        ("PUT", "file/mv", &[], &path("file"), 200),
        ("PUT", "file/cp", &[], &path("file"), 200),
        ("GET", "file/sha256", &[], b"", 200),
        ("PUT", "elsewhere", &[], b"", 200),
    ] {
        let reply = server.request(method, target, fields, body);
        assert_eq!(reply.status, status, "{method} {target} {fields:?}");
        let what = format!("{method} {target} {fields:?}");
        assert_from(&server, "file", &written, &what);
        assert_unknown(&server, "elsewhere", &what);
    }
}

#[test]
fn a_move_keeps_where_a_file_comes_from_and_a_copy_does_not() {
    let Some(server) = start() else { return };
    let written = server.post("folder/file", b"content");
    server.post("there", b"other content");
    server.place("elsewhere", b"content");
    let before = info(&server, "folder/file");
    let assert_kept = |name: &str| {
        let found = info(&server, name);
        for member in ORIGIN {
            assert_eq!(found.get(member), before.get(member), "{name}: {member}");
        }
    };
    // The time of a file that is moved becomes that of the move.
    for (from, to) in [
        ("folder/file", "folder/moved"),
        ("folder/moved", "there"),
        ("there", "folder/there"),
        ("folder", "new/folder"),
    ] {
        assert_eq!(server.mv(from, to).status, 200, "{from}");
        match from {
            "folder" => assert_kept("new/folder/there"),
            _ => assert_kept(to),
        }
    }
    let found = info(&server, "new/folder/there");
    assert_ne!(found.get("modified"), found.get("at"));
    let written = written.header("X-Request-Id");
    assert_eq!(Some(found.get("request_id").text()), written);

    for from in ["new/folder/there", "elsewhere"] {
        let copied = server.cp(from, "copy");
        assert_from(&server, "copy", &copied, from);
    }
    assert_kept("new/folder/there");
    assert_eq!(server.mv("elsewhere", "copy").status, 200);
    assert_unknown(&server, "copy", "one from elsewhere that was moved there");
    server.place("new/folder/there", b"CONTENT");
    assert_eq!(server.mv("new/folder/there", "changed").status, 200);
    assert_unknown(&server, "changed", "one that was changed before");
}

#[test]
fn a_link_tells_of_the_file_that_it_leads_to() {
    let Some(server) = start() else { return };
    server.place("folder/file", b"content");
    symlink("folder/file", server.storage().join("link")).expect("linked");
    for (method, body) in [("PUT", b"more"), ("POST", b"anew")] {
        let written = server.request(method, "link", &[], body);
        assert_from(&server, "link", &written, method);
        assert_from(&server, "folder/file", &written, method);
    }
}

// What another program has changed is not the content that the client wrote.
#[test]
fn what_another_program_has_changed_comes_from_nowhere() {
    let Some(server) = start() else { return };
    let path = server.storage().join("file");
    let open = || {
        File::options()
            .write(true)
            .open(&path)
            .expect("it is there")
    };
    let modified = || fs::metadata(&path).and_then(|it| it.modified());
    type Change<'c> = (&'c str, &'c dyn Fn());
    let changes: [Change<'_>; 7] = [
        ("replaced", &|| {
            fs::remove_file(&path).expect("removed");
            server.place("file", b"content");
        }),
        ("written in place", &|| server.place("file", b"CONTENT")),
        ("shortened", &|| open().set_len(3).expect("cut")),
        ("touched", &|| {
            open().set_modified(SystemTime::now()).expect("set");
        }),
        ("of another length, its time set back", &|| {
            let before = modified().expect("a time");
            open().set_len(100).expect("longer");
            open().set_modified(before).expect("set");
        }),
        ("a second older", &|| {
            let time = modified().expect("a time") - Duration::from_secs(1);
            open().set_modified(time).expect("set");
        }),
        ("older than 1970", &|| {
            let time = UNIX_EPOCH - Duration::from_secs(1);
            open().set_modified(time).expect("set");
        }),
    ];
    for (what, change) in changes {
        let written = server.post("file", b"content");
        assert_from(&server, "file", &written, what);
        change();
        assert_unknown(&server, "file", what);
        // What is appended to it has a writer again.
        let written = server.put("file", b"more");
        assert_from(&server, "file", &written, what);
    }
}

#[test]
fn a_file_that_is_restored_without_the_parts_of_its_second_keeps_it() {
    let Some(server) = start() else { return };
    let written = server.post("file", b"content");
    let file = File::options()
        .write(true)
        .open(server.storage().join("file"));
    let file = file.expect("it is there");
    let modified = file.metadata().and_then(|it| it.modified());
    let modified = modified.expect("a time");
    let seconds = modified
        .duration_since(UNIX_EPOCH)
        .expect("a time")
        .as_secs();
    let whole = UNIX_EPOCH + Duration::from_secs(seconds);
    file.set_modified(whole).expect("set");
    let found = info(&server, "file");
    let written = written.header("X-Request-Id");
    assert_eq!(Some(found.get("request_id").text()), written);
}

/// The digest that `info` tells, if it does.
fn told_digest(server: &Server, name: &str) -> Option<String> {
    let found = info(server, name);
    let is_told = found.names().contains(&"sha256");
    is_told.then(|| found.get("sha256").text().to_owned())
}

#[test]
fn a_digest_that_was_computed_while_it_came_is_known() {
    let Some(server) = start() else { return };
    let large = pattern(1, LARGE);
    let known = |body: &[u8]| Some(sha256_hex(body));
    let digest_of_old = member(b"old");
    let sent = ("Content-Digest", digest_of_old.as_str());
    for (what, method, target, fields, body, expected) in [
        (
            "wanted",
            "POST",
            "f",
            &[WANTED][..],
            &b"new"[..],
            known(b"new"),
        ),
        ("sent", "POST", "f", &[sent], b"old", known(b"old")),
        ("of a part", "PUT", "f", &[WANTED], b"new", None),
        ("not asked for", "POST", "f", &[], b"new", None),
        ("large", "POST", "f", &[WANTED], &large, known(&large)),
        ("of a large part", "PUT", "f", &[WANTED], &large, None),
        ("of nothing", "POST", "f", &[WANTED], b"", known(b"")),
        (
            "of the first part",
            "PUT",
            "f",
            &[WANTED],
            b"1",
            known(b"1"),
        ),
        ("created", "PUT", "g?create", &[WANTED], b"2", known(b"2")),
    ] {
        let reply = server.request(method, target, fields, body);
        assert_eq!(reply.status, 200, "{what}: {}", reply.summary());
        let name = target.trim_end_matches("?create");
        assert_eq!(told_digest(&server, name), expected, "{what}");
    }
    server.request("POST", "file", &[WANTED], b"content");
    assert_eq!(server.cp("file", "copy").status, 200);
    assert_eq!(told_digest(&server, "copy"), known(b"content"));
    assert_eq!(server.mv("copy", "moved").status, 200);
    assert_eq!(told_digest(&server, "moved"), known(b"content"));
    server.place("moved", b"CONTENT");
    assert_eq!(told_digest(&server, "moved"), None);
    assert_eq!(server.cp("moved", "copy").status, 200);
    assert_eq!(told_digest(&server, "copy"), None);
}

#[test]
fn an_attribute_that_is_not_the_servers_is_nothing() {
    let Some(server) = start() else { return };
    server.post("file", b"content");
    let path = server.storage().join("file");
    let whole = attributes::get(&path).expect("it is kept");
    let of_another = {
        server.post("other", b"content");
        attributes::get(&server.storage().join("other")).expect("it is kept")
    };
    let with = |at: usize, byte: u8| {
        let mut changed = whole.clone();
        changed[at] = byte;
        changed
    };
    let last = whole.len() - 1;
    each(
        [
            ("empty", Vec::new()),
            ("text", b"{\"client\":\"root\"}".to_vec()),
            ("zeros", vec![0; 64]),
            ("long", vec![1; 3000]),
            ("cut", whole[..last].to_vec()),
            ("longer", [&whole[..], b"\0"].concat()),
            ("twice", [&whole[..], &whole].concat()),
            ("of another version", with(0, 2)),
            ("of another length", with(9, 8)),
            ("with a control character", with(last, b'\n')),
            ("with half a character", with(last, 0xc3)),
            ("of another file", of_another),
        ],
        |(what, value)| {
            attributes::set(&path, &value);
            for method in ["GET", "HEAD"] {
                let reply = server.request(method, "file/info", &[], b"");
                assert_eq!(reply.status, 200, "{what}: {}", reply.summary());
            }
            assert_unknown(&server, "file", what);
            assert_eq!(server.get("file").text(), "content", "{what}");
        },
    );
    attributes::set(&path, &whole);
    assert_eq!(info(&server, "file").names().len(), 8);
    attributes::set(&path, b"odd");
    let moved = server.mv("file", "moved");
    assert_eq!(moved.status, 200);
    assert_unknown(&server, "moved", "moved with an odd one");
    let written = server.put("moved", b"more");
    assert_from(&server, "moved", &written, "written with an odd one");
}

/// Who wrote a file, as a server with these proxies says that is sent these fields.
fn client_of(trusted: &[&str], fields: &[(&str, &str)]) -> Option<String> {
    let server = Server::with(trusted, &[]);
    assert_eq!(server.request("POST", "file", fields, b"x").status, 200);
    let found = info(&server, "file");
    let is_told = found.names().contains(&"client");
    is_told.then(|| found.get("client").text().to_owned())
}

#[test]
fn the_client_is_the_one_that_the_log_believes() {
    if start().is_none() {
        return;
    }
    let trusted = &["--trusted-proxies", "127.0.0.1"][..];
    let for_v6 = "for=\"[2001:db8::1]:4711\"";
    let odd = "_\"quoted\\";
    let long = format!("_{}", "x".repeat(64));
    each(
        [
            (&[][..], "X-Forwarded-For", "192.0.2.1", Some("127.0.0.1")),
            (trusted, "X-Forwarded-For", "192.0.2.1", Some("192.0.2.1")),
            (
                trusted,
                "X-Forwarded-For",
                "10.0.0.1, 192.0.2.1",
                Some("192.0.2.1"),
            ),
            (trusted, "Forwarded", for_v6, Some("2001:db8::1")),
            (trusted, "X-Forwarded-For", odd, Some(odd)),
            (trusted, "X-Other", "192.0.2.1", Some("127.0.0.1")),
            // It cannot be kept.
            (trusted, "X-Forwarded-For", "two words", None),
            (trusted, "X-Forwarded-For", &long, None),
        ],
        |(trusted, field, value, expected)| {
            let found = client_of(trusted, &[(field, value)]);
            assert_eq!(found.as_deref(), expected, "{field}: {value}");
        },
    );
}

#[test]
fn the_token_that_a_client_came_with_is_named() {
    if start().is_none() {
        return;
    }
    let dir = Arc::new(TempDir::new());
    let rules = [
        token("loader", "s3cret", &[("", "read,write,append")]),
        token("other.one_2", "other", &[("", "append")]),
        anonymous("anyone", &[("public/", "read,write")]),
    ];
    let access = put(dir.outside(), &rules);
    let server = Server::on(dir, &["--access", &access], &[]);
    let [loader, other] = ["s3cret", "other"].map(bearer);
    let told = |name: &str| {
        let target = format!("{name}/info");
        let reply = server.request("GET", &target, &[("Authorization", &loader)], b"");
        assert_eq!(reply.status, 200, "{name}: {}", reply.summary());
        let found = json::parse(&reply.text());
        let is_told = found.names().contains(&"by");
        is_told.then(|| found.get("by").text().to_owned())
    };
    let cp = path("public/copy");
    for (method, target, token, body, written, expected) in [
        ("POST", "f", Some(&loader), &b"x"[..], "f", Some("loader")),
        ("PUT", "f", Some(&other), b"x", "f", Some("other.one_2")),
        ("POST", "public/f", None, b"x", "public/f", None),
        (
            "PUT",
            "f/cp",
            Some(&loader),
            &cp,
            "public/copy",
            Some("loader"),
        ),
    ] {
        let fields: Vec<_> = token
            .map(|it| ("Authorization", it.as_str()))
            .into_iter()
            .collect();
        let reply = server.request(method, target, &fields, body);
        assert_eq!(reply.status, 200, "{target}: {}", reply.summary());
        assert_eq!(told(written).as_deref(), expected, "{target}");
    }
}

#[test]
fn a_client_of_a_unix_socket_has_no_address() {
    let Some(other) = start() else { return };
    let socket = other.dir.outside().join("nas.sock");
    let named = format!("unix:{}", socket.display());
    let server = Server::with(&["--listen", "127.0.0.1:0", "--listen", &named], &[]);
    let (status, _) = unix::request(&socket, "POST", "file", &[], b"content");
    assert_eq!(status, 200);
    assert_eq!(info(&server, "file").get("client").text(), "unix");
}

#[test]
fn another_server_on_the_folder_tells_the_same() {
    let Some(server) = start() else { return };
    let other = server.sibling();
    for (writer, reader) in [(&server, &other), (&other, &server)] {
        let written = writer.put("file?create", b"line\n");
        assert_from(reader, "file", &written, "by another server");
    }
}

/// Two servers append this many bodies of this length in turn, while clients of both ask for the
/// info: the size and the request that it tells have to belong together. Gives how many replies
/// have told where the file comes from, of how many.
fn ask_while_it_grows(server: &Server, appends: usize, length: usize) -> (usize, usize) {
    let other = server.sibling();
    let body = vec![b'x'; length];
    let id = |reply: &Reply| reply.header("X-Request-Id").expect("an id").to_owned();
    let mut ids = vec![id(&server.post("file", &body))];
    let ask_until_it_is_long = |server| {
        let mut client = Client::of(server);
        let mut told: Vec<Json> = Vec::new();
        loop {
            let reply = client.ask("GET", "file/info", &[], b"");
            let found = json::parse(&reply.text());
            let is_last = found.get("size").number() as usize > appends * length;
            told.push(found);
            if is_last {
                return told;
            }
        }
    };
    let told = thread::scope(|scope| {
        let readers = [server, &other].map(|server| scope.spawn(|| ask_until_it_is_long(server)));
        let mut clients = [server, &other].map(Client::of);
        for round in 0..appends {
            ids.push(id(&clients[round % 2].ask("PUT", "file", &[], &body)));
        }
        readers.map(|reader| reader.join().expect("a reader failed"))
    });
    let all = told.concat();
    let is_known = |found: &&Json| found.names().contains(&"request_id");
    let known: Vec<&Json> = all.iter().filter(is_known).collect();
    for found in &known {
        let written = found.get("size").number() as usize / length;
        assert_eq!(found.get("request_id").text(), ids[written - 1]);
    }
    (known.len(), all.len())
}

#[test]
fn the_request_that_is_named_is_that_of_the_size() {
    let Some(server) = start() else { return };
    let (known, all) = ask_while_it_grows(&server, 2000, 1);
    assert_eq!(known, all, "no version is without");
}

// With --sync data each append has an intent. Until that is committed, the file has the size from
// before it, and the time from after it.
#[test]
fn no_request_is_named_before_its_append_is_committed() {
    let Some(server) = start_with(&["--sync", "data"]) else {
        return;
    };
    let (known, all) = ask_while_it_grows(&server, 60, 1000);
    assert!(known > 0, "of {all}");
    assert!(info(&server, "file").names().contains(&"request_id"));
}
