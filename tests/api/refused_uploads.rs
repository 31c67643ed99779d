//! Uploads that mean something else than to store their body, such as forms: they are refused
//! before anything changes.

use testkit::{Conn, Reply, Server, chunked};

/// Sends a request byte for byte.
fn ask(server: &Server, request: &str) -> Reply {
    let mut conn = Conn::open(server.addr);
    conn.send(request.as_bytes());
    conn.reply_to("POST")
        .unwrap_or_else(|error| panic!("{request:?}: {error}"))
}

// symptom: a body whose sender gives no length is dropped, an empty file stored or an old one
//          emptied, and it gets OK.
// cause:   without a length the body of a request is empty (RFC 9112, section 6.3), whatever else
//          the request says.
// fix:     411 where something in the head tells of a body: HTTP/1.0, what describes content, an
//          end by closing.
#[test]
fn a_body_that_comes_without_a_length_is_refused() {
    let server = Server::start();
    server.place("a", b"content");
    for (version, field) in [
        ("1.0", "X: y"),
        ("1.0", "Connection: keep-alive"),
        ("1.1", "Connection: close"),
        ("1.1", "Content-Type: text/csv"),
        ("1.1", "Content-Encoding: gzip"),
        ("1.1", "Content-Range: bytes 7-11/12"),
        ("1.1", "Content-MD5: 1B2M2Y8AsgTpgAmY7PhCfg=="),
        ("1.1", "Trailer: Repr-Digest"),
        ("1.1", "Expect: 100-continue"),
        (
            "1.1",
            "Content-Digest: sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:",
        ),
    ] {
        for request in [
            "POST /file/a",
            "PUT /file/a",
            "POST /file/new",
            "PUT /file/a/mv",
        ] {
            let head = format!("{request} HTTP/{version}\r\nHost: nas\r\n{field}\r\n\r\n");
            // What follows may be the body, and must not become a request.
            let reply = ask(
                &server,
                &format!("{head}DELETE /file/a HTTP/1.1\r\nHost: nas\r\n\r\n"),
            );
            let shown = format!("{request} {version} {field}: {}", reply.summary());
            assert_eq!(reply.status, 411, "{shown}");
            assert!(reply.closes(), "{shown}");
            assert!(reply.text().contains("Content-Length"), "{shown}");
            assert_eq!(server.visible(), ["a 7"], "{shown}");
        }
    }
    server.assert_clean();
}

#[test]
fn a_request_that_says_nothing_of_a_body_has_an_empty_one() {
    let mut server = Server::start();
    server.place("a", b"content");
    for (request, fields) in [
        ("POST /file/new", ""),
        ("POST /file/folder/", ""),
        ("PUT /file/a", ""),
        ("POST /file/tagged", "If-None-Match: *\r\nAccept: */*\r\n"),
    ] {
        let reply = ask(
            &server,
            &format!("{request} HTTP/1.1\r\nHost: nas\r\n{fields}\r\n"),
        );
        assert_eq!(reply.status, 200, "{request}: {}", reply.summary());
        assert!(!reply.closes(), "{request}");
    }
    // A folder has no content, so that nothing can be missing.
    for (request, fields) in [
        ("POST /file/old/ HTTP/1.0", ""),
        (
            "POST /file/closing/ HTTP/1.1",
            "Host: nas\r\nConnection: close\r\n",
        ),
    ] {
        let reply = ask(&server, &format!("{request}\r\n{fields}\r\n"));
        assert_eq!(reply.status, 200, "{request}: {}", reply.summary());
    }
    // With a length, an empty body may be of any kind.
    let kind = [("Content-Type", "text/csv"), ("Connection", "close")];
    assert_eq!(server.request("POST", "typed", &kind, b"").status, 200);
    let files = [
        "closing/", "folder/", "new 0", "old/", "tagged 0", "typed 0",
    ];
    assert_eq!(server.visible(), [&["a 7"][..], &files].concat());
    let log = server.stop().stderr;
    let empty: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("without a length"))
        .collect();
    assert_eq!(empty.len(), 3, "new, a and tagged:\n{log}");
}

