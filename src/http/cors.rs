//! What a reply says to pages of other origins (CORS; Fetch Standard, section 3.3): those of
//! allowed origins may read it, and are told beforehand what they may send.
//!
//! Responsible for: these fields. Not for: which origins are allowed (`origins.rs`), whether a
//! change is refused (`admission.rs`).
//!
//! No reply has `Access-Control-Allow-Credentials`: a browser sends passwords that it has stored
//! for this server only for pages of the server's own. Other pages send a token by themselves.

use std::borrow::Cow;

use tiny_http::Head;

use super::head::Field;
use super::origins::AllowedOrigins;

/// The methods of all resources.
const METHODS: &str = "GET, HEAD, POST, PUT, DELETE";

/// The fields of requests that mean something here, other than those that a script cannot set.
const REQUEST_FIELDS: &str = "Accept, Authorization, Content-Digest, Content-Range, Content-Type, \
                              If-Match, If-Modified-Since, If-None-Match, If-Range, \
                              If-Unmodified-Since, Range, Repr-Digest, traceparent, \
                              Want-Repr-Digest, X-Request-Id";

/// The fields of replies that a page may read, other than those that any page may read of a reply
/// that it is given, such as `Content-Type` and `Last-Modified`.
const REPLY_FIELDS: &str = "Accept-Ranges, Allow, Content-Range, ETag, Repr-Digest, Retry-After, WWW-Authenticate, \
     X-Request-Id";

/// For how many seconds a browser need not ask again: the most that Chromium takes. What it keeps
/// grants nothing, since the request itself is looked at, too.
const MAX_AGE: &str = "7200";

/// Whether a browser asks what a page of an allowed origin may send.
#[must_use]
pub(crate) fn is_preflight(head: &Head, origins: &AllowedOrigins) -> bool {
    head.method() == "OPTIONS"
        && head.field("Access-Control-Request-Method").is_some()
        && origins.of(head).is_some()
}

/// The answer to that. It is the same for all resources: what one of them refuses, it refuses when
/// the request itself comes.
#[must_use]
pub(crate) fn preflight_fields() -> Vec<Field> {
    vec![
        ("Access-Control-Allow-Methods", METHODS.into()),
        ("Access-Control-Allow-Headers", REQUEST_FIELDS.into()),
        ("Access-Control-Max-Age", MAX_AGE.into()),
    ]
}

/// Adds to the fields of any reply which page may read it.
pub(crate) fn add_permission(fields: &mut Vec<Field>, head: &Head, origins: &AllowedOrigins) {
    if origins.is_empty() {
        return;
    }
    // Also without `Origin`: a cache must not give that reply to a page.
    add_to_vary(fields, "Origin");
    if let Some(origin) = origins.of(head) {
        fields.push(("Access-Control-Allow-Origin", origin.to_owned().into()));
        fields.push(("Access-Control-Expose-Headers", REPLY_FIELDS.into()));
    }
}

/// Adds the name of a field to `Vary`.
fn add_to_vary(fields: &mut Vec<Field>, name: &'static str) {
    match fields.iter_mut().find(|(field, _)| *field == "Vary") {
        Some((_, names)) => *names = Cow::Owned(format!("{names}, {name}")),
        None => fields.push(("Vary", name.into())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn head(method: &str, fields: &str) -> Head {
        let head = format!("{method} / HTTP/1.1\r\n{fields}\r\n");
        let parsed = tiny_http::fuzzing::parse_head(head.as_bytes());
        parsed.unwrap_or_else(|fault| panic!("{head}: {fault}"))
    }

    fn allowed(text: &str) -> AllowedOrigins {
        AllowedOrigins::parse(text).unwrap_or_else(|fault| panic!("{fault}"))
    }

    #[test]
    fn a_preflight_is_of_an_allowed_origin_and_names_a_method() {
        const OWN: &str = "Origin: http://app.example\r\n";
        const OTHER: &str = "Origin: http://evil.example\r\n";
        const ASKS: &str = "Access-Control-Request-Method: PUT\r\n";
        let origins = allowed("http://app.example");
        for (method, fields, expected) in [
            ("OPTIONS", [OWN, ASKS], true),
            ("OPTIONS", [OTHER, ASKS], false),
            ("OPTIONS", ["", ASKS], false),
            ("OPTIONS", [OWN, ""], false),
            ("options", [OWN, ASKS], false),
            ("GET", [OWN, ASKS], false),
        ] {
            let head = head(method, &fields.concat());
            assert_eq!(
                is_preflight(&head, &origins),
                expected,
                "{method} {fields:?}"
            );
            assert!(!is_preflight(&head, &AllowedOrigins::default()));
        }
    }

    #[test]
    fn a_reply_says_who_may_read_it() {
        let origins = allowed("http://a.example,http://b.example");
        let vary = |value: &'static str| vec![("Vary", value.into())];
        for (origin, before, allowed, vary) in [
            ("http://a.example", vec![], true, "Origin"),
            ("http://b.example", vary("Accept"), true, "Accept, Origin"),
            ("http://c.example", vary("Accept"), false, "Accept, Origin"),
            ("null", vec![], false, "Origin"),
        ] {
            let head = head("GET", &format!("Origin: {origin}\r\n"));
            let mut fields: Vec<Field> = before.clone();
            add_permission(&mut fields, &head, &origins);
            let of = |name| {
                let mut values = fields.iter().filter(|(field, _)| *field == name);
                let value = values.next().map(|(_, value)| &**value);
                assert_eq!(values.next(), None, "{origin}: {name}");
                value
            };
            assert_eq!(of("Vary"), Some(vary), "{origin}");
            let expected = allowed.then_some(origin);
            assert_eq!(of("Access-Control-Allow-Origin"), expected);
            let exposed = of("Access-Control-Expose-Headers");
            assert_eq!(exposed.is_some(), allowed, "{origin}");
            let mut fields: Vec<Field> = before.clone();
            add_permission(&mut fields, &head, &AllowedOrigins::default());
            assert_eq!(fields, before);
        }
    }

    /// Fields that are read, and that a page has no reason to send or cannot set.
    const NOT_FOR_PAGES: [&str; 10] = [
        // Set by the browser alone.
        "Access-Control-Request-Method",
        "Content-Length",
        "Host",
        "Origin",
        "Sec-Fetch-Dest",
        "Sec-Fetch-Site",
        "User-Agent",
        // Of proxies.
        "Forwarded",
        "X-Forwarded-For",
        // Refused.
        "Content-Encoding",
    ];

    /// The names in calls of `field("NAME")` in the sources below a directory.
    fn read_below(directory: &Path, names: &mut Vec<String>) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                read_below(&path, names);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let calls = text.split(".field(\"").skip(1);
                names.extend(calls.filter_map(|rest| rest.split('"').next().map(str::to_owned)));
            }
        }
    }

    /// A field that is new in the program has to be in one of the two lists.
    #[test]
    fn a_page_may_send_what_is_read() {
        let mut names = Vec::new();
        read_below(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut names,
        );
        assert!(names.iter().any(|name| name == "Range"), "{names:?}");
        let allowed: Vec<&str> = REQUEST_FIELDS.split(", ").collect();
        names.retain(|name| {
            let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            let is_known = |known: &&str| known.eq_ignore_ascii_case(name);
            is_name && !allowed.iter().chain(&NOT_FOR_PAGES).any(is_known)
        });
        assert_eq!(names, Vec::<String>::new());
    }
}
