//! When a condition is evaluated: only where the request would succeed otherwise, before the body
//! and again after it, and on folders and links.

use std::fs;
use std::os::unix::fs::symlink;

use testkit::rows::each;
use testkit::{Client, Server, json};

/// Sun, 06 Nov 1994 08:49:37 GMT.
const MODIFIED: u64 = 784_111_777;

/// 13.2.1: where the request would be refused without conditions, they say nothing.
#[test]
fn a_condition_counts_only_where_the_request_would_succeed() {
    let server = Server::start();
    server.place("file", b"0123456789");
    server.place("folder/x", b"x");
    let before = server.visible();
    let path = |to: &str| format!("{{\"path\": \"{to}\"}}").into_bytes();
    type Row<'a> = (&'a str, &'a str, Option<&'a str>, Vec<u8>, u16);
    let rows: &[Row] = &[
        ("GET", "missing", None, vec![], 404),
        ("HEAD", "missing", None, vec![], 404),
        ("GET", ".http-nas", None, vec![], 403),
        ("GET", "..", None, vec![], 400),
        ("PATCH", "file", None, vec![], 405),
        ("GET", "folder/wc", None, vec![], 409),
        ("GET", "folder/sha256", None, vec![], 409),
        ("GET", "missing/info", None, vec![], 404),
        ("PUT", "missing", None, b"x".to_vec(), 404),
        ("DELETE", "missing", None, vec![], 404),
        ("DELETE", "%2F", None, vec![], 403),
        ("POST", "folder", None, b"x".to_vec(), 409),
        ("POST", "file/below", None, b"x".to_vec(), 409),
        ("POST", "file", Some("bytes 0-0/1"), b"x".to_vec(), 400),
        ("PUT", "folder", None, b"x".to_vec(), 409),
        ("PUT", "file", Some("bytes 9-9/10"), b"x".to_vec(), 416),
        ("PUT", "file", Some("bytes 10-11/12"), b"x".to_vec(), 400),
        ("PUT", "missing/mv", None, path("file"), 404),
        ("PUT", "missing/cp", None, path("file"), 404),
        ("PUT", "file/mv", None, path("folder"), 409),
        ("PUT", "file/cp", None, path("folder"), 409),
        ("PUT", "folder/cp", None, path("file"), 409),
        ("PUT", "file/mv", None, path(".."), 400),
        ("PUT", "file/cp", None, path(".http-nas/x"), 403),
    ];
    each(rows, |(method, target, content_range, body, status)| {
        let range = content_range.map(|range| ("Content-Range", range));
        for condition in [
            ("If-Match", "\"other\""),
            ("If-None-Match", "*"),
            ("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ] {
            let sent: Vec<(&str, &str)> = [condition].into_iter().chain(range).collect();
            let reply = server.request(method, target, &sent, body);
            let shown = format!("{method} {target} {sent:?}: {}", reply.summary());
            assert_eq!(reply.status, *status, "{shown}");
            assert_eq!(server.visible(), before, "{shown}");
        }
    });
    // A Range that cannot be satisfied is looked at only after the conditions (14.2).
    let range = ("Range", "bytes=20-");
    let tag = Client::of(&server).tag("file");
    for (condition, status) in [
        (("If-Match", "\"other\""), 412),
        (("If-None-Match", "*"), 304),
        (("If-Match", "*"), 416),
        (("If-Range", "\"other\""), 200),
        (("If-Range", tag.as_str()), 416),
    ] {
        let reply = server.request("GET", "file", &[condition, range], b"");
        assert_eq!(reply.status, status, "{condition:?}: {}", reply.summary());
    }
}

#[test]
fn a_connection_goes_on_after_304_412_and_416() {
    let server = Server::start();
    server.place("a", b"0123456789");
    let mut conn = server.open();
    let mut ask = |method: &str, headers: &[(&str, &str)]| {
        let reply = conn.request(method, "a", headers, b"");
        reply.unwrap_or_else(|e| panic!("{method} {headers:?}: {e}"))
    };
    for round in 0..20 {
        for method in ["GET", "HEAD"] {
            let reply = ask(method, &[("If-None-Match", "*")]);
            assert_eq!(reply.status, 304, "{method}, round {round}");
            let coding = reply.header("Transfer-Encoding");
            assert_eq!(coding, None, "a 304 has no content\n{}", reply.head);
            let reply = ask(method, &[("If-Match", "\"other\"")]);
            assert_eq!(reply.status, 412, "{method}, round {round}");
        }
        assert_eq!(ask("GET", &[("Range", "bytes=10-")]).status, 416);
        assert_eq!(ask("GET", &[]).text(), "0123456789");
    }
}

