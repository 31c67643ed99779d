//! The log has the fields of the table in docs/operations.md. What the fields mean is in
//! log_values.rs, and what can be asked of them in log_questions.rs.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::Arc;

use testkit::json::{self, Json};
use testkit::rules::{anonymous, put, token};
use testkit::{Events, Server, TempDir, eventually};

/// The page for operators.
pub fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md");
    fs::read_to_string(path).expect("the page is there")
}

/// The rows of the table whose first column is headed by this, as cells.
pub fn table(page: &str, head: &str) -> Vec<Vec<String>> {
    let start = page.find(&format!("\n| {head} |")).expect("the table");
    let lines = page[start + 1..].lines().skip(2);
    lines
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells = line.trim_matches('|').split(" | ");
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

/// The words in backquotes of a cell.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

pub fn first_words(rows: &[Vec<String>]) -> BTreeSet<String> {
    rows.iter().flat_map(|row| quoted(&row[0])).collect()
}

pub const JSON: [&str; 2] = ["--log-format", "json"];

pub fn objects(log: &str) -> Vec<Json> {
    let lines = log.lines().map(json::parse);
    lines.filter(|line| line.names().contains(&"id")).collect()
}

/// Sends requests of every kind, with every field, and gives the log. One transfer lasts until the
/// server ends.
fn log_of_everything(format: &str) -> String {
    let everything = [("", "read,write,append,delete,observe")];
    let rules = [
        token("loader", "token", &[]),
        anonymous("anyone", &everything),
    ];
    let dir = Arc::new(TempDir::new());
    let access = put(dir.outside(), &rules);
    let args = [
        "--access",
        &access,
        "--log-format",
        format,
        "--trusted-proxies",
        "127.0.0.0/8",
        "--allow-origin",
        "http://app.example",
        "--shutdown-timeout",
        "0",
    ];
    // Probes that succeed are logged at this level only.
    let mut server = Server::on(dir, &args, &[("RUST_LOG", "debug")]);
    let agent = [("User-Agent", "test/1")];
    let ok = |method: &str, target: &str, body: &[u8]| {
        let reply = server.request(method, target, &agent, body);
        assert_eq!(reply.status, 200, "{method} {target}: {}", reply.summary());
    };
    ok("GET", "/file", b"");
    ok("GET", "/", b"");
    for report in ["/healthz", "/readyz", "/metrics", "/transfers"] {
        ok("GET", report, b"");
    }
    let asks = [
        ("Origin", "http://app.example"),
        ("Access-Control-Request-Method", "PUT"),
    ];
    assert_eq!(server.request("OPTIONS", "a", &asks, b"").status, 204);
    let _events = Events::open(&server);
    let ids = [
        ("Authorization", "Bearer token"),
        ("X-Request-Id", "run-7"),
        ("traceparent", "00-1-2-01"),
    ];
    assert_eq!(server.request("GET", "/file", &ids, b"").status, 200);
    ok("POST", "a/b.csv", b"1,2\n");
    ok("POST", "a/b.csv", b"3,4\n");
    ok("PUT", "a/b.csv", b"5,6\n");
    ok("POST", "folder/", b"");
    for target in [
        "a/b.csv",
        "a",
        "a/b.csv/wc",
        "a/b.csv/sha256",
        "a/info",
        "a/tar",
    ] {
        ok("GET", target, b"");
    }
    ok("POST", "unpacked/untar", &[0; 1024]);
    ok("PUT", "a/b.csv/cp", br#"{"path": "a/c.csv"}"#);
    ok("PUT", "a/b.csv/mv", br#"{"path": "d.csv"}"#);
    ok("PUT", "a/claim", br#"{"path": "claimed"}"#);
    ok("DELETE", "d.csv", b"");
    assert_eq!(server.get("missing").status, 404);
    assert_eq!(
        server
            .request("GET", "a", &[("Forwarded", "for=192.0.2.1")], b"")
            .status,
        200
    );
    let contradictory = [
        ("Forwarded", "for=192.0.2.1"),
        ("X-Forwarded-For", "192.0.2.2"),
    ];
    assert_eq!(server.request("GET", "a", &contradictory, b"").status, 200);
    let mut upload = server.begin("POST", "slow", "Content-Length: 10");
    upload.send(b"01234");
    eventually("the line of a transfer that goes on", || {
        server.log().contains("transfer running")
    });
    server.stop().stderr
}

// The page and the log are held against each other in both directions, in both formats.
#[test]
fn the_table_of_fields_is_that_of_the_log() {
    let page = page();
    let rows = table(&page, "field");
    let names: Vec<String> = rows.iter().map(|row| quoted(&row[0]).concat()).collect();
    let [json, text] =
        ["json", "text"].map(|format| std::thread::spawn(move || log_of_everything(format)));
    let log = json.join().expect("a log");
    let objects = objects(&log);
    let mut seen = BTreeSet::new();
    for object in &objects {
        let found = object.names();
        seen.extend(found.iter().map(|name| (*name).to_owned()));
        // In the order of the table, with all that are always there.
        let expected: Vec<&str> = names
            .iter()
            .map(String::as_str)
            .filter(|name| found.contains(name))
            .collect();
        assert_eq!(found, expected);
        for row in rows.iter().filter(|row| row[1] == "always") {
            let name = quoted(&row[0]).concat();
            assert!(found.contains(&name.as_str()), "{name}: {object:?}");
        }
        let is_ended = object.get("message").text() == "request";
        assert_eq!(found.contains(&"status"), is_ended, "{object:?}");
    }
    assert_eq!(seen, names.iter().cloned().collect());
    let messages: BTreeSet<String> = objects
        .iter()
        .map(|object| object.get("message").text().to_owned())
        .collect();
    let message = rows
        .iter()
        .find(|row| row[0] == "`message`")
        .expect("a row");
    assert_eq!(messages, quoted(&message[2]).into_iter().collect());
    let ops = objects
        .iter()
        .filter(|object| object.names().contains(&"op"));
    let ops: BTreeSet<String> = ops
        .map(|object| object.get("op").text().to_owned())
        .collect();
    assert_eq!(ops, first_words(&table(&page, "`op` | request")));
    for line in text
        .join()
        .expect("a log")
        .lines()
        .filter(|line| line.contains(" id="))
    {
        // No value of this log has a quotation mark in it.
        let unquoted: String = line.split('"').step_by(2).collect();
        let words = unquoted.split(' ').filter_map(|word| word.split_once('='));
        let keys: Vec<&str> = words.map(|(key, _)| key).collect();
        let expected = names[3..]
            .iter()
            .map(String::as_str)
            .filter(|name| keys.contains(name));
        assert_eq!(keys, expected.collect::<Vec<_>>(), "{line}");
        assert!(keys.contains(&"id") && keys.contains(&"seconds"), "{line}");
    }
}

// symptom: a server in the wrong folder, or open to all, looked like any other at its start.
// cause:   the log said the address alone.
// fix:     it says the folder, its file system and space, the settings, and that the server is
//          open.
#[test]
fn the_start_says_what_is_served_and_to_whom() {
    let rows = table(&page(), "start field");
    let names: Vec<String> = rows.iter().map(|row| quoted(&row[0]).concat()).collect();
    for (host, is_open) in [("127.0.0.1", false), ("0.0.0.0", true)] {
        let mut server = Server::with(
            &JSON,
            &[("SYNC", "data"), ("HOST", host), ("MAX_TRANSFERS", "512")],
        );
        let storage = server.storage();
        let log = server.stop().stderr;
        let lines: Vec<Json> = log.lines().map(json::parse).collect();
        let start = lines
            .iter()
            .find(|line| line.get("message").text() == "storage folder");
        let start = start.unwrap_or_else(|| panic!("{log}"));
        assert_eq!(
            start.names()[3..],
            names.iter().map(String::as_str).collect::<Vec<_>>()
        );
        assert_eq!(
            start.get("storage").text(),
            storage.to_str().expect("UTF-8")
        );
        let (free, size) = (start.get("free").number(), start.get("size").number());
        assert!(0.0 < free && free <= size, "{log}");
        let settings = start.get("settings").text();
        assert!(
            settings.contains("--sync=data") && settings.contains("--log-format=json"),
            "{settings}"
        );
        assert!(!settings.contains("max-transfers"), "{settings}");
        let stat = Command::new("stat")
            .args(["-f", "-c", "%T"])
            .arg(&storage)
            .output();
        let kind = String::from_utf8_lossy(&stat.expect("stat runs").stdout)
            .trim()
            .to_owned();
        let found = start.get("file_system").text();
        // stat(1) has one name for all of these.
        let is_it = kind == found
            || (kind == "ext2/ext3" && found.starts_with("ext"))
            || kind == "overlayfs";
        assert!(is_it, "{kind} {found}");
        let warnings = lines
            .iter()
            .filter(|line| line.get("level").text() == "WARN");
        let warnings: Vec<&str> = warnings.map(|line| line.get("message").text()).collect();
        let says_so = warnings
            .iter()
            .any(|line| line.contains("there is no authentication"));
        assert_eq!(says_so, is_open, "{log}");
    }
}
