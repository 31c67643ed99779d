//! Requests that are refused for their heads, before body and disk are read: those that a browser
//! makes for a page of another origin, and those whose sender expects something else than this
//! server does.
//!
//! Responsible for: the decision. Not for: routes (`route.rs`), statuses (`api/error.rs`).

use tiny_http::{Framing, Head};

use super::authority::Authority;
use super::digest;
use super::hosts::Hosts;
use super::route::Operation;
use super::target::Target;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 400: HTTP/1.1 without `Host` (RFC 9112, section 3.2).
    NoHost,
    /// 421: the request is for a host that is not allowed, whose beginning this is.
    Host(String),
    /// 403: it would change something, and comes from a page of another origin.
    OtherOrigin,
    /// 400: this field asks for another method than that of the request.
    Override(&'static str),
    /// 400: this field says that the body is a part of an upload, by a protocol that this server
    /// does not speak.
    Parts(&'static str),
    /// 411: it has no length, although its head suggests that there is a body.
    NoLength,
    /// 415: the body is a form that contains the file; with a command that sends the file.
    Form(&'static str),
    /// 415: the body has a content coding, which would be lost.
    Coding,
}

/// Fields by which clients that cannot send a method ask for it.
const OVERRIDES: [&str; 3] = [
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
];

/// Fields of protocols for uploads in parts: tus 1.0, and the IETF's draft "Resumable Uploads for
/// HTTP".
const PARTS: [&str; 2] = ["Tus-Resumable", "Upload-Complete"];

/// Fields that are sent only with content. They describe it (RFC 9110, section 8; RFC 1864; RFC
/// 6266; RFC 3230), say which part it is (section 14.4), or announce what follows it (section
/// 6.6.2).
const OF_CONTENT: [&str; 9] = [
    "Content-Type",
    "Content-Encoding",
    "Content-Language",
    "Content-Location",
    "Content-Disposition",
    "Content-MD5",
    "Content-Range",
    "Digest",
    "Trailer",
];

/// How much of a host an error shows, in characters.
const MAX_SHOWN: usize = 100;

/// The digest of an empty body.
const OF_NOTHING: digest::Sha256 = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// Checks the head of a request. One without an operation is refused later on, unless here for its
/// host.
///
/// # Errors
/// The first [`Refusal`] found.
pub fn check(head: &Head, operation: Option<&Operation>, hosts: &Hosts) -> Result<(), Refusal> {
    if head.version >= (1, 1) && head.field("Host").is_none() {
        return Err(Refusal::NoHost);
    }
    // Health reveals nothing, and probes use any address that they were configured with.
    if operation == Some(&Operation::Health) {
        return Ok(());
    }
    check_host(head, hosts)?;
    let Some(operation) = operation else {
        return Ok(());
    };
    if operation.changes_something() && is_of_other_origin(head) {
        return Err(Refusal::OtherOrigin);
    }
    check_method(head)?;
    if operation.takes_content() {
        check_length(head)?;
    }
    match operation {
        Operation::Create(_) | Operation::Append(..) => check_content(head),
        _ => Ok(()),
    }
}

/// Whether a request has no length, so that its body is taken to be empty (RFC 9112, section 6.3).
#[must_use]
pub fn is_without_length(head: &Head) -> bool {
    head.framing == Framing::Empty && head.field("Content-Length").is_none()
}

/// The host that a request is for, with its port: that of an absolute target, else `Host` (RFC
/// 9112, section 3.2.2). `None` if both are missing, as HTTP/1.0 allows.
fn authority(head: &Head) -> Option<String> {
    let of_target = Target::of(head.target()).authority.map(str::to_owned);
    let authority = of_target.or_else(|| head.field("Host"));
    authority.filter(|authority| !authority.is_empty())
}

fn check_host(head: &Head, hosts: &Hosts) -> Result<(), Refusal> {
    // No browser sends a request without a host.
    let Some(text) = authority(head) else {
        return Ok(());
    };
    match Authority::parse(&text) {
        Some(authority) if hosts.allow(&authority) => Ok(()),
        _ => Err(Refusal::Host(text.chars().take(MAX_SHOWN).collect())),
    }
}

/// Whether a browser made the request for a page of another origin or of an unknown one (Fetch
/// Metadata, section 2.3; RFC 6454, section 7). Clients other than browsers send neither field.
///
/// Schemes are not compared: a proxy in front may have TLS.
fn is_of_other_origin(head: &Head) -> bool {
    let site = head.field("Sec-Fetch-Site");
    if site.is_some_and(|site| !matches!(site.as_str(), "none" | "same-origin")) {
        return true;
    }
    let Some(origin) = head.field("Origin") else {
        return false;
    };
    let own = authority(head);
    let own = own.as_deref().and_then(Authority::parse);
    let of_page = [("http://", 80), ("https://", 443)]
        .iter()
        .find_map(|(scheme, port)| {
            let authority = Authority::parse(origin.strip_prefix(scheme)?)?;
            Some((authority, *port))
        });
    match (own, of_page) {
        (Some(own), Some((page, default_port))) => !own.is_same(&page, Some(default_port)),
        _ => true,
    }
}

fn check_method(head: &Head) -> Result<(), Refusal> {
    for name in OVERRIDES {
        let wanted = head.field(name);
        if wanted.is_some_and(|wanted| !wanted.eq_ignore_ascii_case(head.method())) {
            return Err(Refusal::Override(name));
        }
    }
    Ok(())
}

/// Refuses a request without a length whose sender probably means to send a body.
fn check_length(head: &Head) -> Result<(), Refusal> {
    if !is_without_length(head) {
        return Ok(());
    }
    let has = |name: &&&str| head.field(name).is_some();
    let describes_content = OF_CONTENT.iter().any(|name| has(&name));
    let has_digest_of_more = ["Content-Digest", "Repr-Digest"].iter().any(|name| {
        let value = head.field(name);
        value.is_some_and(|value| digest::parse(&value) != Ok(Some(OF_NOTHING)))
    });
    // A sender of HTTP/1.0, or one that closes the connection, may mean the body to end with it.
    let may_end_with_connection = head.version < (1, 1) || !head.persistent;
    let is_meant =
        describes_content || has_digest_of_more || may_end_with_connection || head.expects_continue;
    match is_meant {
        true => Err(Refusal::NoLength),
        false => Ok(()),
    }
}

/// Refuses a body that would not be stored as its sender means it.
fn check_content(head: &Head) -> Result<(), Refusal> {
    for name in PARTS {
        if head.field(name).is_some() {
            return Err(Refusal::Parts(name));
        }
    }
    let media_type = head.field("Content-Type").unwrap_or_default();
    if is_media_type(&media_type, "multipart/form-data") {
        return Err(Refusal::Form(match head.method() {
            "PUT" => "curl -T FILE URL",
            _ => "curl -X POST -T FILE URL",
        }));
    }
    let codings = head.field("Content-Encoding").unwrap_or_default();
    let is_identity = |coding: &str| matches!(coding.trim(), "" | "identity");
    match codings.to_ascii_lowercase().split(',').all(is_identity) {
        true => Ok(()),
        false => Err(Refusal::Coding),
    }
}

/// Whether a value of `Content-Type` is this media type, with any parameters (RFC 9110, section
/// 8.3.1).
#[must_use]
pub fn is_media_type(value: &str, media_type: &str) -> bool {
    let essence = value.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(media_type)
}

#[cfg(test)]
mod tests {
    use super::super::hosts::AllowedHosts;
    use super::super::route::route;
    use super::*;

    /// The decision on a request by its request line and fields, for a server that takes loopback
    /// names alone.
    fn decide(line: &str, fields: &[&str]) -> Result<(), Refusal> {
        let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
        let text = format!("{line}\r\n{fields}\r\n");
        let head = tiny_http::fuzzing::parse_head(text.as_bytes())
            .unwrap_or_else(|f| panic!("{text}: {f}"));
        let operation = route(head.method(), head.target());
        let hosts = AllowedHosts::Auto.resolve(&["127.0.0.1"], true);
        check(&head, operation.as_ref().ok(), &hosts)
    }

    #[test]
    fn a_host_of_somebody_else_is_not_answered_for() {
        let refused = || Err(Refusal::Host("evil.example:3000".to_owned()));
        for (line, host, expected) in [
            ("GET /file/a HTTP/1.1", "localhost:3000", Ok(())),
            ("GET /file/a HTTP/1.1", "evil.example:3000", refused()),
            ("DELETE /file/a HTTP/1.1", "evil.example:3000", refused()),
            ("GET /none HTTP/1.1", "evil.example:3000", refused()),
            ("PATCH /file/a HTTP/1.1", "evil.example:3000", refused()),
            ("GET /file HTTP/1.1", "evil.example:3000", Ok(())),
            (
                "GET http://evil.example:3000/file/a HTTP/1.1",
                "localhost",
                refused(),
            ),
            (
                "GET http://localhost/file/a HTTP/1.1",
                "evil.example",
                Ok(()),
            ),
            ("GET /file/a HTTP/1.1", "", Ok(())),
        ] {
            let found = decide(line, &[&format!("Host: {host}")]);
            assert_eq!(found, expected, "{line} {host}");
        }
        assert_eq!(decide("GET /file/a HTTP/1.0", &[]), Ok(()));
    }

    #[test]
    fn the_host_of_the_target_counts_before_the_field() {
        for (head, expected) in [
            ("GET /file HTTP/1.1\r\nHost: nas:80\r\n\r\n", Some("nas:80")),
            (
                "GET http://a:1/file HTTP/1.1\r\nHost: b\r\n\r\n",
                Some("a:1"),
            ),
            ("GET http://a HTTP/1.0\r\n\r\n", Some("a")),
            ("GET /file HTTP/1.1\r\nHost:\r\n\r\n", None),
            ("GET /file HTTP/1.0\r\n\r\n", None),
        ] {
            let found =
                tiny_http::fuzzing::parse_head(head.as_bytes()).map(|head| authority(&head));
            assert_eq!(found, Ok(expected.map(str::to_owned)), "{head:?}");
        }
    }

    #[test]
    fn a_page_elsewhere_changes_nothing() {
        const HOST: &str = "Host: localhost:3000";
        for (fields, is_own) in [
            (&[][..], true),
            (&["Sec-Fetch-Site: none"], true),
            (&["Sec-Fetch-Site: same-origin"], true),
            (&["Sec-Fetch-Site: same-site"], false),
            (&["Sec-Fetch-Site: cross-site"], false),
            (&["Sec-Fetch-Site: something-new"], false),
            (
                &["Sec-Fetch-Site: none", "Sec-Fetch-Site: cross-site"],
                false,
            ),
            (&["Origin: http://localhost:3000"], true),
            (&["Origin: https://localhost:3000"], true),
            (&["Origin: http://LOCALHOST:3000"], true),
            (&["Origin: http://localhost"], false),
            (&["Origin: http://localhost:3001"], false),
            (&["Origin: http://127.0.0.1:3000"], false),
            (&["Origin: http://evil.example"], false),
            (&["Origin: null"], false),
            (&["Origin:"], false),
            (&["Origin: localhost:3000"], false),
            (&["Origin: ftp://localhost:3000"], false),
            (
                &[
                    "Origin: http://localhost:3000",
                    "Origin: http://evil.example",
                ],
                false,
            ),
            (
                &["Origin: http://evil.example", "Sec-Fetch-Site: same-origin"],
                false,
            ),
            (
                &[
                    "Origin: http://localhost:3000",
                    "Sec-Fetch-Site: cross-site",
                ],
                false,
            ),
            (&["Referer: http://evil.example/"], true),
        ] {
            let fields = [&[HOST, "Content-Length: 0"], fields].concat();
            for (line, changes) in [
                ("POST /file/a HTTP/1.1", true),
                ("POST /file/a/ HTTP/1.1", true),
                ("PUT /file/a HTTP/1.1", true),
                ("PUT /file/a/mv HTTP/1.1", true),
                ("PUT /file/a/cp HTTP/1.1", true),
                ("DELETE /file/a HTTP/1.1", true),
                ("GET /file/a HTTP/1.1", false),
                ("HEAD /file/a/tar HTTP/1.1", false),
                ("GET /file HTTP/1.1", false),
            ] {
                let expected = match is_own || !changes {
                    true => Ok(()),
                    false => Err(Refusal::OtherOrigin),
                };
                assert_eq!(decide(line, &fields), expected, "{line} {fields:?}");
            }
        }
        for (host, origin, is_own) in [
            ("localhost", "http://localhost", true),
            ("localhost", "https://localhost", true),
            ("localhost:80", "http://localhost", true),
            ("localhost:443", "https://localhost", true),
            ("localhost:443", "http://localhost", false),
            ("localhost:80", "https://localhost", false),
            ("[::1]:3000", "http://[::1]:3000", true),
        ] {
            let fields = [format!("Host: {host}"), format!("Origin: {origin}")];
            let found = decide(
                "DELETE /file/a HTTP/1.1",
                &fields.each_ref().map(String::as_str),
            );
            assert_eq!(found.is_ok(), is_own, "{host} {origin}");
        }
        // Nothing is the same as no host.
        let found = decide("DELETE /file/a HTTP/1.0", &["Origin: http://localhost"]);
        assert_eq!(found, Err(Refusal::OtherOrigin));
    }

    #[test]
    fn a_body_without_a_length_is_empty_only_where_nothing_says_otherwise() {
        const EMPTY: &str = "Repr-Digest: sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
        const OTHER: &str = "Repr-Digest: sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:";
        let needed = || Err(Refusal::NoLength);
        for (version, fields, expected) in [
            ("1.1", &[][..], Ok(())),
            ("1.1", &["Accept: */*"], Ok(())),
            ("1.1", &[EMPTY], Ok(())),
            ("1.1", &["Content-Type: text/csv"], needed()),
            ("1.1", &["Content-Encoding: gzip"], needed()),
            ("1.1", &["Content-Range: bytes 0-4/5"], needed()),
            ("1.1", &["Content-Language: en"], needed()),
            ("1.1", &["Content-Location: /a"], needed()),
            ("1.1", &["Content-Disposition: attachment"], needed()),
            ("1.1", &["Content-MD5: 1B2M2Y8AsgTpgAmY7PhCfg=="], needed()),
            ("1.1", &["Digest: md5=1B2M2Y8AsgTpgAmY7PhCfg=="], needed()),
            ("1.1", &["Trailer: Repr-Digest"], needed()),
            (
                "1.1",
                &["Trailer: Repr-Digest", "Content-Length: 0"],
                Ok(()),
            ),
            ("1.1", &[OTHER], needed()),
            ("1.1", &["Content-Digest: md5=:AAAA:"], needed()),
            ("1.1", &["Expect: 100-continue"], needed()),
            ("1.1", &["Connection: close"], needed()),
            ("1.1", &["Connection: close", "Content-Length: 0"], Ok(())),
            (
                "1.1",
                &["Content-Type: text/csv", "Content-Length: 0"],
                Ok(()),
            ),
            (
                "1.1",
                &["Content-Type: text/csv", "Transfer-Encoding: chunked"],
                Ok(()),
            ),
            ("1.0", &[], needed()),
            ("1.0", &["Connection: keep-alive"], needed()),
            ("1.0", &["Content-Length: 0"], Ok(())),
            ("1.0", &["Content-Length: 5"], Ok(())),
        ] {
            let fields = [&["Host: localhost"], fields].concat();
            for (request, takes) in [
                ("POST /file/a", true),
                ("PUT /file/a", true),
                ("PUT /file/a/mv", true),
                ("PUT /file/a/cp", true),
                ("POST /file/a/", false),
                ("POST /file/a%2F", false),
                ("DELETE /file/a", false),
                ("GET /file/a", false),
            ] {
                let line = format!("{request} HTTP/{version}");
                let expected = if takes { expected.clone() } else { Ok(()) };
                assert_eq!(decide(&line, &fields), expected, "{line} {fields:?}");
            }
        }
    }

    #[test]
    fn a_body_that_means_something_else_is_not_stored() {
        let form = |request: &str| {
            Err(Refusal::Form(match request.starts_with("PUT") {
                true => "curl -T FILE URL",
                false => "curl -X POST -T FILE URL",
            }))
        };
        for request in ["POST /file/a", "PUT /file/a"] {
            for (field, expected) in [
                (
                    "Content-Type: multipart/form-data; boundary=x",
                    form(request),
                ),
                ("Content-Type: Multipart/Form-Data", form(request)),
                (
                    "Content-Type: multipart/form-data ;boundary=x",
                    form(request),
                ),
                ("Content-Type: multipart/mixed; boundary=x", Ok(())),
                ("Content-Type: application/x-www-form-urlencoded", Ok(())),
                ("Content-Type: application/json", Ok(())),
                ("Content-Type: text/plain; x=multipart/form-data", Ok(())),
                ("Content-Encoding: identity", Ok(())),
                ("Content-Encoding:", Ok(())),
                ("Content-Encoding: gzip", Err(Refusal::Coding)),
                ("Content-Encoding: identity, GZIP", Err(Refusal::Coding)),
                ("Content-Encoding: aws-chunked", Err(Refusal::Coding)),
                ("Tus-Resumable: 1.0.0", Err(Refusal::Parts("Tus-Resumable"))),
                (
                    "Upload-Complete: ?0",
                    Err(Refusal::Parts("Upload-Complete")),
                ),
                (
                    "X-HTTP-Method-Override: DELETE",
                    Err(Refusal::Override("X-HTTP-Method-Override")),
                ),
                (
                    "X-Method-Override: PATCH",
                    Err(Refusal::Override("X-Method-Override")),
                ),
            ] {
                let fields = ["Host: localhost", "Content-Length: 5", field];
                let found = decide(&format!("{request} HTTP/1.1"), &fields);
                assert_eq!(found, expected, "{request} {field}");
            }
        }
        let same = [
            "Host: localhost",
            "Content-Length: 5",
            "X-HTTP-Method: post",
        ];
        assert_eq!(decide("POST /file/a HTTP/1.1", &same), Ok(()));
        // A download may be asked for with any of them.
        let coded = ["Host: localhost", "Content-Encoding: gzip"];
        assert_eq!(decide("GET /file/a HTTP/1.1", &coded), Ok(()));
    }
}
