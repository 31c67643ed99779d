//! Ambiguous framing and malformed chunks get 400 and end the connection, and nothing that follows
//! on it is carried out.

use testkit::malformed::FIELDS;
use testkit::{Server, chunked, eventually, request_bytes};

const SMUGGLED: &str = "DELETE /file/victim HTTP/1.1\r\nHost: nas\r\n\r\n";

struct Target {
    server: Server,
    before: Vec<String>,
}

impl Target {
    fn new() -> Target {
        let server = Server::start();
        server.place("victim", b"victim");
        server.place("log", b"one\n");
        let before = server.visible();
        Target { server, before }
    }

    /// Sends `request` with a DELETE right behind it, and wants 400, the end of the connection and
    /// nothing done.
    fn refuses(&self, request: &[u8], finish: bool) {
        let shown = String::from_utf8_lossy(&request[..request.len().min(300)]).into_owned();
        let mut conn = self.server.open();
        let _ = conn.try_send(&[request, SMUGGLED.as_bytes()].concat());
        if finish {
            conn.finish();
        }
        let reply = conn
            .reply_to("POST")
            .unwrap_or_else(|error| panic!("no reply to {shown:?}: {error}"));
        assert_eq!(reply.status, 400, "{shown:?}: {}", reply.summary());
        assert!(conn.closed(), "the connection stays after {shown:?}");
        assert_eq!(self.server.visible(), self.before, "{shown:?}");
    }

    /// Nothing is under way any more, and still nothing is done.
    fn end(mut self) {
        self.server.assert_clean();
        assert_eq!(self.server.stop().code, Some(0));
        assert_eq!(self.server.visible(), self.before);
        self.server.assert_clean();
    }
}

#[test]
fn malformed_chunks_get_400_and_nothing_behind_them_is_carried_out() {
    let target = Target::new();
    let endless_size = "0".repeat(1_000_000);
    let endless_extension = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(1_000_000));
    let endless_trailer = format!("0\r\n{}\r\n", "X-Filler: x\r\n".repeat(100_000));
    let bodies = [
        "\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n",
        "5g\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "\t5\r\nhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "5_\r\nhello\r\n0\r\n\r\n",
        "5.0\r\nhello\r\n0\r\n\r\n",
        "5,\r\nhello\r\n0\r\n\r\n",
        "5\nhello\n0\n\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r\n0\n\n",
        "5\r\nhello\r\n0\r\n\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\rhello\r\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello!\r\n0\r\n\r\n",
        "3\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n\r\n0\r\n\r\n",
        "5\r\nhello\r\nx\r\n\r\n",
        "5\r\nhello\r\n;\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "100000000000000000000000000000005\r\nhello\r\n0\r\n\r\n",
        &endless_size,
        &endless_extension,
        &endless_trailer,
    ];
    for body in bodies {
        for (method, name) in [("POST", "new"), ("PUT", "log")] {
            let framing = [("Transfer-Encoding", "chunked")];
            target.refuses(
                &request_bytes(method, name, &framing, body.as_bytes()),
                false,
            );
        }
    }
    // Sizes that are well formed, and never come.
    for size in [
        "ffffffffffffffff",
        "7fffffffffffffff",
        "8000000000000000",
        "100000000000",
    ] {
        let body = format!("{size}\r\nhello\r\n0\r\n\r\n");
        target.refuses(
            &request_bytes(
                "POST",
                "new",
                &[("Transfer-Encoding", "chunked")],
                body.as_bytes(),
            ),
            true,
        );
    }
    target.end();
}

