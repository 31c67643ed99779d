//! Names of files and directories, and how they are written in a request target.
//!
//! Responsible for: percent-decoding, splitting, checks that need no disk. Not for: symbolic links
//! and file types.

use std::fmt;

use percent_encoding::percent_decode_str;

/// The longest component of a name, in bytes (`NAME_MAX` of Linux).
pub(crate) const MAX_COMPONENT: usize = 255;

/// The longest name, in bytes of its components and the separators between them (`PATH_MAX` of
/// Linux).
pub(crate) const MAX_NAME: usize = 4096;

/// A checked name below the storage root: components without `/`, NUL, control characters, `.` or
/// `..`.
///
/// The name of the root has no component.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    components: Vec<String>,
}

/// Why a name is invalid, which is answered with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameFault {
    /// A `%` without two hexadecimal digits after it.
    Encoding,
    /// The decoded bytes are not UTF-8.
    NotUtf8,
    /// NUL or another control character.
    Control,
    /// A component `..`.
    Parent,
    /// A component longer than 255 bytes (`NAME_MAX` of Linux).
    ComponentTooLong,
    /// A name longer than 4,096 bytes (`PATH_MAX` of Linux).
    TooLong,
    /// A final `/` in the name of a file.
    DirectoryName,
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encoding => "the name has a \"%\" without two hexadecimal digits behind it",
            Self::NotUtf8 => "the name is not UTF-8",
            Self::Control => "the name holds a control character",
            Self::Parent => "the name holds \"..\"",
            Self::ComponentTooLong => "a piece of the name is longer than 255 bytes",
            Self::TooLong => "the name is longer than 4096 bytes",
            Self::DirectoryName => {
                "a name that ends in \"/\" is that of a folder; a file's is written in full"
            }
        })
    }
}

impl Name {
    /// Parses a percent-encoded name.
    ///
    /// It is decoded exactly once, and an encoded `/` is a separator, too. Empty components and `.`
    /// are dropped. `+` is a plus: the form encoding of HTML does not apply to a path (RFC 3986,
    /// section 3.3).
    ///
    /// # Errors
    /// The first [`NameFault`] found.
    pub fn parse(encoded: &str) -> Result<Self, NameFault> {
        if !is_percent_encoded(encoded) {
            return Err(NameFault::Encoding);
        }
        let decoded = percent_decode_str(encoded)
            .decode_utf8()
            .map_err(|_| NameFault::NotUtf8)?;
        Self::parse_plain(&decoded)
    }

    /// Parses a name that is not percent-encoded.
    ///
    /// # Errors
    /// The first [`NameFault`] found.
    pub(crate) fn parse_plain(text: &str) -> Result<Self, NameFault> {
        if text.chars().any(char::is_control) {
            return Err(NameFault::Control);
        }
        let mut components = Vec::new();
        let mut length = 0;
        for component in text.split('/') {
            match component {
                "" | "." => continue,
                ".." => return Err(NameFault::Parent),
                _ if component.len() > MAX_COMPONENT => return Err(NameFault::ComponentTooLong),
                _ => {}
            }
            length += component.len() + usize::from(!components.is_empty());
            if length > MAX_NAME {
                return Err(NameFault::TooLong);
            }
            components.push(component.to_owned());
        }
        Ok(Self { components })
    }

    /// The storage root.
    #[must_use]
    pub fn root() -> Self {
        let components = Vec::new();
        Self { components }
    }

    /// The name of an entry of the directory of this name.
    #[must_use]
    pub(crate) fn entry(&self, name: &str) -> Self {
        let components = self.components.iter().cloned();
        let components = components.chain([name.to_owned()]).collect();
        Self { components }
    }

    /// The name of the directory that it is in; none for the root.
    #[must_use]
    pub(crate) fn parent(&self) -> Option<Self> {
        let (_, parents) = self.components.split_last()?;
        let components = parents.to_vec();
        Some(Self { components })
    }

