//! Errors: their form as text and as problem+json, and the status of wrong paths, wrong methods,
//! and files where folders should be.

use std::fs;

use testkit::{Server, json, request_bytes};

#[test]
fn an_error_is_one_line_of_text() {
    let server = Server::start();
    server.place("folder/x", b"x");
    let reply = server.get("a/b.csv");
    assert_eq!(reply.status, 404);
    assert_eq!(reply.text(), "404 Not Found: there is no \"a/b.csv\"\n");
    let cases = [
        ("GET", "missing", "404 Not Found: "),
        ("GET", "..", "400 Bad Request: "),
        ("GET", ".http-nas", "403 Forbidden: "),
        ("PATCH", "x", "405 Method Not Allowed: "),
        ("POST", "folder", "409 Conflict: "),
        ("GET", "folder/wc", "409 Conflict: "),
        ("DELETE", "%2F", "403 Forbidden: "),
        ("GET", "/other", "404 Not Found: "),
    ];
    for (method, target, start) in cases {
        let reply = server.request(method, target, &[], b"");
        assert_eq!(
            reply.header("Content-Type"),
            Some("text/plain; charset=utf-8"),
            "{method} {target}"
        );
        let text = reply.text();
        assert!(text.starts_with(start), "{method} {target}: {text:?}");
        assert!(
            text.ends_with('\n') && text.lines().count() == 1,
            "{method} {target}: {text:?}"
        );
    }
}

#[test]
fn an_error_is_problem_json_where_that_is_accepted() {
    let server = Server::start();
    server.place("folder/x", b"x");
    let cases = [
        ("GET", "missing", 404, "Not Found"),
        ("GET", "a%22b%5Cc", 404, "Not Found"),
        ("GET", "%F0%9F%98%80", 404, "Not Found"),
        ("GET", "a%0Ab", 400, "Bad Request"),
        ("GET", "%ff", 400, "Bad Request"),
        ("GET", ".http-nas/x", 403, "Forbidden"),
        ("PATCH", "x", 405, "Method Not Allowed"),
        ("POST", "folder", 409, "Conflict"),
        ("GET", "/other", 404, "Not Found"),
    ];
    for accept in [
        "application/problem+json",
        "application/json",
        "text/html, application/json;q=0.9",
        "Application/JSON",
    ] {
        for (method, target, status, title) in cases {
            let reply = server.request(method, target, &[("Accept", accept)], b"");
            let shown = format!("{method} {target}, Accept: {accept}: {}", reply.text());
            assert_eq!(reply.status, status, "{shown}");
            let kind = reply.header("Content-Type").unwrap_or_default();
            assert_eq!(
                kind.split(';').next(),
                Some("application/problem+json"),
                "{shown}"
            );
            let problem = json::parse(&reply.text());
            assert_eq!(problem.get("title").text(), title, "{shown}");
            assert_eq!(problem.get("status").number(), f64::from(status), "{shown}");
            assert!(!problem.get("detail").text().is_empty(), "{shown}");
        }
    }
    for accept in ["*/*", "text/plain", "text/html"] {
        let reply = server.request("GET", "missing", &[("Accept", accept)], b"");
        assert_eq!(
            reply.header("Content-Type"),
            Some("text/plain; charset=utf-8"),
            "Accept: {accept}"
        );
    }
}

#[test]
fn other_methods_get_405_with_allow_and_other_paths_404() {
    let server = Server::start();
    server.place("a", b"content");
    let cases = [
        ("POST", "/file", 405, "GET, HEAD"),
        ("POST", "/file/", 405, "GET, HEAD"),
        ("PUT", "/file", 405, "GET, HEAD"),
        ("DELETE", "/file", 405, "GET, HEAD"),
        ("PATCH", "/file", 405, "GET, HEAD"),
        ("OPTIONS", "/file", 405, "GET, HEAD"),
        ("PATCH", "a", 405, "GET, HEAD, POST, PUT, DELETE"),
        ("OPTIONS", "a", 405, "GET, HEAD, POST, PUT, DELETE"),
        ("BREW", "a", 405, "GET, HEAD, POST, PUT, DELETE"),
        ("TRACE", "a", 405, "GET, HEAD, POST, PUT, DELETE"),
        ("get", "a", 405, "GET, HEAD, POST, PUT, DELETE"),
        ("GET", "/other", 404, ""),
        ("GET", "/files/a", 404, ""),
        ("GET", "/filea", 404, ""),
        ("GET", "/File/a", 404, ""),
        ("POST", "/", 405, "GET, HEAD"),
        ("DELETE", "/other", 404, ""),
    ];
    for (method, target, status, allow) in cases {
        let reply = server.request(method, target, &[], b"");
        assert_eq!(
            reply.status,
            status,
            "{method} {target}: {}",
            reply.summary()
        );
        let sorted = |list: &str| {
            let mut methods: Vec<String> = list.split(',').map(|m| m.trim().to_string()).collect();
            methods.sort_unstable();
            methods
        };
        assert_eq!(
            sorted(reply.header("Allow").unwrap_or_default()),
            sorted(allow),
            "{method} {target}"
        );
    }
    assert_eq!(server.visible(), ["a 7"]);
}

