//! Valid bodies are stored as they are: chunked in every valid way, and announced with Expect.
//! Bodies that are cut are in durability/cut_bodies.rs.

use testkit::{Server, chunked, pattern};

#[test]
fn chunked_bodies_in_odd_cuts_are_stored_right() {
    let server = Server::start();
    let many_extensions = format!("5{}\r\nhello\r\n0\r\n\r\n", ";a=b".repeat(10));
    let bodies: [(&str, &str); 12] = [
        ("0\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("00005\r\nhello\r\n000\r\n\r\n", "hello"),
        (
            "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n",
            "01234567890123456789",
        ),
        ("5;a\r\nhello\r\n0;b\r\n\r\n", "hello"),
        ("5;a=b;c=\"d e\"\r\nhello\r\n0\r\n\r\n", "hello"),
        (&many_extensions, "hello"),
        ("5\r\nhello\r\n0\r\nX-Check: 1\r\n\r\n", "hello"),
        (
            "5\r\nhello\r\n0\r\nA: 1\r\nB: 2\r\nContent-Length: 7\r\n\r\n",
            "hello",
        ),
        ("2\r\n\r\n\r\n1\r\n\n\r\n0\r\n\r\n", "\r\n\n"),
        ("1\r\n0\r\n2\r\n\r\n\r\n0\r\n\r\n", "0\r\n"),
        ("1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n", "abc"),
    ];
    let mut conn = server.open();
    for (body, content) in bodies {
        for step in [usize::MAX, 1, 3] {
            let head =
                b"POST /file/odd HTTP/1.1\r\nHost: nas\r\nTransfer-Encoding: chunked\r\n\r\n"
                    .as_slice();
            let bytes = [head, body.as_bytes()].concat();
            for part in bytes.chunks(step.min(bytes.len())) {
                conn.send(part);
            }
            let reply = conn
                .reply_to("POST")
                .unwrap_or_else(|e| panic!("{body:?} in steps of {step}: {e}"));
            assert_eq!(
                reply.status,
                200,
                "{body:?} in steps of {step}: {}",
                reply.summary()
            );
            // On the same connection: what follows the body is taken for the next request, no more
            // and no less.
            assert_eq!(
                conn.request("GET", "odd", &[], b"").expect("GET").text(),
                content,
                "{body:?} in steps of {step}"
            );
        }
    }
    let large = pattern(9, 3_000_000);
    for size in [7, 1000, 8191, 8192, 65_537, 3_000_000] {
        let sent = [("Transfer-Encoding", "chunked")];
        let count = if size == 7 { 100_000 } else { large.len() };
        let reply = conn
            .request("POST", "large", &sent, &chunked(&large[..count], size))
            .expect("POST");
        assert_eq!(reply.status, 200, "chunks of {size}");
        assert!(
            server.content("large").as_deref() == Some(&large[..count]),
            "chunks of {size}"
        );
    }
    server.assert_clean();
}

#[test]
fn expect_100_continue_is_answered_before_the_body_is_sent() {
    let server = Server::start();
    server.place("log", b"one\n");
    for framing in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
        let body: &[u8] = if framing.starts_with('C') {
            b"hello"
        } else {
            b"5\r\nhello\r\n0\r\n\r\n"
        };
        for (method, name) in [("POST", "new/file"), ("PUT", "log")] {
            let mut conn = server.begin(method, name, framing);
            conn.send(body);
            assert_eq!(
                conn.reply_to(method).expect("a reply").status,
                200,
                "{method} {name}, {framing}"
            );
        }
    }
    assert_eq!(server.content("new/file"), Some(b"hello".to_vec()));
    assert_eq!(server.content("log"), Some(b"one\nhellohello".to_vec()));
}

#[test]
fn with_expect_a_refusal_comes_instead_of_100_continue() {
    let server = Server::start();
    server.place("file", b"content");
    server.place("folder/x", b"x");
    std::os::unix::fs::symlink("../..", server.storage().join("out")).expect("linked");
    let before = server.visible();
    let cases = [
        ("POST", "/file/..", 400),
        ("POST", "/file/a%00b", 400),
        ("POST", "/file/folder", 409),
        ("POST", "/file/file/below", 409),
        ("POST", "/file/.http-nas/x", 403),
        ("POST", "/file/out/x", 403),
        ("PUT", "/file/missing", 404),
        ("PUT", "/file/out/x", 403),
        ("PUT", "/file/missing/mv", 404),
        ("POST", "/file", 405),
        ("PATCH", "/file/file", 405),
        ("POST", "/other", 404),
    ];
    for (method, target, status) in cases {
        for framing in ["Content-Length: 1000000", "Transfer-Encoding: chunked"] {
            let (_, reply) = server.announce(method, target, framing);
            assert_eq!(
                reply.status, status,
                "{method} {target}, {framing}\n{}",
                reply.head
            );
        }
    }
    // More than any disk here holds: the length is declared, so the refusal needs no byte of it.
    let (_, reply) = server.announce("POST", "vast", "Content-Length: 10000000000000");
    assert_eq!(reply.status, 507);
    assert_eq!(server.visible(), before);
    server.assert_clean();
}
