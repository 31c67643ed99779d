//! A reply with all that it says.

use std::io;

use super::head::{self, Head, Length};

#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    /// The head as it came, status line first, without the empty line.
    pub head: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether `100 Continue` came before it.
    pub continued: bool,
    pub(super) length: Length,
}

impl Reply {
    /// A reply without its body, of a head that has been parsed.
    pub(super) fn of(parsed: &Head, bytes: &[u8]) -> io::Result<Reply> {
        let text = String::from_utf8_lossy(bytes);
        let text = text.strip_suffix("\r\n").unwrap_or(&text);
        let fields = text.lines().skip(1).map(head::field);
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Ok(Reply {
            status: parsed.status,
            head: text.to_owned(),
            headers: fields
                .map(|field| field.map(owned))
                .collect::<io::Result<_>>()?,
            body: Vec::new(),
            continued: false,
            length: parsed.body,
        })
    }

    /// The value of the header `name`; fails where it comes twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, v)| v.as_str());
        assert!(
            values.next().is_none(),
            "{name} comes twice in:\n{}",
            self.head
        );
        value
    }

    /// The values of all headers `name`, for one that may come several times.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter();
        let named = named.filter(|(n, _)| n.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn closes(&self) -> bool {
        self.header("Connection")
            .is_some_and(|v| v.eq_ignore_ascii_case("close"))
    }

    /// The status and, for an error, its line: what a failed assertion should show.
    pub fn summary(&self) -> String {
        let cut = self.body.len().min(200);
        format!(
            "{} {:?}",
            self.status,
            String::from_utf8_lossy(&self.body[..cut])
        )
    }
}