// symptom: curl -F file=@x stores the form with its boundaries and part headers, with OK.
// cause:   the Content-Type of an upload was not looked at.
// fix:     415, with the command that sends the file itself.
#[test]
fn a_form_is_not_stored_with_its_wrapping() {
    let server = Server::start();
    server.place("a", b"content");
    let form = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nbody\r\n--x--\r\n";
    for (method, target, command) in [
        ("POST", "new", "curl -X POST -T FILE URL"),
        ("POST", "a", "curl -X POST -T FILE URL"),
        ("PUT", "a", "curl -T FILE URL"),
    ] {
        for kind in [
            "multipart/form-data; boundary=x",
            "Multipart/Form-Data;boundary=x",
        ] {
            let fields = [("Content-Type", kind)];
            let reply = server.request(method, target, &fields, form.as_bytes());
            let shown = format!("{method} {target} {kind}: {}", reply.summary());
            assert_eq!(reply.status, 415, "{shown}");
            assert!(reply.text().contains(command), "{shown}");
            assert_eq!(server.visible(), ["a 7"], "{shown}");
        }
    }
    // curl -d sends this type for whatever it sends.
    for kind in [
        "application/x-www-form-urlencoded",
        "multipart/mixed; boundary=x",
        "",
    ] {
        let reply = server.request("POST", "new", &[("Content-Type", kind)], b"a=1");
        assert_eq!(reply.status, 200, "{kind}");
    }
    server.assert_clean();
}

// symptom: PUT /file/cat.jpg of {"path": "new.jpg"}, meant to move it, appends the JSON to the
//          picture, with OK.
// cause:   the body of an append was never looked at.
// fix:     400 for exactly this object as application/json or with the type of curl -d; any other
//          body is appended.
#[test]
fn a_move_that_forgets_its_action_is_not_appended() {
    let server = Server::start();
    server.place("cat.jpg", b"content");
    let long = format!("{{\"path\": \"{}\"}}", "x".repeat(60_000));
    let longer = format!("{{\"path\": \"{}\"}}", "x".repeat(70_000));
    for body in [
        "{\"path\": \"new.jpg\"}",
        " {\n\t\"path\":\"a\\u00e9\"}\r\n",
        &long,
    ] {
        for kind in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/json;x=y",
            "application/x-www-form-urlencoded",
        ] {
            for size in [0, 1, 1000] {
                let plain = [("Content-Type", kind)];
                let framed = [("Content-Type", kind), ("Transfer-Encoding", "chunked")];
                let reply = match size {
                    0 => server.request("PUT", "cat.jpg", &plain, body.as_bytes()),
                    _ => server.request("PUT", "cat.jpg", &framed, &chunked(body.as_bytes(), size)),
                };
                let shown = format!("{kind} {size}: {}", reply.summary());
                assert_eq!(reply.status, 400, "{shown}");
                assert!(reply.text().contains("/mv"), "{shown}");
                assert_eq!(server.visible(), ["cat.jpg 7"], "{shown}");
            }
        }
    }
    let mut wanted = b"content".to_vec();
    for (kind, body) in [
        ("application/json", "{\"path\": \"a\", \"x\": 1}"),
        ("application/json", "[{\"path\": \"a\"}]"),
        ("application/json", "{\"path\": 7}"),
        ("application/json", "{\"path\": \"a\"}{\"path\": \"b\"}"),
        ("application/json", "{\"path\": \"a"),
        ("application/json", ""),
        ("application/json", &longer),
        ("application/x-ndjson", "{\"path\": \"a\"}\n"),
        ("application/x-www-form-urlencoded", "path=a"),
        ("application/x-www-form-urlencoded", "{\"path\": \"a\"}x"),
        ("text/plain", "{\"path\": \"a\"}"),
    ] {
        let reply = server.request("PUT", "cat.jpg", &[("Content-Type", kind)], body.as_bytes());
        assert_eq!(reply.status, 200, "{kind} {body}: {}", reply.summary());
        wanted.extend_from_slice(body.as_bytes());
        assert!(
            server.content("cat.jpg").as_ref() == Some(&wanted),
            "{kind} {body}"
        );
    }
    // What says ?create is no move, a whole file may be anything, and an action takes it.
    let kind = [("Content-Type", "application/json")];
    let body = b"{\"path\": \"moved.jpg\"}";
    assert_eq!(
        server.request("PUT", "cat.jpg?create", &kind, body).status,
        200
    );
    wanted.extend_from_slice(body);
    assert_eq!(
        server.request("POST", "settings.json", &kind, body).status,
        200
    );
    assert_eq!(server.request("PUT", "cat.jpg/mv", &kind, body).status, 200);
    assert_eq!(server.content("moved.jpg"), Some(wanted));
    server.assert_clean();
}

