//! Pages of allowed origins use their own tokens, and none that the browser keeps.

use std::sync::Arc;

use testkit::rules::{anonymous, basic, bearer, put, token};
use testkit::{Reply, Server, TempDir};

const ORIGIN: &str = "https://app.example";

fn server() -> Server {
    let dir = Arc::new(TempDir::new());
    let rules = [
        token("loader", "s3cret", &[("", "read,write,append,delete")]),
        anonymous("anyone", &[("public/", "read")]),
    ];
    let access = put(dir.outside(), &rules);
    let server = Server::on(dir, &["--access", &access, "--allow-origin", ORIGIN], &[]);
    server.place("f", b"content");
    server.place("public/f", b"content");
    server
}

fn ask(server: &Server, (method, target): (&str, &str), fields: &[(&str, &str)]) -> Reply {
    server.request(method, target, fields, b"")
}

// symptom: a form in a page of an allowed origin stored files by the password that its visitor had
//          once typed in for the server.
// cause:   a browser adds the password that it keeps to forms of any page, and the page's origin
//          was allowed to write.
// fix:     Basic, the only scheme whose credentials browsers keep, is 403 from such pages; 401 would
//          have the browser forget the password.
#[test]
fn a_password_is_not_taken_from_a_page_of_another_origin() {
    let server = server();
    let (own, app) = (format!("http://{}", server.addr), ORIGIN);
    let (password, token) = (basic("loader", "s3cret"), bearer("s3cret"));
    let host = server.addr.to_string();
    for (origin, site, credentials, expected) in [
        (Some(app), Some("cross-site"), Some(&token), 200),
        (Some(app), None, Some(&token), 200),
        (Some(app), Some("cross-site"), Some(&password), 403),
        (Some(app), None, Some(&password), 403),
        (Some(app), Some("cross-site"), None, 401),
        // A page of the server's own, and what is no page.
        (Some(&*own), Some("same-origin"), Some(&password), 200),
        (Some(&*own), None, Some(&password), 200),
        (None, None, Some(&password), 200),
    ] {
        for (method, target) in [("GET", "f"), ("POST", "new"), ("DELETE", "new")] {
            let mut head = format!("{method} /file/{target} HTTP/1.1\r\nHost: {host}\r\n");
            for (name, value) in [
                ("Origin", origin),
                ("Sec-Fetch-Site", site),
                ("Authorization", credentials.map(String::as_str)),
            ] {
                let value = value.map(|value| format!("{name}: {value}\r\n"));
                head.push_str(&value.unwrap_or_default());
            }
            let mut conn = server.open();
            conn.send(format!("{head}Content-Length: 0\r\n\r\n").as_bytes());
            let reply = conn.reply_to(method).expect("a reply");
            let shown = format!("{head}{}", reply.summary());
            assert_eq!(reply.status, expected, "{shown}");
            let is_named = reply.header("Access-Control-Allow-Origin") == Some(ORIGIN);
            assert_eq!(is_named, origin == Some(app), "{shown}");
            assert_eq!(
                reply.values("WWW-Authenticate").is_empty(),
                expected != 401,
                "{shown}"
            );
            if expected != 200 {
                assert_eq!(
                    server.visible(),
                    ["f 7", "public/", "public/f 7"],
                    "{shown}"
                );
            }
        }
    }
    // A link from elsewhere may lead to a file.
    let fields = [
        ("Sec-Fetch-Site", "cross-site"),
        ("Authorization", password.as_str()),
    ];
    assert_eq!(ask(&server, ("GET", "f"), &fields).status, 200);
}

#[test]
fn a_page_sees_why_it_is_refused() {
    let server = server();
    let origin = ("Origin", ORIGIN);
    for (target, credentials, status) in [
        ("f", None, 401),
        ("f", Some(bearer("wrong")), 401),
        ("public/f", None, 200),
        ("/metrics", Some(bearer("s3cret")), 403),
    ] {
        let credentials = credentials.as_deref();
        let fields: Vec<_> = credentials
            .map(|it| ("Authorization", it))
            .into_iter()
            .collect();
        let reply = ask(&server, ("GET", target), &[&fields[..], &[origin]].concat());
        assert_eq!(reply.status, status, "{target}: {}", reply.summary());
        let allowed = reply.header("Access-Control-Allow-Origin");
        assert_eq!(allowed, Some(ORIGIN), "{target}");
        let exposed = reply.header("Access-Control-Expose-Headers");
        assert!(exposed.is_some_and(|names| names.contains("WWW-Authenticate")));
        let credentials = reply.header("Access-Control-Allow-Credentials");
        assert_eq!(credentials, None, "{target}");
    }
}

#[test]
fn a_preflight_needs_no_token() {
    let server = server();
    let asks = ("Access-Control-Request-Method", "DELETE");
    let reply = ask(&server, ("OPTIONS", "f"), &[("Origin", ORIGIN), asks]);
    assert_eq!(reply.status, 204, "{}", reply.summary());
    let other = [("Origin", "https://evil.example"), asks];
    let reply = ask(&server, ("OPTIONS", "f"), &other);
    assert_eq!(reply.status, 405, "{}", reply.summary());
    assert_eq!(reply.header("Access-Control-Allow-Origin"), None);
}
