//! An entry of the access file for a new token, as text.
//!
//! Responsible for: what `access_file.rs` reads, the other way round. Not for: making the token.

use serde_json::Value;

use super::digest::{Sha256, hexadecimal};
use super::rights::Rights;

/// An entry without the digest of its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewEntry {
    pub(crate) name: String,
    /// Paths, and the rights on each.
    pub(crate) allow: Vec<(String, Rights)>,
}

impl NewEntry {
    /// The entry for the token with this digest, in one line.
    #[must_use]
    pub(crate) fn text(&self, digest: &Sha256) -> String {
        let allow: Vec<String> = self.allow.iter().map(allowance).collect();
        let (name, allow) = (string(&self.name), allow.join(", "));
        let digest = hexadecimal(digest);
        format!("{{\"name\": {name}, \"sha256\": [\"{digest}\"], \"allow\": [{allow}]}}")
    }
}

fn allowance((path, rights): &(String, Rights)) -> String {
    let rights: Vec<String> = rights.words().map(string).collect();
    let (path, rights) = (string(path), rights.join(", "));
    format!("{{\"path\": {path}, \"rights\": [{rights}]}}")
}

/// A string of JSON.
fn string(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::access_file;
    use crate::http::policy::Caller;
    use crate::http::rights::Right;
    use crate::http::token::Token;
    use std::sync::Arc;

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let token = Token::of_random(&[7; 32]);
        let paths = ["runs/", "a \"b\"\\c:d/\u{e9}\u{1f600}", "/", "100%"];
        let rights: Rights = [Right::Read, Right::Append].into_iter().collect();
        let entry = NewEntry {
            name: "loader".to_owned(),
            allow: paths
                .iter()
                .map(|path| ((*path).to_owned(), rights))
                .collect(),
        };
        let text = entry.text(&token.digest());
        assert!(
            !text.contains(token.secret()) && !text.contains('\n'),
            "{text}"
        );
        let file = format!("{{\"tokens\": [{text}]}}");
        let policy = access_file::parse(file.as_bytes()).unwrap_or_else(|why| panic!("{why}"));
        let authorization = format!("Bearer {}", token.secret());
        let caller = Caller::identify(Some(Arc::new(policy)), Some(&authorization));
        assert_eq!(caller.token(), Some("loader"));
        for path in paths {
            let name: Vec<&str> = path.split('/').filter(|it| !it.is_empty()).collect();
            assert_eq!(caller.rights_on(&name), rights, "{path}");
        }
        let plain = NewEntry {
            name: "a".to_owned(),
            allow: vec![("".to_owned(), Rights::from(Right::Write) | rights)],
        };
        let expected = r#"{"name": "a", "sha256": ["DIGEST"], "allow": [{"path": "", "rights": ["read", "write", "append"]}]}"#;
        let expected = expected.replace("DIGEST", &"00".repeat(32));
        assert_eq!(plain.text(&[0; 32]), expected);
    }
}
