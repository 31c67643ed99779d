//! `Range` on GET (RFC 9110, section 14): one range gets 206, several get the whole file, one
//! beyond the end gets 416; a malformed one or one of an unknown unit is ignored.

use testkit::rows::each;
use testkit::{Conn, Reply, Server, pattern};

/// What a `Range` gets.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wanted {
    /// 206 with the bytes from the first to the last, both included.
    Part(usize, usize),
    /// 200.
    Whole,
    /// 416.
    Nothing,
    /// Several ranges, of which none can be satisfied: 416 is as good as 200, for a server may
    /// ignore several ranges.
    WholeOrNothing,
}

use Wanted::{Nothing, Part, Whole, WholeOrNothing};

fn get(conn: &mut Conn, name: &str, range: &str) -> Reply {
    conn.request("GET", name, &[("Range", range)], b"")
        .unwrap_or_else(|e| panic!("GET {name}, Range: {range:.60}: {e}"))
}

/// GETs `range` of the file `name` with this `content`, on a connection that has to last.
fn check(conn: &mut Conn, name: &str, content: &[u8], range: &str, wanted: Wanted) {
    let reply = get(conn, name, range);
    let shown = format!(
        "{} bytes, Range: {range:.60}: {}, wanted {wanted:?}",
        content.len(),
        reply.summary()
    );
    let wanted = match wanted {
        WholeOrNothing if reply.status == 416 => Nothing,
        WholeOrNothing => Whole,
        other => other,
    };
    let size = content.len();
    let (status, content_range, body) = match wanted {
        Part(first, last) => {
            let span = format!("bytes {first}-{last}/{size}");
            (206, Some(span), Some(&content[first..=last]))
        }
        Nothing => (416, Some(format!("bytes */{size}")), None),
        _ => (200, None, Some(content)),
    };
    assert_eq!(reply.status, status, "{shown}");
    assert_eq!(
        reply.header("Content-Range"),
        content_range.as_deref(),
        "{shown}"
    );
    assert!(!reply.closes(), "{shown}\n{}", reply.head);
    if let Some(body) = body {
        assert!(reply.body == body, "{shown}: other bytes");
        assert_eq!(reply.header("Accept-Ranges"), Some("bytes"), "{shown}");
    } else {
        let start = "416 Range Not Satisfiable: ";
        assert!(reply.text().starts_with(start), "{shown}");
    }
}

/// Every file is called by its size.
fn check_table(table: &[(usize, &str, Wanted)]) {
    let server = Server::start();
    each(table, |&(size, range, wanted)| {
        let mut conn = server.open();
        let content = pattern(7, size);
        server.place(&size.to_string(), &content);
        check(&mut conn, &size.to_string(), &content, range, wanted);
    });
}

