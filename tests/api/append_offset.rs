//! `PUT` with `Content-Range`: an append takes place only where the file ends at the byte that the
//! client names. Malformed ranges are refused, on PUT and on POST. Retries of such appends are in
//! durability/retried_appends.rs.

use testkit::rows::each;
use testkit::{Client, Server, chunked};

const OLD: &[u8] = b"0123456789";

/// What an append of five bytes with a `Content-Range` gets, behind a file of ten.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wanted {
    Appended,
    /// 416.
    Elsewhere,
    /// 400.
    Bad,
    /// Numbers that no file can reach: not there, or not understood; nothing is changed either way.
    ElsewhereOrBad,
}

use Wanted::{Appended, Bad, Elsewhere, ElsewhereOrBad};

const TABLE: &[(&str, Wanted)] = &[
    ("bytes 10-14/15", Appended),
    ("bytes 10-14/*", Appended),
    // More is to come.
    ("bytes 10-14/16", Appended),
    ("bytes 10-14/1000000", Appended),
    ("bytes 0010-014/00015", Appended),
    ("Bytes 10-14/15", Appended),
    ("bytes 9-13/14", Elsewhere),
    ("bytes 0-4/5", Elsewhere),
    ("bytes 0-4/*", Elsewhere),
    ("bytes 5-9/10", Elsewhere),
    ("bytes 11-15/16", Elsewhere),
    ("bytes 11-15/*", Elsewhere),
    ("bytes 15-19/20", Elsewhere),
    ("bytes 1000000-1000004/*", Elsewhere),
    ("bytes 4294967306-4294967310/*", Elsewhere),
    ("bytes 9223372036854775802-9223372036854775806/*", Elsewhere),
    (
        "bytes 9223372036854775807-9223372036854775811/*",
        ElsewhereOrBad,
    ),
    (
        "bytes 18446744073709551610-18446744073709551614/*",
        ElsewhereOrBad,
    ),
    (
        "bytes 18446744073709551615-18446744073709551619/*",
        ElsewhereOrBad,
    ),
    // Ten, as far as 64 bits can tell.
    (
        "bytes 18446744073709551626-18446744073709551630/*",
        ElsewhereOrBad,
    ),
    ("bytes 18446744073709551626-14/15", Bad),
    ("bytes 10-18446744073709551630/*", Bad),
    ("bytes 10-18446744073709551615/*", Bad),
    ("bytes 0-18446744073709551615/*", Bad),
    // LAST does not fit the body.
    ("bytes 10-13/14", Bad),
    ("bytes 10-15/16", Bad),
    ("bytes 10-15/*", Bad),
    ("bytes 10-10/11", Bad),
    ("bytes 10-1000/*", Bad),
    // No valid range (RFC 9110, section 14.4).
    ("bytes 14-10/15", Bad),
    ("bytes 10-9/15", Bad),
    ("bytes 10-9/*", Bad),
    ("bytes 10-14/14", Bad),
    ("bytes 10-14/10", Bad),
    ("bytes 10-14/5", Bad),
    ("bytes 10-14/0", Bad),
    ("bytes */5", Bad),
    ("bytes */15", Bad),
    ("bytes */*", Bad),
    ("bytes 10-14", Bad),
    ("bytes 10-14/", Bad),
    ("bytes 10-/15", Bad),
    ("bytes -14/15", Bad),
    ("bytes 10/15", Bad),
    ("bytes -5/15", Bad),
    ("bytes 10-14/15/16", Bad),
    ("bytes 10-14-15/16", Bad),
    ("bytes 10-14/-15", Bad),
    ("bytes 10-14/x", Bad),
    ("bytes 10-14/**", Bad),
    ("bytes +10-14/15", Bad),
    ("bytes 10-+14/15", Bad),
    ("bytes a-e/f", Bad),
    ("bytes 0xa-0xe/0xf", Bad),
    ("bytes 10.0-14/15", Bad),
    ("bytes 1e1-14/15", Bad),
    ("bytes 1 0-14/15", Bad),
    ("bytes 10 - 14/15", Bad),
    ("bytes 10-14 / 15", Bad),
    ("bytes 10-14/15, bytes 15-19/20", Bad),
    ("bytes 10-14/15,", Bad),
    ("bytes 10-14/15;x=y", Bad),
    ("bytes=10-14/15", Bad),
    ("bytes:10-14/15", Bad),
    ("bytes10-14/15", Bad),
    ("bytes", Bad),
    ("bytes ", Bad),
    ("10-14/15", Bad),
    ("/", Bad),
    ("*", Bad),
    ("", Bad),
    ("nonsense", Bad),
    ("\"bytes 10-14/15\"", Bad),
    ("lines 10-14/15", Bad),
    ("byte 10-14/15", Bad),
    ("seconds 10-14/*", Bad),
    ("none", Bad),
];