// symptom: mv of cat.jpg to "pets/" makes a file called pets, with OK; an append to "pets/" appends
//          to a file pets.
// cause:   a final slash was dropped.
// fix:     400 where a file is meant; a folder may be moved to such a name.
#[test]
fn a_final_slash_is_no_file() {
    let server = Server::start();
    server.place("a", b"content");
    server.place("folder/x", b"x");
    let before = server.visible();
    for new in ["new/", "new%2F", "deep/new/", "a/"] {
        for reply in [server.mv("a", new), server.cp("a", new)] {
            assert_eq!(reply.status, 400, "{new}: {}", reply.summary());
            assert_eq!(server.visible(), before, "{new}");
        }
    }
    for (target, status) in [
        ("a/", 400),
        ("a%2F", 400),
        ("a/?create", 400),
        ("new/?create", 400),
        ("deep/new%2f?create", 400),
        ("new/", 404),
        ("folder/", 409),
    ] {
        let reply = server.put(target, b"more");
        assert_eq!(reply.status, status, "{target}: {}", reply.summary());
        assert_eq!(server.visible(), before, "{target}");
    }
    let range = [("Content-Range", "bytes 0-3/4")];
    assert_eq!(server.request("PUT", "new/", &range, b"more").status, 400);
    assert_eq!(server.visible(), before);
    assert_eq!(server.mv("folder", "moved/").status, 200);
    assert_eq!(server.visible(), ["a 7", "moved/", "moved/x 1"]);
    server.assert_clean();
}

// symptom: an upload with Content-Encoding: gzip is stored compressed under the name of what it is
//          not, with OK.
// cause:   the field was ignored, and no reply bears it again.
// fix:     415; Accept-Encoding of the reply says what is taken.
#[test]
fn a_coded_body_is_not_stored_without_its_coding() {
    let server = Server::start();
    server.place("a.csv", b"1,2\n");
    for (method, coding, status) in [
        ("POST", "gzip", 415),
        ("PUT", "gzip", 415),
        ("POST", "br", 415),
        ("POST", "aws-chunked", 415),
        ("PUT", "identity, zstd", 415),
        ("PUT", "identity", 200),
        ("PUT", "", 200),
    ] {
        let reply = server.request(method, "a.csv", &[("Content-Encoding", coding)], b"x");
        let shown = format!("{method} {coding}: {}", reply.summary());
        assert_eq!(reply.status, status, "{shown}");
        let taken = reply.header("Accept-Encoding");
        assert_eq!(taken, (status == 415).then_some("identity"), "{shown}");
    }
    assert_eq!(server.content("a.csv").as_deref(), Some(&b"1,2\nxx"[..]));
    server.assert_clean();
}

// symptom: POST with X-HTTP-Method-Override: DELETE stores an empty file, with OK; so does the
//          first POST of tus.
// cause:   what a field makes of a request by a convention that is not spoken here was ignored.
// fix:     400 for the conventions that are in use.
#[test]
fn a_request_of_another_convention_is_not_taken_for_a_plain_one() {
    let server = Server::start();
    server.place("a", b"content");
    for field in [
        ("X-HTTP-Method-Override", "DELETE"),
        ("X-HTTP-Method", "PATCH"),
        ("X-Method-Override", "GET"),
        ("Tus-Resumable", "1.0.0"),
        ("Upload-Complete", "?0"),
    ] {
        for method in ["POST", "PUT"] {
            let reply = server.request(method, "a", &[field], b"");
            let shown = format!("{method} {field:?}: {}", reply.summary());
            assert_eq!(reply.status, 400, "{shown}");
            assert!(reply.text().contains(field.0), "{shown}");
            assert_eq!(server.visible(), ["a 7"], "{shown}");
        }
    }
    assert_eq!(
        server
            .request("DELETE", "a", &[("X-HTTP-Method", "delete")], b"")
            .status,
        200
    );
}
