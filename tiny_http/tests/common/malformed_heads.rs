//! Request heads that every server has to refuse, or that this one refuses because two parsers could
//! read them differently (RFC 9112, section 11.2). Each ends with an empty line, unless it has to be
//! refused before that.
//!
//! Belongs here: every malformed head that a test of this crate knows. Does not belong here: heads
//! that are too long or too slow, which depend on the settings of a server.

/// A head as it is sent, the name of its `HeadFault`, and the status of the reply.
pub type MalformedHead = (&'static str, &'static str, u16);

/// A head with these field lines behind `Host`.
macro_rules! fields {
    ($fields:literal) => {
        concat!("POST /a HTTP/1.1\r\nHost: h\r\n", $fields, "\r\n")
    };
}

/// A head with this request line and no fields.
macro_rules! line {
    ($line:literal) => {
        concat!($line, "\r\n\r\n")
    };
}

/// All of them.
#[rustfmt::skip]
pub const MALFORMED_HEADS: &[MalformedHead] = &[
    // Content-Length (RFC 9112, section 6.3; RFC 9110, section 8.6).
    (fields!("Content-Length: -1\r\n"), "ContentLength", 400),
    (fields!("Content-Length: +1\r\n"), "ContentLength", 400),
    (fields!("Content-Length: 0x5\r\n"), "ContentLength", 400),
    (fields!("Content-Length: \r\n"), "ContentLength", 400),
    (fields!("Content-Length: 1, 1\r\n"), "ContentLength", 400),
    (fields!("Content-Length: 1 1\r\n"), "ContentLength", 400),
    (fields!("Content-Length: 1\r\nContent-Length: 1\r\n"), "ContentLength", 400),
    (fields!("Content-Length: 0\r\ncontent-length: 0\r\n"), "ContentLength", 400),
    (fields!("Content-Length: 18446744073709551616\r\n"), "ContentLength", 400),
    (fields!("Content-Length: 99999999999999999999999\r\n"), "ContentLength", 400),
    // Transfer-Encoding (RFC 9112, section 6.1).
    (fields!("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), "TransferEncoding", 400),
    (fields!("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"), "TransferEncoding", 400),
    (fields!("Transfer-Encoding: xchunked\r\n"), "TransferEncoding", 400),
    (fields!("Transfer-Encoding: gzip, chunked\r\n"), "TransferEncoding", 400),
    (fields!("Transfer-Encoding: chunked, chunked\r\n"), "TransferEncoding", 400),
    (fields!("Transfer-Encoding: identity\r\n"), "TransferEncoding", 400),
    (fields!("Transfer-Encoding: \"chunked\"\r\n"), "TransferEncoding", 400),
    (fields!("Transfer-Encoding: chunked;a=b\r\n"), "TransferEncoding", 400),
    (fields!("Transfer-Encoding:\r\n"), "TransferEncoding", 400),
    (fields!("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "TransferEncoding", 400),
    ("POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "TransferEncoding", 400),
    // Field lines (RFC 9112, section 5).
    (fields!("Transfer-Encoding : chunked\r\n"), "HeaderLine", 400),
    (fields!("Content-Length : 5\r\n"), "HeaderLine", 400),
    (fields!(" Content-Length: 5\r\n"), "HeaderLine", 400),
    (fields!("X: a\r\n b\r\n"), "HeaderLine", 400),
    (fields!("X: a\r\n\tTransfer-Encoding: chunked\r\n"), "HeaderLine", 400),
    (fields!("no colon\r\n"), "HeaderLine", 400),
    (fields!(": empty\r\n"), "HeaderLine", 400),
    (fields!("X: a\rY: b\r\n"), "HeaderValue", 400),
    (fields!("X: \0\r\n"), "HeaderValue", 400),
    (fields!("Transfer-Encoding: \u{b}chunked\r\nX: y\r\n"), "HeaderValue", 400),
    // Host (RFC 9112, section 3.2) and Expect (RFC 9110, section 10.1.1).
    (fields!("Host: other\r\n"), "Host", 400),
    (fields!("Expect: 200-ok\r\n"), "Expectation", 417),
    ("GET / HTTP/1.1\r\nHost: user@h\r\n\r\n", "Host", 400),
    // Lines that end with LF alone (RFC 9112, section 2.2).
    ("\n", "BareLf", 400),
    ("\r\n\n", "BareLf", 400),
    ("GET / HTTP/1.1\n", "BareLf", 400),
    ("GET / HTTP/1.1\r\nX: y\n\r\n\r\n", "BareLf", 400),
    (fields!("X: a\nTransfer-Encoding: chunked\r\n"), "BareLf", 400),
    // Request lines (RFC 9112, section 3).
    (line!("GET /a HTTP/1.1 "), "RequestLine", 400),
    (line!("GET /a http/1.1"), "RequestLine", 400),
    (line!("GET /a HTTP/11"), "RequestLine", 400),
    (line!("GET /a"), "RequestLine", 400),
    (line!("GET  /a HTTP/1.1"), "RequestLine", 400),
    (line!("GET /a b HTTP/1.1"), "RequestLine", 400),
    (line!("GET /\u{e4} HTTP/1.1"), "RequestLine", 400),
    (line!("GET /a\tb HTTP/1.1"), "RequestLine", 400),
    (line!("G\0T /a HTTP/1.1"), "RequestLine", 400),
    (line!("G:T /a HTTP/1.1"), "RequestLine", 400),
    (line!("BAD"), "RequestLine", 400),
    (line!("\u{16}\u{3}\u{1}"), "RequestLine", 400),
    ("\r\n\r\nGET /a HTTP/1.1\r\n\r\n", "RequestLine", 400),
    ("\r\r\nGET /a HTTP/1.1\r\n\r\n", "RequestLine", 400),
    (line!("GET http:///a HTTP/1.0"), "Host", 400),
    (line!("GET http://u:p@h/a HTTP/1.0"), "Host", 400),
    (line!("GET https://h:x/a HTTP/1.0"), "Host", 400),
    (line!("GET /a#b HTTP/1.0"), "Fragment", 400),
    (line!("GET /a?b#c HTTP/1.0"), "Fragment", 400),
    (line!("GET # HTTP/1.0"), "Fragment", 400),
    (line!("GET http://h/a# HTTP/1.0"), "Fragment", 400),
    (line!("GET /a HTTP/2.0"), "Version", 505),
    (line!("PRI * HTTP/2.0"), "Version", 505),
    (line!("GET /a HTTP/0.9"), "Version", 505),
    (line!("GET /a HTTP/1.2"), "Version", 505),
    (line!("GET /a HTTP/3.1"), "Version", 505),
];
