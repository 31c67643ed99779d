//! Pages of the origins that `--allow-origin` names read and change; pages of others do neither.
//! What is refused without the flag is in cross_origin.rs, what a real Chromium does in
//! e2e/browser.

use std::fs;

use testkit::{Reply, Server, eventually, rows, server};

const ORIGIN: &str = "https://app.example:8443";
const OTHER: &str = "https://evil.example";

/// The fields that every page may read of a reply that it is given (Fetch Standard, "CORS-
/// safelisted response-header name").
const SAFELISTED: [&str; 7] = [
    "Cache-Control",
    "Content-Language",
    "Content-Length",
    "Content-Type",
    "Expires",
    "Last-Modified",
    "Pragma",
];

/// Fields that are for the browser, caches and proxies, and those of which a page has no use.
const NOT_FOR_PAGES: [&str; 12] = [
    "Accept-Encoding",
    "Access-Control-Allow-Origin",
    "Access-Control-Expose-Headers",
    "Connection",
    "Content-Security-Policy",
    "Cross-Origin-Resource-Policy",
    "Date",
    "Location",
    "Transfer-Encoding",
    "Vary",
    "X-Content-Type-Options",
    "X-Frame-Options",
];

fn allowing(more: &[&str]) -> Server {
    let server = Server::with(&[&["--allow-origin", ORIGIN], more].concat(), &[]);
    server.place("a.csv", b"1,2\n");
    server.place("folder/x", b"x");
    server
}

fn elements(list: &str) -> Vec<&str> {
    list.split(',').map(str::trim).collect()
}

/// The fields by which a reply permits something to a page.
fn permissions(reply: &Reply) -> Vec<&str> {
    let names = reply.headers.iter().map(|(name, _)| name.as_str());
    let is_permission = |name: &&str| name.to_ascii_lowercase().starts_with("access-control-");
    names.filter(is_permission).collect()
}

/// A reply that the page of this origin may read, and that says so to no other one.
fn assert_readable(reply: &Reply, origin: &str, shown: &str) {
    let allowed = reply.header("Access-Control-Allow-Origin");
    assert_eq!(allowed, Some(origin), "{shown}");
    let policy = reply.header("Cross-Origin-Resource-Policy");
    assert_eq!(policy, Some("cross-origin"), "{shown}");
    // The browser's own passwords are for pages of the server alone.
    assert_eq!(
        reply.header("Access-Control-Allow-Credentials"),
        None,
        "{shown}"
    );
    assert_varies(reply, shown);
}

/// A reply that no page of another origin may read.
fn assert_unreadable(reply: &Reply, shown: &str) {
    assert_eq!(permissions(reply), Vec::<&str>::new(), "{shown}");
    let policy = reply.header("Cross-Origin-Resource-Policy");
    assert_eq!(policy, Some("same-origin"), "{shown}");
}

fn assert_varies(reply: &Reply, shown: &str) {
    let vary = elements(reply.header("Vary").unwrap_or_default());
    assert!(vary.contains(&"Origin"), "{shown}: {vary:?}");
}

