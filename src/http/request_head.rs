//! The head of a request that has been checked: what it says, looked up where it stands.
//!
//! In: its words and fields. Out: the check (`framing.rs`).

use std::ops::Range;

use super::framing::Framing;
use super::target::Target;

/// The head of a request whose framing is plain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The delimitation of the body.
    pub framing: Framing,
    /// Whether the client takes a further reply on this connection (RFC 9112, section 9.3).
    pub persistent: bool,
    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110, section 10.1.1).
    pub expects_continue: bool,
    /// Whether it is of HTTP/1.0.
    pub is_http10: bool,
    /// As received, but for obs-text in values (RFC 9110, section 5.5), of which each byte is a `?`.
    pub(super) text: String,
    /// Where in it the names of fields are, and their values without the blanks around them.
    pub(super) fields: Vec<(Range<usize>, Range<usize>)>,
}

impl Head {
    /// The method, as sent.
    #[must_use]
    pub fn method(&self) -> &str {
        self.text.split(' ').next().unwrap_or_default()
    }

    /// The request target, as sent.
    #[must_use]
    pub fn target(&self) -> &str {
        self.text.split(' ').nth(1).unwrap_or_default()
    }

    /// The host that is asked, with its port: of an absolute target, else of `Host` (RFC 9112, section 3.2.2). None where
    /// neither names one, as HTTP/1.0 allows.
    #[must_use]
    pub fn authority(&self) -> Option<String> {
        let of_target = Target::of(self.target()).authority.map(str::to_owned);
        let authority = of_target.or_else(|| self.field("Host"));
        authority.filter(|authority| !authority.is_empty())
    }

    /// The values of a header field, joined by commas where it is repeated (RFC 9110, section 5.3).
    #[must_use]
    pub fn field(&self, name: &str) -> Option<String> {
        let is_name = |at: &Range<usize>| self.text[at.clone()].eq_ignore_ascii_case(name);
        let of_name = self.fields.iter().filter(|(at, _)| is_name(at));
        of_name.fold(None, |joined: Option<String>, (_, value)| {
            let value = &self.text[value.clone()];
            Some(match joined {
                Some(joined) => joined + ", " + value,
                None => value.to_owned(),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::framing::check;

    #[test]
    fn the_host_of_the_target_counts_before_the_field() {
        for (head, expected) in [
            ("GET /file HTTP/1.1\r\nHost: nas:80\r\n\r\n", Some("nas:80")),
            (
                "GET http://a:1/file HTTP/1.1\r\nHost: b\r\n\r\n",
                Some("a:1"),
            ),
            ("GET http://a HTTP/1.0\r\n\r\n", Some("a")),
            ("GET /file HTTP/1.1\r\nHost:\r\n\r\n", None),
            ("GET /file HTTP/1.0\r\n\r\n", None),
        ] {
            let found = check(head.as_bytes()).map(|head| head.authority());
            assert_eq!(found, Ok(expected.map(str::to_owned)), "{head:?}");
        }
    }

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
    }
}
