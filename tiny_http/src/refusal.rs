//! Why a request head is refused, and what is known of it then.
//!
//! Responsible for: the faults, their statuses and their texts. Not for: finding them (`role.rs`).

use std::fmt;

use crate::head::line_length;
use crate::status::StatusCode;

/// Why a head is refused. Its connection ends with the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadFault {
    /// 400: the request line is not `METHOD SP TARGET SP VERSION`.
    RequestLine,
    /// 400: a `#` in the target, which has no fragment (RFC 9112, section 3.2).
    Fragment,
    /// 505: a version other than HTTP/1.0 and HTTP/1.1.
    Version,
    /// 431: longer than the limit.
    TooLong,
    /// 400: a header line that does not begin with a token and a colon, or a folded line.
    HeaderLine,
    /// 400: a control character or a bare CR in a header value.
    HeaderValue,
    /// 400: a line that ends with LF alone.
    BareLf,
    /// 400: more than one `Host`, or an invalid one; a target with an invalid host.
    Host,
    /// 400: `Content-Length` is not one decimal number of 64 bits.
    ContentLength,
    /// 400: `Transfer-Encoding` is not `chunked` alone, or comes with `Content-Length` or HTTP/1.0.
    TransferEncoding,
    /// 417: `Expect` asks for something other than `100-continue`.
    Expectation,
    /// 408: the head has begun, but not ended in time.
    Stalled,
}

impl HeadFault {
    /// The status of the reply to it.
    #[must_use]
    pub fn status(self) -> StatusCode {
        StatusCode(match self {
            Self::Stalled => 408,
            Self::Expectation => 417,
            Self::TooLong => 431,
            Self::Version => 505,
            Self::RequestLine
            | Self::Fragment
            | Self::HeaderLine
            | Self::HeaderValue
            | Self::BareLf
            | Self::Host
            | Self::ContentLength
            | Self::TransferEncoding => 400,
        })
    }
}

impl fmt::Display for HeadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RequestLine => "the request line is not method, target and version",
            Self::Fragment => "a target ends before a \"#\"; in a name it is written %23",
            Self::Version => "this server speaks HTTP/1.1 and HTTP/1.0",
            Self::TooLong => "the request head is too long",
            Self::HeaderLine => "a header line is not a name, a colon and a value",
            Self::HeaderValue => "a header value holds a control character",
            Self::BareLf => "the lines of a request head end with CR and LF",
            Self::Host => {
                "a request has one Host at most; that and a target name a host and at most a port"
            }
            Self::ContentLength => "Content-Length must be one decimal number, given once",
            Self::TransferEncoding => {
                "Transfer-Encoding must be \"chunked\", in HTTP/1.1 and without Content-Length"
            }
            Self::Expectation => "the only expectation known is \"100-continue\"",
            Self::Stalled => "the request head did not come in time",
        })
    }
}

/// A request whose head is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason.
    pub fault: HeadFault,
    /// The method, as far as it can be recognized, in visible ASCII.
    pub method: String,
    /// The request target, as far as it can be recognized, in visible ASCII.
    pub target: String,
}

impl Refusal {
    /// Describes a head that is refused, whether or not it is complete.
    #[must_use]
    pub fn of(head: &[u8], fault: HeadFault) -> Self {
        let line = line_length(head).map_or(head, |length| &head[..length]);
        let mut words = line.splitn(3, |&b| b == b' ');
        let mut word = |belongs: fn(&u8) -> bool| {
            let word = words.next().unwrap_or_default().iter().take(200);
            word.map(|b| if belongs(b) { *b as char } else { '?' })
                .collect()
        };
        Self {
            fault,
            method: word(u8::is_ascii_alphanumeric),
            target: word(u8::is_ascii_graphic),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
