//! The head of a request as a value: its words, its fields, and what they say of the body and of the connection.
//!
//! Responsible for: looking up what stands in a head that was checked. Not for: the check (`role.rs`).

use std::ops::Range;

use ascii::AsciiString;

use crate::{HTTPVersion, Header, HeaderField, Method};

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

/// The head of a request whose framing is plain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The delimitation of the body.
    pub framing: Framing,
    /// Whether the client takes a further reply on this connection (RFC 9112, section 9.3).
    pub persistent: bool,
    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110, section 10.1.1).
    pub expects_continue: bool,
    /// Whether the client offers to go over to another protocol (RFC 9110, section 7.8).
    pub offers_upgrade: bool,
    /// HTTP/1.0 or HTTP/1.1.
    pub version: HTTPVersion,
    /// As received, but for obs-text in values (RFC 9110, section 5.5), of which each byte is a `?`.
    pub(crate) text: String,
    pub(crate) target: Range<usize>,
    /// Where in the text the names of fields are, and their values without the blanks around them.
    pub(crate) fields: Vec<(Range<usize>, Range<usize>)>,
}

impl Head {
    /// A head that nobody has sent, put together of its parts as they are.
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

    /// Names and values of the fields, in their order.
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

    /// The fields as the interface of tiny_http has them.
    pub(crate) fn headers(&self) -> Vec<Header> {
        let header = |(name, value): (&str, &str)| {
            let field = HeaderField::from_bytes(name).ok()?;
            let value = AsciiString::from_ascii(value).ok()?;
            Some(Header { field, value })
        };
        // All of it is ASCII by now.
        self.fields().filter_map(header).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::check;

    #[test]
    fn words_and_fields_are_found() {
        let head = b"PUT /file/a HTTP/1.1\r\nHost: h\r\nRange: bytes=0-\r\nX:  a\xe9\t\r\n\
            range-x: no\r\nif-match:\"a\"\r\nIf-Match: \"b\" \r\nX-If-Match: \"c\"\r\nEmpty:\r\n\r\n";
        let head = check(head).unwrap_or_else(|fault| panic!("{fault}"));
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
        let sent = check(made.text.as_bytes()).map_err(drop)?;
        assert_eq!(
            made,
            Head {
                persistent: false,
                ..sent
            }
        );
        Ok(())
    }
}
