//! The tables of docs/api.md, held against the server: each request is answered with a status that
//! the page promises, and each status of an error can be had.
//!
//! What a reply holds is in the other files of this folder.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use testkit::tarball::NO_ENTRIES;
use testkit::{Reply, Server, TempDir, attributes, json, rules, skip};

use crate::ops::log_fields::{first_words, table};

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/api.md");
    fs::read_to_string(path).expect("the page is there")
}

/// The statuses that a cell names.
fn statuses(cell: &str) -> BTreeSet<u16> {
    let words = cell.split(|c: char| !c.is_ascii_digit());
    let numbers = words.filter(|word| word.len() == 3);
    numbers
        .map(|word| word.parse().expect("a number"))
        .collect()
}

/// Method, target and body of a request, and the status that it gets.
type Asked = (&'static str, &'static str, &'static str, u16);

/// Requests to a server that has the file `folder/a`, for each row of the table of requests.
const REQUESTS: [(&str, &[Asked]); 25] = [
    (
        "`POST /file/NAME`",
        &[
            ("POST", "new", "body", 200),
            ("POST", "folder/a", "body", 200),
        ],
    ),
    (
        "`PUT /file/NAME`",
        &[
            ("PUT", "folder/a", "more", 200),
            ("PUT", "missing", "more", 404),
        ],
    ),
    (
        "`PUT /file/NAME?create`",
        &[("PUT", "other/a?create", "body", 200)],
    ),
    (
        "`POST /file/NAME/` (a final `/`, raw or `%2F`), empty body",
        &[
            ("POST", "made/", "", 200),
            ("POST", "made%2Ftoo%2F", "", 200),
        ],
    ),
    (
        "`POST /file/FOLDER/untar`, a tar stream",
        &[
            ("POST", "new/untar", NO_ENTRIES, 200),
            ("POST", "folder/untar?replace", NO_ENTRIES, 200),
            ("POST", "folder/untar", NO_ENTRIES, 409),
        ],
    ),
    (
        "`PUT /file/NAME/mv`, body `{\"path\": \"NEW\"}`",
        &[("PUT", "folder/mv", r#"{"path": "b/c"}"#, 200)],
    ),
    (
        "`PUT /file/NAME/cp`, the same body",
        &[("PUT", "folder%2Fa/cp", r#"{"path": "b/c"}"#, 200)],
    ),
    (
        "`PUT /file/FOLDER/claim`, the same body",
        &[("PUT", "folder/claim", r#"{"path": "b"}"#, 200)],
    ),
    (
        "`DELETE /file/NAME`",
        &[
            ("DELETE", "folder/a", "", 200),
            ("DELETE", "folder", "", 200),
        ],
    ),
    (
        "`GET /file/NAME` of a file",
        &[("GET", "folder/a", "", 200)],
    ),
    (
        "`GET /file/NAME?shard=K/N`",
        &[
            ("GET", "folder/a?shard=1/2", "", 200),
            ("GET", "folder/a?shard=2/2&header", "", 200),
        ],
    ),
    (
        "`GET /file/NAME?head=N`, `?tail=N`",
        &[
            ("GET", "folder/a?head=1", "", 200),
            ("GET", "folder/a?tail=1", "", 200),
        ],
    ),
    (
        "`GET /file/NAME?wait=60s`",
        &[("GET", "folder/a?wait=60s", "", 200)],
    ),
    (
        "`GET /file/NAME` of a folder",
        &[("GET", "folder", "", 200), ("GET", "%2F", "", 200)],
    ),
    (
        "`GET /file/NAME?recursive`, `?glob=PATTERN`",
        &[
            ("GET", "folder?recursive", "", 200),
            ("GET", "folder?glob=**/*", "", 200),
        ],
    ),
    ("`GET /file/NAME/wc`", &[("GET", "folder/a/wc", "", 200)]),
    (
        "`GET /file/NAME/sha256`",
        &[("GET", "folder/a/sha256", "", 200)],
    ),
    (
        "`GET /file/NAME/info`",
        &[
            ("GET", "folder/a/info", "", 200),
            ("GET", "folder/info", "", 200),
        ],
    ),
    ("`GET /file/NAME/tar`", &[("GET", "folder/tar", "", 200)]),
    (
        "`GET /file`, `GET /file/`",
        &[("GET", "/file", "", 200), ("GET", "/file/", "", 200)],
    ),
    ("`GET /healthz`", &[("GET", "/healthz", "", 200)]),
    ("`GET /readyz`", &[("GET", "/readyz", "", 200)]),
    ("`GET /metrics`", &[("GET", "/metrics", "", 200)]),
    ("`GET /transfers`", &[("GET", "/transfers", "", 200)]),
    ("`GET /`", &[("GET", "/", "", 200)]),
];

#[test]
fn each_row_of_requests_is_answered_as_it_says() {
    let rows = table(&page(), "request");
    let heads: Vec<_> = rows.iter().map(|row| row[0].as_str()).collect();
    let known: Vec<_> = REQUESTS
        .iter()
        .map(|(head, _)| *head)
        .chain(["`HEAD`"])
        .collect();
    assert_eq!(heads, known, "the rows of the table");
    for (row, (_, requests)) in rows.iter().zip(REQUESTS) {
        for (method, target, body, status) in requests {
            let server = Server::start();
            server.place("folder/a", b"1\n2\n");
            let reply = server.request(method, target, &[], body.as_bytes());
            assert_eq!(
                reply.status,
                *status,
                "{method} {target}: {}",
                reply.summary()
            );
            if *status == 200 {
                assert!(statuses(&row[2]).contains(status), "{row:?}");
                assert!(!row[2].contains("`OK`") || reply.text() == "OK", "{row:?}");
            } else {
                assert!(statuses(&row[1]).contains(status), "{row:?}");
            }
            if *method == "GET" {
                let head = server.request("HEAD", target, &[], b"");
                assert_eq!(
                    (head.status, head.body.len()),
                    (*status, 0),
                    "HEAD {target}"
                );
            }
        }
    }
}

#[test]
fn each_status_of_a_file_and_of_a_folder_can_be_had() {
    let rows = table(&page(), "request");
    let promised = |head: &str| {
        let row = rows.iter().find(|row| row[0] == head).expect("the row");
        statuses(&row[2])
    };
    let server = Server::start();
    server.place("folder/a", b"1\n2\n");
    let tag = server
        .get("folder/a")
        .header("ETag")
        .expect("a tag")
        .to_owned();
    let ask = |target, fields: &[_]| server.request("GET", target, fields, b"").status;
    let of_file = BTreeSet::from([
        ask("folder/a", &[]),
        ask("folder/a", &[("Range", "bytes=0-1")]),
        ask("folder/a", &[("If-None-Match", tag.as_str())]),
    ]);
    assert_eq!(of_file, promised("`GET /file/NAME` of a file"));
    let of_folder = BTreeSet::from([
        ask("folder", &[]),
        ask("folder", &[("Accept", "text/html")]),
    ]);
    assert_eq!(of_folder, promised("`GET /file/NAME` of a folder"));
}

#[test]
fn each_member_of_info_can_be_had_and_is_in_the_table() {
    let rows = table(&page(), "member");
    let dir = Arc::new(TempDir::new());
    let everything = rules::token("loader", "s3cret", &[("", "read,write")]);
    let access = rules::put(dir.outside(), &[everything]);
    let server = Server::on(dir, &["--access", &access], &[]);
    if !attributes::are_kept(&server.storage()) {
        skip("the file system of the tests has no extended attributes");
        return;
    }
    let authorization = rules::bearer("s3cret");
    let ask = |method, target, body: &[u8]| {
        let fields = [
            ("Want-Repr-Digest", "sha-256=1"),
            ("Authorization", authorization.as_str()),
        ];
        let reply = server.request(method, target, &fields, body);
        assert_eq!(reply.status, 200, "{target}: {}", reply.summary());
        reply.text()
    };
    ask("POST", "folder/file", b"content");
    let told = |target| -> BTreeSet<String> {
        let found = json::parse(&ask("GET", target, b""));
        found.names().into_iter().map(str::to_owned).collect()
    };
    assert_eq!(told("folder/file/info"), first_words(&rows));
    let always: Vec<_> = rows.into_iter().filter(|row| row[1] == "always").collect();
    assert_eq!(told("folder/info"), first_words(&always));
}

/// One reply of each status that needs no settings of its own.
fn refused(server: &Server) -> Vec<Reply> {
    let ask =
        |method, target, fields: &[_], body: &[u8]| server.request(method, target, fields, body);
    let raw = |head: &str| {
        let mut conn = server.open();
        conn.send(head.as_bytes());
        conn.head().expect("a reply")
    };
    let long = "x".repeat(17 << 10);
    vec![
        ask("GET", "..", &[], b""),
        ask("GET", ".http-nas", &[], b""),
        ask("GET", "missing", &[], b""),
        ask("PATCH", "folder/a", &[], b""),
        ask("POST", "folder", &[], b"body"),
        raw("POST /file/x HTTP/1.1\r\nHost: nas\r\nContent-Type: text/csv\r\n\r\n"),
        ask("POST", "folder/a", &[("If-None-Match", "*")], b"body"),
        ask("POST", "x", &[("Content-Encoding", "gzip")], b"body"),
        ask("GET", "folder/a", &[("Range", "bytes=99-")], b""),
        ask("GET", "folder/a", &[("Expect", "something")], b""),
        raw("GET /file/x HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n"),
        ask("GET", "folder/a", &[("X-Long", long.as_str())], b""),
        raw("GET /file/x HTTP/2.0\r\nHost: nas\r\n\r\n"),
    ]
}

fn stalled() -> Reply {
    let server = Server::with(&["--idle-timeout", "1s"], &[]);
    let mut conn = server.begin("POST", "x", "Content-Length: 10");
    conn.head().expect("a reply")
}

fn with_full_slots() -> Reply {
    let server = Server::with(&["--max-transfers", "1"], &[]);
    let _held = server.begin("POST", "x", "Content-Length: 10");
    server.get("x")
}

fn without_a_token() -> Reply {
    let dir = Arc::new(TempDir::new());
    let access = rules::put(dir.outside(), &[]);
    Server::on(dir, &["--access", &access], &[]).get("x")
}

fn displaced() -> Reply {
    let mut server = Server::start();
    server.expect_errors();
    fs::rename(server.storage(), server.dir.outside().join("moved")).expect("renamed");
    server.post("x", b"body")
}

#[test]
fn each_status_of_an_error_can_be_had() {
    let rows = table(&page(), "status");
    let promised: BTreeSet<_> = rows.iter().flat_map(|row| statuses(&row[0])).collect();
    let server = Server::with(&["--allowed-hosts", "nas"], &[]);
    server.place("folder/a", b"1\n2\n");
    let mut replies = refused(&server);
    let limited = |flag, value| Server::with(&[flag, value], &[]).post("x", b"body");
    replies.extend([
        limited("--max-upload-size", "1"),
        limited("--min-free-space", "1000Ti"),
        stalled(),
        with_full_slots(),
        without_a_token(),
        displaced(),
    ]);
    let found: BTreeSet<_> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(found, promised);
    for reply in replies {
        let has_pause = reply.header("Retry-After").is_some();
        assert_eq!(has_pause, reply.status == 503, "{}", reply.summary());
    }
}