#[test]
fn a_false_condition_is_told_before_the_body_is_sent() {
    let server = Server::start();
    server.place_at("file", b"content", MODIFIED);
    server.place_at("to", b"other", MODIFIED);
    for (method, target) in [
        ("POST", "file"),
        ("PUT", "file"),
        ("PUT", "file/cp"),
        ("PUT", "file/mv"),
    ] {
        // What mv and cp are to do stands in the body, and so does the name that the condition
        // speaks of.
        let expected = if target.ends_with("cp") || target.ends_with("mv") {
            100
        } else {
            412
        };
        for condition in [
            "If-Match: \"other\"",
            "If-None-Match: *",
            "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT",
        ] {
            let lines = format!("{condition}\r\nContent-Length: 14");
            let (mut conn, reply) = server.announce(method, target, &lines);
            assert_eq!(reply.status, expected, "{method} {target}, {condition}");
            if expected == 100 {
                conn.send(b"{\"path\": \"to\"}");
                let reply = conn.reply_to("PUT").expect("a reply");
                assert_eq!(reply.status, 412, "{target}, {condition}");
            }
        }
    }
    assert_eq!(server.visible(), ["file 7", "to 5"]);
    server.assert_clean();
}

#[test]
fn a_condition_that_holds_when_the_body_begins_and_not_when_it_ends_has_failed() {
    let server = Server::start();
    let mut client = Client::of(&server);
    for (method, framing) in [
        ("POST", "Content-Length: 5"),
        ("PUT", "Content-Length: 5"),
        ("POST", "Transfer-Encoding: chunked"),
        ("PUT", "Transfer-Encoding: chunked"),
    ] {
        let body: &[u8] = if framing.starts_with('C') {
            b"mine!"
        } else {
            b"5\r\nmine!\r\n0\r\n\r\n"
        };
        server.place("file", b"first");
        let tag = client.tag("file");
        let mut conn = server.begin(method, "file", &format!("If-Match: {tag}\r\n{framing}"));
        assert_eq!(client.ask("POST", "file", &[], b"other").status, 200);
        conn.send(body);
        let reply = conn.reply_to(method).expect("a reply");
        assert_eq!(
            reply.status,
            412,
            "{method}, {framing}: {}",
            reply.summary()
        );
        assert_eq!(server.get("file").text(), "other", "{method}, {framing}");
    }
    for (name, target) in [("new", "new"), ("deep/new", "deep%2Fnew")] {
        let mut conn = server.begin("POST", target, "If-None-Match: *\r\nContent-Length: 5");
        assert_eq!(client.ask("POST", target, &[], b"other").status, 200);
        conn.send(b"mine!");
        assert_eq!(
            conn.reply_to("POST").expect("a reply").status,
            412,
            "{name}"
        );
        assert_eq!(
            server.content(name).as_deref(),
            Some(&b"other"[..]),
            "{name}"
        );
    }
    // And a file that goes meanwhile is no longer the one with that tag.
    let tag = client.tag("new");
    let mut conn = server.begin(
        "POST",
        "new",
        &format!("If-Match: {tag}\r\nContent-Length: 5"),
    );
    assert_eq!(client.ask("DELETE", "new", &[], b"").status, 200);
    conn.send(b"mine!");
    assert_eq!(conn.reply_to("POST").expect("a reply").status, 412);
    assert_eq!(server.content("new"), None);
    server.assert_clean();
}

/// A folder has no tag, but it is there: `*` holds for it, and no tag does.
#[test]
fn conditions_on_folders_keep_them() {
    let server = Server::start();
    server.place("folder/x", b"x");
    server.place("other/y", b"y");
    fs::create_dir(server.storage().join("empty")).expect("made");
    let before = server.visible();
    let into_empty = b"{\"path\": \"empty\"}".as_slice();
    type Row<'a> = (&'a str, &'a str, &'a [u8], (&'a str, &'a str));
    let rows: [Row; 6] = [
        ("DELETE", "folder", b"", ("If-Match", "\"x\"")),
        ("DELETE", "folder", b"", ("If-None-Match", "*")),
        ("POST", "folder/", b"", ("If-None-Match", "*")),
        ("POST", "new/", b"", ("If-Match", "*")),
        ("PUT", "folder/mv", into_empty, ("If-None-Match", "*")),
        ("PUT", "folder/mv", into_empty, ("If-Match", "\"x\"")),
    ];
    each(rows, |(method, target, body, condition)| {
        let reply = server.request(method, target, &[condition], body);
        let shown = format!("{method} {target} {condition:?}: {}", reply.summary());
        assert_eq!(reply.status, 412, "{shown}");
        assert_eq!(server.visible(), before, "{shown}");
    });
    let reply = server.request("POST", "new/", &[("If-None-Match", "*")], b"");
    assert_eq!(reply.status, 200, "{}", reply.summary());
    let reply = server.request("DELETE", "other", &[("If-Match", "*")], b"");
    assert_eq!(reply.status, 200, "{}", reply.summary());
    assert_eq!(
        server.visible(),
        ["empty/", "folder/", "folder/x 1", "new/"]
    );
}

