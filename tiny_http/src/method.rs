//! Request methods (RFC 9110, section 9; RFC 5789) and versions of the protocol.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use ascii::AsciiString;

macro_rules! methods {
    ($($variant:ident $name:literal)*) => {
        /// What a request asks for.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum Method {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
            /// A method that is none of these, as sent.
            NonStandard(AsciiString),
        }

        impl Method {
            /// As it stands in a request line.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::NonStandard(name) => name.as_str(),
                }
            }
        }

        /// Fails where the text is not ASCII.
        impl FromStr for Method {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                match text {
                    $($name => Ok(Self::$variant),)*
                    other => AsciiString::from_ascii(other).map(Self::NonStandard).map_err(drop),
                }
            }
        }
    };
}

methods! {
    Get "GET"
    Head "HEAD"
    Post "POST"
    Put "PUT"
    Delete "DELETE"
    Connect "CONNECT"
    Options "OPTIONS"
    Trace "TRACE"
    Patch "PATCH"
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A version of HTTP: its major and its minor number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HTTPVersion(
    /// The major number.
    pub u8,
    /// The minor number.
    pub u8,
);

impl fmt::Display for HTTPVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl From<(u8, u8)> for HTTPVersion {
    fn from((major, minor): (u8, u8)) -> Self {
        Self(major, minor)
    }
}

impl PartialEq<(u8, u8)> for HTTPVersion {
    fn eq(&self, other: &(u8, u8)) -> bool {
        (self.0, self.1) == *other
    }
}

impl PartialEq<HTTPVersion> for (u8, u8) {
    fn eq(&self, other: &HTTPVersion) -> bool {
        other == self
    }
}

impl PartialOrd<(u8, u8)> for HTTPVersion {
    fn partial_cmp(&self, other: &(u8, u8)) -> Option<Ordering> {
        (self.0, self.1).partial_cmp(other)
    }
}

impl PartialOrd<HTTPVersion> for (u8, u8) {
    fn partial_cmp(&self, other: &HTTPVersion) -> Option<Ordering> {
        self.partial_cmp(&(other.0, other.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_read_and_written() {
        assert_eq!("PATCH".parse(), Ok(Method::Patch));
        for text in ["GET", "get", "PROPFIND"] {
            let method = text.parse::<Method>();
            assert_eq!(method.map(|it| it.to_string()).as_deref(), Ok(text));
        }
        assert_eq!("\u{e4}".parse::<Method>(), Err(()));
    }

    #[test]
    fn versions_are_ordered() {
        assert!(HTTPVersion(1, 0) < (1, 1) && HTTPVersion(1, 1) < HTTPVersion(2, 0));
        assert!((1, 1) == HTTPVersion(1, 1));
    }
}