/// Requests with their statuses: one of each kind of reply.
fn each_kind(tag: &str) -> Vec<(&'static str, &'static str, (&'static str, String), u16)> {
    let none = || ("Accept-Language", String::new());
    let accept = |value: &str| ("Accept", value.to_owned());
    vec![
        ("GET", "/", none(), 200),
        ("GET", "/file", none(), 200),
        ("GET", "/healthz", none(), 200),
        ("GET", "/readyz", none(), 200),
        ("GET", "/metrics", none(), 200),
        ("GET", "/transfers", none(), 200),
        ("GET", "a.csv", none(), 200),
        ("HEAD", "a.csv", none(), 200),
        ("GET", "a.csv", ("Range", "bytes=0-0".to_owned()), 206),
        ("GET", "a.csv", ("If-None-Match", tag.to_owned()), 304),
        ("GET", "a.csv", ("Range", "bytes=100-".to_owned()), 416),
        ("GET", "a.csv", ("If-Match", "\"x\"".to_owned()), 412),
        ("GET", "a.csv/wc", none(), 200),
        ("GET", "a.csv/sha256", none(), 200),
        ("GET", "folder", none(), 200),
        ("GET", "folder", accept("application/json"), 200),
        ("GET", "folder", accept("text/html"), 302),
        ("GET", "folder/", accept("text/html"), 200),
        ("GET", "folder/tar", none(), 200),
        ("GET", "folder/wc", none(), 409),
        ("GET", "missing", none(), 404),
        ("GET", "missing", accept("application/json"), 404),
        ("GET", "/none", none(), 404),
        ("GET", "..", none(), 400),
        ("GET", "a.csv?wiat", none(), 400),
        ("GET", ".http-nas", none(), 403),
        ("PATCH", "a.csv", none(), 405),
        ("POST", "new", none(), 200),
        (
            "POST",
            "new",
            ("Want-Repr-Digest", "sha-256=1".to_owned()),
            200,
        ),
        ("POST", "new", ("If-None-Match", "*".to_owned()), 412),
        ("POST", "new", ("Content-Encoding", "gzip".to_owned()), 415),
        ("POST", "made/", none(), 200),
        ("PUT", "new", none(), 200),
        ("PUT", "missing", none(), 404),
        ("DELETE", "new", none(), 200),
        ("DELETE", "made", none(), 200),
        ("DELETE", "%2F", none(), 403),
    ]
}

fn ask(server: &Server, (method, target): (&str, &str), fields: &[(&str, &str)]) -> Reply {
    server.request(method, target, fields, b"")
}

#[test]
fn each_reply_to_an_allowed_origin_can_be_read_by_its_pages_alone() {
    let server = allowing(&["--max-upload-size", "100"]);
    let tag = server.get("a.csv").header("ETag").map(str::to_owned);
    rows::each(each_kind(&tag.expect("a tag")), |row| {
        let (method, target, (name, value), status) = row;
        let field = (name, value.as_str());
        let shown = format!("{method} {target} {field:?}");
        let site = ("Sec-Fetch-Site", "cross-site");
        let changes = matches!(method, "POST" | "PUT" | "DELETE");
        let other = ask(&server, (method, target), &[field, site, ("Origin", OTHER)]);
        let refused = if changes { 403 } else { status };
        assert_eq!(other.status, refused, "{shown}: {}", other.summary());
        assert_unreadable(&other, &shown);
        assert_varies(&other, &shown);
        let reply = ask(
            &server,
            (method, target),
            &[field, site, ("Origin", ORIGIN)],
        );
        assert_eq!(reply.status, status, "{shown}: {}", reply.summary());
        assert_readable(&reply, ORIGIN, &shown);
        let exposed = reply.header("Access-Control-Expose-Headers");
        let exposed = elements(exposed.expect("the fields to be read"));
        for (name, _) in &reply.headers {
            let lists = [&exposed[..], &SAFELISTED, &NOT_FOR_PAGES];
            let is_known = |known: &&str| known.eq_ignore_ascii_case(name);
            assert!(lists.concat().iter().any(is_known), "{shown}: {name}");
        }
        if !changes {
            let reply = ask(&server, (method, target), &[field]);
            assert_eq!(reply.status, status, "{shown}: {}", reply.summary());
            assert_unreadable(&reply, &shown);
            assert_varies(&reply, &shown);
        }
    });
    assert_eq!(server.visible(), ["a.csv 4", "folder/", "folder/x 1"]);
}

#[test]
fn refusals_that_come_from_settings_and_load_can_be_read() {
    let origin = ("Origin", ORIGIN);
    let limits = [
        (allowing(&["--max-upload-size", "1"]), 413),
        (allowing(&["--min-free-space", "1000Ti"]), 507),
        (allowing(&["--allowed-hosts", "elsewhere.example"]), 421),
    ];
    for (server, status) in limits {
        let reply = server.request("POST", "new", &[origin], b"body");
        assert_eq!(reply.status, status, "{}", reply.summary());
        assert_readable(&reply, ORIGIN, &status.to_string());
    }
    let server = allowing(&["--max-transfers", "1"]);
    let _busy = server.begin("POST", "busy", "Content-Length: 10");
    let reply = server.request("GET", "a.csv", &[origin], b"");
    assert_eq!(reply.status, 503, "{}", reply.summary());
    assert_readable(&reply, ORIGIN, "503");
    let mut server = allowing(&[]);
    server.expect_errors();
    fs::remove_dir_all(server.storage()).expect("removed");
    let reply = server.request("GET", "/file", &[origin], b"");
    assert_eq!(reply.status, 500, "{}", reply.summary());
    assert_readable(&reply, ORIGIN, "500");
}

#[test]
fn the_format_of_a_list_and_the_origin_are_both_in_vary() {
    let server = allowing(&[]);
    for target in ["folder", "/", "/readyz"] {
        let reply = server.request("GET", target, &[("Origin", ORIGIN)], b"");
        let vary = elements(reply.header("Vary").unwrap_or_default());
        assert_eq!(vary, ["Accept", "Origin"], "{target}");
    }
    let reply = server.get("a.csv");
    assert_eq!(reply.header("Vary"), Some("Origin"));
}

#[test]
fn without_the_flag_no_reply_knows_of_origins() {
    let server = Server::start();
    server.place("a.csv", b"1,2\n");
    server.place("folder/x", b"x");
    let tag = server.get("a.csv").header("ETag").map(str::to_owned);
    let asks = ("Access-Control-Request-Method", "PUT");
    for (method, target, (name, value), _) in each_kind(&tag.expect("a tag")) {
        let fields = [(name, value.as_str()), ("Origin", ORIGIN)];
        let reply = server.request(method, target, &fields, b"");
        let shown = format!("{method} {target} {name}");
        assert_unreadable(&reply, &shown);
        let vary = elements(reply.header("Vary").unwrap_or("Accept"));
        assert_eq!(vary, ["Accept"], "{shown}");
    }
    let reply = server.request("OPTIONS", "a.csv", &[("Origin", ORIGIN), asks], b"");
    assert_eq!(reply.status, 405, "{}", reply.summary());
    assert_unreadable(&reply, "a preflight");
    assert_eq!(server.visible(), ["a.csv 4", "folder/", "folder/x 1"]);
}

#[test]
fn pages_of_an_allowed_origin_change_files_and_others_do_not() {
    let server = allowing(&[]);
    let before = server.visible();
    let writes = |origin| {
        let write = |method, target, body: &str| {
            let fields = [("Origin", origin), ("Sec-Fetch-Site", "cross-site")];
            server
                .request(method, target, &fields, body.as_bytes())
                .status
        };
        [
            write("POST", "new", "a"),
            write("PUT", "new", "b"),
            write("PUT", "new/cp", r#"{"path": "copied"}"#),
            write("PUT", "new/mv", r#"{"path": "moved"}"#),
            write("POST", "made/", ""),
            write("DELETE", "a.csv", ""),
        ]
    };
    for origin in [
        OTHER,
        "null",
        "http://app.example:8443",
        "https://app.example",
    ] {
        assert_eq!(writes(origin), [403; 6], "{origin}");
        assert_eq!(server.visible(), before, "{origin}");
    }
    assert_eq!(writes(ORIGIN), [200; 6]);
    let after = ["copied 2", "folder/", "folder/x 1", "made/", "moved 2"];
    assert_eq!(server.visible(), after);
    // What names no origin, but another site: a form of a page that hides where it is.
    let fields = [("Sec-Fetch-Site", "cross-site")];
    assert_eq!(server.request("POST", "new", &fields, b"a").status, 403);
    assert_eq!(server.visible(), after);
}

#[test]
fn an_origin_counts_only_as_browsers_send_it() {
    let server = allowing(&[]);
    let host = format!("Host: {}\r\n", server.addr);
    let long = format!("{ORIGIN}{}", "x".repeat(15 << 10));
    let latin = [ORIGIN.as_bytes(), b"\xe9"].concat();
    rows::each(
        [
            ("twice", format!("Origin: {ORIGIN}\r\nOrigin: {ORIGIN}\r\n")),
            (
                "with another one",
                format!("Origin: {ORIGIN}\r\nOrigin: {OTHER}\r\n"),
            ),
            ("in a list", format!("Origin: {OTHER}, {ORIGIN}\r\n")),
            ("in an old list", format!("Origin: {OTHER} {ORIGIN}\r\n")),
            ("null", "Origin: null\r\n".to_owned()),
            ("empty", "Origin:\r\n".to_owned()),
            ("asterisk", "Origin: *\r\n".to_owned()),
            ("capitals", format!("Origin: {}\r\n", ORIGIN.to_uppercase())),
            ("with a path", format!("Origin: {ORIGIN}/\r\n")),
            ("quoted", format!("Origin: \"{ORIGIN}\"\r\n")),
            ("with more behind it", format!("Origin: {ORIGIN}.evil\r\n")),
            ("without its port", "Origin: https://app.example\r\n".into()),
            ("of 15 KiB", format!("Origin: {long}\r\n")),
        ],
        |(shown, field)| {
            for (line, status) in [
                ("GET /file/a.csv", 200),
                ("DELETE /file/a.csv", 403),
                ("OPTIONS /file/a.csv", 405),
            ] {
                let asks = "Access-Control-Request-Method: DELETE\r\n";
                let mut conn = server.open();
                conn.send(format!("{line} HTTP/1.1\r\n{host}{field}{asks}\r\n").as_bytes());
                let reply = conn.reply_to("GET").expect("a reply");
                let shown = format!("{shown}, {line}: {}", reply.summary());
                assert_eq!(reply.status, status, "{shown}");
                assert_unreadable(&reply, &shown);
            }
        },
    );
    for (value, status) in [(latin, 403), (vec![b'x'; 17 << 10], 431)] {
        let mut conn = server.open();
        conn.send(format!("DELETE /file/a.csv HTTP/1.1\r\n{host}Origin: ").as_bytes());
        conn.send(&[&value[..], b"\r\n\r\n"].concat());
        let reply = conn.reply_to("GET").expect("a reply");
        assert_eq!(reply.status, status, "{}", reply.summary());
        assert_unreadable(&reply, "an odd origin");
    }
    assert_eq!(server.content("a.csv"), Some(b"1,2\n".to_vec()));
}

#[test]
fn the_flag_takes_origins_in_other_spellings_and_several_times() {
    for (args, envs, sent) in [
        (
            &["--allow-origin", "HTTPS://App.Example:443"][..],
            &[][..],
            &["https://app.example"][..],
        ),
        (
            &["--allow-origin=http://[0:0::1]:80, http://[::1]:8080"],
            &[],
            &["http://[::1]", "http://[::1]:8080"],
        ),
        (
            &[
                "--allow-origin",
                "https://a",
                "--allow-origin",
                "http://b:443",
            ],
            &[("ALLOW_ORIGIN", "https://c")],
            &["https://a", "http://b:443"],
        ),
        (
            &[],
            &[("ALLOW_ORIGIN", "http://localhost:8080,tauri://localhost")],
            &["http://localhost:8080", "tauri://localhost"],
        ),
    ] {
        let server = Server::with(args, envs);
        for origin in sent {
            let reply = server.request("POST", "a", &[("Origin", origin)], b"x");
            let shown = format!("{args:?} {envs:?} {origin}: {}", reply.summary());
            assert_eq!(reply.status, 200, "{shown}");
            assert_readable(&reply, origin, &shown);
        }
        let reply = server.request("POST", "a", &[("Origin", "https://c")], b"x");
        assert_eq!(reply.status, 403, "{args:?}");
        assert_unreadable(&reply, "https://c");
    }
    let exit = server::run(&["--port", "0", "--allow-origin", "*"], &[]);
    assert_eq!(exit.code, Some(2), "{exit:?}");
    assert!(exit.stderr.contains("any page could read"), "{exit:?}");
}

/// What a browser sends before a DELETE with a token, for a page of this origin.
fn preflight(server: &Server, target: &str, origin: &str, more: &[(&str, &str)]) -> Reply {
    let fields = [
        ("Origin", origin),
        ("Access-Control-Request-Method", "DELETE"),
        ("Access-Control-Request-Headers", "authorization,if-match"),
        ("Sec-Fetch-Site", "cross-site"),
    ];
    server.request("OPTIONS", target, &[&fields[..], more].concat(), b"")
}

#[test]
fn a_preflight_of_an_allowed_origin_is_told_what_it_may_send() {
    let server = allowing(&[]);
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/api.md"));
    let page = page.expect("the page is there");
    for target in ["a.csv", "missing", "..", ".http-nas", "/", "/none", "/file"] {
        let reply = preflight(&server, target, ORIGIN, &[]);
        assert_eq!(reply.status, 204, "{target}: {}", reply.summary());
        assert_readable(&reply, ORIGIN, target);
        assert!(reply.body.is_empty(), "{target}");
        assert_eq!(reply.header("Content-Length"), None, "{target}");
        assert!(!reply.closes(), "{target}");
        let list = |name| elements(reply.header(name).unwrap_or_default());
        let methods = list("Access-Control-Allow-Methods");
        assert_eq!(methods, ["GET", "HEAD", "POST", "PUT", "DELETE"]);
        for name in [
            "Access-Control-Allow-Headers",
            "Access-Control-Expose-Headers",
        ] {
            for field in list(name) {
                assert!(page.contains(&format!("`{field}`")), "{field}");
            }
        }
        let fields = list("Access-Control-Allow-Headers");
        for field in ["Authorization", "Content-Type", "If-Match", "Range"] {
            assert!(fields.contains(&field), "{fields:?}");
        }
        let seconds = reply.header("Access-Control-Max-Age");
        assert_eq!(seconds, Some("7200"), "{target}");
    }
    // What the next request would do has not been done.
    assert_eq!(server.visible(), ["a.csv 4", "folder/", "folder/x 1"]);
    // A network is opened by the user of the browser, not by the server.
    let asks = ("Access-Control-Request-Private-Network", "true");
    let reply = preflight(&server, "a.csv", ORIGIN, &[asks]);
    assert_eq!(reply.status, 204);
    assert_eq!(reply.header("Access-Control-Allow-Private-Network"), None);
}

#[test]
fn what_is_no_preflight_of_an_allowed_origin_is_answered_as_without_the_flag() {
    let server = allowing(&[]);
    for (target, status, allow) in [
        ("a.csv", 405, Some("GET, HEAD, POST, PUT, DELETE")),
        ("/file", 405, Some("GET, HEAD")),
        ("/none", 404, None),
    ] {
        let reply = preflight(&server, target, OTHER, &[]);
        let found = (reply.status, reply.header("Allow"));
        assert_eq!(found, (status, allow), "{target}");
        assert_unreadable(&reply, target);
        let reply = server.request("OPTIONS", target, &[("Origin", ORIGIN)], b"");
        let found = (reply.status, reply.header("Allow"));
        assert_eq!(found, (status, allow), "{target}");
        assert_readable(&reply, ORIGIN, target);
    }
    let guarded = allowing(&["--allowed-hosts", "elsewhere.example"]);
    assert_eq!(preflight(&guarded, "a.csv", ORIGIN, &[]).status, 421);
}

#[test]
fn a_preflight_takes_no_slot_and_no_disk() {
    let server = allowing(&["--max-transfers", "1"]);
    let mut busy = server.begin("POST", "busy", "Content-Length: 2");
    assert_eq!(server.get("a.csv").status, 503);
    for _ in 0..100 {
        assert_eq!(preflight(&server, "a.csv", ORIGIN, &[]).status, 204);
    }
    busy.send(b"ab");
    assert_eq!(busy.reply_to("POST").expect("a reply").status, 200);
    fs::rename(server.storage(), server.dir.outside().join("moved")).expect("renamed");
    assert_eq!(preflight(&server, "a.csv", ORIGIN, &[]).status, 204);
}

#[test]
fn a_preflight_that_is_granted_is_logged_at_debug_only() {
    for (level, count) in [("info", 0), ("debug", 1)] {
        let args = ["--allow-origin", ORIGIN];
        let mut server = Server::with(&args, &[("RUST_LOG", level)]);
        assert_eq!(preflight(&server, "a.csv", ORIGIN, &[]).status, 204);
        assert_eq!(preflight(&server, "a.csv", OTHER, &[]).status, 405);
        eventually("the refusal is logged", || {
            server
                .log()
                .contains("method=OPTIONS name=\"/file/a.csv\" status=405")
        });
        let log = server.stop().stderr;
        let granted = log.matches("op=preflight method=OPTIONS name=\"/file/a.csv\" status=204");
        assert_eq!(granted.count(), count, "{log}");
    }
}
