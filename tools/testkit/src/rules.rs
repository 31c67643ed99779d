//! Access files for tests (`--access`): tokens by their text, with the rights of each.

use std::fs;
use std::path::Path;

use crate::digest::{base64, sha256_hex};

/// The rights of one entry: a path, and rights separated by commas.
pub type Allow<'a> = &'a [(&'a str, &'a str)];

/// An entry for the holder of a token.
pub fn token(name: &str, token: &str, allow: Allow<'_>) -> String {
    let digest = sha256_hex(token.as_bytes());
    let who = format!(r#""name": "{name}", "sha256": ["{digest}"]"#);
    format!("{{{who}, \"allow\": [{}]}}", allowances(allow))
}

/// An entry for everybody.
pub fn anonymous(name: &str, allow: Allow<'_>) -> String {
    let who = format!(r#""name": "{name}", "anonymous": true"#);
    format!("{{{who}, \"allow\": [{}]}}", allowances(allow))
}

fn allowances(allow: Allow<'_>) -> String {
    let allowances = allow.iter().map(|(path, rights)| {
        let rights = rights.split(',').map(|right| format!("{right:?}"));
        let rights = rights.collect::<Vec<_>>().join(", ");
        format!(r#"{{"path": {path:?}, "rights": [{rights}]}}"#)
    });
    allowances.collect::<Vec<_>>().join(", ")
}

/// The content of a file with these entries.
pub fn file(entries: &[String]) -> String {
    format!("{{\"tokens\": [{}]}}\n", entries.join(",\n"))
}

/// Puts a file with these entries into a folder; gives its path.
pub fn put(folder: &Path, entries: &[String]) -> String {
    let path = folder.join("access.json");
    fs::write(&path, file(entries)).expect("the access file is written");
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// The value of `Authorization` with a token by itself.
pub fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// The value of `Authorization` with a name and a token.
pub fn basic(name: &str, token: &str) -> String {
    format!("Basic {}", base64(format!("{name}:{token}").as_bytes()))
}
