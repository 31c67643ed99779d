use super::super::hosts::AllowedHosts;
use super::super::route::route;
use super::*;

/// The decision on a request by its request line and fields, for a server that takes loopback
/// names and pages of its own alone.
fn decide(line: &str, fields: &[&str]) -> Result<(), Refusal> {
    decide_with(AllowedOrigins::default(), line, fields)
}

/// The same, where pages of these origins are allowed, too.
fn decide_with(origins: AllowedOrigins, line: &str, fields: &[&str]) -> Result<(), Refusal> {
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    let text = format!("{line}\r\n{fields}\r\n");
    let head =
        tiny_http::fuzzing::parse_head(text.as_bytes()).unwrap_or_else(|f| panic!("{text}: {f}"));
    let operation = route(head.method(), head.target());
    let hosts = AllowedHosts::Auto.resolve(&["127.0.0.1"], true);
    check(&head, operation.as_ref().ok(), &hosts, &origins)
}

#[test]
fn a_host_that_is_not_allowed_is_refused() {
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
        let found = tiny_http::fuzzing::parse_head(head.as_bytes()).map(|head| authority(&head));
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
fn a_page_of_an_allowed_origin_changes_something() {
    let origins = AllowedOrigins::parse("https://app.example,http://localhost:8080");
    let origins = origins.unwrap_or_else(|fault| panic!("{fault}"));
    for (fields, is_allowed) in [
        (&["Origin: https://app.example"][..], true),
        (
            &["Origin: https://app.example", "Sec-Fetch-Site: cross-site"],
            true,
        ),
        (
            &["Origin: http://localhost:8080", "Sec-Fetch-Site: same-site"],
            true,
        ),
        (&["Origin: http://localhost:3000"], true),
        (&[], true),
        (&["Origin: http://app.example"], false),
        (&["Origin: https://app.example:8443"], false),
        (&["Origin: https://evil.example"], false),
        (&["Origin: null", "Sec-Fetch-Site: cross-site"], false),
        (&["Sec-Fetch-Site: cross-site"], false),
        (
            &["Origin: https://app.example", "Origin: https://app.example"],
            false,
        ),
        (
            &[
                "Referer: https://app.example/",
                "Sec-Fetch-Site: cross-site",
            ],
            false,
        ),
    ] {
        let fields = [&["Host: localhost:3000", "Content-Length: 0"], fields].concat();
        let line = "DELETE /file/a HTTP/1.1";
        let expected = match is_allowed {
            true => Ok(()),
            false => Err(Refusal::OtherOrigin),
        };
        let found = decide_with(origins.clone(), line, &fields);
        assert_eq!(found, expected, "{fields:?}");
    }
    // It is no way around the check of hosts.
    let fields = ["Host: evil.example", "Origin: https://app.example"];
    let found = decide_with(origins, "DELETE /file/a HTTP/1.1", &fields);
    assert_eq!(found, Err(Refusal::Host("evil.example".to_owned())));
}

#[test]
fn a_page_elsewhere_shows_nothing_in_a_frame() {
    for (fields, is_refused) in [
        (
            &["Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: iframe"][..],
            true,
        ),
        (
            &["Sec-Fetch-Site: same-site", "Sec-Fetch-Dest: object"],
            true,
        ),
        (
            &["Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: embed"],
            true,
        ),
        (
            &["Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: frame"],
            true,
        ),
        (
            &["Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: document"],
            false,
        ),
        (
            &["Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: empty"],
            false,
        ),
        (
            &["Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: image"],
            false,
        ),
        (
            &["Sec-Fetch-Site: same-origin", "Sec-Fetch-Dest: iframe"],
            false,
        ),
        (&["Sec-Fetch-Site: none", "Sec-Fetch-Dest: iframe"], false),
        (&["Sec-Fetch-Dest: iframe"], false),
        (&["Sec-Fetch-Site: cross-site"], false),
    ] {
        let fields = [&["Host: localhost"], fields].concat();
        for line in ["GET /file/a HTTP/1.1", "GET /metrics HTTP/1.1"] {
            let expected = match is_refused {
                true => Err(Refusal::Framed),
                false => Ok(()),
            };
            assert_eq!(decide(line, &fields), expected, "{line} {fields:?}");
        }
    }
}

#[test]
fn a_password_may_be_one_that_the_browser_keeps() {
    let origins = AllowedOrigins::parse("https://app.example,http://localhost:3000");
    let origins = origins.unwrap_or_else(|fault| panic!("{fault}"));
    const BASIC: &str = "Authorization: Basic bDpz";
    for (fields, expected) in [
        (&["Origin: https://app.example", BASIC][..], true),
        (
            &["Origin: https://app.example", "Authorization: basic bDpz"],
            true,
        ),
        (
            &["Origin: https://app.example", "Authorization: Bearer s"],
            false,
        ),
        (
            &["Origin: https://app.example", "Authorization: Basically"],
            false,
        ),
        (&["Origin: https://app.example"], false),
        // Pages that are not allowed change nothing, and links lead here from everywhere.
        (&["Origin: https://evil.example", BASIC], false),
        (&["Sec-Fetch-Site: cross-site", BASIC], false),
        (&[BASIC], false),
        // A page of the server's own.
        (&["Origin: http://localhost:3000", BASIC], false),
    ] {
        let fields = [&["Host: localhost:3000"], fields].concat();
        let head = format!("GET /file/a HTTP/1.1\r\n{}\r\n\r\n", fields.join("\r\n"));
        let head = tiny_http::fuzzing::parse_head(head.as_bytes());
        let head = head.unwrap_or_else(|fault| panic!("{fields:?}: {fault}"));
        let found = may_have_kept_password(&head, &origins);
        assert_eq!(found, expected, "{fields:?}");
    }
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
    let archive = |fields: &[&'static str]| {
        let fields = [&["Host: localhost", "Content-Length: 5"], fields].concat();
        decide("POST /file/a/untar HTTP/1.1", &fields)
    };
    let coding = Err(Refusal::ArchiveCoding);
    for (fields, expected) in [
        (&["Content-Encoding: gzip"][..], Ok(())),
        (&["Content-Encoding: x-gzip, identity"], Ok(())),
        (&["Content-Type: application/gzip"], Ok(())),
        (&["Content-Encoding: br"], coding.clone()),
        (&["Content-Encoding: gzip, gzip"], coding.clone()),
        (
            &["Content-Encoding: gzip", "Content-Type: application/gzip"],
            coding,
        ),
        (
            &["Content-Type: multipart/form-data"],
            form("POST /file/a/untar"),
        ),
        (
            &["Upload-Complete: ?0"],
            Err(Refusal::Parts("Upload-Complete")),
        ),
    ] {
        assert_eq!(archive(fields), expected, "{fields:?}");
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