/// A name that is both source and destination is there.
#[test]
fn conditions_on_what_is_moved_or_copied_to_itself() {
    let server = Server::start();
    server.place("file", b"content");
    let mut client = Client::of(&server);
    for action in ["file/mv", "file/cp"] {
        for (field, value, status) in [
            ("If-None-Match", "*", 412),
            ("If-None-Match", "CURRENT", 412),
            ("If-Match", "\"x\"", 412),
            ("If-Match", "*", 200),
            ("If-Match", "CURRENT", 200),
        ] {
            let sent = [(field, &*value.replace("CURRENT", &client.tag("file")))];
            let reply = client.ask("PUT", action, &sent, b"{\"path\": \"file\"}");
            let shown = format!("{action}, {sent:?}: {}", reply.summary());
            assert_eq!(reply.status, status, "{shown}");
            assert_eq!(
                server.content("file").as_deref(),
                Some(&b"content"[..]),
                "{shown}"
            );
        }
    }
}

/// A name that is a link has the tag of what the link leads to, whatever is then done with the
/// link.
#[test]
fn conditions_on_links_speak_of_what_they_lead_to() {
    let server = Server::start();
    let mut client = Client::of(&server);
    let into = b"{\"path\": \"link\"}".as_slice();
    let rows: [(&str, &str, &[u8]); 5] = [
        ("POST", "link", b"new"),
        ("PUT", "link", b"new"),
        ("DELETE", "link", b""),
        ("PUT", "source/cp", into),
        ("PUT", "source/mv", into),
    ];
    each(rows, |(method, target, body)| {
        server.place("file", b"content");
        server.place("source", b"source");
        let _ = fs::remove_file(server.storage().join("link"));
        symlink("file", server.storage().join("link")).expect("linked");
        let tag = client.tag("link");
        assert_eq!(tag, client.tag("file"), "the tag of a link");
        let before = server.visible();
        for condition in [
            ("If-None-Match", "*"),
            ("If-Match", "\"x\""),
            ("If-None-Match", &tag),
        ] {
            let reply = client.ask(method, target, &[condition], body);
            let shown = format!("{method} {target}, {condition:?}: {}", reply.summary());
            assert_eq!(reply.status, 412, "{shown}");
            assert_eq!(server.visible(), before, "{shown}");
        }
        let reply = client.ask(method, target, &[("If-Match", &tag)], body);
        assert_eq!(reply.status, 200, "{method} {target}: {}", reply.summary());
    });
}

#[test]
fn the_errors_of_conditions_and_ranges_are_problem_json_where_that_is_accepted() {
    let server = Server::start();
    server.place("a", b"0123456789");
    let accept = ("Accept", "application/problem+json");
    let rows = [
        ("GET", ("If-Match", "\"x\""), 412, "Precondition Failed"),
        ("POST", ("If-None-Match", "*"), 412, "Precondition Failed"),
        ("GET", ("Range", "bytes=10-"), 416, "Range Not Satisfiable"),
        (
            "PUT",
            ("Content-Range", "bytes 9-9/10"),
            416,
            "Range Not Satisfiable",
        ),
    ];
    for (method, header, status, title) in rows {
        let body: &[u8] = if method == "GET" { b"" } else { b"x" };
        let reply = server.request(method, "a", &[accept, header], body);
        let shown = format!("{method} {header:?}: {}", reply.summary());
        assert_eq!(reply.status, status, "{shown}");
        let kind = reply.header("Content-Type").unwrap_or_default();
        assert!(kind.starts_with("application/problem+json"), "{shown}");
        let problem = json::parse(&reply.text());
        assert_eq!(problem.get("title").text(), title, "{shown}");
        assert_eq!(problem.get("status").number(), f64::from(status), "{shown}");
        let range = (status == 416).then_some("bytes */10");
        assert_eq!(reply.header("Content-Range"), range, "{shown}");
    }
}