#[test]
fn clashes_of_files_and_folders_get_409() {
    let server = Server::start();
    server.place("file", b"content");
    server.place("folder/x", b"x");
    fs::create_dir(server.storage().join("empty")).expect("made");
    let before = server.visible();
    let cases = [
        ("POST", "folder", 409),
        ("POST", "empty", 409),
        ("POST", "file/below", 409),
        ("POST", "file/below/deep", 409),
        ("POST", "folder/x/below", 409),
        ("PUT", "folder", 409),
        ("GET", "folder/wc", 409),
        ("HEAD", "folder/wc", 409),
        ("GET", "file/below", 404),
        ("GET", "file/below/deep", 404),
        ("HEAD", "file/below", 404),
        ("GET", "file/below/wc", 404),
        ("DELETE", "file/below", 404),
    ];
    for (method, target, status) in cases {
        let body: &[u8] = if matches!(method, "POST" | "PUT") {
            b"body"
        } else {
            b""
        };
        let reply = server.request(method, target, &[], body);
        assert_eq!(
            reply.status,
            status,
            "{method} {target}: {}",
            reply.summary()
        );
        assert_eq!(server.visible(), before, "{method} {target}");
    }
    // The table names neither the one nor the other for this.
    assert!(matches!(
        server.put("file/below", b"body").status,
        404 | 409
    ));
    assert_eq!(server.visible(), before);
    server.assert_clean();
}

#[test]
fn an_error_tells_nothing_of_the_servers_inside() {
    let server = Server::start();
    server.place("file", b"content");
    server.place("folder/x", b"x");
    let long = "n".repeat(300);
    let path = server.dir.outside().to_string_lossy().into_owned();
    let targets = [
        "missing",
        "file/below",
        "folder/wc",
        "..",
        "%ff",
        ".http-nas/x",
        &long,
        "folder/x/y/z",
    ];
    for method in ["GET", "POST", "PUT", "DELETE"] {
        for target in targets {
            let reply = server.request(method, target, &[], b"");
            let text = format!("{}{}", reply.head, reply.text());
            for secret in [
                path.as_str(),
                "os error",
                "errno",
                "ENO",
                "tiny",
                "No such file",
                "panicked",
                "src/",
            ] {
                assert!(
                    !text.contains(secret),
                    "{method} {target} tells {secret:?}: {text}"
                );
            }
        }
    }
}

#[test]
fn a_body_that_was_not_read_ends_the_connection() {
    let server = Server::start();
    server.place("folder/x", b"x");
    server.place("victim", b"victim");
    for target in ["folder", "..", ".http-nas/x", "%ff", "victim/below"] {
        let mut conn = server.open();
        // A body longer than any buffer would be drained of; what stands in it is no request.
        let mut body = b"DELETE /file/victim HTTP/1.1\r\nHost: nas\r\n\r\n".to_vec();
        body.resize(3_000_000, b'\n');
        let mut bytes = request_bytes("POST", target, &[], &body);
        bytes.truncate(500_000);
        let _ = conn.try_send(&bytes);
        let reply = conn
            .reply_to("POST")
            .unwrap_or_else(|e| panic!("POST {target}: {e}"));
        assert!(
            matches!(reply.status, 400 | 403 | 409),
            "POST {target}: {}",
            reply.summary()
        );
        assert!(
            reply.closes(),
            "POST {target}: no Connection: close in\n{}",
            reply.head
        );
        assert!(conn.closed(), "POST {target}: the connection stays");
    }
    assert_eq!(server.visible(), ["folder/", "folder/x 1", "victim 6"]);
}
