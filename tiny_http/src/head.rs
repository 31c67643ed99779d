//! The head of a request as a value: its request line, its fields, and what they say about the body
//! and the connection.
//!
//! Responsible for: access to the parts of a checked head. Not for: the check (`role.rs`).

use std::ops::Range;

use ascii::AsciiString;

use crate::header::{Header, HeaderField};
use crate::method::{HTTPVersion, Method};

/// How the body of a request is delimited (RFC 9112, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body, or one of length 0.
    Empty,
    /// `Content-Length`, above 0, in bytes.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// The head of a request whose framing is unambiguous.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// How the body is delimited.
    pub framing: Framing,
    /// Whether the client accepts another reply on this connection (RFC 9112, section 9.3).
    pub persistent: bool,
    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110, section
    /// 10.1.1).
    pub expects_continue: bool,
    /// Whether the client offers to switch to another protocol (RFC 9110, section 7.8).
    pub offers_upgrade: bool,
    /// HTTP/1.0 or HTTP/1.1.
    pub version: HTTPVersion,
    /// As received, except that each byte of obs-text in values (RFC 9110, section 5.5) is a `?`.
    pub(crate) text: String,
    pub(crate) target: Range<usize>,
    /// The names of the fields in the text, and their values without the white space around them.
    pub(crate) fields: Vec<(Range<usize>, Range<usize>)>,
}

impl Head {
    /// A head that was not received, made of these parts as they are.
    pub(crate) fn of_parts(
        method: &Method,
        target: &str,
        version: HTTPVersion,
        headers: &[Header],
    ) -> Self {
        let mut text = format!("{method} ");
        let start = text.len();
        text.push_str(target);
        let target = start..text.len();
        text.push_str(&format!(" HTTP/{version}\r\n"));
        let mut fields = Vec::new();
        for header in headers {
            let name = text.len();
            text.push_str(&format!("{header}\r\n"));
            let value = text.len() - 2 - header.value.len();
            fields.push((name..value - 2, value..text.len() - 2));
        }
        text.push_str("\r\n");
        Self {
            framing: Framing::Empty,
            persistent: false,
            expects_continue: false,
            offers_upgrade: false,
            version,
            text,
            target,
            fields,
        }
    }

    /// The method, as sent.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.text[..self.target.start - 1]
    }

    /// The request target, as sent.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.text[self.target.clone()]
    }

    /// The names and values of the fields, in their order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let text = |at: &Range<usize>| &self.text[at.clone()];
        self.fields
            .iter()
            .map(move |(name, value)| (text(name), text(value)))
    }

    /// The values of a header field, joined by commas where it is repeated (RFC 9110, section 5.3).
    #[must_use]
    pub fn field(&self, name: &str) -> Option<String> {
        let mut values = self
            .fields()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let first = values.next()?.1.to_owned();
        Some(values.fold(first, |joined, (_, value)| joined + ", " + value))
    }

    /// The length of the body in bytes, where a field declares one.
    pub(crate) fn body_length(&self) -> Option<usize> {
        let mut names = self.fields().map(|(name, _)| name);
        match self.framing {
            Framing::Length(length) => usize::try_from(length).ok(),
            Framing::Empty => names
                .any(|name| name.eq_ignore_ascii_case("Content-Length"))
                .then_some(0),
            Framing::Chunked => None,
        }
    }

    /// The fields as the interface of tiny_http has them.
    pub(crate) fn headers(&self) -> Vec<Header> {
        let header = |(name, value): (&str, &str)| {
            let field = HeaderField::from_bytes(name).ok()?;
            let value = AsciiString::from_ascii(value).ok()?;
            Some(Header { field, value })
        };
        // The text is ASCII, so none is left out.
        self.fields().filter_map(header).collect()
    }
}

/// The length of the first line, without its CRLF; none where there is no CRLF.
pub(crate) fn line_length(bytes: &[u8]) -> Option<usize> {
    bytes.windows(2).position(|pair| pair == b"\r\n")
}
