//! Request heads that every server has to refuse, or that this one refuses because two parsers
//! could read them differently (RFC 9112, section 11.2). Each ends with an empty line, unless it
//! has to be refused before that.
//!
//! Belongs here: every malformed head that a test, a fuzz target or a program of this repository
//! sends. Does not belong here: bodies, and heads that are too long or too slow, which depend on
//! the settings of a server.

/// A malformed head, or field lines that make one of a head that is well formed without them.
#[derive(Clone, Debug)]
pub struct Malformed<Bytes = &'static [u8]> {
    pub bytes: Bytes,
    /// The name of its `tiny_http::HeadFault`.
    pub fault: &'static str,
}

/// All malformed heads: those of [`HEADS`], and one for each of [`FIELDS`].
pub fn heads() -> Vec<Malformed<Vec<u8>>> {
    let begin = b"POST /a HTTP/1.1\r\nHost: h\r\n".as_slice();
    let with_fields = FIELDS.iter().map(|fields| Malformed {
        bytes: [begin, fields.bytes, b"\r\n\r\n"].concat(),
        fault: fields.fault,
    });
    let whole = HEADS.iter().map(|head| Malformed {
        bytes: head.bytes.to_vec(),
        fault: head.fault,
    });
    whole.chain(with_fields).collect()
}

impl<Bytes: AsRef<[u8]>> Malformed<Bytes> {
    /// The status of the reply: RFC 9110, sections 10.1.1 and 15.6.6; RFC 9112, sections 3 and 5.
    pub fn status(&self) -> u16 {
        match self.fault {
            "Expectation" => 417,
            "Version" => 505,
            _ => 400,
        }
    }

    /// Whether a text is among these bytes, in capital or small letters.
    pub fn mentions(&self, text: &str) -> bool {
        let bytes = self.bytes.as_ref();
        let mut parts = bytes.windows(text.len());
        parts.any(|part| part.eq_ignore_ascii_case(text.as_bytes()))
    }

    /// The bytes as a person can read them.
    pub fn shown(&self) -> String {
        self.bytes.as_ref().escape_ascii().to_string()
    }
}

const fn malformed(fault: &'static str, bytes: &'static [u8]) -> Malformed {
    Malformed { bytes, fault }
}

