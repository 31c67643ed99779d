//! The parts of a request target (RFC 9112, section 3.2).
//!
//! Not for: what the parts mean (`route.rs`, `authority.rs`).

/// A target in origin-form (`/path?query`) or absolute-form (`http://host/path?query`). One in
/// another form is all path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// The authority of the absolute-form. It takes precedence over `Host` (RFC 9112, section
    /// 3.2.2).
    pub authority: Option<&'a str>,
    /// The path, percent-encoded. If it is missing in an absolute-form, it is `/`.
    pub path: &'a str,
    /// The query: what follows the first `?`.
    pub query: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Splits a target.
    #[must_use]
    pub(crate) fn of(text: &'a str) -> Self {
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

/// What follows a prefix, whose case is ignored.
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
