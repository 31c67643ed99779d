//! Status codes (RFC 9110, section 15) and their reason phrases.

use std::cmp::Ordering;

/// The status code of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StatusCode(
    /// The three digits as a number.
    pub u16,
);

impl StatusCode {
    /// The phrase that the RFCs have beside the code; `Unknown` for a code that none of them has.
    #[must_use]
    pub fn default_reason_phrase(&self) -> &'static str {
        let known = PHRASES.binary_search_by_key(&self.0, |(code, _)| *code);
        known.map_or("Unknown", |at| PHRASES[at].1)
    }
}

/// The IANA registry of HTTP status codes, in the order of the codes.
#[rustfmt::skip]
const PHRASES: &[(u16, &str)] = &[
    (100, "Continue"), (101, "Switching Protocols"), (102, "Processing"), (103, "Early Hints"),
    (200, "OK"), (201, "Created"), (202, "Accepted"), (203, "Non-Authoritative Information"),
    (204, "No Content"), (205, "Reset Content"), (206, "Partial Content"), (207, "Multi-Status"),
    (208, "Already Reported"), (226, "IM Used"), (300, "Multiple Choices"),
    (301, "Moved Permanently"), (302, "Found"), (303, "See Other"), (304, "Not Modified"),
    (305, "Use Proxy"), (307, "Temporary Redirect"), (308, "Permanent Redirect"),
    (400, "Bad Request"), (401, "Unauthorized"), (402, "Payment Required"), (403, "Forbidden"),
    (404, "Not Found"), (405, "Method Not Allowed"), (406, "Not Acceptable"),
    (407, "Proxy Authentication Required"), (408, "Request Timeout"), (409, "Conflict"),
    (410, "Gone"), (411, "Length Required"), (412, "Precondition Failed"),
    (413, "Content Too Large"), (414, "URI Too Long"), (415, "Unsupported Media Type"),
    (416, "Range Not Satisfiable"), (417, "Expectation Failed"), (421, "Misdirected Request"),
    (422, "Unprocessable Content"), (423, "Locked"), (424, "Failed Dependency"), (425, "Too Early"),
    (426, "Upgrade Required"), (428, "Precondition Required"), (429, "Too Many Requests"),
    (431, "Request Header Fields Too Large"), (451, "Unavailable For Legal Reasons"),
    (500, "Internal Server Error"), (501, "Not Implemented"), (502, "Bad Gateway"),
    (503, "Service Unavailable"), (504, "Gateway Timeout"), (505, "HTTP Version Not Supported"),
    (506, "Variant Also Negotiates"), (507, "Insufficient Storage"), (508, "Loop Detected"),
    (510, "Not Extended"), (511, "Network Authentication Required"),
];

macro_rules! from_integer {
    ($($integer:ty)*) => {$(
        impl From<$integer> for StatusCode {
            fn from(code: $integer) -> Self {
                Self(code as u16)
            }
        }
    )*};
}
from_integer!(i8 u8 i16 u16 i32 u32);

impl AsRef<u16> for StatusCode {
    fn as_ref(&self) -> &u16 {
        &self.0
    }
}

impl PartialEq<u16> for StatusCode {
    fn eq(&self, other: &u16) -> bool {
        self.0 == *other
    }
}

impl PartialEq<StatusCode> for u16 {
    fn eq(&self, other: &StatusCode) -> bool {
        *self == other.0
    }
}

impl PartialOrd<u16> for StatusCode {
    fn partial_cmp(&self, other: &u16) -> Option<Ordering> {
        self.0.partial_cmp(other)
    }
}

impl PartialOrd<StatusCode> for u16 {
    fn partial_cmp(&self, other: &StatusCode) -> Option<Ordering> {
        self.partial_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_phrases() {
        assert!(PHRASES.is_sorted_by_key(|(code, _)| *code));
        for (code, phrase) in [
            (100, "Continue"),
            (404, "Not Found"),
            (511, "Network Authentication Required"),
            (599, "Unknown"),
            (0, "Unknown"),
        ] {
            assert_eq!(
                StatusCode::from(code).default_reason_phrase(),
                phrase,
                "{code}"
            );
        }
    }
}