/// The inputs of the tests of Go's net/http (`ServeFileRangeTests`, `ParseRangeTests`). Go answers
/// several ranges with multipart/byteranges, and takes blanks where the grammar has none.
#[test]
fn ranges_that_the_go_library_is_tested_with() {
    check_table(&[
        (11, "", Whole),
        (11, "bytes=0-4", Part(0, 4)),
        (11, "bytes=2-", Part(2, 10)),
        (11, "bytes=-5", Part(6, 10)),
        (11, "bytes=3-7", Part(3, 7)),
        (11, "bytes=0-0,-2", Whole),
        (11, "bytes=0-1,5-8", Whole),
        (11, "bytes=0-1,5-", Whole),
        (11, "bytes=5-1000", Part(5, 10)),
        (11, "bytes=0-,1-,2-,3-,4-", Whole),
        (11, "bytes=0-9", Part(0, 9)),
        (11, "bytes=0-10", Part(0, 10)),
        (11, "bytes=0-11", Part(0, 10)),
        (11, "bytes=10-11", Part(10, 10)),
        (11, "bytes=10-", Part(10, 10)),
        (11, "bytes=11-", Nothing),
        (11, "bytes=11-12", Nothing),
        (11, "bytes=12-12", Nothing),
        (11, "bytes=11-100", Nothing),
        (11, "bytes=12-100", Nothing),
        (11, "bytes=100-", Nothing),
        (11, "bytes=100-1000", Nothing),
        (0, "", Whole),
        (1000, "", Whole),
        (0, "foo", Whole),
        (0, "bytes=", Whole),
        (10, "bytes=7", Whole),
        (10, "bytes= 7 ", Whole),
        (0, "bytes=1-", Nothing),
        (10, "bytes=5-4", Whole),
        (10, "bytes=0-2,5-4", Whole),
        (10, "bytes=2-5,4-3", Whole),
        (10, "bytes=--5,4--3", Whole),
        (10, "bytes=A-", Whole),
        (10, "bytes=A- ", Whole),
        (10, "bytes=A-Z", Whole),
        (10, "bytes= -Z", Whole),
        (10, "bytes=5-Z", Whole),
        (10, "bytes=Ran-dom, garbage", Whole),
        (10, "bytes=0x01-0x02", Whole),
        (10, "bytes=         ", Whole),
        (10, "bytes= , , ,   ", Whole),
        (10, "bytes=0-9", Part(0, 9)),
        (10, "bytes=0-", Part(0, 9)),
        (10, "bytes=5-", Part(5, 9)),
        (10, "bytes=0-20", Part(0, 9)),
        (10, "bytes=15-,0-5", Whole),
        (10, "bytes=1-2,5-", Whole),
        (11, "bytes=-2 , 7-", Whole),
        (11, "bytes=0-0 ,2-2, 7-", Whole),
        (10, "bytes=-5", Part(5, 9)),
        (10, "bytes=-15", Part(0, 9)),
        (10_000, "bytes=0-499", Part(0, 499)),
        (10_000, "bytes=500-999", Part(500, 999)),
        (10_000, "bytes=-500", Part(9500, 9999)),
        (10_000, "bytes=9500-", Part(9500, 9999)),
        (10_000, "bytes=0-0,-1", Whole),
        (10_000, "bytes=500-600,601-999", Whole),
        (10_000, "bytes=500-700,601-999", Whole),
        (11, "bytes=   1 -2   ,  4- 5, 7 - 8 , ,,", Whole),
    ]);
}

#[test]
fn ranges_in_odd_forms() {
    let thousands = format!("bytes={}1-2", "0-0,".repeat(3000));
    let overlapping = format!("bytes={}0-", "0-,".repeat(1000));
    let beyond = format!("bytes={}20-", "30-,".repeat(1000));
    let digits = "9".repeat(5000);
    let (far, long) = (format!("bytes={digits}-"), format!("bytes=2-{digits}"));
    let (suffix, zeros) = (
        format!("bytes=-{digits}"),
        format!("bytes={}2-4", "0".repeat(500)),
    );
    check_table(&[
        // Names of units are compared without regard to case (section 14.1).
        (11, "Bytes=0-4", Part(0, 4)),
        (11, "BYTES=-4", Part(7, 10)),
        (11, "lines=0-4", Whole),
        (11, "byte=0-4", Whole),
        (11, "none", Whole),
        (11, "bytes", Whole),
        (11, "=", Whole),
        (11, "=0-4", Whole),
        (11, "0-4", Whole),
        (11, "bytes 0-4", Whole),
        (11, "bytes:0-4", Whole),
        (11, "bytes =0-4", Whole),
        (11, "bytes= 0-4", Whole),
        (11, "bytes=0 -4", Whole),
        (11, "bytes=0- 4", Whole),
        (11, "bytes==0-4", Whole),
        (11, "bytes=-", Whole),
        (11, "bytes=--4", Whole),
        (11, "bytes=0--4", Whole),
        (11, "bytes=-0-4", Whole),
        (11, "bytes=-5-10", Whole),
        (11, "bytes=+0-4", Whole),
        (11, "bytes=0-+4", Whole),
        (11, "bytes=0.0-4", Whole),
        (11, "bytes=0-4-6", Whole),
        (11, "bytes=0-4;q=1", Whole),
        (11, "bytes=\"0-4\"", Whole),
        (11, "bytes=0-4, bytes=5-6", Whole),
        (11, "bytes=0_0-4", Whole),
        // A list may have empty members (section 5.6.1.2).
        (11, "bytes=0-4,", Part(0, 4)),
        (11, "bytes=,0-4", Part(0, 4)),
        (11, "bytes=, 0-4 , ,", Part(0, 4)),
        (11, "bytes=,", Whole),
        (11, "bytes=000-0000004", Part(0, 4)),
        (11, &zeros, Part(2, 4)),
        // Overlapping, and more than anybody needs.
        (11, "bytes=0-4,0-4", Whole),
        (11, "bytes=0-5,3-8", Whole),
        (11, "bytes=5-6,0-1", Whole),
        (11, &thousands, Whole),
        (11, &overlapping, Whole),
        (11, "bytes=11-,12-", WholeOrNothing),
        (11, &beyond, WholeOrNothing),
        (11, "bytes=0-4,x", Whole),
        // None of the last 0 bytes can be had.
        (11, "bytes=-0", Nothing),
        (11, "bytes=-00", Nothing),
        (11, "bytes=-1", Part(10, 10)),
        (11, "bytes=-11", Part(0, 10)),
        (11, "bytes=-12", Part(0, 10)),
        (1, "bytes=0-0", Part(0, 0)),
        (1, "bytes=1-1", Nothing),
        // Of an empty file a suffix is all of it, which no Content-Range can say.
        (0, "bytes=0-", Nothing),
        (0, "bytes=0-0", Nothing),
        (0, "bytes=-0", Nothing),
        (0, "bytes=-5", Whole),
        (0, "bytes=0-0,-1", Whole),
        (0, "bytes=5-4", Whole),
        // 2^32, 2^63, 2^64 - 1, 2^64 and beyond.
        (11, "bytes=4294967296-", Nothing),
        (11, "bytes=4294967298-4294967300", Nothing),
        (11, "bytes=9223372036854775807-", Nothing),
        (11, "bytes=9223372036854775808-", Nothing),
        (11, "bytes=18446744073709551615-", Nothing),
        (11, "bytes=18446744073709551616-", Nothing),
        (
            11,
            "bytes=18446744073709551618-18446744073709551620",
            Nothing,
        ),
        (11, "bytes=0-9223372036854775807", Part(0, 10)),
        (11, "bytes=0-9223372036854775808", Part(0, 10)),
        (11, "bytes=0-18446744073709551615", Part(0, 10)),
        (11, "bytes=2-18446744073709551616", Part(2, 10)),
        (11, "bytes=10-18446744073709551617", Part(10, 10)),
        (11, "bytes=-9223372036854775808", Part(0, 10)),
        (11, "bytes=-18446744073709551615", Part(0, 10)),
        (11, "bytes=-18446744073709551616", Part(0, 10)),
        (11, "bytes=-18446744073709551621", Part(0, 10)),
        (11, &far, Nothing),
        (11, &long, Part(2, 10)),
        (11, &suffix, Part(0, 10)),
    ]);
}

