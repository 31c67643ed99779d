//! The rows of the contract's Requests table that read, and what is common to all requests. Changes are in
//! api/store_and_delete.rs and api/moves.rs, errors in api/errors.rs.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, UNIX_EPOCH};

use testkit::{Conn, Server, pattern};

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
fn a_listing_is_sorted_bytewise_one_name_a_line() {
    let server = Server::start();
    let names = [
        "b", "a", "B", "a.b", "Z", "é", "ü.txt", "日本", "a b", "a-b", "_", "~", "0", "10", "9",
        "+",
    ];
    for name in names {
        server.place(&format!("list/{name}"), b"");
    }
    fs::create_dir(server.storage().join("list/folder")).expect("made");
    let mut wanted: Vec<&str> = names.to_vec();
    wanted.push("folder");
    wanted.sort_unstable_by_key(|name| name.as_bytes());
    for target in ["list", "list/", "/list", "./list", "list%2F", "%2Flist"] {
        let reply = server.get(&format!("/file/{target}"));
        assert_eq!(reply.status, 200, "{target}");
        assert_eq!(
            reply.header("Content-Type"),
            Some("text/plain; charset=utf-8"),
            "{target}"
        );
        assert_eq!(reply.text().lines().collect::<Vec<_>>(), wanted, "{target}");
    }
}

#[test]
fn an_empty_folder_lists_nothing_and_the_root_hides_the_servers_own_folder() {
    let server = Server::start();
    assert_eq!(server.get("/file/%2F").text(), "");
    server.post("b", b"1");
    server.post("a/x", b"1");
    fs::create_dir_all(server.storage().join(".http-nas")).expect("there");
    let reply = server.get("/file/%2F");
    assert_eq!((reply.status, reply.text().trim_end()), (200, "a\nb"));
    fs::create_dir(server.storage().join("empty")).expect("made");
    let reply = server.get("empty");
    assert_eq!((reply.status, reply.text().as_str()), (200, ""));
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
fn only_the_last_raw_piece_after_another_is_an_action() {
    let server = Server::start();
    server.place("wc", b"root wc");
    server.place("a/wc", b"lines\n\n");
    server.place("a/mv", b"a file called mv");
    let cases = [
        ("wc", 200, "root wc"),
        ("a%2Fwc", 200, "lines\n\n"),
        ("a/%77c", 200, "lines\n\n"),
        ("a/wc/wc", 200, "2"),
        ("a%2Fwc/wc", 200, "2"),
        ("wc/wc", 200, "0"),
        ("a/mv", 200, "a file called mv"),
    ];
    for (target, status, text) in cases {
        let reply = server.get(target);
        assert_eq!(
            (reply.status, reply.text().as_str()),
            (status, text),
            "GET {target}"
        );
    }
    assert_eq!(
        server.put("mv", b"x").status,
        404,
        "PUT mv appends to the file mv of the root"
    );
}

#[test]
fn an_empty_query_is_none_and_an_absolute_target_is_understood() {
    let server = Server::start();
    assert_eq!(server.post("a/b?", b"content").status, 200);
    assert_eq!(server.visible(), ["a/", "a/b 7"]);
    for target in [
        "/file/a/b?",
        "http://nas.example:3000/file/a/b",
        "http://x/file/a/b?",
    ] {
        assert_eq!(server.get(target).text(), "content", "GET {target}");
    }
    assert_eq!(
        server.get("/file/a%3Fb").status,
        404,
        "an encoded ? belongs to the name"
    );
}

#[test]
fn a_connection_serves_many_requests_and_closes_when_asked() {
    let server = Server::start();
    let mut conn: Conn = server.open();
    for round in 0..50u8 {
        let name = format!("{round}");
        let body = pattern(round, 100 + usize::from(round) * 400);
        assert_eq!(
            conn.request("POST", &name, &[], &body)
                .expect("POST")
                .status,
            200
        );
        assert!(
            conn.request("GET", &name, &[], b"").expect("GET").body == body,
            "round {round}"
        );
        assert_eq!(
            conn.request("GET", "missing", &[], b"")
                .expect("GET")
                .status,
            404
        );
        assert_eq!(
            conn.request("DELETE", &name, &[], b"")
                .expect("DELETE")
                .status,
            200
        );
    }
    let reply = conn
        .request("GET", "/file", &[("Connection", "close")], b"")
        .expect("GET");
    assert_eq!(reply.status, 200);
    assert!(conn.closed(), "Connection: close was asked for");
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

// symptom: a client that sends one long head behind another takes as much memory as it sends.
// cause:   what had been handed out was let go of only when nothing was pending, and its reads always ended in a head.
// remedy:  it is let go of before more is read.
#[test]
fn heads_that_come_one_behind_another_do_not_add_up() {
    const HEADS: usize = 2000;
    let server = Server::start();
    let client = TcpStream::connect(server.addr).expect("a connection");
    let mut writer = client.try_clone().expect("a second handle");
    let sends = std::thread::spawn(move || {
        let filler = "x".repeat(14_000);
        let head = format!("GET /file HTTP/1.1\r\nHost: nas\r\nX: {filler}\r\n\r\n");
        for _ in 0..HEADS {
            writer.write_all(head.as_bytes()).expect("it takes them");
        }
    });
    // The content of a reply stands before the first line of the next one.
    let lines = BufReader::new(client).lines().map_while(Result::ok);
    let replies = lines.filter(|line| line.ends_with("HTTP/1.1 200 OK"));
    assert_eq!(replies.take(HEADS).count(), HEADS);
    sends.join().expect("all is sent");
    let peak = server.proc_status("VmHWM");
    assert!(peak < 16 * 1024, "a peak of {peak} KiB");
}
