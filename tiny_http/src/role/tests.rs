use super::*;
use crate::method::Method;

fn framing_of(fields: &str) -> Result<Framing, HeadFault> {
    let head = format!("POST /file/a HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    parse_head(head.as_bytes()).map(|head| head.framing)
}

#[test]
fn plain_framing_is_understood() {
    for (fields, expected) in [
        ("", Framing::Empty),
        ("Content-Length: 0\r\n", Framing::Empty),
        ("Content-Length: 00\r\n", Framing::Empty),
        ("content-length:5\r\n", Framing::Length(5)),
        ("Content-Length: \t7 \t\r\n", Framing::Length(7)),
        (
            "Content-Length: 18446744073709551615\r\n",
            Framing::Length(u64::MAX),
        ),
        ("Transfer-Encoding: chunked\r\n", Framing::Chunked),
        ("Transfer-Encoding: Chunked\r\n", Framing::Chunked),
        ("TRANSFER-ENCODING:chunked\r\n", Framing::Chunked),
        (
            "Expect: 100-Continue\r\nContent-Length: 1\r\n",
            Framing::Length(1),
        ),
    ] {
        assert_eq!(framing_of(fields), Ok(expected), "{fields:?}");
    }
}

/// Each is refused by the parser of complete heads, or by the search for their end.
#[test]
fn malformed_heads_are_refused() {
    for head in testkit::malformed::heads() {
        // One empty line before a head is ignored (RFC 9112, section 2.2).
        let bytes = head.bytes.strip_prefix(b"\r\n").unwrap_or(&head.bytes);
        let checked = match end_of_head(bytes, 0) {
            Ok(end) => parse_head(&bytes[..end.unwrap_or_default()]).map(|_| ()),
            Err(fault) => Err(fault),
        };
        let refused = checked.map_err(|fault| (format!("{fault:?}"), fault.status().0));
        let expected = (head.fault.to_owned(), head.status());
        assert_eq!(refused, Err(expected), "{}", head.shown());
    }
}

#[test]
fn targets_are_taken_as_they_stand() {
    for line in [
        "GET /file HTTP/1.0",
        "GET /file HTTP/1.1",
        "GET http://h/file HTTP/1.0",
        "GET http://h HTTP/1.0",
        "GET /\"<>[\\]^`{|} HTTP/1.0",
    ] {
        let head = format!("{line}\r\n\r\n");
        assert_eq!(parse_head(head.as_bytes()).map(|_| ()), Ok(()), "{line:?}");
    }
    assert_eq!(parse_head(b"\r\n\r\n"), Err(HeadFault::RequestLine));
}

#[test]
fn a_line_feed_alone_in_a_value_is_refused_also_without_the_search_for_the_end() {
    let fields = "X: a\nTransfer-Encoding: chunked\r\n";
    assert_eq!(framing_of(fields), Err(HeadFault::HeaderValue));
}

#[test]
fn connections_go_on_as_version_and_tokens_say() {
    for (version, connection, persistent) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: foo, CLOSE\r\n", false),
        ("1.1", "Connection: foo\r\nConnection: close\r\n", false),
        ("1.1", "Connection: not-close\r\n", true),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
    ] {
        let head = format!("GET /file HTTP/{version}\r\nHost: h\r\n{connection}\r\n");
        let head = parse_head(head.as_bytes());
        assert_eq!(
            head.map(|h| h.persistent),
            Ok(persistent),
            "{version} {connection:?}"
        );
    }
}

#[test]
fn expect_100_continue_counts_in_http_1_1() {
    for (version, fields, waits) in [
        ("1.1", "Expect: 100-continue\r\n", true),
        ("1.1", "Expect: 100-Continue\r\nContent-Length: 1\r\n", true),
        ("1.1", "Content-Length: 1\r\n", false),
        (
            "1.0",
            "Expect: 100-continue\r\nContent-Length: 1\r\n",
            false,
        ),
    ] {
        let head = format!("PUT / HTTP/{version}\r\nHost: h\r\n{fields}\r\n");
        let head = parse_head(head.as_bytes()).map(|head| head.expects_continue);
        assert_eq!(head, Ok(waits), "{version} {fields:?}");
    }
}

#[test]
fn the_end_of_a_head_is_found_however_the_input_is_divided() {
    let head = b"GET / HTTP/1.1\r\nHost: h\r\n\r\nrest";
    for cut in 0..head.len() {
        let end = end_of_head(&head[..cut], 0);
        assert_eq!(end, Ok((cut >= 27).then_some(27)), "{cut}");
        if end == Ok(None) {
            assert_eq!(end_of_head(head, cut), Ok(Some(27)), "{cut}");
        }
    }
}

#[test]
fn words_and_fields_are_found() {
    let head = b"PUT /file/a HTTP/1.1\r\nHost: h\r\nRange: bytes=0-\r\nX:  a\xe9\t\r\n\
        range-x: no\r\nif-match:\"a\"\r\nIf-Match: \"b\" \r\nX-If-Match: \"c\"\r\nEmpty:\r\n\r\n";
    let head = parse_head(head).unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!((head.method(), head.target()), ("PUT", "/file/a"));
    for (name, value) in [
        ("Range", Some("bytes=0-")),
        ("RANGE", Some("bytes=0-")),
        ("If-Match", Some("\"a\", \"b\"")),
        ("X", Some("a?")),
        ("Empty", Some("")),
        ("Rang", None),
        ("If-None-Match", None),
        ("PUT /file/a HTTP/1.1", None),
    ] {
        assert_eq!(head.field(name).as_deref(), value, "{name}");
    }
    let names: Vec<String> = head
        .headers()
        .iter()
        .map(|it| it.field.to_string())
        .collect();
    assert_eq!(
        names,
        [
            "Host",
            "Range",
            "X",
            "range-x",
            "if-match",
            "If-Match",
            "X-If-Match",
            "Empty"
        ]
    );
}

#[test]
fn a_head_of_parts_is_one_that_can_be_sent() -> Result<(), ()> {
    let headers = ["Host: h".parse()?, "Empty:".parse()?];
    let made = Head::of_parts(&Method::Put, "/a", HTTPVersion(1, 1), &headers);
    let sent = parse_head(made.text.as_bytes()).map_err(drop)?;
    assert_eq!(
        made,
        Head {
            persistent: false,
            ..sent
        }
    );
    Ok(())
}
