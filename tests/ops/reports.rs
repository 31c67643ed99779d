//! What the server says of itself: `/healthz`, `/readyz`, `/metrics`, `/transfers`, and the ids of
//! requests.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::sync::Arc;
use std::thread;

use testkit::{Conn, Reply, Server, TempDir, eventually, json, rules};

use crate::ops::log_fields::{first_words, page, table};

/// The value of a sample, by its name with labels.
fn sample(text: &str, name: &str) -> Option<f64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map(|value| value.parse().expect("a number"))
}

/// Begins an upload that occupies the only transfer.
fn occupy(server: &Server) -> Conn {
    let mut upload = server.begin("POST", "busy", "Content-Length: 10");
    upload.send(b"01234");
    eventually("the half of the body", || {
        let transfers = json::parse(&server.get("/transfers").text());
        transfers
            .items()
            .iter()
            .any(|it| it.get("received").number() == 5.0)
    });
    upload
}

#[test]
fn probes_are_answered_for_any_host_and_query_while_no_transfer_is_free() {
    let server = Server::with(&["--max-transfers", "1", "--allowed-hosts", "nas"], &[]);
    let _upload = occupy(&server);
    assert_eq!(server.get("/file/x").status, 503);
    let of_another_host = |target: &str| {
        let mut conn = server.open();
        let head = format!("GET {target} HTTP/1.1\r\nHost: 10.0.0.7\r\n\r\n");
        conn.send(head.as_bytes());
        conn.reply_to("GET").expect("a reply")
    };
    for target in ["/healthz", "/readyz", "/healthz?probe=1", "/readyz?verbose"] {
        let reply = of_another_host(target);
        assert_eq!(reply.status, 200, "{target}: {}", reply.summary());
    }
    assert_eq!(server.get("/healthz").text(), "ok");
    for target in ["/metrics", "/transfers"] {
        assert_eq!(server.get(target).status, 200, "{target}");
        assert_eq!(of_another_host(target).status, 421, "{target}");
    }
    for target in ["/healthz", "/readyz", "/metrics", "/transfers"] {
        for method in ["POST", "PUT", "DELETE"] {
            let reply = server.request(method, target, &[], b"");
            let found = (reply.status, reply.header("Allow"));
            assert_eq!(found, (405, Some("GET, HEAD")), "{method} {target}");
        }
    }
}

#[test]
fn readiness_names_each_check_as_text_and_as_json() {
    let server = Server::start();
    let text = server.get("/readyz");
    assert_eq!(text.text(), "storage: ok\nspace: ok\nshutdown: ok\n");
    let reply = server.request("GET", "/readyz", &[("Accept", "application/json")], b"");
    assert_eq!(reply.header("Content-Type"), Some("application/json"));
    let object = json::parse(&reply.text());
    assert_eq!(object.get("checks").items().len(), 3);
}

#[test]
fn a_server_that_cannot_write_is_alive_and_not_ready() {
    let server = Server::start();
    let storage = server.storage().to_owned();
    let aside = storage.with_extension("aside");
    fs::rename(&storage, &aside).expect("moved");
    let reply = server.get("/readyz");
    assert_eq!(reply.status, 503, "{}", reply.summary());
    assert_eq!(
        reply.text(),
        "storage: the storage folder cannot be written\nspace: ok\nshutdown: ok\n"
    );
    assert!(reply.header("Retry-After").is_some());
    assert_eq!(server.get("/healthz").status, 200);
    eventually("the cause in the log", || {
        let log = server.log();
        let line = log
            .lines()
            .find(|line| line.contains("op=ready"))
            .map(str::to_owned);
        line.is_some_and(|line| line.contains("cause=") && line.contains("WARN"))
    });
    fs::rename(&aside, &storage).expect("moved back");
}

#[test]
fn a_server_without_free_space_is_not_ready() {
    let server = Server::with(&["--min-free-space", "1000TiB"], &[]);
    let reply = server.get("/readyz");
    assert_eq!(reply.status, 503);
    let expected = "storage: ok\nspace: less is free than is kept back\nshutdown: ok\n";
    assert_eq!(reply.text(), expected);
    let without = server.get("/readyz?x&exclude=space");
    assert_eq!(
        (without.status, without.text().as_str()),
        (200, "storage: ok\nshutdown: ok\n")
    );
}

