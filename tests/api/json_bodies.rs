//! The JSON bodies of mv and cp: which are taken, which are refused, and that no more than 64 KiB
//! of one is read.

use std::time::Instant;

use testkit::rows::each;
use testkit::{AT_ONCE, Client, Server, chunked};

/// The most that is read of such a body.
const LIMIT: usize = 64 * 1024;

const ACTIONS: [&str; 2] = ["a/mv", "a/cp"];

#[test]
fn a_body_that_is_no_object_with_one_path_is_refused() {
    let server = Server::start();
    server.place("a", b"content");
    let mut client = Client::of(&server);
    let nested_lists = "[".repeat(30_000) + &"]".repeat(30_000);
    let lists_open = "[".repeat(60_000);
    let nested_objects = "{\"path\":".repeat(5000) + "\"b\"" + &"}".repeat(5000);
    let open = format!("{{\"path\": \"b\", \"x\": {}", "[{\"x\":".repeat(9000));
    let many_keys = format!(
        "{{{}\"path\": \"b\", \"path\": \"c\"}}",
        "\"x\": 1, ".repeat(5000)
    );
    let bad: &[&[u8]] = &[
        b"",
        b"\n",
        b" ",
        b"b",
        b"\"b\"",
        b"[]",
        b"[\"path\", \"b\"]",
        b"[{\"path\": \"b\"}]",
        b"null",
        b"true",
        b"7",
        b"{}",
        b"{",
        b"}",
        b"{\"path\"}",
        b"{\"path\": }",
        b"{\"path\": null}",
        b"{\"path\": false}",
        b"{\"path\": 7}",
        b"{\"path\": [\"b\"]}",
        b"{\"path\": {\"path\": \"b\"}}",
        b"{\"PATH\": \"b\"}",
        b"{\"Path\": \"b\"}",
        b"{\"path \": \"b\"}",
        b"{\"\": \"b\"}",
        b"{\"path\": \"\"}",
        b"{\"path\": \"..\"}",
        b"{\"path\": \"b/..\"}",
        b"{\"path\": \"\\u002e\\u002e/b\"}",
        b"{\"path\": \"%2e%2e/b\"}",
        b"{\"path\": \"\\u0000\"}",
        b"{\"path\": \"b\\u0000\"}",
        b"{\"path\": \"b\0\"}",
        b"{\"path\": \"b%00\"}",
        b"{\"path\": \"b\\u007f\"}",
        b"{\"path\": \"b\\ud800\"}",
        b"{\"path\": \"b\\udc00\\ud800\"}",
        b"{\"path\": \"b\\x41\"}",
        b"{\"path\": \"b\\u12\"}",
        b"{\"path\": \"b\x01\"}",
        b"{\"path\": \"b\\n\"}",
        b"{\"path\": \"b\"",
        b"{\"path\": \"b}",
        b"{\"path\": \"b\",}",
        b"{,\"path\": \"b\"}",
        b"{path: \"b\"}",
        b"path=b",
        b"{'path': 'b'}",
        b"{\"path\": 'b'}",
        b"{\"path\"= \"b\"}",
        b"{\"path\": \"b\"}\0",
        b"{\"path\": \"b\"}]",
        b"{\"path\": \"b\"} {}",
        b"{\"path\": \"b\"} x",
        b"{\"path\": \"b\"}{\"path\": \"c\"}",
        b"// b\n{\"path\": \"b\"}",
        b"\xef\xbb\xbf{\"path\": \"b\"}\xef\xbb\xbf",
        // Not UTF-8: in the name, in another string, in a key, cut short, overlong, a surrogate,
        // and UTF-16.
        b"{\"path\": \"\xff\"}",
        b"{\"path\": \"b\", \"x\": \"\xff\"}",
        b"{\"path\": \"b\", \"x\": \"\xc0\xae\"}",
        b"{\"path\": \"b\", \"\xff\": 1}",
        b"{\"path\": \"b\xc3\"}",
        b"{\"path\": \"\xc0\xae\xc0\xae/b\"}",
        b"{\"path\": \"\xed\xa0\x80\"}",
        b"\xff\xfe{\0\"\0p\0",
        // Which one was meant?
        b"{\"path\": \"b\", \"path\": \"c\"}",
        b"{\"path\": \"b\", \"path\": \"b\"}",
        b"{\"path\": \"b\", \"x\": 1, \"path\": \"c\"}",
        b"{\"path\": \"b\", \"p\\u0061th\": \"c\"}",
        b"{\"path\": null, \"path\": \"c\"}",
        b"{\"path\": \"b\", \"path\": 7}",
        nested_lists.as_bytes(),
        lists_open.as_bytes(),
        nested_objects.as_bytes(),
        open.as_bytes(),
        many_keys.as_bytes(),
    ];
    for target in ACTIONS {
        each(bad, |body| {
            for framed in [true, false] {
                let sent = [
                    ("Transfer-Encoding", "chunked"),
                    ("Content-Type", "application/json"),
                ];
                let reply = if framed {
                    client.ask("PUT", target, &[], body)
                } else {
                    client.ask("PUT", target, &sent, &chunked(body, 1000))
                };
                let cut = &body[..body.len().min(80)];
                let shown = format!("{target}, {}: {}", cut.escape_ascii(), reply.summary());
                assert_eq!(reply.status, 400, "{shown}");
                assert!(reply.text().starts_with("400 Bad Request: "), "{shown}");
                assert_eq!(server.visible(), ["a 7"], "{shown}");
            }
        });
    }
    server.assert_clean();
}