    /// The components, outermost first.
    #[must_use]
    pub fn components(&self) -> &[String] {
        &self.components
    }

    /// Whether this is the storage root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.components.is_empty()
    }
}

impl fmt::Display for Name {
    /// The decoded components with `/` between them; the root is `/`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str("/");
        }
        f.write_str(&self.components.join("/"))
    }
}

/// Whether a name ends in `/`, encoded or not, as that of a directory.
#[must_use]
pub(crate) fn ends_in_slash(encoded: &str) -> bool {
    encoded.ends_with('/') || encoded.ends_with("%2F") || encoded.ends_with("%2f")
}

/// Whether each `%` has two hexadecimal digits after it (RFC 3986, section 2.1).
fn is_percent_encoded(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digit = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_hexdigit());
            if !digit(bytes.next()) || !digit(bytes.next()) {
                return false;
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded_once_and_split_at_both_slashes() {
        for (encoded, expected) in [
            ("", "/"),
            ("/", "/"),
            ("%2F", "/"),
            ("a", "a"),
            ("a/b.csv", "a/b.csv"),
            ("a%2Fb.csv", "a/b.csv"),
            ("a%2fb.csv", "a/b.csv"),
            ("//a///b//", "a/b"),
            ("./a/./b/.", "a/b"),
            ("%2E/a", "a"),
            ("a+b", "a+b"),
            ("a%2Bb", "a+b"),
            ("a%20b", "a b"),
            ("a%252Fb", "a%2Fb"),
            ("%252e%252e", "%2e%2e"),
            ("a..b/...", "a..b/..."),
            ("..a/b..", "..a/b.."),
            ("a%5cb", "a\\b"),
            ("%E2%82%AC", "\u{20ac}"),
            ("a%3Fb", "a?b"),
        ] {
            let name = Name::parse(encoded).map(|name| name.to_string());
            assert_eq!(name, Ok(expected.to_owned()), "{encoded}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_its_reason() {
        let long_component = "a".repeat(256);
        let long_name = "aaa/".repeat(1025);
        for (encoded, fault) in [
            ("%", NameFault::Encoding),
            ("a%2", NameFault::Encoding),
            ("a%zz", NameFault::Encoding),
            ("%%41", NameFault::Encoding),
            ("%+41", NameFault::Encoding),
            ("%ff", NameFault::NotUtf8),
            ("%c0%af", NameFault::NotUtf8),
            ("%c0%ae%c0%ae/", NameFault::NotUtf8),
            ("%ed%a0%80", NameFault::NotUtf8),
            ("a%00b", NameFault::Control),
            ("a%0d%0aX: y", NameFault::Control),
            ("%7f", NameFault::Control),
            ("%C2%85", NameFault::Control),
            ("..", NameFault::Parent),
            ("../a", NameFault::Parent),
            ("a/..", NameFault::Parent),
            ("%2e%2e", NameFault::Parent),
            (".%2E/a", NameFault::Parent),
            ("a%2F..%2Fb", NameFault::Parent),
            (long_component.as_str(), NameFault::ComponentTooLong),
            (long_name.as_str(), NameFault::TooLong),
        ] {
            assert_eq!(Name::parse(encoded), Err(fault), "{encoded}");
        }
    }

    #[test]
    fn lengths_are_limited_at_the_byte() {
        assert!(Name::parse(&"a".repeat(MAX_COMPONENT)).is_ok());
        assert!(Name::parse(&"%C3%A9".repeat(127)).is_ok());
        assert_eq!(
            Name::parse(&"%C3%A9".repeat(128)),
            Err(NameFault::ComponentTooLong)
        );
        // 1,024 components of three bytes with 1,023 separators are 4,095 bytes.
        let longest = ["aaa"; 1024].join("/");
        assert!(Name::parse(&longest).is_ok());
        assert!(Name::parse(&format!("{longest}a")).is_ok());
        assert_eq!(
            Name::parse(&format!("{longest}aa")),
            Err(NameFault::TooLong)
        );
    }
}