#[test]
fn an_append_takes_place_only_where_the_file_ends() {
    let server = Server::start();
    let mut client = Client::of(&server);
    each(TABLE, |&(range, wanted)| {
        for framed in [true, false] {
            server.place("file", OLD);
            let mut sent = vec![("Content-Range", range)];
            let mut body = b"abcde".to_vec();
            if !framed {
                sent.push(("Transfer-Encoding", "chunked"));
                body = chunked(&body, 2);
            }
            let reply = client.ask("PUT", "file", &sent, &body);
            let shown = format!("{sent:?}: {}, wanted {wanted:?}", reply.summary());
            let wanted = match wanted {
                ElsewhereOrBad if reply.status == 400 => Bad,
                ElsewhereOrBad => Elsewhere,
                other => other,
            };
            let (status, span, content) = match wanted {
                Appended => (200, None, b"0123456789abcde".as_slice()),
                Elsewhere => (416, Some("bytes */10"), OLD),
                _ => (400, None, OLD),
            };
            assert_eq!(reply.status, status, "{shown}");
            assert_eq!(reply.header("Content-Range"), span, "{shown}");
            assert_eq!(server.content("file").as_deref(), Some(content), "{shown}");
            let start = match wanted {
                Appended => "OK",
                Elsewhere => "416 Range Not Satisfiable: ",
                _ => "400 Bad Request: ",
            };
            assert!(reply.text().starts_with(start), "{shown}");
        }
    });
    server.assert_clean();
}

#[test]
fn a_content_range_that_comes_twice_is_none() {
    let server = Server::start();
    server.place("file", OLD);
    for second in ["bytes 10-14/15", "bytes 0-4/5", "nonsense"] {
        for twice in [["bytes 10-14/15", second], [second, "bytes 10-14/15"]] {
            let sent = twice.map(|range| ("Content-Range", range));
            let reply = server.request("PUT", "file", &sent, b"abcde");
            assert_eq!(reply.status, 400, "{sent:?}: {}", reply.summary());
            assert_eq!(server.content("file").as_deref(), Some(OLD), "{sent:?}");
        }
    }
}

#[test]
fn files_that_are_empty_or_not_there() {
    let server = Server::start();
    // From byte 0 it is created; see api/append_create.rs.
    let sent = [("Content-Range", "bytes 1-5/6")];
    let reply = server.request("PUT", "file", &sent, b"abcde");
    assert_eq!(reply.status, 404, "{}", reply.summary());
    assert_eq!(server.visible(), Vec::<String>::new());
    server.place("file", b"");
    // Of no bytes there is no range.
    for range in ["bytes 0-0/1", "bytes 0-0/*", "bytes 0--1/0", "bytes */0"] {
        let reply = server.request("PUT", "file", &[("Content-Range", range)], b"");
        assert_eq!(reply.status, 400, "{range}: {}", reply.summary());
    }
    let reply = server.request(
        "PUT",
        "file",
        &[("Content-Range", "bytes 5-9/10")],
        b"abcde",
    );
    assert_eq!(reply.status, 416, "{}", reply.summary());
    assert_eq!(reply.header("Content-Range"), Some("bytes */0"));
    assert_eq!(server.content("file").as_deref(), Some(&b""[..]));
    let sent = [("Content-Range", "bytes 0-4/5")];
    let reply = server.request("PUT", "file", &sent, b"abcde");
    assert_eq!(reply.status, 200, "{}", reply.summary());
    assert_eq!(server.content("file").as_deref(), Some(&b"abcde"[..]));
    server.assert_clean();
}

