//! A request target in its parts (RFC 9112, section 3.2).
//!
//! Responsible for cutting it. Not for what the parts mean (`route.rs`, `authority.rs`).

/// A target in origin-form (`/path?query`) or absolute-form (`http://host/path?query`). Those in another form have
/// neither authority nor query, and are their path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// What stands between scheme and path of the absolute-form. It counts in place of `Host`
    /// (RFC 9112, section 3.2.2).
    pub authority: Option<&'a str>,
    /// Percent-encoded. In absolute-form it may be missing, and is `/` then.
    pub path: &'a str,
    /// What stands after the first `?`.
    pub query: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Cuts a target.
    #[must_use]
    pub fn of(text: &'a str) -> Self {
        let (before, query) = match text.split_once('?') {
            Some((before, query)) => (before, Some(query)),
            None => (text, None),
        };
        let Some(rest) = ["http://", "https://"]
            .iter()
            .find_map(|scheme| without_prefix(before, scheme))
        else {
            return Self {
                authority: None,
                path: before,
                query,
            };
        };
        let slash = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(slash);
        Self {
            authority: Some(authority),
            path: if path.is_empty() { "/" } else { path },
            query,
        }
    }
}

/// What follows a prefix in any case of letters.
fn without_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let start = text.get(..prefix.len())?;
    start
        .eq_ignore_ascii_case(prefix)
        .then(|| &text[prefix.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_cut_into_its_parts() {
        for (text, authority, path, query) in [
            ("/file/a", None, "/file/a", None),
            ("/file/a?", None, "/file/a", Some("")),
            ("/file/a?x=/b?c", None, "/file/a", Some("x=/b?c")),
            ("//host/file", None, "//host/file", None),
            ("http://h:1/file?q", Some("h:1"), "/file", Some("q")),
            ("HTTPS://h/", Some("h"), "/", None),
            ("http://h", Some("h"), "/", None),
            ("http://h?/file/a", Some("h"), "/", Some("/file/a")),
            ("http:///file", Some(""), "/file", None),
            ("ftp://h/file", None, "ftp://h/file", None),
            ("*", None, "*", None),
            ("", None, "", None),
        ] {
            let expected = Target {
                authority,
                path,
                query,
            };
            assert_eq!(Target::of(text), expected, "{text}");
        }
    }
}