#[test]
fn json_is_taken_in_any_form() {
    let server = Server::start();
    server.place("a", b"content");
    let mut from = "a".to_string();
    let good = [
        ("{\"path\":\"b\"}", "b"),
        (" {\r\n\t\"path\" : \"c\" } \n", "c"),
        ("{\"p\\u0061th\": \"\\u0064\"}", "d"),
        ("{\"path\": \"\\u00e9\\ud83d\\ude00\"}", "\u{e9}\u{1f600}"),
        ("{\"path\": \"\u{65e5}\"}", "\u{65e5}"),
        ("{\"path\": \"e\\\"\\\\\"}", "e\"\\"),
        ("{\"path\": \"f%22\"}", "f\""),
        ("{\"path\": \"g%2525\"}", "g%25"),
    ];
    for (body, to) in good {
        let encoded: String = from.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(
            server
                .request(
                    "PUT",
                    &format!("{encoded}/mv"),
                    &[("Content-Type", "application/json")],
                    body.as_bytes()
                )
                .status,
            200,
            "{body}"
        );
        assert_eq!(server.visible(), [format!("{to} 7")], "{body}");
        from = to.to_string();
    }
    let sent = [("Transfer-Encoding", "chunked")];
    let reply = server.request(
        "PUT",
        "g%2525/mv",
        &sent,
        &chunked(b"{\"path\": \"done\"}", 1),
    );
    assert_eq!(reply.status, 200, "a chunked body");
    assert_eq!(server.visible(), ["done 7"]);
}

#[test]
fn other_members_do_not_matter() {
    let server = Server::start();
    server.place("a", b"content");
    // Valid, however deep it is.
    let nested = format!(
        "{{\"x\": {}{}, \"path\": \"b\"}}",
        "[".repeat(30_000),
        "]".repeat(30_000)
    );
    for body in [
        "{\"path\": \"b\", \"x\": [1, {\"path\": \"c\"}], \"y\": null}",
        "{\"x\": {\"path\": \"c\", \"deep\": {\"path\": \"d\"}}, \"path\": \"b\"}",
        "{\"Path\": \"c\", \"path\": \"b\", \"paths\": [\"d\"]}",
        &nested,
    ] {
        let reply = server.request("PUT", "a/cp", &[], body.as_bytes());
        assert_eq!(reply.status, 200, "{body:.80}: {}", reply.summary());
        assert_eq!(server.visible(), ["a 7", "b 7"], "{body:.80}");
        assert_eq!(server.delete("b").status, 200);
    }
}

/// An object of `size` bytes.
fn padded(size: usize) -> Vec<u8> {
    let mut body = b"{\"path\": \"b\"".to_vec();
    body.resize(size - 1, b' ');
    body.push(b'}');
    body
}

#[test]
fn a_body_of_64_kib_is_read_and_one_byte_more_is_too_much() {
    let server = Server::start();
    let mut client = Client::of(&server);
    for target in ACTIONS {
        for (size, status) in [
            (LIMIT - 1, 200),
            (LIMIT, 200),
            (LIMIT + 1, 400),
            (LIMIT * 3, 400),
        ] {
            for framed in [true, false] {
                server.place("a", b"content");
                let body = padded(size);
                let sent = [("Transfer-Encoding", "chunked")];
                let reply = if framed {
                    client.ask("PUT", target, &[], &body)
                } else {
                    client.ask("PUT", target, &sent, &chunked(&body, 3000))
                };
                let shown = format!("{target}, {size} bytes, {framed}: {}", reply.summary());
                assert_eq!(reply.status, status, "{shown}");
                assert_eq!(server.content("b").is_some(), status == 200, "{shown}");
                if status == 200 {
                    client.ask("DELETE", "b", &[], b"");
                }
            }
        }
    }
    server.assert_clean();
}

#[test]
fn of_a_gibibyte_of_json_only_the_beginning_is_read() {
    let server = Server::start();
    server.place("a", b"content");
    for target in ACTIONS {
        for framing in ["Content-Length: 1073741824", "Transfer-Encoding: chunked"] {
            let start = Instant::now();
            let mut conn = server.open();
            let head = format!("PUT /file/{target} HTTP/1.1\r\nHost: nas\r\n{framing}\r\n\r\n");
            conn.send(head.as_bytes());
            if framing.starts_with('T') {
                conn.send(b"40000000\r\n");
            }
            // No more than that comes, so a server that waits for more never answers.
            let _ = conn.try_send(&padded(2 * LIMIT)[..2 * LIMIT - 1]);
            let reply = conn.reply_to("PUT").expect("a reply");
            let shown = format!("{target}, {framing}: {}", reply.summary());
            assert_eq!(reply.status, 400, "{shown}");
            assert!(reply.closes(), "{shown}\n{}", reply.head);
            assert!(start.elapsed() < AT_ONCE, "{shown}");
            // What comes behind the reply is thrown away for a while, so that a client that sends
            // first sees it.
            let mut sent = 0;
            while sent < 128 << 20 && conn.try_send(&[b' '; LIMIT]).is_ok() {
                sent += LIMIT;
            }
        }
        let (_, reply) = server.announce("PUT", target, "Content-Length: 1073741824");
        assert_eq!(reply.status, 400, "{target}, Expect");
    }
    assert_eq!(server.visible(), ["a 7"]);
    let peak = server.proc_status("VmHWM");
    assert!(peak < 64 * 1024, "a peak of {peak} KiB");
    server.assert_clean();
}
