//! Requests that read: health, files and their headers, HEAD, wc. Listings are in listings.rs,
//! archives in tar.rs, parts of files in http/partial_content.rs.

use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use testkit::{Server, pattern};

#[test]
fn health_is_ok_at_file_with_and_without_a_final_slash() {
    let server = Server::start();
    for target in [
        "/file",
        "/file/",
        "/file?probe=1",
        "http://nas.example/file",
    ] {
        let reply = server.get(target);
        assert_eq!(
            (reply.status, reply.text().as_str()),
            (200, "OK"),
            "GET {target}"
        );
    }
}

#[test]
fn what_is_posted_comes_back_as_it_was() {
    let server = Server::start();
    for (name, len) in [
        ("empty", 0),
        ("one", 1),
        ("small.txt", 11),
        ("medium", 70_000),
        ("large.bin", 9_000_000),
    ] {
        let body = if len == 0 {
            Vec::new()
        } else {
            pattern(7, len)
        };
        let reply = server.post(name, &body);
        assert_eq!(
            (reply.status, reply.text().as_str()),
            (200, "OK"),
            "POST {name}"
        );
        let reply = server.get(name);
        assert_eq!(reply.status, 200, "GET {name}");
        assert!(
            reply.body == body,
            "GET {name} gave {} other bytes",
            reply.body.len()
        );
        assert!(server.content(name) == Some(body), "{name} on the disk");
    }
    server.assert_clean();
}

#[test]
fn file_headers_say_length_type_and_time() {
    let server = Server::start();
    let types = [
        ("a.csv", "text/csv"),
        ("a.json", "application/json"),
        ("a.txt", "text/plain"),
        ("a.html", "text/html"),
        ("a.png", "image/png"),
        ("a.pdf", "application/pdf"),
        ("a.unknown-extension", "application/octet-stream"),
        ("noextension", "application/octet-stream"),
        ("folder.csv/dump", "application/octet-stream"),
    ];
    for (name, wanted) in types {
        server.place(name, b"12345");
        let file = fs::File::options()
            .append(true)
            .open(server.storage().join(name))
            .expect("placed");
        file.set_modified(UNIX_EPOCH + Duration::from_secs(784_111_777))
            .expect("the time can be set");
        let reply = server.get(name);
        assert_eq!(reply.header("Content-Length"), Some("5"), "{name}");
        assert_eq!(
            reply.header("Last-Modified"),
            Some("Sun, 06 Nov 1994 08:49:37 GMT"),
            "{name}"
        );
        let kind = reply.header("Content-Type").unwrap_or_default();
        assert_eq!(kind.split(';').next(), Some(wanted), "{name}");
    }
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let server = Server::start();
    server.place("a.csv", b"1,2\n3,4\n");
    server.place("folder/b", b"x");
    let mut conn = server.open();
    let targets = [
        "/file",
        "/file/",
        "a.csv",
        "folder",
        "%2F",
        "a.csv/wc",
        "missing",
        "folder/wc",
        "a%00b",
        "/none",
    ];
    for target in targets {
        // All on one connection: a body behind a HEAD would be taken for the next head.
        let head = conn
            .request("HEAD", target, &[], b"")
            .unwrap_or_else(|e| panic!("HEAD {target}: {e}"));
        if head.closes() {
            conn = server.open();
        }
        let get = conn
            .request("GET", target, &[], b"")
            .unwrap_or_else(|e| panic!("GET {target}: {e}"));
        if get.closes() {
            conn = server.open();
        }
        assert_eq!(head.status, get.status, "{target}");
        for name in [
            "Content-Length",
            "Content-Type",
            "Last-Modified",
            "Allow",
            "Transfer-Encoding",
        ] {
            assert_eq!(head.header(name), get.header(name), "{name} of {target}");
        }
    }
}

#[test]
fn wc_counts_newlines_as_wc_l_does() {
    let server = Server::start();
    let mut large = pattern(3, 5_000_000);
    large.extend_from_slice(&b"\n".repeat(300_000));
    let newlines = large
        .iter()
        .filter(|&&byte| byte == b'\n')
        .count()
        .to_string();
    let cases: [(&str, &[u8], &str); 7] = [
        ("empty", b"", "0"),
        ("none", b"no newline", "0"),
        ("one", b"one\n", "1"),
        ("unfinished", b"one\ntwo", "1"),
        ("cr", b"a\r\nb\r\nc\r", "2"),
        ("only", b"\n\n\n", "3"),
        ("large", &large, &newlines),
    ];
    for (name, content, wanted) in cases {
        server.place(&format!("in/{name}"), content);
        for target in [format!("in/{name}/wc"), format!("in%2F{name}/wc")] {
            let reply = server.get(&target);
            assert_eq!(
                (reply.status, reply.text().as_str()),
                (200, wanted),
                "{target}"
            );
        }
    }
    assert_eq!(server.get("in/missing/wc").status, 404);
    assert_eq!(server.get("in/wc").status, 409, "wc of a folder");
}

#[test]
fn no_file_is_sniffed_and_what_a_browser_would_run_is_sandboxed() {
    let server = Server::start();
    let types = [
        ("a.html", true),
        ("a.HTM", true),
        ("a.xhtml", true),
        ("a.svg", true),
        ("a.xml", true),
        ("a.csv", false),
        ("a.json", false),
        ("a.txt", false),
        ("a.png", false),
        ("noextension", false),
    ];
    for (name, is_run) in types {
        server.place(name, b"<script>alert(1)</script>");
        for method in ["GET", "HEAD"] {
            let reply = server.request(method, name, &[], b"");
            let sniffed = reply.header("X-Content-Type-Options");
            assert_eq!(sniffed, Some("nosniff"), "{method} {name}");
            let policy = reply.header("Content-Security-Policy");
            assert_eq!(policy, is_run.then_some("sandbox"), "{method} {name}");
        }
    }
}
