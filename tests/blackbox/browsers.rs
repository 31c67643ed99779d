//! What keeps a browser from doing something for another page: the fields of every reply. What a real Chromium makes of
//! them is in scripts/e2e-browser.

use std::fs;

use crate::common::{Conn, Reply, Server};

fn assert_protected(reply: &Reply, shown: &str) {
    for (name, value) in [
        ("X-Content-Type-Options", "nosniff"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{shown}: {name}");
    }
}

// symptom: a browser may take an error, a listing or an archive for a page or a script, and any page can embed a file.
// cause:   nosniff was set by the handler of files alone, and nothing said who may embed a reply.
// remedy:  both fields are added where every reply is given its head.
#[test]
fn every_reply_says_that_it_is_neither_sniffed_nor_embedded() {
    let server = Server::start();
    server.place("a.csv", b"1,2\n");
    server.place("folder/x", b"x");
    let tag = server
        .get("a.csv")
        .header("ETag")
        .expect("a tag")
        .to_owned();
    let range = ("Range", "bytes=0-0");
    let beyond = ("Range", "bytes=100-");
    let known = ("If-None-Match", tag.as_str());
    let json = ("Accept", "application/json");
    let other = ("Expect", "something");
    for (method, target, fields, status) in [
        ("GET", "/file", &[][..], 200),
        ("GET", "a.csv", &[], 200),
        ("HEAD", "a.csv", &[], 200),
        ("GET", "a.csv", &[range], 206),
        ("GET", "a.csv", &[known], 304),
        ("GET", "a.csv", &[beyond], 416),
        ("GET", "a.csv/wc", &[], 200),
        ("GET", "a.csv/sha256", &[], 200),
        ("GET", "folder", &[], 200),
        ("GET", "folder", &[json], 200),
        ("GET", "folder/tar", &[], 200),
        ("GET", "missing", &[], 404),
        ("GET", "missing", &[json], 404),
        ("GET", "/none", &[], 404),
        ("GET", "..", &[], 400),
        ("GET", ".http-nas", &[], 403),
        ("PATCH", "a.csv", &[], 405),
        ("GET", "folder/wc", &[], 409),
        ("GET", "a.csv", &[other], 417),
        ("POST", "new", &[], 200),
        ("PUT", "new", &[], 200),
        ("DELETE", "new", &[], 200),
    ] {
        let reply = server.request(method, target, fields, b"");
        let shown = format!("{method} {target} {fields:?}");
        assert_eq!(reply.status, status, "{shown}: {}", reply.summary());
        assert_protected(&reply, &shown);
    }
    for (head, status) in [
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/3.0\r\nHost: nas\r\n\r\n", 505),
        ("GET /file HTTP/1.0\r\n\r\n", 200),
    ] {
        let mut conn = Conn::open(server.addr);
        conn.send(head.as_bytes());
        let reply = conn.reply_to("GET").expect("a reply");
        assert_eq!(reply.status, status, "{head:?}");
        assert_protected(&reply, head);
    }
}

#[test]
fn a_failure_of_the_server_is_protected_like_any_reply() {
    let mut server = Server::start();
    server.expect_errors();
    fs::remove_dir_all(server.storage()).expect("removed");
    let reply = server.get("/file");
    assert_eq!(reply.status, 500);
    assert_protected(&reply, "500");
}