/// A part that were stored as a whole would take the place of all that is there (RFC 9110, section
/// 14.5).
#[test]
fn a_post_of_a_part_is_refused() {
    let server = Server::start();
    server.place("file", OLD);
    for range in [
        "bytes 10-14/15",
        "bytes 0-4/5",
        "bytes 0-4/*",
        "bytes */5",
        "lines 1-2/3",
        "x",
    ] {
        for name in ["file", "new", "deep/new"] {
            let reply = server.request("POST", name, &[("Content-Range", range)], b"abcde");
            assert_eq!(
                reply.status,
                400,
                "POST {name}, {range}: {}",
                reply.summary()
            );
            assert_eq!(server.visible(), ["file 10"], "POST {name}, {range}");
        }
    }
    assert_eq!(server.content("file").as_deref(), Some(OLD));
    server.assert_clean();
}

#[test]
fn what_the_head_alone_decides_is_told_before_the_body_is_sent() {
    let server = Server::start();
    server.place("file", OLD);
    let rows = [
        ("PUT", "bytes 9-13/14", "Content-Length: 5", 416),
        ("PUT", "bytes 9-13/14", "Transfer-Encoding: chunked", 416),
        ("PUT", "bytes 11-15/*", "Content-Length: 5", 416),
        ("PUT", "bytes 10-15/16", "Content-Length: 5", 400),
        ("PUT", "bytes 10-14/14", "Content-Length: 5", 400),
        ("PUT", "bytes 14-10/*", "Transfer-Encoding: chunked", 400),
        ("PUT", "nonsense", "Transfer-Encoding: chunked", 400),
        ("POST", "bytes 0-4/5", "Content-Length: 5", 400),
        ("POST", "bytes 0-4/5", "Transfer-Encoding: chunked", 400),
        ("PUT", "bytes 10-14/15", "Content-Length: 5", 100),
        ("PUT", "bytes 10-14/15", "Transfer-Encoding: chunked", 100),
    ];
    for (method, range, framing, status) in rows {
        let lines = format!("Content-Range: {range}\r\n{framing}");
        let (_, reply) = server.announce(method, "file", &lines);
        assert_eq!(reply.status, status, "{method}, {range}, {framing}");
        let span = (status == 416).then_some("bytes */10");
        assert_eq!(reply.header("Content-Range"), span, "{method}, {range}");
    }
    assert_eq!(server.content("file").as_deref(), Some(OLD));
    server.assert_clean();
}

#[test]
fn a_file_that_grows_while_the_body_comes_is_no_longer_where_the_client_thinks() {
    let server = Server::start();
    for framing in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
        server.place("file", OLD);
        let lines = format!("Content-Range: bytes 10-14/15\r\n{framing}");
        let mut conn = server.begin("PUT", "file", &lines);
        assert_eq!(server.put("file", b"-other-").status, 200);
        conn.send(if framing.starts_with('C') {
            b"abcde"
        } else {
            b"5\r\nabcde\r\n0\r\n\r\n"
        });
        let reply = conn.reply_to("PUT").expect("a reply");
        assert_eq!(reply.status, 416, "{framing}: {}", reply.summary());
        assert_eq!(
            reply.header("Content-Range"),
            Some("bytes */17"),
            "{framing}"
        );
        let content = server.content("file");
        assert_eq!(
            content.as_deref(),
            Some(&b"0123456789-other-"[..]),
            "{framing}"
        );
    }
    server.assert_clean();
}
