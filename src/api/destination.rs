//! The new name for `mv`, `cp` and `claim`, which is in the body as JSON.

use std::fmt;
use std::io::Read as _;

use serde_core::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde_core::{Deserialize, Deserializer};

use super::error::Error;
use super::request::{Request, declared_length, read_error};
use crate::http::name::{Name, ends_in_slash};
use crate::storage;

/// The longest body, in bytes. A name of 4,096 bytes is at most 24 KiB in JSON.
const MAX_BODY: u64 = 64 * 1024;

const TOO_LONG: &str = "the body is longer than 64 KiB";

/// The new name.
pub(super) struct NewName {
    pub(super) name: Name,
    /// Whether it is written with a final `/`, as that of a directory.
    pub(super) ends_in_slash: bool,
}

/// Reads the body `{"path": "NEW"}`; NEW is percent-decoded like a name in a request target.
pub(super) fn read(
    request: &mut dyn Request,
    failed: impl Fn(storage::Error) -> Error,
) -> Result<NewName, Error> {
    if declared_length(request.head()).is_some_and(|length| length > MAX_BODY) {
        return Err(Error::Content(TOO_LONG));
    }
    let mut content = Vec::new();
    let read = (&mut *request).take(MAX_BODY + 1).read_to_end(&mut content);
    read.map_err(|error| read_error(error, failed))?;
    if content.len() as u64 > MAX_BODY {
        return Err(Error::Content(TOO_LONG));
    }
    let name = parse(&content)?;
    request.annotations().set_new_name(&name.name);
    Ok(name)
}

/// The content of the body.
struct Destination(String);

impl<'de> Deserialize<'de> for Destination {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

/// Reads the members of an object. Unknown ones are ignored. `path` may not be repeated, since it
/// would be ambiguous (RFC 8259, section 4).
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Destination;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a path")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Destination, A::Error> {
        let mut path = None;
        while let Some(key) = members.next_key::<String>()? {
            if key != "path" {
                members.next_value::<IgnoredAny>()?;
            } else if path.replace(members.next_value::<String>()?).is_some() {
                return Err(A::Error::duplicate_field("path"));
            }
        }
        let path = path.ok_or_else(|| A::Error::missing_field("path"))?;
        Ok(Destination(path))
    }
}

fn parse(content: &[u8]) -> Result<NewName, Error> {
    const EXPECTED: &str = "the body must be a JSON object like {\"path\": \"new/name\"}";
    let parsed = std::str::from_utf8(content).map(serde_json::from_str);
    match parsed {
        Ok(Ok(Destination(path))) if !path.is_empty() => Ok(NewName {
            name: Name::parse(&path).map_err(Error::NewName)?,
            ends_in_slash: ends_in_slash(&path),
        }),
        _ => Err(Error::Content(EXPECTED)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_name_is_read_from_json() {
        for (content, expected) in [
            (&br#"{"path": "a"}"#[..], Some("a")),
            (br#" {"path":"a%2Fb/c","x":[1]} "#, Some("a/b/c")),
            (br#"{"x":1,"x":2,"path":"a"}"#, Some("a")),
            (br#"{"path":"\u00e9 \"q\""}"#, Some("\u{e9} \"q\"")),
            (br#"{"path":"/"}"#, Some("/")),
            (br#"{"path":"a","path":"b"}"#, None),
            (br#"{"path":"a","\u0070ath":"a"}"#, None),
            (br#"{"path":""}"#, None),
            (br#"{"path":7}"#, None),
            (br#"{"path":null}"#, None),
            (br#"{"to":"a"}"#, None),
            (br#""path""#, None),
            (br#"["path"]"#, None),
            (br#"{"path":"a"} x"#, None),
            (br#"{"path":"a""#, None),
            (b"", None),
            (b"{\"path\":\"\xff\"}", None),
            (b"{\"path\":\"a\",\"x\":\"\xff\"}", None),
            (br#"{"path":".."}"#, None),
            (br#"{"path":"%zz"}"#, None),
        ] {
            let name = parse(content).ok().map(|new| new.name.to_string());
            let shown = String::from_utf8_lossy(content);
            assert_eq!(name.as_deref(), expected, "{shown}");
        }
        for (path, expected) in [("a/", true), ("a%2F", true), ("/", true), ("/a", false)] {
            let content = format!("{{\"path\":\"{path}\"}}");
            let new = parse(content.as_bytes()).ok();
            let found = new.map(|new| new.ends_in_slash);
            assert_eq!(found, Some(expected), "{path}");
        }
        for deep in [
            "[".repeat(60_000),
            "{\"a\":".repeat(10_000),
            format!("{{\"x\":{}", "[".repeat(60_000)),
        ] {
            assert!(parse(deep.as_bytes()).is_err());
        }
    }
}