/// Field lines, without the end of the last. A server that takes one of them for the framing of a
/// body sees an empty body or one of a byte, and another request behind it.
#[rustfmt::skip]
pub const FIELDS: &[Malformed] = &[
    // Content-Length that is no plain number, or is there twice (RFC 9112, section 6.3; RFC 9110,
    // section 8.6).
    malformed("ContentLength", b"Content-Length: -1"),
    malformed("ContentLength", b"Content-Length: -0"),
    malformed("ContentLength", b"Content-Length: +1"),
    malformed("ContentLength", b"Content-Length: 0x1"),
    malformed("ContentLength", b"Content-Length: 1, 1"),
    malformed("ContentLength", b"Content-Length: 1,1"),
    malformed("ContentLength", b"Content-Length: 1, 0"),
    malformed("ContentLength", b"Content-Length: ,1"),
    malformed("ContentLength", b"Content-Length: 1,"),
    malformed("ContentLength", b"Content-Length: 1 0"),
    malformed("ContentLength", b"Content-Length: 1_0"),
    malformed("ContentLength", b"Content-Length: 1.0"),
    malformed("ContentLength", b"Content-Length: 1e0"),
    malformed("ContentLength", b"Content-Length: 1;"),
    malformed("ContentLength", b"Content-Length: \"1\""),
    malformed("ContentLength", b"Content-Length: one"),
    malformed("ContentLength", b"Content-Length: \xef\xbc\x91"),
    malformed("ContentLength", b"Content-Length: 18446744073709551616"),
    malformed("ContentLength", b"Content-Length: 18446744073709551617"),
    malformed("ContentLength", b"Content-Length: 340282366920938463463374607431768211457"),
    malformed("ContentLength", b"Content-Length: 99999999999999999999999"),
    malformed("ContentLength", b"Content-Length: -18446744073709551615"),
    malformed("ContentLength", b"Content-Length:"),
    malformed("ContentLength", b"Content-Length: "),
    malformed("ContentLength", b"Content-Length:  "),
    malformed("ContentLength", b"Content-Length: 1\r\nContent-Length: 1"),
    malformed("ContentLength", b"Content-Length: 0\r\nContent-Length: 1"),
    malformed("ContentLength", b"Content-Length: 1\r\nContent-Length: 0"),
    malformed("ContentLength", b"Content-Length: 1\r\ncontent-length: 1"),
    malformed("ContentLength", b"Content-Length: 0\r\ncontent-length: 0"),
    // Transfer-Encoding that is not exactly `chunked`, or has a Content-Length beside it (RFC 9112,
    // section 6.1).
    malformed("TransferEncoding", b"Transfer-Encoding: chunked;"),
    malformed("TransferEncoding", b"Transfer-Encoding: chunked;q=1"),
    malformed("TransferEncoding", b"Transfer-Encoding: chunked; a=b"),
    malformed("TransferEncoding", b"Transfer-Encoding: chunked,"),
    malformed("TransferEncoding", b"Transfer-Encoding: ,chunked"),
    malformed("TransferEncoding", b"Transfer-Encoding: , chunked"),
    malformed("TransferEncoding", b"Transfer-Encoding: chunked,,"),
    malformed("TransferEncoding", b"Transfer-Encoding: chunked, chunked"),
    malformed("TransferEncoding", b"Transfer-Encoding: chunked,chunked"),
    malformed("TransferEncoding", b"Transfer-Encoding: identity"),
    malformed("TransferEncoding", b"Transfer-Encoding: identity, chunked"),
    malformed("TransferEncoding", b"Transfer-Encoding: chunked, identity"),
    malformed("TransferEncoding", b"Transfer-Encoding: gzip"),
    malformed("TransferEncoding", b"Transfer-Encoding: gzip, chunked"),
    malformed("TransferEncoding", b"Transfer-Encoding: chunked, gzip"),
    malformed("TransferEncoding", b"Transfer-Encoding: deflate"),
    malformed("TransferEncoding", b"Transfer-Encoding: compress"),
    malformed("TransferEncoding", b"Transfer-Encoding: xchunked"),
    malformed("TransferEncoding", b"Transfer-Encoding: chunkedx"),
    malformed("TransferEncoding", b"Transfer-Encoding: chunke"),
    malformed("TransferEncoding", b"Transfer-Encoding: chunk"),
    malformed("TransferEncoding", b"Transfer-Encoding: c"),
    malformed("TransferEncoding", b"Transfer-Encoding: x chunked"),
    malformed("TransferEncoding", b"Transfer-Encoding: chunked x"),
    malformed("TransferEncoding", b"Transfer-Encoding: chun ked"),
    malformed("TransferEncoding", b"Transfer-Encoding: \"chunked\""),
    malformed("TransferEncoding", b"Transfer-Encoding: 'chunked'"),
    malformed("TransferEncoding", b"Transfer-Encoding: chunked\""),
    malformed("TransferEncoding", b"Transfer-Encoding: (x) chunked"),
    malformed("TransferEncoding", b"Transfer-Encoding: <chunked>"),
    malformed("TransferEncoding", b"Transfer-Encoding: ch%75nked"),
    malformed("HeaderValue", b"Transfer-Encoding: \x0bchunked"),
    malformed("HeaderValue", b"Transfer-Encoding: chunked\x0b"),
    malformed("HeaderValue", b"Transfer-Encoding:\x0bchunked"),
    malformed("HeaderValue", b"Transfer-Encoding: \x0cchunked"),
    malformed("HeaderValue", b"Transfer-Encoding: chunked\x0c"),
    malformed("HeaderValue", b"Transfer-Encoding: chunked\0"),
    malformed("HeaderValue", b"Transfer-Encoding: \0chunked"),
    malformed("HeaderValue", b"Transfer-Encoding: chunked\r"),
    malformed("HeaderValue", b"Transfer-Encoding: \rchunked"),
    malformed("HeaderValue", b"Transfer-Encoding: chunked\x7f"),
    malformed("HeaderValue", b"Transfer-Encoding: \x08chunked"),
    malformed("TransferEncoding", b"Transfer-Encoding: chunked\xa0"),
    malformed("TransferEncoding", b"Transfer-Encoding: \xa0chunked"),
    malformed("TransferEncoding", b"Transfer-Encoding: \xef\xbb\xbfchunked"),
    malformed("TransferEncoding", b"Transfer-Encoding: \xff"),
    malformed("TransferEncoding", b"Transfer-Encoding: \xe2\x84\xaahunked"),
    malformed("TransferEncoding", b"Transfer-Encoding: chun\xe2\x84\xaaed"),
    malformed("TransferEncoding", b"Transfer-Encoding:"),
    malformed("TransferEncoding", b"Transfer-Encoding: "),
    malformed("TransferEncoding", b"Transfer-Encoding: ,"),
    malformed("TransferEncoding", b"Transfer-Encoding: ;"),
    malformed("TransferEncoding", b"Transfer-Encoding: 0"),
    malformed("HeaderLine", b"Transfer-Encoding : chunked"),
    malformed("HeaderLine", b"Transfer-Encoding\t: chunked"),
    malformed("HeaderLine", b"Transfer-Encoding\x0b: chunked"),
    malformed("HeaderLine", b" Transfer-Encoding: chunked"),
    malformed("HeaderLine", b"\tTransfer-Encoding: chunked"),
    malformed("HeaderLine", b"Transfer-Encoding\0: chunked"),
    malformed("TransferEncoding", b"Transfer-Encoding:\r\n chunked"),
    malformed("TransferEncoding", b"Transfer-Encoding:\r\n\tchunked"),
    malformed("TransferEncoding", b"Transfer-Encoding: chun\r\n ked"),
    malformed("HeaderLine", b"Transfer-Encoding: chunked\r\n , identity"),
    malformed("HeaderLine", b"Transfer-Encoding: chunked\r\n "),
    malformed("TransferEncoding", b"Transfer-Encoding: x\r\n chunked"),
    malformed("HeaderLine", b"X: y\r\n Transfer-Encoding: chunked"),
    malformed("HeaderValue", b"X: y\rTransfer-Encoding: chunked"),
    malformed("TransferEncoding", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    malformed("TransferEncoding", b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked"),
    malformed("TransferEncoding", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
    malformed("TransferEncoding", b"Transfer-Encoding: chunked\r\ntransfer-encoding: x"),
    malformed("TransferEncoding", b"Transfer-Encoding: \r\nTransfer-Encoding: chunked"),
    malformed("TransferEncoding", b"Transfer-Encoding: chunked\r\nTransfer-Encoding:"),
    malformed("TransferEncoding", b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"),
    malformed("HeaderLine", b"Transfer-Encoding; chunked"),
    malformed("HeaderLine", b"Transfer-Encoding chunked"),
    malformed("HeaderLine", b": chunked\r\nTransfer-Encoding: x"),
    malformed("HeaderLine", b"Transfer-Encoding= chunked"),
    malformed("HeaderLine", b"\"Transfer-Encoding\": chunked"),
    malformed("TransferEncoding", b"Content-Length: 1\r\nTransfer-Encoding: chunked"),
    malformed("TransferEncoding", b"Content-Length: 0\r\nTransfer-Encoding: chunked"),
    malformed("TransferEncoding", b"Transfer-Encoding: chunked\r\nContent-Length: 1"),
    malformed("TransferEncoding", b"Transfer-Encoding: chunked\r\nContent-Length: 0"),
    malformed("TransferEncoding", b"content-length: 1\r\ntransfer-encoding: chunked"),
    malformed("TransferEncoding", b"Content-Length: 0\r\nTransfer-Encoding: identity"),
    malformed("TransferEncoding", b"Content-Length: 1\r\nTransfer-Encoding: gzip"),
    malformed("TransferEncoding", b"Content-Length: 1\r\nTransfer-Encoding: x"),
    // Lines that are no field, or hold a byte that no value may (RFC 9112, section 5; RFC 9110,
    // section 5.5).
    malformed("HeaderValue", b"Content-Length: \x0b1"),
    malformed("HeaderValue", b"Content-Length: 1\x0b"),
    malformed("HeaderValue", b"Content-Length: 1\0"),
    malformed("HeaderValue", b"Content-Length: 1\r"),
    malformed("HeaderLine", b"Content-Length : 1"),
    malformed("HeaderLine", b"Content-Length\t: 1"),
    malformed("HeaderLine", b" Content-Length: 1"),
    malformed("ContentLength", b"Content-Length:\r\n 1"),
    malformed("HeaderLine", b"Content-Length: 1\r\n 0"),
    malformed("HeaderLine", b"Content-Length 1"),
    malformed("HeaderLine", b"Content-Length: 0\r\nTransfer-Encoding : chunked"),
    malformed("HeaderLine", b"X-Other : 1\r\nContent-Length: 1"),
    malformed("HeaderLine", b"Content-Length: 1\r\nX-Other : 1"),
    malformed("HeaderLine", b"X: a\r\n b"),
    malformed("HeaderLine", b"X: a\r\n\tTransfer-Encoding: chunked"),
    malformed("HeaderLine", b"X: a\r\n Transfer-Encoding: chunked"),
    malformed("HeaderLine", b"no colon"),
    malformed("HeaderLine", b": empty"),
    malformed("HeaderValue", b"X: a\rY: b"),
    malformed("HeaderValue", b"X: a\r"),
    malformed("HeaderValue", b"X: \0"),
    // A second Host (RFC 9112, section 3.2), and an expectation that is not known (RFC 9110,
    // section 10.1.1).
    malformed("Host", b"Host: other"),
    malformed("Host", b"HOST: h"),
    malformed("Expectation", b"Expect: 200-ok"),
    // A line that ends with LF alone (RFC 9112, section 2.2).
    malformed("BareLf", b"X: a\nTransfer-Encoding: chunked"),
    malformed("BareLf", b"X: a\nContent-Length: 1"),
];

/// Whole heads.
#[rustfmt::skip]
pub const HEADS: &[Malformed] = &[
    // Lines that end with LF alone (RFC 9112, section 2.2).
    malformed("BareLf", b"\n"),
    malformed("BareLf", b"\r\n\n"),
    malformed("BareLf", b"GET /a HTTP/1.1\n"),
    malformed("BareLf", b"GET /a HTTP/1.1\r\nX: y\n\r\n\r\n"),
    // First lines that are no request line (RFC 9112, section 3).
    malformed("RequestLine", b"GET /a HTTP/1.1 \r\n\r\n"),
    malformed("RequestLine", b"GET /a http/1.1\r\n\r\n"),
    malformed("RequestLine", b"GET /a HTTP/11\r\n\r\n"),
    malformed("RequestLine", b"GET /a HTTP/11.1\r\n\r\n"),
    malformed("RequestLine", b"GET /a HTTP/a.b\r\n\r\n"),
    malformed("RequestLine", b"GET /a HTTQ/1.1\r\n\r\n"),
    malformed("RequestLine", b"GET /a\r\n\r\n"),
    malformed("RequestLine", b"GET /a \r\n\r\n"),
    malformed("RequestLine", b"GET  /a HTTP/1.1\r\n\r\n"),
    malformed("RequestLine", b"GET /a b HTTP/1.1\r\n\r\n"),
    malformed("RequestLine", b"GET HTTP/1.1\r\nHost: h\r\n\r\n"),
    malformed("RequestLine", b"GET /\xc3\xa4 HTTP/1.1\r\n\r\n"),
    malformed("RequestLine", b"GET /a\tb HTTP/1.1\r\n\r\n"),
    malformed("RequestLine", b"G\0T /a HTTP/1.1\r\n\r\n"),
    malformed("RequestLine", b"G:T /a HTTP/1.1\r\n\r\n"),
    malformed("RequestLine", b"G(T /a HTTP/1.1\r\n\r\n"),
    malformed("RequestLine", b"BAD\r\n\r\n"),
    malformed("RequestLine", b"   \r\n\r\n"),
    malformed("RequestLine", b"\r\n\r\nGET /a HTTP/1.1\r\n\r\n"),
    malformed("RequestLine", b"\r\r\nGET /a HTTP/1.1\r\n\r\n"),
    malformed("RequestLine", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n"),
    malformed("RequestLine", b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    malformed("RequestLine", b"EHLO localhost\r\nMAIL FROM:<a@b>\r\n\r\n"),
    malformed("RequestLine", b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
    // Versions that the server does not support (RFC 9110, section 2.5).
    malformed("Version", b"GET /a HTTP/0.9\r\n\r\n"),
    malformed("Version", b"GET /a HTTP/1.2\r\nHost: h\r\n\r\n"),
    malformed("Version", b"GET /a HTTP/2.0\r\n\r\n"),
    malformed("Version", b"GET /a HTTP/3.1\r\n\r\n"),
    malformed("Version", b"PRI * HTTP/2.0\r\n\r\n"),
    // Hosts that are malformed or ambiguous, and targets with a fragment (RFC 9112, section 3.2).
    malformed("Host", b"GET http:///a HTTP/1.0\r\n\r\n"),
    malformed("Host", b"GET http://u:p@h/a HTTP/1.0\r\n\r\n"),
    malformed("Host", b"GET https://h:x/a HTTP/1.0\r\n\r\n"),
    malformed("Host", b"GET / HTTP/1.1\r\nHost: user@h\r\n\r\n"),
    malformed("Host", b"GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n"),
    malformed("Fragment", b"GET /a#b HTTP/1.0\r\n\r\n"),
    malformed("Fragment", b"GET /a?b#c HTTP/1.0\r\n\r\n"),
    malformed("Fragment", b"GET # HTTP/1.0\r\n\r\n"),
    malformed("Fragment", b"GET http://h/a# HTTP/1.0\r\n\r\n"),
    // A coding in a version that has none (RFC 9112, section 6.1).
    malformed("TransferEncoding", b"POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    // A blank in front of the first field line (RFC 9112, section 2.2).
    malformed("HeaderLine", b"GET /a HTTP/1.1\r\n X: a\r\n\r\n"),
    // More than one CR in front of LF, also in a line that would be empty otherwise.
    malformed("HeaderValue", b"GET /a HTTP/1.1\r\nHost: h\r\r\n\r\r\n\r\n"),
];
