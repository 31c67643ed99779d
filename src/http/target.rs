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

/// A target as a log may hold it: without a user and password before the host, and without the
/// values of parameters. Clients put tokens in both (RFC 3986, section 3.2.1; RFC 6750, section
/// 2.3).
#[must_use]
pub(crate) fn without_secrets(text: &str) -> String {
    let (before, query) = match text.split_once('?') {
        Some((before, query)) => (before, Some(query)),
        None => (text, None),
    };
    let mut shown = match before.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", &rest[host..])
        }
        None => before.to_owned(),
    };
    for (number, parameter) in query.iter().flat_map(|query| query.split('&')).enumerate() {
        shown.push(if number == 0 { '?' } else { '&' });
        match parameter.split_once('=') {
            Some((name, _)) => shown.extend([name, "=\u{2026}"]),
            None => shown.push_str(parameter),
        }
    }
    shown
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

    // symptom: a token could be read in the log.
    // cause:   the target of a request without a name was logged as it came, with a user and
    //          password in it, or with the value of `access_token`.
    // fix:     both are left out.
    #[test]
    fn what_is_logged_of_a_target_holds_no_token() {
        for (text, expected) in [
            ("/nothing", "/nothing"),
            ("/file/a@b://c", "/file/a@b://c"),
            ("http://nas:3000/x", "http://nas:3000/x"),
            ("http://loader:s3cret@nas:3000/x", "http://nas:3000/x"),
            ("http://s3cret@nas", "http://nas"),
            ("HTTP://a:s@3@nas/x@y", "HTTP://nas/x@y"),
            ("ftp://loader:s3cret@nas/x", "ftp://nas/x"),
            ("/x?access_token=s3cret&y", "/x?access_token=\u{2026}&y"),
            ("/x?a=s3cret=&=s3cret?", "/x?a=\u{2026}&=\u{2026}"),
            ("/x?", "/x?"),
            ("http://l:s@nas?q=s", "http://nas?q=\u{2026}"),
            ("*", "*"),
        ] {
            assert_eq!(without_secrets(text), expected, "{text}");
        }
    }
}
