use super::*;

fn framing_of(fields: &str) -> Result<Framing, HeadFault> {
    let head = format!("POST /file/a HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    check(head.as_bytes()).map(|head| head.framing)
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

#[test]
fn framing_that_is_not_plain_is_refused() {
    use HeadFault::*;
    for (fields, fault) in [
        ("Content-Length: -1\r\n", ContentLength),
        ("Content-Length: +1\r\n", ContentLength),
        ("Content-Length: 0x5\r\n", ContentLength),
        ("Content-Length: \r\n", ContentLength),
        ("Content-Length: 1, 1\r\n", ContentLength),
        ("Content-Length: 1 1\r\n", ContentLength),
        ("Content-Length: 1\r\nContent-Length: 1\r\n", ContentLength),
        ("Content-Length: 0\r\ncontent-length: 0\r\n", ContentLength),
        ("Content-Length: 18446744073709551616\r\n", ContentLength),
        ("Content-Length: 99999999999999999999999\r\n", ContentLength),
        (
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            TransferEncoding,
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
            TransferEncoding,
        ),
        ("Transfer-Encoding: xchunked\r\n", TransferEncoding),
        ("Transfer-Encoding: gzip, chunked\r\n", TransferEncoding),
        ("Transfer-Encoding: chunked, chunked\r\n", TransferEncoding),
        ("Transfer-Encoding: identity\r\n", TransferEncoding),
        ("Transfer-Encoding: \"chunked\"\r\n", TransferEncoding),
        ("Transfer-Encoding: chunked;a=b\r\n", TransferEncoding),
        ("Transfer-Encoding:\r\n", TransferEncoding),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            TransferEncoding,
        ),
        ("Transfer-Encoding : chunked\r\n", HeaderLine),
        ("Content-Length : 5\r\n", HeaderLine),
        (" Content-Length: 5\r\n", HeaderLine),
        ("X: a\r\n b\r\n", HeaderLine),
        ("X: a\r\n\tTransfer-Encoding: chunked\r\n", HeaderLine),
        ("no colon\r\n", HeaderLine),
        (": empty\r\n", HeaderLine),
        ("X: a\nTransfer-Encoding: chunked\r\n", HeaderValue),
        ("X: a\rY: b\r\n", HeaderValue),
        ("X: \0\r\n", HeaderValue),
        ("Transfer-Encoding: \u{b}chunked\r\nX: y\r\n", HeaderValue),
        ("Host: other\r\n", Host),
        ("Expect: 200-ok\r\n", Expectation),
    ] {
        assert_eq!(framing_of(fields), Err(fault), "{fields:?}");
    }
}

#[test]
fn request_lines_are_three_words() {
    use HeadFault::*;
    for (line, expected) in [
        ("GET /file HTTP/1.0", Ok(())),
        ("GET /file HTTP/1.1", Ok(())),
        ("GET http://h/file HTTP/1.0", Ok(())),
        ("GET http://h HTTP/1.0", Ok(())),
        ("GET http:///file HTTP/1.0", Err(Host)),
        ("GET http://u:p@h/file HTTP/1.0", Err(Host)),
        ("GET https://h:x/file HTTP/1.0", Err(Host)),
        ("GET /a#b HTTP/1.0", Err(Fragment)),
        ("GET /a?b#c HTTP/1.0", Err(Fragment)),
        ("GET # HTTP/1.0", Err(Fragment)),
        ("GET http://h/a# HTTP/1.0", Err(Fragment)),
        ("GET /\"<>[\\]^`{|} HTTP/1.0", Ok(())),
        ("GET /file HTTP/2.0", Err(Version)),
        ("PRI * HTTP/2.0", Err(Version)),
        ("GET /file HTTP/0.9", Err(Version)),
        ("GET /file HTTP/1.2", Err(Version)),
        ("GET /file HTTP/1.1 ", Err(RequestLine)),
        ("GET /file http/1.1", Err(RequestLine)),
        ("GET /file HTTP/11", Err(RequestLine)),
        ("GET /file", Err(RequestLine)),
        ("GET  /file HTTP/1.1", Err(RequestLine)),
        ("GET /a b HTTP/1.1", Err(RequestLine)),
        ("GET /\u{e4} HTTP/1.1", Err(RequestLine)),
        ("GET /a\tb HTTP/1.1", Err(RequestLine)),
        ("G\0T /a HTTP/1.1", Err(RequestLine)),
        ("G:T /a HTTP/1.1", Err(RequestLine)),
        ("", Err(RequestLine)),
        ("\u{16}\u{3}\u{1}", Err(RequestLine)),
    ] {
        let head = format!("{line}\r\n\r\n");
        assert_eq!(check(head.as_bytes()).map(|_| ()), expected, "{line:?}");
    }
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
        let head = check(head.as_bytes());
        assert_eq!(
            head.map(|h| h.persistent),
            Ok(persistent),
            "{version} {connection:?}"
        );
    }
}

#[test]
fn who_waits_for_a_word_is_known() {
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
        let head = check(head.as_bytes()).map(|head| head.expects_continue);
        assert_eq!(head, Ok(waits), "{version} {fields:?}");
    }
}

#[test]
fn the_end_of_a_head_is_found_wherever_the_reads_are_cut() {
    let head = b"GET / HTTP/1.1\r\nHost: h\r\n\r\nrest";
    for cut in 0..head.len() {
        let end = end_of_head(&head[..cut], 0);
        assert_eq!(end, Ok((cut >= 27).then_some(27)), "{cut}");
        if end == Ok(None) {
            assert_eq!(end_of_head(head, cut), Ok(Some(27)), "{cut}");
        }
    }
    for bare in ["\n", "GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nX: y\n\r\n\r\n"] {
        assert_eq!(
            end_of_head(bare.as_bytes(), 0),
            Err(HeadFault::BareLf),
            "{bare:?}"
        );
    }
}

#[test]
fn a_refused_head_is_described_in_visible_ascii() {
    for (head, method, target) in [
        (&b"GET /a HTTP/9.9\r\n\r\n"[..], "GET", "/a"),
        (b"\x16\x03\x01 x\xff\r\n", "???", "x?"),
        (b"", "", ""),
        (b"no end of line", "no", "end"),
    ] {
        let refusal = Refusal::of(head, HeadFault::RequestLine);
        assert_eq!((&*refusal.method, &*refusal.target), (method, target));
    }
}
