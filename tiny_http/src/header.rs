//! Header fields (RFC 9110, section 5) as values.

use std::fmt;
use std::str::FromStr;

use ascii::{AsciiStr, AsciiString, FromAsciiError};

/// A header field with its value.
#[derive(Clone, Debug)]
pub struct Header {
    /// The name.
    pub field: HeaderField,
    /// The value, without the white space around it.
    pub value: AsciiString,
}

impl Header {
    /// A header field of this name and value.
    ///
    /// # Errors
    /// That a byte is not ASCII.
    #[allow(clippy::result_unit_err)]
    pub fn from_bytes<B1, B2>(header: B1, value: B2) -> Result<Self, ()>
    where
        B1: Into<Vec<u8>> + AsRef<[u8]>,
        B2: Into<Vec<u8>> + AsRef<[u8]>,
    {
        Ok(Self {
            field: HeaderField::from_bytes(header).map_err(drop)?,
            value: AsciiString::from_ascii(value).map_err(drop)?,
        })
    }
}

/// Parses `Name: value`. There may be no white space in the name or before the colon.
impl FromStr for Header {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (name, value) = text.split_once(':').ok_or(())?;
        Ok(Self {
            field: name.parse()?,
            value: AsciiString::from_ascii(value.trim()).map_err(drop)?,
        })
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.value)
    }
}

/// The name of a header field. The case of letters makes no difference.
#[derive(Clone, Debug, Eq)]
pub struct HeaderField(AsciiString);

impl HeaderField {
    /// A name of these bytes.
    ///
    /// # Errors
    /// That a byte is not ASCII.
    pub fn from_bytes<B>(bytes: B) -> Result<Self, FromAsciiError<B>>
    where
        B: Into<Vec<u8>> + AsRef<[u8]>,
    {
        AsciiString::from_ascii(bytes).map(Self)
    }

    /// The name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &AsciiStr {
        &self.0
    }

    /// Whether it is this name, whatever the case of letters.
    #[must_use]
    pub fn equiv(&self, other: &'static str) -> bool {
        self.0.as_str().eq_ignore_ascii_case(other)
    }
}

impl FromStr for HeaderField {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        match name.contains(char::is_whitespace) {
            true => Err(()),
            false => Self::from_bytes(name).map_err(drop),
        }
    }
}

impl fmt::Display for HeaderField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl PartialEq for HeaderField {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_and_written() {
        for (text, expected) in [
            ("Content-Type: text/html", Some("Content-Type: text/html")),
            ("Time: 20: 34", Some("Time: 20: 34")),
            ("X:\ta ", Some("X: a")),
            ("X:", Some("X: ")),
            ("hello world", None),
            ("X : a", None),
            (" X: a", None),
            ("X Y: a", None),
            ("X: \u{e4}", None),
        ] {
            let read = text.parse::<Header>().ok().map(|header| header.to_string());
            assert_eq!(read.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn names_are_equal_in_any_case() {
        let name = HeaderField::from_bytes(&b"Content-Type"[..]).ok();
        assert!(name.is_some_and(|name| name.equiv("content-TYPE")));
        assert_eq!("HOST".parse::<HeaderField>(), "host".parse());
        assert_ne!("Host".parse::<HeaderField>(), "Hosts".parse());
    }
}
