//! Fields of a reply, and the reason phrases of its status.

use std::borrow::Cow;

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
