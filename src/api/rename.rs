//! PUT of `mv`: gives a file or folder another name.

use std::io::Read;

use serde_json::Value;

use super::write::broken;
use super::{Access, Body, Error, Reply};
use crate::http::name::Name;
use crate::storage::Root;

/// The longest body, in bytes. A name of 4,096 bytes is at most 24 KiB in JSON.
const MAX_BODY: u64 = 64 * 1024;

const TOO_LONG: &str = "the body is longer than 64 KiB";

pub(super) fn rename(root: &Root, name: &Name, body: &mut dyn Body) -> Result<Reply, Error> {
    let failed = |error| Error::Storage(name.clone(), Access::Change, error);
    root.check_exists(name.pieces()).map_err(failed)?;
    let new = new_name(&content(body, failed)?)?;
    root.rename(name.pieces(), new.pieces())
        .map_err(|error| at_one_of(name, &new, error))?;
    Ok(Reply::done())
}

/// An error of a rename speaks of the old name where that is gone, and of the new one otherwise.
fn at_one_of(old: &Name, new: &Name, error: crate::storage::Error) -> Error {
    use crate::storage::Error::{IsRoot, NotFound};
    match error {
        NotFound | IsRoot => Error::Storage(old.clone(), Access::Change, error),
        other => Error::Storage(new.clone(), Access::Create, other),
    }
}

fn content(
    body: &mut dyn Body,
    failed: impl Fn(crate::storage::Error) -> Error,
) -> Result<Vec<u8>, Error> {
    if body.declared().is_some_and(|length| length > MAX_BODY) {
        return Err(Error::Content(TOO_LONG));
    }
    let mut content = Vec::new();
    let read = (&mut *body).take(MAX_BODY + 1).read_to_end(&mut content);
    read.map_err(|error| broken(body, error, failed))?;
    if content.len() as u64 > MAX_BODY {
        return Err(Error::Content(TOO_LONG));
    }
    Ok(content)
}

/// Reads `{"path": "NEW"}`; NEW is percent-decoded like a name in a request target.
fn new_name(content: &[u8]) -> Result<Name, Error> {
    const EXPECTED: &str = "the body must be a JSON object like {\"path\": \"new/name\"}";
    let value: Value = serde_json::from_slice(content).map_err(|_| Error::Content(EXPECTED))?;
    match value.get("path").and_then(Value::as_str) {
        Some("") | None => Err(Error::Content(EXPECTED)),
        Some(path) => Name::parse(path).map_err(Error::NewName),
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
            (br#"{"path":"\u00e9 \"q\""}"#, Some("\u{e9} \"q\"")),
            (br#"{"path":"/"}"#, Some("/")),
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
            (br#"{"path":".."}"#, None),
            (br#"{"path":"%zz"}"#, None),
        ] {
            let name = new_name(content).ok().map(|name| name.to_string());
            let shown = String::from_utf8_lossy(content);
            assert_eq!(name.as_deref(), expected, "{shown}");
        }
        let deep = "[".repeat(60_000);
        assert!(new_name(deep.as_bytes()).is_err());
    }
}
