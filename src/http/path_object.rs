//! Recognizes a body that is exactly `{"path": "..."}`, as `mv` and `cp` take it.
//!
//! It works on parts of any length and keeps nothing of them. Not for: the path itself
//! (`api/destination.rs`).

/// The longest such body, in bytes, as for `mv` and `cp`.
const MAX_LENGTH: usize = 64 * 1024;

/// The key of the only member.
const KEY: &[u8] = b"\"path\"";

/// The state of the recognition.
#[derive(Clone, Debug)]
pub(crate) struct PathObject {
    next: Next,
    length: usize,
}

/// What must come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Object,
    Member,
    /// The rest of [`KEY`] after this many bytes.
    Key(usize),
    Colon,
    Value,
    /// The rest of a string.
    Text,
    /// The character after a backslash in it.
    Escape,
    /// This many hexadecimal digits of an escape.
    Digits(u8),
    ObjectEnd,
    End,
    /// Nothing: the body is something else.
    Nothing,
}

impl Default for PathObject {
    fn default() -> Self {
        Self {
            next: Next::Object,
            length: 0,
        }
    }
}

impl PathObject {
    /// Takes the next part of the body.
    pub(crate) fn update(&mut self, part: &[u8]) {
        self.length = self.length.saturating_add(part.len());
        if self.length > MAX_LENGTH {
            self.next = Next::Nothing;
        }
        for &byte in part {
            if self.next == Next::Nothing {
                return;
            }
            self.next = self.next.after(byte);
        }
    }

    /// Whether all parts together are such an object.
    #[must_use]
    pub(crate) fn is_complete(&self) -> bool {
        self.next == Next::End
    }
}

impl Next {
    /// By the grammar of RFC 8259.
    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            // Whitespace between tokens.
            (
                Self::Object
                | Self::Member
                | Self::Colon
                | Self::Value
                | Self::ObjectEnd
                | Self::End,
                b' ' | b'\t' | b'\r' | b'\n',
            ) => self,
            (Self::Object, b'{') => Self::Member,
            (Self::Member, b'"') => Self::Key(1),
            (Self::Key(at), _) if byte == KEY[at] => match at + 1 {
                next if next < KEY.len() => Self::Key(next),
                _ => Self::Colon,
            },
            (Self::Colon, b':') => Self::Value,
            (Self::Value, b'"') => Self::Text,
            (Self::Text, b'"') => Self::ObjectEnd,
            (Self::Text, b'\\') => Self::Escape,
            (Self::Text, b' '..) => Self::Text,
            (Self::Escape, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Self::Text,
            (Self::Escape, b'u') => Self::Digits(4),
            (Self::Digits(1), _) if byte.is_ascii_hexdigit() => Self::Text,
            (Self::Digits(left), _) if byte.is_ascii_hexdigit() => Self::Digits(left - 1),
            (Self::ObjectEnd, b'}') => Self::End,
            _ => Self::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_complete(parts: &[&[u8]]) -> bool {
        let mut object = PathObject::default();
        parts.iter().for_each(|part| object.update(part));
        object.is_complete()
    }

    #[test]
    fn the_object_is_known_however_it_is_cut() {
        for (body, expected) in [
            (&br#"{"path":"a"}"#[..], true),
            (b" {\r\n\t\"path\" : \"new cat.jpg\" }\n", true),
            (br#"{"path":""}"#, true),
            (br#"{"path":"\"\\\/\b\f\n\r\t\u00e9"}"#, true),
            ("{\"path\":\"\u{e9}\"}".as_bytes(), true),
            (b"", false),
            (b"{}", false),
            (br#"{"path":"a""#, false),
            (br#"{"path":"a"},"#, false),
            (br#"{"path":"a"} x"#, false),
            (br#"{"path":"a","x":1}"#, false),
            (br#"{"x":1,"path":"a"}"#, false),
            (br#"{"paths":"a"}"#, false),
            (br#"{"Path":"a"}"#, false),
            (br#"{"path":null}"#, false),
            (br#"{"path":7}"#, false),
            (br#"{"path":["a"]}"#, false),
            (br#"[{"path":"a"}]"#, false),
            (br#"{"path":"a"}{"path":"b"}"#, false),
            (b"{\"path\":\"a\nb\"}", false),
            (br#"{"path":"\x"}"#, false),
            (br#"{"path":"\u00g0"}"#, false),
            (br#"{path:"a"}"#, false),
        ] {
            let shown = String::from_utf8_lossy(body);
            assert_eq!(is_complete(&[body]), expected, "{shown}");
            let bytes: Vec<&[u8]> = body.chunks(1).collect();
            assert_eq!(is_complete(&bytes), expected, "{shown}, byte by byte");
            for cut in 0..body.len() {
                let (one, other) = body.split_at(cut);
                assert_eq!(
                    is_complete(&[one, b"", other]),
                    expected,
                    "{shown} cut at {cut}"
                );
            }
        }
    }

    #[test]
    fn it_has_64_kib_at_most() {
        let around = br#"{"path":""}"#.len();
        for (padding, expected) in [(0, true), (1, false)] {
            let path = "x".repeat(MAX_LENGTH - around + padding);
            let body = format!("{{\"path\":\"{path}\"}}");
            assert_eq!(is_complete(&[body.as_bytes()]), expected, "{padding}");
        }
    }
}