#[test]
fn figures_count_what_was_done() {
    let server = Server::start();
    assert_eq!(server.post("a", b"12345").status, 200);
    for _ in 0..3 {
        assert_eq!(server.put("a", b"678").status, 200);
    }
    assert_eq!(server.get("a").body.len(), 14);
    assert_eq!(server.get("missing").status, 404);
    assert_eq!(server.request("BREW", "a", &[], b"").status, 405);
    let expected = [
        (
            "http_nas_requests_total{method=\"POST\",status=\"200\"}",
            1.0,
        ),
        (
            "http_nas_requests_total{method=\"PUT\",status=\"200\"}",
            3.0,
        ),
        (
            "http_nas_requests_total{method=\"GET\",status=\"404\"}",
            1.0,
        ),
        ("http_nas_appends_total", 3.0),
        ("http_nas_received_bytes_total", 14.0),
        ("http_nas_transfers", 0.0),
        ("http_nas_connections", 1.0),
        ("http_nas_storage_kept_bytes", 64.0 * 1024.0 * 1024.0),
        (
            "http_nas_requests_total{method=\"other\",status=\"405\"}",
            1.0,
        ),
    ];
    // A reply is there before it is counted.
    let mut text = String::new();
    eventually("all requests are counted", || {
        text = server.get("/metrics").text();
        let is_counted = |(name, count): &(&str, f64)| sample(&text, name) == Some(*count);
        expected.iter().all(is_counted)
    });
    assert!(sample(&text, "http_nas_sent_bytes_total") >= Some(14.0));
    for name in [
        "process_resident_memory_bytes",
        "process_open_fds",
        "http_nas_storage_size_bytes",
    ] {
        assert!(sample(&text, name) > Some(1.0), "{name}\n{text}");
    }
}

/// A request of each kind that is refused, and the reason that is counted.
fn refusals(server: &Server) -> Vec<(&'static str, Reply)> {
    let token = [("Authorization", "Bearer t")];
    let ask = |method, target, more: &[(&'static str, &str)], body: &[u8]| {
        let fields = [&token, more].concat();
        server.request(method, target, &fields, body)
    };
    vec![
        ("request", ask("GET", "a?unknown", &[], b"")),
        ("request", ask("BREW", "a", &[], b"")),
        (
            "origin",
            ask("DELETE", "a", &[("Sec-Fetch-Site", "cross-site")], b""),
        ),
        ("token", server.get("a")),
        ("right", ask("DELETE", "drop/a", &[], b"")),
        ("right", ask("POST", "drop/a", &[], b"x")),
        ("name", ask("GET", "missing", &[], b"")),
        ("name", ask("GET", "..", &[], b"")),
        (
            "condition",
            ask("DELETE", "a", &[("If-Match", "\"x\"")], b""),
        ),
        ("condition", ask("GET", "a", &[("Range", "bytes=99-")], b"")),
        ("size", ask("POST", "large", &[], &[0; 2_000])),
        ("space", ask("POST", "space", &[], &[0; 200])),
    ]
}

#[test]
fn refusals_are_counted_by_their_reason() {
    let dir = Arc::new(TempDir::new());
    let storage = dir.storage();
    fs::create_dir(storage.join("drop")).unwrap();
    for name in ["a", "drop/a"] {
        fs::write(storage.join(name), "content").unwrap();
    }
    let everything = "read,write,append,delete,observe";
    let rules = [
        rules::token(
            "t",
            "t",
            &[
                ("a", everything),
                ("missing", "read"),
                ("large", "create"),
                ("space", "create"),
                ("drop/", "create"),
            ],
        ),
        rules::anonymous("metrics", &[("", "observe")]),
    ];
    let access = rules::put(dir.outside(), &rules);
    let args = [
        "--access",
        &access,
        "--max-upload-size",
        "1000",
        "--min-free-space",
        "1000Ti",
    ];
    let server = Server::on(dir, &args, &[]);
    let mut expected = BTreeMap::new();
    for (reason, reply) in refusals(&server) {
        assert!(reply.status >= 400, "{reason}: {}", reply.summary());
        *expected.entry(reason).or_insert(0.0) += 1.0;
    }
    let rows = table(&page(), "`reason`");
    eventually("all of them are counted", || {
        let text = server.get("/metrics").text();
        let count = |reason: &str| {
            let name = format!("http_nas_refusals_total{{reason=\"{reason}\"}}");
            sample(&text, &name).unwrap_or_else(|| panic!("{name}\n{text}"))
        };
        let reasons = first_words(&rows);
        reasons.iter().all(|reason| {
            let wanted = expected.get(reason.as_str()).copied().unwrap_or(0.0);
            count(reason) == wanted
        })
    });
    let text = server.get("/metrics").text();
    let series = text.matches("http_nas_refusals_total{").count();
    assert_eq!(series, first_words(&rows).len());
}

#[test]
fn requests_that_wait_are_shown() {
    let server = Server::start();
    server.place("file", b"content");
    let held = File::open(server.storage().join("file")).expect("it is there");
    held.lock().expect("it can be locked");
    let waiting = || {
        let text = server.get("/metrics").text();
        let of = |what: &str| {
            sample(
                &text,
                &format!("http_nas_waiting_requests{{for=\"{what}\"}}"),
            )
        };
        (of("lock"), of("processor"))
    };
    assert_eq!(waiting(), (Some(0.0), Some(0.0)));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(server.put("file", b"more").status, 200));
        }
        eventually("three wait", || waiting().0 == Some(3.0));
        drop(held);
    });
    eventually("none waits", || waiting().0 == Some(0.0));
}

