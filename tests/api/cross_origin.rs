//! What keeps a web page from using a browser against the server: the fields of every reply, and
//! which hosts and origins are refused. What a real Chromium does with it is tested in e2e/browser.

use std::fs;

use testkit::{Conn, Reply, Server, server};

fn assert_protected(reply: &Reply, shown: &str) {
    for (name, value) in [
        ("X-Content-Type-Options", "nosniff"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("X-Frame-Options", "SAMEORIGIN"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{shown}: {name}");
    }
}

// symptom: a browser may take an error, a listing or an archive for a page or a script, and any
//          page can embed a file.
// cause:   nosniff was set by the handler of files alone, and nothing said who may embed a reply.
// fix:     both fields are added where every reply is given its head.
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
        ("GET", "a.csv/info", &[], 200),
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

/// The status of a request for a host, and whether the connection goes on.
fn ask(server: &Server, request: &str, host: &str) -> Reply {
    let mut conn = Conn::open(server.addr);
    let field = match host {
        "" => String::new(),
        host => format!("Host: {host}\r\n"),
    };
    conn.send(format!("{request}\r\n{field}Content-Length: 0\r\n\r\n").as_bytes());
    let method = request.split(' ').next().unwrap_or_default();
    conn.reply_to(method)
        .unwrap_or_else(|error| panic!("{request} {host}: {error}"))
}

// symptom: a page whose host name leads to this machine reads, writes and deletes files (DNS
//          rebinding).
// cause:   nothing looked at the host that a request names.
// fix:     where the server listens on loopback alone, other names than those of loopback get 421.
#[test]
fn on_loopback_only_hosts_of_this_machine_are_answered_for() {
    let server = Server::with(&[], &[("ALLOWED_HOSTS", "auto")]);
    server.place("a", b"content");
    for (request, host, status) in [
        ("GET /file/a HTTP/1.1", "127.0.0.1:3000", 200),
        ("GET /file/a HTTP/1.1", "localhost", 200),
        ("GET /file/a HTTP/1.1", "nas.localhost:1", 200),
        ("GET /file/a HTTP/1.1", "[::1]:3000", 200),
        ("GET /file/a HTTP/1.0", "", 200),
        ("GET /file/a HTTP/1.1", "evil.example", 421),
        ("GET /file/a HTTP/1.0", "evil.example", 421),
        ("GET /file/%2F HTTP/1.1", "evil.example:3000", 421),
        ("GET /file/a/wc HTTP/1.1", "localhost.evil.example", 421),
        ("GET /none HTTP/1.1", "evil.example", 421),
        ("GET /file/.. HTTP/1.1", "evil.example", 421),
        ("HEAD /file/a HTTP/1.1", "evil.example", 421),
        ("POST /file/new HTTP/1.1", "evil.example", 421),
        ("PUT /file/a HTTP/1.1", "evil.example", 421),
        ("DELETE /file/a HTTP/1.1", "evil.example", 421),
        ("GET http://evil.example/file/a HTTP/1.1", "localhost", 421),
        ("GET http://localhost/file/a HTTP/1.1", "evil.example", 200),
        // Health tells nothing, and what a probe names is not the operator's to choose.
        ("GET /file HTTP/1.1", "evil.example", 200),
    ] {
        let reply = ask(&server, request, host);
        assert_eq!(
            reply.status,
            status,
            "{request} {host}: {}",
            reply.summary()
        );
        if status == 421 && !request.starts_with("HEAD") {
            assert!(reply.text().contains("--allowed-hosts"), "{}", reply.text());
        }
    }
    // The same address is a page that lists the root for a browser.
    for (accept, status) in [
        ("*/*", 200),
        ("text/html", 421),
        ("text/html, */*;q=0.8", 421),
    ] {
        let fields = format!("GET /file/ HTTP/1.1\r\nAccept: {accept}");
        let reply = ask(&server, &fields, "evil.example");
        assert_eq!(reply.status, status, "{accept}: {}", reply.summary());
        let reply = ask(&server, &fields, "localhost");
        assert_eq!(reply.status, 200, "{accept}: {}", reply.summary());
    }
    assert_eq!(server.visible(), ["a 7"]);
}

#[test]
fn other_hosts_are_answered_for_where_they_are_allowed() {
    let allowed = "nas.example, 10.0.0.1";
    for (args, envs) in [
        (&["--allowed-hosts", allowed][..], ("ALLOWED_HOSTS", "auto")),
        (&[], ("ALLOWED_HOSTS", allowed)),
    ] {
        let server = Server::with(args, &[envs]);
        for (host, status) in [
            ("nas.example:3000", 404),
            ("10.0.0.1", 404),
            ("localhost", 404),
            ("other.example", 421),
        ] {
            let reply = ask(&server, "GET /file/a HTTP/1.1", host);
            assert_eq!(reply.status, status, "{host}: {}", reply.summary());
        }
    }
    let any = Server::with(&["--allowed-hosts", "*"], &[]);
    assert_eq!(
        ask(&any, "GET /file/a HTTP/1.1", "evil.example").status,
        404
    );
}

#[test]
fn health_works_where_hosts_are_limited() {
    let server = Server::with(&[], &[("ALLOWED_HOSTS", "nas.example")]);
    let port = server.addr.port().to_string();
    for host in ["127.0.0.1", "0.0.0.0", "localhost"] {
        let exit = server::run(&["health", "--write", "--host", host, "--port", &port], &[]);
        assert_eq!(exit.code, Some(0), "{host}: {exit:?}");
    }
}

// symptom: any web page can store, replace and remove files of a server that the browser can reach.
// cause:   nothing looked at what a browser says of the page for which it makes a request.
// fix:     403 for what would change something, where Sec-Fetch-Site or Origin tells of another
//          origin.
#[test]
fn a_page_of_another_origin_changes_nothing() {
    let server = Server::start();
    server.place("a", b"content");
    let own = format!("http://{}", server.addr);
    let host = server.addr.to_string();
    for (fields, is_own) in [
        (&[][..], true),
        (&[("Sec-Fetch-Site", "none")], true),
        (
            &[("Sec-Fetch-Site", "same-origin"), ("Origin", own.as_str())],
            true,
        ),
        (&[("Origin", own.as_str())], true),
        (&[("Sec-Fetch-Site", "same-site")], false),
        (&[("Sec-Fetch-Site", "cross-site")], false),
        (&[("Origin", "http://evil.example")], false),
        (&[("Origin", "null")], false),
        (&[("Origin", "http://127.0.0.1:1")], false),
        (
            &[
                ("Sec-Fetch-Site", "same-origin"),
                ("Origin", "http://evil.example"),
            ],
            false,
        ),
    ] {
        for (method, target, body) in [
            ("POST", "new", "content"),
            ("POST", "folder/", ""),
            ("PUT", "new", "more"),
            ("PUT", "new/cp", "{\"path\": \"copy\"}"),
            ("PUT", "new/mv", "{\"path\": \"moved\"}"),
            ("DELETE", "moved", ""),
            ("DELETE", "copy", ""),
            ("DELETE", "folder", ""),
        ] {
            let mut conn = server.open();
            let length = body.len();
            let fields: String = fields
                .iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"))
                .collect();
            conn.send(
                format!(
                    "{method} /file/{target} HTTP/1.1\r\nHost: {host}\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
                )
                .as_bytes(),
            );
            let reply = conn.reply_to(method).expect("a reply");
            let shown = format!("{method} {target} {fields:?}: {}", reply.summary());
            assert_eq!(reply.status, if is_own { 200 } else { 403 }, "{shown}");
            if !is_own {
                assert_eq!(server.visible(), ["a 7"], "{shown}");
            }
            assert!(
                !reply.head.to_ascii_lowercase().contains("access-control"),
                "{shown}"
            );
        }
        // Reading goes on: without CORS, the page is shown nothing of it.
        let reply = server.request("GET", "a", fields, b"");
        assert_eq!(reply.status, 200, "GET {fields:?}");
    }
    assert_eq!(server.visible(), ["a 7"]);
}

// symptom: a page elsewhere saw whether there is a file of a name: by <object>, an error is told
//          from a file, and by <iframe>, what is downloaded from what is shown. It also saw how
//          many frames a stored page has.
// cause:   replies were sent into frames of any page.
// fix:     X-Frame-Options, and 403 where the browser says that it asks for a frame of a page of
//          another origin, whatever is there.
#[test]
fn a_frame_of_a_page_elsewhere_tells_nothing() {
    let server = Server::start();
    server.place("a.dump", b"content");
    server.place("page.html", b"<iframe></iframe>");
    for site in ["cross-site", "same-site"] {
        for shown_by in ["iframe", "frame", "object", "embed"] {
            let fields = [("Sec-Fetch-Site", site), ("Sec-Fetch-Dest", shown_by)];
            let ask = |target| server.request("GET", target, &fields, b"");
            let expected = ask("missing");
            assert_eq!(expected.status, 403, "{}", expected.summary());
            for target in ["a.dump", "page.html", "%2F", "a.dump/wc", "/transfers"] {
                let reply = ask(target);
                assert_eq!(reply.status, 403, "{target}: {}", reply.summary());
                assert_eq!(reply.text(), expected.text(), "{target}");
            }
        }
    }
    for fields in [
        [
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Dest", "document"),
        ],
        [
            ("Sec-Fetch-Site", "same-origin"),
            ("Sec-Fetch-Dest", "iframe"),
        ],
        [("Sec-Fetch-Site", "none"), ("Sec-Fetch-Dest", "document")],
    ] {
        let reply = server.request("GET", "a.dump", &fields, b"");
        assert_eq!(reply.status, 200, "{fields:?}: {}", reply.summary());
    }
}

#[test]
fn what_is_refused_for_where_it_comes_from_is_refused_before_its_body() {
    let server = Server::with(&[], &[("ALLOWED_HOSTS", "auto")]);
    for (host, site, status) in [
        ("evil.example", "none", 421),
        ("localhost", "cross-site", 403),
    ] {
        let mut conn = server.open();
        conn.send(
            format!(
                "POST /file/a HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Site: {site}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
            )
            .as_bytes(),
        );
        let reply = conn.head().expect("a reply");
        assert_eq!(reply.status, status, "no 100 Continue comes before");
        assert!(reply.closes(), "{host}");
    }
    assert!(server.visible().is_empty());
    server.assert_clean();
}
