//! Tokens, as they come with requests: what is accepted, and what is answered with 401 or 403.

use std::sync::Arc;

use testkit::rules::{anonymous, basic, bearer, put, token};
use testkit::{Server, TempDir};

fn server() -> Server {
    let dir = Arc::new(TempDir::new());
    let rules = [
        token("loader", "s3cret", &[("runs/", "read,write,append,delete")]),
        token("colon", "a:b", &[("", "read")]),
        anonymous("anyone", &[("public/", "read")]),
    ];
    let access = put(dir.outside(), &rules);
    let server = Server::on(dir, &["--access", &access], &[]);
    for folder in ["runs", "public"] {
        std::fs::create_dir(server.storage().join(folder)).unwrap();
        std::fs::write(server.storage().join(folder).join("f"), "content").unwrap();
    }
    server
}

/// The status of a request with these values of `Authorization`.
fn status(server: &Server, target: &str, values: &[&str]) -> u16 {
    let fields: Vec<_> = values
        .iter()
        .map(|value| ("Authorization", *value))
        .collect();
    server.request("GET", target, &fields, b"").status
}

#[test]
fn a_token_is_taken_in_two_schemes_and_in_no_other_form() {
    let server = server();
    let long = bearer(&"a".repeat(15_000));
    for (value, expected) in [
        (bearer("s3cret"), 200),
        ("bearer s3cret".to_owned(), 200),
        (basic("loader", "s3cret"), 200),
        (basic("colon", "a:b"), 200),
        (basic("other", "s3cret"), 401),
        (basic("", "s3cret"), 401),
        (basic("loader", "wrong"), 401),
        (basic("loader", ""), 401),
        (basic("lo:ader", "s3cret"), 401),
        (bearer("wrong"), 401),
        (bearer("s3cret,"), 401),
        (bearer("s3cre"), 401),
        (bearer(""), 401),
        ("s3cret".to_owned(), 401),
        ("Basic s3cret".to_owned(), 401),
        ("Basic !!!!".to_owned(), 401),
        ("Basic bG9hZGVy".to_owned(), 401),
        ("Digest username=\"loader\"".to_owned(), 401),
        ("Negotiate czNjcmV0".to_owned(), 401),
        (String::new(), 401),
        (long, 401),
    ] {
        let found = status(&server, "runs/f", &[&value]);
        assert_eq!(found, expected, "{value}");
        // Wrong credentials have not even the rights of everybody.
        let public = status(&server, "public/f", &[&value]);
        assert_eq!(public, expected, "{value}");
    }
    let twice = bearer("s3cret");
    assert_eq!(status(&server, "runs/f", &[&twice, &twice]), 401);
    assert_eq!(status(&server, "runs/f", &[]), 401);
    assert_eq!(status(&server, "public/f", &[]), 200);
}

#[test]
fn a_refusal_says_how_to_come_in_and_nothing_else() {
    let server = server();
    let missing = server.get("runs/f");
    assert_eq!(missing.status, 401);
    let challenges = missing.values("WWW-Authenticate");
    assert_eq!(
        challenges,
        [
            "Bearer realm=\"http-nas\"",
            "Basic realm=\"http-nas\", charset=\"UTF-8\""
        ]
    );
    let token = bearer("s3cret");
    let token = [("Authorization", token.as_str())];
    // The same whether there is such a name or not.
    let [there, not_there] = ["public/f", "public/g"].map(|name| {
        let reply = server.request("DELETE", name, &token, b"");
        assert_eq!(reply.status, 403, "{name}");
        assert!(reply.values("WWW-Authenticate").is_empty());
        reply.text().replace(name, "NAME")
    });
    assert_eq!(there, not_there);
    assert!(there.contains("\"delete\""), "{there}");
    // What there is not, and what is asked for in a wrong way, is told to those with a token alone.
    let wrong = [("Authorization", "Bearer x")];
    for (method, target) in [("GET", "/nothing"), ("PATCH", "runs/f"), ("GET", "%zz")] {
        assert_eq!(server.request(method, target, &wrong, b"").status, 401);
    }
}

// `GET /` takes any right at all: it is about no name, and no probe.
#[test]
fn what_the_server_is_takes_any_right() {
    for (rules, expected) in [
        (vec![token("t", "t", &[])], [401, 403]),
        (vec![token("t", "t", &[("a/", "append")])], [401, 200]),
        (
            vec![token("t", "t", &[]), anonymous("anyone", &[("a/", "read")])],
            [200, 200],
        ),
    ] {
        let dir = Arc::new(TempDir::new());
        let access = put(dir.outside(), &rules);
        let server = Server::on(dir, &["--access", &access], &[]);
        let values: [&[&str]; 2] = [&[], &["Bearer t"]];
        let found = values.map(|values| status(&server, "/", values));
        assert_eq!(found, expected, "{rules:?}");
    }
}

#[test]
fn probes_are_open_to_all() {
    let server = server();
    for path in ["/file", "/healthz", "/readyz"] {
        for value in [None, Some("Bearer wrong"), Some("Bearer s3cret")] {
            let fields: Vec<_> = value
                .iter()
                .map(|value| ("Authorization", *value))
                .collect();
            let reply = server.request("GET", path, &fields, b"");
            assert_eq!(reply.status, 200, "{path} {value:?}");
        }
    }
    for path in ["/metrics", "/transfers"] {
        assert_eq!(server.get(path).status, 401, "{path}");
        assert_eq!(status(&server, path, &["Bearer s3cret"]), 403, "{path}");
    }
}

#[test]
fn without_rules_credentials_are_not_looked_at() {
    let server = Server::start();
    for value in ["Bearer x", "Basic !", "", "x"] {
        let fields = [("Authorization", value)];
        assert_eq!(server.request("POST", "f", &fields, b"x").status, 200);
    }
}

#[test]
fn the_log_names_the_token_and_never_holds_it() {
    let mut server = server();
    let value = basic("loader", "s3cret");
    assert_eq!(status(&server, "runs/f", &[&value]), 200);
    assert_eq!(status(&server, "public/g", &[&bearer("wrong-token")]), 401);
    let token = [("Authorization", value.as_str())];
    assert_eq!(
        server.request("DELETE", "public/f", &token, b"").status,
        403
    );
    // Where no client should put it, and some do.
    for target in [
        "http://loader:s3cret@nas/file/runs/f",
        "ftp://loader:s3cret@nas/x",
        "/file/runs/f?access_token=s3cret",
        "/nothing?access_token=s3cret",
    ] {
        let reply = server.request("GET", target, &[], b"");
        assert!((400..500).contains(&reply.status), "{target}");
    }
    let log = server.stop().stderr;
    let named = log
        .lines()
        .filter(|line| line.contains(" by=loader "))
        .count();
    assert_eq!(named, 2, "{log}");
    for secret in ["s3cret", "wrong-token", value.trim_start_matches("Basic ")] {
        assert!(!log.contains(secret), "{log}");
    }
}