// The table of docs/operations.md and the metrics are held against each other.
#[test]
fn the_table_of_metrics_is_that_of_the_server() {
    let text = Server::start().get("/metrics").text();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let found: Vec<_> = types.filter_map(|line| line.split_once(' ')).collect();
    let rows = table(&page(), "metric");
    assert_eq!(found.len(), rows.len(), "{found:?}");
    for row in &rows {
        let name = first_words(std::slice::from_ref(row));
        let name = name.first().expect("a name");
        let kind = found
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, kind)| *kind);
        assert_eq!(kind, Some(row[1].as_str()), "{name}");
    }
}

#[test]
fn transfers_lists_what_is_under_way_and_nothing_else() {
    let server = Server::start();
    assert_eq!(server.get("/transfers").text(), "[]\n");
    let _upload = occupy(&server);
    let transfers = json::parse(&server.get("/transfers").text());
    let [transfer] = transfers.items() else {
        panic!("{transfers:?}");
    };
    for (key, expected) in [("method", "POST"), ("name", "busy")] {
        assert_eq!(transfer.get(key).text(), expected);
    }
    assert_eq!(transfer.get("length").number(), 10.0);
    assert_eq!(transfer.get("sent").number(), 0.0);
    assert!(transfer.get("started").text().ends_with('Z'));
    eventually("the transfer in the log", || {
        server
            .log()
            .contains(&format!("id={}", transfer.get("id").text()))
    });
    let _second = server.begin("PUT", "second?create", "Transfer-Encoding: chunked");
    let transfers = json::parse(&server.get("/transfers").text());
    let names: Vec<_> = transfers
        .items()
        .iter()
        .map(|it| it.get("name").text())
        .collect();
    assert_eq!(names, ["busy", "second"]);
    assert_eq!(transfers.items()[1].get("length"), &json::Json::Null);
}

#[test]
fn each_reply_has_the_id_of_its_line_in_the_log() {
    let server = Server::start();
    let mut ids = Vec::new();
    for (method, target, status) in [
        ("GET", "/file", 200),
        ("GET", "missing", 404),
        ("GET", "/elsewhere", 404),
        ("HEAD", "missing", 404),
        ("GET", "a%zz", 400),
    ] {
        let reply = server.request(method, target, &[], b"");
        assert_eq!(reply.status, status, "{method} {target}");
        ids.push(reply.header("X-Request-Id").expect("an id").to_owned());
    }
    let mut conn = server.open();
    conn.send(b"GET /file HTTP/1.1\r\nHost : nas\r\n\r\n");
    let reply = conn.head().expect("a refusal");
    ids.push(reply.header("X-Request-Id").expect("an id").to_owned());
    eventually("all lines", || {
        let log = server.log();
        ids.iter().all(|id| log.contains(&format!(" id={id} ")))
    });
}

#[test]
fn ids_of_clients_are_logged_if_they_can_be_ids() {
    let server = Server::start();
    let long = "x".repeat(129);
    for (id, trace) in [
        (
            "run-7/task",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
        ("two words", "a\tb"),
        (long.as_str(), &long),
        ("", ""),
    ] {
        let fields = [("X-Request-Id", id), ("traceparent", trace)];
        assert_eq!(server.request("GET", "/file", &fields, b"").status, 200);
    }
    let mut twice = server.open();
    twice.send(b"GET /file HTTP/1.1\r\nHost: nas\r\nX-Request-Id: a\r\nX-Request-Id: b\r\n\r\n");
    assert_eq!(twice.head().expect("a reply").status, 200);
    eventually("all lines", || {
        server.log().matches("op=health").count() == 5
    });
    let log = server.log();
    assert_eq!(log.matches("request_id=").count(), 1, "{log}");
    assert!(
        log.contains("request_id=\"run-7/task\" traceparent=\"00-4bf92f"),
        "{log}"
    );
    assert_eq!(log.matches("traceparent=").count(), 1, "{log}");
}

#[test]
fn probes_that_succeed_are_logged_at_debug_only() {
    for (level, expected) in [("info", 0), ("debug", 3)] {
        let server = Server::with(&[], &[("RUST_LOG", level)]);
        for target in ["/healthz", "/readyz", "/metrics", "/transfers"] {
            assert_eq!(server.get(target).status, 200);
        }
        eventually("the line of the last", || {
            server.log().contains("op=transfers")
        });
        eventually("the lines of the others", || {
            let log = server.log();
            ["alive", "ready", "metrics"]
                .iter()
                .filter(|op| log.contains(&format!("op={op} ")))
                .count()
                == expected
        });
    }
}
