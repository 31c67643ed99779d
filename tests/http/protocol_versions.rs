//! HTTP/1.0, `Connection: close` and absolute-form targets, with every kind of request; `Date` and
//! `Last-Modified` in every reply that should have them.

use std::fs::File;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use testkit::digest::sha256_hex;
use testkit::rows::each;
use testkit::{Conn, LIMIT, Reply, Server};

const MODIFIED: u64 = 784_111_777;
const MODIFIED_TEXT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// A request, what it gets, and whether the reply speaks of a file and so bears its
/// `Last-Modified`.
struct Row {
    method: &'static str,
    target: &'static str,
    lines: &'static str,
    body: &'static str,
    status: u16,
    of_file: bool,
}

const fn row(
    method: &'static str,
    target: &'static str,
    lines: &'static str,
    body: &'static str,
    status: u16,
) -> Row {
    let of_file =
        matches!(status, 200 | 206 | 304) && matches!(method.as_bytes(), b"GET" | b"HEAD");
    Row {
        method,
        target,
        lines,
        body,
        status,
        of_file,
    }
}

/// For what is not the file itself.
const fn beside(row: Row) -> Row {
    Row {
        of_file: false,
        ..row
    }
}

const TABLE: &[Row] = &[
    row("GET", "/file/a", "", "", 200),
    row("HEAD", "/file/a", "", "", 200),
    row("GET", "/file/a", "Range: bytes=2-4\r\n", "", 206),
    row("HEAD", "/file/a", "Range: bytes=2-4\r\n", "", 200),
    row("GET", "/file/a", "Range: bytes=2-4,6-7\r\n", "", 200),
    row("GET", "/file/a", "Range: bytes=10-\r\n", "", 416),
    row("GET", "/file/a", "If-None-Match: *\r\n", "", 304),
    row("HEAD", "/file/a", "If-None-Match: *\r\n", "", 304),
    row(
        "GET",
        "/file/a",
        "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
        "",
        304,
    ),
    row("GET", "/file/a", "If-Match: \"x\"\r\n", "", 412),
    row("HEAD", "/file/a", "If-Match: \"x\"\r\n", "", 412),
    row(
        "GET",
        "/file/a",
        "If-Range: \"x\"\r\nRange: bytes=2-4\r\n",
        "",
        200,
    ),
    beside(row("GET", "/file/a/sha256", "", "", 200)),
    beside(row("HEAD", "/file/a/sha256", "", "", 200)),
    beside(row("GET", "/file/a/wc", "", "", 200)),
    beside(row("GET", "/file/%2F", "", "", 200)),
    beside(row("GET", "/file", "", "", 200)),
    row("GET", "/file/missing", "", "", 404),
    row("GET", "/file/..", "", "", 400),
    row("GET", "/other", "", "", 404),
    row("PATCH", "/file/a", "", "", 405),
    row("POST", "/file/a", "Content-Length: 3\r\n", "new", 200),
    row(
        "POST",
        "/file/a",
        "If-None-Match: *\r\nContent-Length: 3\r\n",
        "new",
        412,
    ),
    row(
        "POST",
        "/file/a",
        "Content-Range: bytes 0-2/3\r\nContent-Length: 3\r\n",
        "new",
        400,
    ),
    row(
        "POST",
        "/file/a",
        "Content-Digest: sha-256=:AAAA:\r\nContent-Length: 3\r\n",
        "new",
        400,
    ),
    row(
        "POST",
        "/file/a",
        "Want-Repr-Digest: sha-256=1\r\nContent-Length: 3\r\n",
        "new",
        200,
    ),
    row(
        "PUT",
        "/file/a",
        "Content-Range: bytes 10-12/13\r\nContent-Length: 3\r\n",
        "new",
        200,
    ),
    row(
        "PUT",
        "/file/a",
        "Content-Range: bytes 9-11/12\r\nContent-Length: 3\r\n",
        "new",
        416,
    ),
    row(
        "PUT",
        "/file/a/cp",
        "Content-Length: 13\r\n",
        "{\"path\": \"b\"}",
        200,
    ),
    row(
        "PUT",
        "/file/a/cp",
        "If-None-Match: *\r\nContent-Length: 13\r\n",
        "{\"path\": \"a\"}",
        412,
    ),
    row(
        "PUT",
        "/file/a/mv",
        "If-Match: *\r\nContent-Length: 13\r\n",
        "{\"path\": \"b\"}",
        412,
    ),
    row(
        "PUT",
        "/file/a/mv",
        "Content-Length: 13\r\n",
        "{\"path\": \"b\"}",
        200,
    ),
    row("DELETE", "/file/a", "If-Match: \"x\"\r\n", "", 412),
    row("DELETE", "/file/a", "", "", 200),
];