// symptom: a request hidden in the body of another is carried out (request smuggling,
//          CVE-2026-66752).
// cause:   tiny_http takes any Transfer-Encoding for chunked and a bad Content-Length for an empty
//          body, where a proxy in front may see it otherwise.
// fix:     the framing is checked before anything else; what is not plain ends the connection.
#[test]
fn framing_that_is_not_plain_gets_400_and_ends_the_connection() {
    let target = Target::new();
    // An expectation has its own status, and is tested with the others of its kind.
    let framings = FIELDS.iter().filter(|fields| fields.status() == 400);
    for framing in framings {
        for (method, name) in [
            ("POST", "new"),
            ("PUT", "log"),
            ("GET", "log"),
            ("DELETE", "log"),
            ("PUT", "log/mv"),
            ("POST", ".."),
        ] {
            let line = format!("{method} /file/{name} HTTP/1.1\r\nHost: nas\r\n");
            let head = [line.as_bytes(), framing.bytes, b"\r\n\r\n"].concat();
            for body in ["", "5\r\nhello\r\n0\r\n\r\n"] {
                target.refuses(&[&head, body.as_bytes()].concat(), false);
            }
        }
    }
    target.end();
}

#[test]
fn plain_framing_is_accepted_in_any_case_of_the_header_name() {
    let server = Server::start();
    let cases = [
        ("Content-Length: 5", "hello"),
        ("content-length:5", "hello"),
        ("CONTENT-LENGTH:   5  ", "hello"),
        ("Content-Length: 0005", "hello"),
        ("transfer-encoding:chunked", "5\r\nhello\r\n0\r\n\r\n"),
        (
            "TRANSFER-ENCODING: \t chunked \t",
            "5\r\nhello\r\n0\r\n\r\n",
        ),
    ];
    for (framing, body) in cases {
        let mut conn = server.open();
        conn.send(
            format!("POST /file/a HTTP/1.1\r\nHost: nas\r\n{framing}\r\n\r\n{body}").as_bytes(),
        );
        assert_eq!(
            conn.reply_to("POST").expect("a reply").status,
            200,
            "{framing:?}"
        );
        assert_eq!(
            conn.request("GET", "a", &[], b"").expect("a reply").text(),
            "hello",
            "{framing:?}"
        );
        assert_eq!(
            conn.request("DELETE", "a", &[], b"")
                .expect("a reply")
                .status,
            200,
            "{framing:?}"
        );
    }
    // The name of a coding knows no case (RFC 9112 7), the contract says exactly: both are right.
    let mut conn = server.open();
    conn.send(b"POST /file/a HTTP/1.1\r\nHost: nas\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    assert!(matches!(
        conn.reply_to("POST").expect("a reply").status,
        200 | 400
    ));
}

#[test]
fn a_request_in_the_body_of_a_request_without_use_for_it_is_not_carried_out() {
    let mut server = Server::start();
    server.place("victim", b"victim");
    server.place("folder/x", b"x");
    let requests = [
        ("GET", "victim"),
        ("HEAD", "victim"),
        ("GET", "/file"),
        ("GET", "missing"),
        ("GET", "folder"),
        ("GET", "victim/wc"),
        ("DELETE", "missing"),
        ("PATCH", "victim"),
        ("POST", "folder"),
        ("POST", ".."),
        ("PUT", "missing"),
        ("PUT", "victim/mv"),
        ("POST", "/other"),
    ];
    for (method, target) in requests {
        let bodies = [
            (
                "Content-Length",
                SMUGGLED.len().to_string(),
                SMUGGLED.to_string(),
            ),
            (
                "Transfer-Encoding",
                "chunked".to_string(),
                format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len()),
            ),
        ];
        for (name, value, body) in bodies {
            let mut conn = server.open();
            let prefix = if target.starts_with('/') {
                ""
            } else {
                "/file/"
            };
            let head = format!(
                "{method} {prefix}{target} HTTP/1.1\r\nHost: nas\r\n{name}: {value}\r\n\r\n"
            );
            let _ = conn.try_send(
                format!("{head}{body}GET /file HTTP/1.1\r\nHost: nas\r\n\r\n").as_bytes(),
            );
            let reply = conn
                .reply_to(method)
                .unwrap_or_else(|e| panic!("{method} {target}, {name}: {e}"));
            assert!(
                reply.status < 500,
                "{method} {target}, {name}: {}",
                reply.summary()
            );
            // Either the connection ends here or the next reply is that of GET /file.
            if !reply.closes() {
                let next = conn
                    .reply_to("GET")
                    .unwrap_or_else(|e| panic!("behind {method} {target}, {name}: {e}"));
                assert_eq!(next.text(), "OK", "behind {method} {target}, {name}");
            } else {
                assert!(conn.closed(), "{method} {target}, {name}");
            }
        }
    }
    assert_eq!(server.stop().code, Some(0));
    assert_eq!(server.visible(), ["folder/", "folder/x 1", "victim 6"]);
}

