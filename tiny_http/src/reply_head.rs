//! The head of a reply: how it delimits the content, whether the connection goes on, and its bytes.
//!
//! Responsible for: the fields that the server itself adds, as values. Not for: sending them.

use std::time::SystemTime;

use crate::method::HTTPVersion;
use crate::status::StatusCode;

/// A field that the server itself adds to a reply.
pub(crate) type Field = (&'static str, String);

/// How a client finds the end of the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By the head alone: the reply is to HEAD, or of a status without content. None is sent.
    Head,
    /// By the length in bytes, which the head declares.
    Length(u64),
    /// By the last chunk (RFC 9112, section 7.1).
    LastChunk,
    /// By the end of the connection.
    Close,
}

/// How the content is delimited, given its length where that is known, and the field that says so
/// (RFC 9112, section 6.3).
pub(crate) fn framing(
    status: StatusCode,
    length: Option<u64>,
    is_chunked: bool,
    is_head: bool,
) -> (End, Vec<Field>) {
    // RFC 9110, section 8.6: these replies have not even a length, except that of the content that
    // they stand for, which is not known here.
    if matches!(status.0, 100..=199 | 204 | 304) {
        return (End::Head, Vec::new());
    }
    let (end, field) = match (is_chunked, length) {
        (true, _) => (
            End::LastChunk,
            Some(("Transfer-Encoding", "chunked".to_owned())),
        ),
        (false, Some(length)) => (
            End::Length(length),
            Some(("Content-Length", length.to_string())),
        ),
        (false, None) => (End::Close, None),
    };
    (if is_head { End::Head } else { end }, Vec::from_iter(field))
}

/// The field that says whether the connection goes on (RFC 9112, section 9.3): in HTTP/1.1 it does
/// unless a field says otherwise, in HTTP/1.0 it does not.
pub(crate) fn connection_field(goes_on: bool, version: &HTTPVersion) -> Option<Field> {
    let option = match (goes_on, *version < (1, 1)) {
        (false, _) => "close",
        (true, true) => "keep-alive",
        (true, false) => return None,
    };
    Some(("Connection", option.to_owned()))
}

/// The fields of a reply after which another protocol is spoken (RFC 9110, section 7.8).
pub(crate) fn upgrade_fields(protocol: &str) -> Vec<Field> {
    let connection = ("Connection", "upgrade".to_owned());
    vec![connection, ("Upgrade", protocol.to_owned())]
}

/// The value of `Date` (RFC 9110, section 6.6.1).
pub(crate) fn date() -> String {
    httpdate::fmt_http_date(SystemTime::now())
}

/// The status line, the fields with each value as it stands, and the empty line.
///
/// A field that would split the head in two (response splitting) is left out.
pub(crate) fn head<'f>(
    version: &HTTPVersion,
    status: StatusCode,
    fields: impl IntoIterator<Item = (&'f str, &'f str)>,
) -> Vec<u8> {
    let mut head = Vec::with_capacity(512);
    let phrase = status.default_reason_phrase();
    head.extend_from_slice(format!("HTTP/{version} {} {phrase}\r\n", status.0).as_bytes());
    let is_plain = |text: &str| text.bytes().all(|b| !b.is_ascii_control() || b == b'\t');
    for (name, value) in fields {
        if is_plain(name) && is_plain(value) {
            for part in [name, ": ", value, "\r\n"] {
                head.extend_from_slice(part.as_bytes());
            }
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}