/// Sends a row in one form of it, and gives the reply.
fn ask(
    server: &Server,
    row: &Row,
    prefix: &str,
    version: &str,
    lines: &str,
) -> (Reply, Conn, String) {
    server.place_at("a", b"0123456789", MODIFIED);
    server.request("DELETE", "b", &[], b"");
    let mut conn = server.open();
    let request = format!(
        "{} {prefix}{} {version}\r\n{lines}{}\r\n{}",
        row.method, row.target, row.lines, row.body
    );
    conn.send(request.as_bytes());
    let reply = conn
        .reply_to(row.method)
        .unwrap_or_else(|e| panic!("{request:?}: {e}"));
    assert_eq!(reply.status, row.status, "{request:?}: {}", reply.summary());
    let shown = format!("{request:?}\n{}", reply.head);
    (reply, conn, shown)
}

#[test]
fn http_1_0_gets_the_same_replies_without_chunks_and_then_the_end() {
    let server = Server::start();
    each(TABLE, |row| {
        let (of_1_1, ..) = ask(&server, row, "", "HTTP/1.1", "Host: nas\r\n");
        let left_by_1_1 = ["a", "b"].map(|name| server.content(name));
        for lines in ["", "Host: nas\r\n", "Connection: close\r\n"] {
            let (reply, mut conn, shown) = ask(&server, row, "", "HTTP/1.0", lines);
            assert!(reply.body == of_1_1.body, "{shown}{:?}", reply.text());
            let left = ["a", "b"].map(|name| server.content(name));
            assert_eq!(left, left_by_1_1, "{shown}");
            assert_eq!(reply.header("Transfer-Encoding"), None, "{shown}");
            assert!(conn.closed(), "{shown}: the connection stays");
        }
    });
}