// symptom: a client that is still sending gets a reset in place of the reply that refuses its
//          request.
// cause:   a socket that is closed with bytes unread resets its connection.
// fix:     the rest is read for a while before the connection is shut down.
#[test]
fn a_refusal_reaches_a_client_that_is_still_sending() {
    let server = Server::start();
    server.place("folder/x", b"x");
    let rest = vec![b'x'; 700_000];
    for head in [
        "POST /file/new HTTP/1.1\r\nHost: nas\r\nTransfer-Encoding: gzip\r\n\r\n",
        "POST /file/new HTTP/1.1\r\nHost: nas\r\nContent-Length: 1, 1\r\n\r\n",
        "POST /file/folder HTTP/1.1\r\nHost: nas\r\nContent-Length: 700000\r\n\r\n",
        "POST /file/folder HTTP/1.1\r\nHost: nas\r\nTransfer-Encoding: chunked\r\n\r\naae60\r\n",
        "PUT /file/none HTTP/1.1\r\nHost: nas\r\nTransfer-Encoding: chunked\r\n\r\naae60\r\n",
    ] {
        for _ in 0..20 {
            let mut conn = server.open();
            conn.send(head.as_bytes());
            let (first, rest) = rest.split_at(50_000);
            conn.send(first);
            assert!(!conn.closed(), "closed without a reply to {head:?}");
            // The reply is here. A socket that is closed with bytes unread answers the next ones
            // with a reset.
            for part in rest.chunks(65_000) {
                let sent = conn.try_send(part);
                assert!(sent.is_ok(), "{head:?}: {sent:?}");
            }
            let reply = conn.reply_to("POST");
            let reply = reply.unwrap_or_else(|error| panic!("no reply to {head:?}: {error}"));
            assert!(
                matches!(reply.status, 400 | 404 | 409),
                "{}",
                reply.summary()
            );
            assert!(reply.closes(), "{}", reply.summary());
            assert!(conn.closed());
        }
    }
    server.assert_clean();
}

// symptom: the rest of a refused body is carried out as a request.
// cause:   tiny_http drops a chunked body where the reading stopped, and takes what it has buffered
//          for the next head.
// fix:     the rest is read and thrown away, and nothing of it is carried out; one is enough.
#[test]
fn what_is_left_of_a_body_that_was_read_in_part_is_not_carried_out() {
    let mut server = Server::start();
    server.place("victim", b"victim");
    assert_eq!(server.get("/file").status, 200);
    let before = server.descriptors();
    let mut kept = Vec::new();
    // How much of each body is read before it is refused: one byte of what should be empty, 64 KiB
    // of what should be a name.
    for (method, target, read) in [("POST", "new/", 1), ("PUT", "victim/mv", 65_537)] {
        for before in [read - 1, read, read + 1] {
            let body = [&vec![b' '; before][..], SMUGGLED.repeat(9).as_bytes()].concat();
            for size in [body.len(), read, 1024] {
                let mut conn = server.open();
                let head = format!(
                    "{method} /file/{target} HTTP/1.1\r\nHost: nas\r\nTransfer-Encoding: chunked\r\n\r\n"
                );
                let _ = conn.try_send(&[head.as_bytes(), &chunked(&body, size)].concat());
                let what = format!("{method} {target}, {before} bytes ahead, chunks of {size}");
                let reply = conn.reply_to(method).expect("a reply");
                assert_eq!(reply.status, 400, "{what}: {}", reply.summary());
                assert!(reply.closes() && conn.closed(), "{what}");
                kept.push(conn);
            }
        }
    }
    // A server that reads on for a while does so as long as its client stays.
    eventually("the server closes them", || server.descriptors() <= before);
    assert_eq!(server.visible(), ["victim 6"]);
    drop(kept);
    assert_eq!(server.stop().code, Some(0));
    assert_eq!(server.visible(), ["victim 6"]);
}