#[test]
fn a_range_that_comes_twice_is_no_range() {
    let server = Server::start();
    server.place("a", b"0123456789");
    let twice = [("Range", "bytes=0-1"), ("Range", "bytes=2-3")];
    let reply = server.request("GET", "a", &twice, b"");
    assert_eq!((reply.status, reply.text().as_str()), (200, "0123456789"));
}

/// For HEAD and all other methods no range is defined (section 14.2).
#[test]
fn only_get_knows_ranges() {
    let server = Server::start();
    server.place("a", b"0123456789");
    server.place("folder/x", b"x");
    for range in ["bytes=2-4", "bytes=20-", "bytes=0-0,2-2", "bytes=x"] {
        let sent = [("Range", range)];
        let reply = server.request("HEAD", "a", &sent, b"");
        assert_eq!(reply.status, 200, "HEAD, Range: {range}");
        assert_eq!(
            reply.header("Content-Length"),
            Some("10"),
            "HEAD, Range: {range}"
        );
        assert_eq!(
            reply.header("Content-Range"),
            None,
            "HEAD, Range: {range}\n{}",
            reply.head
        );
        for (method, body) in [("PUT", "+"), ("POST", "0123456789"), ("DELETE", "")] {
            assert_eq!(
                server.request("POST", "b", &[], b"0123456789").status,
                200,
                "set up"
            );
            let reply = server.request(method, "b", &sent, body.as_bytes());
            assert_eq!(
                reply.status,
                200,
                "{method}, Range: {range}: {}",
                reply.summary()
            );
        }
        // What is made anew for each request has no parts.
        for (target, wanted) in [("folder", "x"), ("a/wc", "0"), ("/file", "OK")] {
            let reply = server.request("GET", target, &sent, b"");
            let text = reply.text();
            assert_eq!(
                (reply.status, text.trim_end()),
                (200, wanted),
                "{target}, Range: {range}"
            );
        }
        assert_eq!(server.request("GET", "none", &sent, b"").status, 404);
    }
}
