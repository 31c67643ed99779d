//! The head of a reply as bytes.
//!
//! In: status line, fields, the empty line. Out: the choice of fields, and the body.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A header field of a reply: the name is ours, the value may come from a computation.
pub type Field = (&'static str, Cow<'static, str>);

/// What keeps a browser from misusing a reply, whatever it is: it goes with all of them.
///
/// - `X-Content-Type-Options: nosniff` (Fetch Standard, section 3.6): a text is never taken for a page or a script,
///   also where a part of it, such as the name in an error, is the client's.
/// - `Cross-Origin-Resource-Policy: same-origin` (Fetch Standard, section 3.7): a page of another origin can use no
///   reply as its image, script or media. Links to a file, downloads and clients other than browsers are not affected.
#[must_use]
pub fn browser_protection() -> [Field; 2] {
    [
        ("X-Content-Type-Options", "nosniff".into()),
        ("Cross-Origin-Resource-Policy", "same-origin".into()),
    ]
}

/// Reason phrase of a status code (RFC 9110, section 15; RFC 6585; RFC 4918).
#[must_use]
pub fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => "",
    }
}

/// Writes status line and fields, each value as it stands, and the empty line.
///
/// A value that is not visible ASCII and blanks would break the head in two (response splitting). None can come here,
/// since no byte of a request is copied into a field; should one, its field is left out.
#[must_use]
pub fn response_head(status: u16, fields: &[Field]) -> Vec<u8> {
    let mut head = String::with_capacity(256);
    // Writing into a String cannot fail.
    let _ = write!(head, "HTTP/1.1 {status} {}\r\n", reason(status));
    for (name, value) in fields {
        let printable = value.bytes().all(|b| matches!(b, b' '..=b'~'));
        debug_assert!(printable, "{name}: {value:?}");
        if printable {
            head.push_str(name);
            head.push_str(": ");
            head.push_str(value);
            head.push_str("\r\n");
        }
    }
    head.push_str("\r\n");
    head.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_status_line_fields_and_an_empty_line() {
        let fields = [("Content-Length", "3".into()), ("Allow", "".into())];
        let head = response_head(405, &fields);
        let expected = "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 3\r\nAllow: \r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&head), expected);
    }

    #[test]
    #[cfg(not(debug_assertions))]
    fn a_value_cannot_split_a_head() {
        let head = response_head(200, &[("X", "a\r\nSet-Cookie: b".into())]);
        assert_eq!(head, b"HTTP/1.1 200 OK\r\n\r\n");
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "Set-Cookie")]
    fn a_value_cannot_split_a_head() {
        let _ = response_head(200, &[("X", "a\r\nSet-Cookie: b".into())]);
    }
}