#[test]
fn http_1_0_with_keep_alive_goes_on_or_ends() {
    let server = Server::start();
    each(TABLE, |row| {
        let (reply, mut conn, shown) =
            ask(&server, row, "", "HTTP/1.0", "Connection: keep-alive\r\n");
        assert_eq!(reply.header("Transfer-Encoding"), None, "{shown}");
        let stays = reply
            .header("Connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("keep-alive"));
        if stays {
            conn.send(b"GET /file HTTP/1.0\r\n\r\n");
            let next = conn
                .reply_to("GET")
                .unwrap_or_else(|e| panic!("{shown}, the next: {e}"));
            assert_eq!(next.text(), "OK", "{shown}");
        }
        assert!(conn.closed(), "{shown}: the connection stays");
    });
}

#[test]
fn connection_close_closes_behind_every_reply() {
    let server = Server::start();
    each(TABLE, |row| {
        for value in ["close", "Close", "foo, close"] {
            let lines = format!("Host: nas\r\nConnection: {value}\r\n");
            let (reply, mut conn, shown) = ask(&server, row, "", "HTTP/1.1", &lines);
            // RFC 9112, section 9.6: the last reply says that it is.
            assert!(reply.closes(), "{shown}");
            assert!(conn.closed(), "{shown}: the connection stays");
        }
    });
}

#[test]
fn absolute_targets_mean_the_same() {
    let server = Server::start();
    each(TABLE, |row| {
        for prefix in [
            "http://nas",
            "http://other.example:8080",
            "HTTP://NAS",
            "https://nas",
        ] {
            let (reply, mut conn, shown) = ask(&server, row, prefix, "HTTP/1.1", "Host: nas\r\n");
            if !reply.closes() {
                let next = conn.request("GET", "/file", &[], b"");
                assert_eq!(next.expect("a reply").text(), "OK", "{shown}");
            }
        }
    });
}

/// RFC 9110, section 6.6.1: a server with a clock says the time in all of them, as an IMF-fixdate.
#[test]
fn every_reply_bears_the_date_and_those_of_files_when_they_were_modified() {
    let server = Server::start();
    each(TABLE, |row| {
        let (reply, _, shown) = ask(&server, row, "", "HTTP/1.1", "Host: nas\r\n");
        let date = reply
            .header("Date")
            .unwrap_or_else(|| panic!("no Date: {shown}"));
        let time = httpdate::parse_http_date(date).unwrap_or_else(|_| panic!("{shown}"));
        assert_eq!(httpdate::fmt_http_date(time), date, "{shown}");
        let now = SystemTime::now();
        let off = now
            .duration_since(time)
            .or_else(|_| time.duration_since(now));
        assert!(off.is_ok_and(|off| off < LIMIT), "{shown}");
        let modified = reply.header("Last-Modified");
        if row.of_file {
            assert_eq!(modified, Some(MODIFIED_TEXT), "{shown}");
            assert!(reply.header("ETag").is_some(), "{shown}");
        } else if row.status >= 400 {
            assert_eq!(modified, None, "{shown}");
        }
    });
    for bytes in [
        "nonsense\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET /file HTTP/1.1\r\n\r\n",
        "POST /file/a HTTP/1.1\r\nHost: nas\r\nContent-Length: x\r\n\r\n",
    ] {
        let mut conn = server.open();
        conn.send(bytes.as_bytes());
        let reply = conn
            .reply_to("GET")
            .unwrap_or_else(|e| panic!("{bytes:?}: {e}"));
        assert!(reply.status >= 400, "{bytes:?}: {}", reply.summary());
        assert!(reply.header("Date").is_some(), "{bytes:?}\n{}", reply.head);
    }
}

/// RFC 9110, section 8.8.2.1: no `Last-Modified` is later than the reply itself. And times that no
/// HTTP date can tell are no reason not to serve a file.
#[test]
fn files_of_other_times_are_served() {
    let server = Server::start();
    server.place("a", b"0123456789");
    let file = File::options()
        .append(true)
        .open(server.storage().join("a"))
        .expect("placed");
    let now = SystemTime::now();
    let times = [
        UNIX_EPOCH,
        UNIX_EPOCH - Duration::from_secs(1),
        UNIX_EPOCH - Duration::from_millis(500),
        UNIX_EPOCH - Duration::from_secs(2_000_000_000),
        now + Duration::from_secs(5),
        now + Duration::from_secs(1_000_000_000),
        UNIX_EPOCH + Duration::from_secs(15_000_000_000),
    ];
    each(times, |time| {
        file.set_modified(time).expect("the time can be set");
        for method in ["GET", "HEAD"] {
            let reply = server.request(method, "a", &[], b"");
            let shown = format!("{method}, {time:?}\n{}", reply.head);
            assert_eq!(reply.status, 200, "{shown}");
            let date = |name| {
                let text = reply.header(name)?;
                Some(httpdate::parse_http_date(text).unwrap_or(UNIX_EPOCH))
            };
            let (sent, modified) = (date("Date").expect("a Date"), date("Last-Modified"));
            assert!(modified.is_none_or(|modified| modified <= sent), "{shown}");
            for condition in ["If-Modified-Since", "If-Unmodified-Since"] {
                let reply = server.request(method, "a", &[(condition, MODIFIED_TEXT)], b"");
                assert!(
                    matches!(reply.status, 200 | 304 | 412),
                    "{shown}{}",
                    reply.summary()
                );
            }
            let tag = reply.header("ETag").expect("an ETag");
            let reply = server.request(method, "a", &[("If-None-Match", tag)], b"");
            assert_eq!(reply.status, 304, "{shown}");
        }
        assert_eq!(server.get("a/sha256").text(), sha256_hex(b"0123456789"));
        assert_eq!(server.put("a", b"").status, 200, "{time:?}");
    });
}
