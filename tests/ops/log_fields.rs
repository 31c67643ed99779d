//! The fields of the log, held against their table in docs/operations.md, and the questions there.
//!
//! How lines look, and when there is one, is in ops/log_lines.rs.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use testkit::json::{self, Json};
use testkit::{Server, eventually, skip};

/// The page for operators.
fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md");
    fs::read_to_string(path).expect("the page is there")
}

/// The rows of the table whose first column is headed by this, as cells.
fn table(page: &str, head: &str) -> Vec<Vec<String>> {
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

fn first_words(rows: &[Vec<String>]) -> BTreeSet<String> {
    rows.iter().flat_map(|row| quoted(&row[0])).collect()
}

const JSON: [&str; 2] = ["--log-format", "json"];

fn objects(log: &str) -> Vec<Json> {
    let lines = log.lines().map(json::parse);
    lines.filter(|line| line.names().contains(&"id")).collect()
}

/// Sends requests of every kind, with every field, and gives the log. One transfer lasts until the server ends.
fn log_of_everything(format: &str) -> String {
    let args = [
        "--log-format",
        format,
        "--trusted-proxies",
        "127.0.0.0/8",
        "--shutdown-timeout",
        "0",
    ];
    let mut server = Server::with(&args, &[]);
    let agent = [("User-Agent", "test/1")];
    let ok = |method: &str, target: &str, body: &[u8]| {
        let reply = server.request(method, target, &agent, body);
        assert_eq!(reply.status, 200, "{method} {target}: {}", reply.summary());
    };
    ok("GET", "/file", b"");
    ok("GET", "/", b"");
    ok("POST", "a/b.csv", b"1,2\n");
    ok("POST", "a/b.csv", b"3,4\n");
    ok("PUT", "a/b.csv", b"5,6\n");
    ok("POST", "folder/", b"");
    for target in ["a/b.csv", "a", "a/b.csv/wc", "a/b.csv/sha256", "a/tar"] {
        ok("GET", target, b"");
    }
    ok("PUT", "a/b.csv/cp", br#"{"path": "a/c.csv"}"#);
    ok("PUT", "a/b.csv/mv", br#"{"path": "d.csv"}"#);
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
// remedy:  it says the folder, its file system and space, the settings, and that the server is open.
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

/// The log's objects of the requests that `send` sends.
fn objects_of(args: &[&str], count: usize, send: impl FnOnce(&Server)) -> Vec<Json> {
    let server = Server::with(&[&JSON[..], args].concat(), &[]);
    send(&server);
    eventually("the lines", || objects(&server.log()).len() >= count);
    let mut objects = objects(&server.log());
    // In the order in which they began; a reply is there before its line.
    objects.sort_by_key(|object| {
        let number = object.get("id").text().rsplit('-').next();
        number.and_then(|number| number.parse::<u64>().ok())
    });
    objects
}

/// The value of a field, empty where it is missing.
fn text<'o>(object: &'o Json, key: &str) -> &'o str {
    match object.names().contains(&key) {
        true => object.get(key).text(),
        false => "",
    }
}

// symptom: `PUT a`, `PUT a/mv` and `PUT a/cp` left the same line, and the new name stood nowhere.
// cause:   the line had the method and the name, and not what was done.
// remedy:  `op`, and `to`; what a POST has come to is known once it is through.
#[test]
fn a_line_says_what_was_done_and_to_where() {
    let expected = [
        ("store", "a", "", 412),
        ("create", "a", "", 200),
        ("replace", "a", "", 200),
        ("store", "a", "", 412),
        ("append", "a", "", 200),
        ("append", "missing", "", 404),
        ("create", "new", "", 200),
        ("append", "new", "", 200),
        ("copy", "a", "b c", 200),
        ("move", "a", "d/e", 200),
        ("move", "a", "", 404),
        ("copy", "b c", "b c/x", 409),
        ("delete", "d/e", "", 200),
        ("list", "/", "", 200),
        ("read", "b c", "", 304),
    ];
    let objects = objects_of(&[], expected.len(), |server| {
        let create_only = [("If-None-Match", "*")];
        assert_eq!(
            server
                .request("POST", "a", &[("If-Match", "\"x\"")], b"1")
                .status,
            412
        );
        assert_eq!(server.request("POST", "a", &create_only, b"1").status, 200);
        assert_eq!(server.post("a", b"2").status, 200);
        assert_eq!(server.request("POST", "a", &create_only, b"3").status, 412);
        assert_eq!(server.put("a", b"4").status, 200);
        assert_eq!(server.put("missing", b"4").status, 404);
        assert_eq!(server.put("new?create", b"4").status, 200);
        assert_eq!(server.put("new?create", b"4").status, 200);
        assert_eq!(server.cp("a", "b%20c").status, 200);
        assert_eq!(server.mv("a", "d/e").status, 200);
        assert_eq!(server.mv("a", "f").status, 404);
        assert_eq!(server.cp("b%20c", "b%20c/x").status, 409);
        assert_eq!(server.delete("d/e").status, 200);
        assert_eq!(server.get("%2F").status, 200);
        assert_eq!(
            server.request("GET", "b%20c", &create_only, b"").status,
            304
        );
    });
    for (object, (op, name, to, status)) in objects.iter().zip(expected) {
        assert_eq!(text(object, "op"), op, "{object:?}");
        assert_eq!(text(object, "name"), name, "{object:?}");
        assert_eq!(text(object, "to"), to, "{object:?}");
        assert_eq!(
            object.get("status").number(),
            f64::from(status),
            "{object:?}"
        );
    }
}

#[test]
fn refused_requests_have_a_line_of_what_they_asked_for() {
    let long = "x".repeat(9_000);
    let objects = objects_of(&[], 5, |server| {
        assert_eq!(server.request("PATCH", "a", &[], b"").status, 405);
        assert_eq!(server.get("/nowhere").status, 404);
        let page = [("Sec-Fetch-Site", "cross-site")];
        assert_eq!(server.request("DELETE", "b%20c", &page, b"").status, 403);
        let mut conn = server.open();
        conn.send(
            format!(
                "{} /file/{long}\u{e9}\"\u{1b}[31m HTTP/1.1\r\n\r\n",
                "M".repeat(99)
            )
            .as_bytes(),
        );
        assert_eq!(conn.reply_to("GET").expect("a reply").status, 400);
        let reply = server
            .open()
            .request("GET", "none", &[("User-Agent", &long)], b"");
        assert_eq!(reply.expect("a reply").status, 404);
    });
    let expected = [
        ("PATCH", "/file/a", ""),
        ("GET", "/nowhere", ""),
        ("DELETE", "b c", "delete"),
    ];
    for (object, (method, name, op)) in objects.iter().zip(expected) {
        assert_eq!(text(object, "method"), method, "{object:?}");
        assert_eq!(text(object, "name"), name, "{object:?}");
        assert_eq!(text(object, "op"), op, "{object:?}");
        assert!(!text(object, "cause").is_empty(), "{object:?}");
    }
    let refused = &objects[3];
    assert!(
        text(refused, "method").len() <= 32 + '\u{2026}'.len_utf8(),
        "{refused:?}"
    );
    assert!(
        text(refused, "name").len() <= 4096 + '\u{2026}'.len_utf8(),
        "{refused:?}"
    );
    assert_eq!(text(refused, "op"), "");
    let agent = text(&objects[4], "agent");
    assert_eq!(agent, format!("{}\u{2026}", "x".repeat(256)));
}

#[test]
fn the_address_of_a_client_behind_a_trusted_proxy_is_in_the_line() {
    let claim = "192.0.2.66, 192.0.2.1, 10.1.2.3";
    for (trusted, forwarded, claimed) in [
        ("127.0.0.1,10.0.0.0/8", "192.0.2.1", ""),
        ("127.0.0.0/8", "10.1.2.3", ""),
        ("::1,10.0.0.0/8", "", claim),
        ("none", "", claim),
    ] {
        let objects = objects_of(&["--trusted-proxies", trusted], 1, |server| {
            let reply = server.request("GET", "a", &[("X-Forwarded-For", claim)], b"");
            assert_eq!(reply.status, 404);
        });
        let object = &objects[0];
        assert!(
            text(object, "client").starts_with("127.0.0.1:"),
            "{object:?}"
        );
        assert_eq!(text(object, "forwarded"), forwarded, "{trusted}");
        assert_eq!(text(object, "claimed"), claimed, "{trusted}");
    }
}

#[test]
fn nothing_that_a_client_sends_can_look_like_another_field() {
    let server = Server::start();
    let sent = "x status=200 op=delete \"y\" name=\"z\"";
    let headers = [("User-Agent", sent), ("X-Forwarded-For", sent)];
    assert_eq!(server.request("GET", "none", &headers, b"").status, 404);
    eventually("the line", || server.log().contains(" request "));
    let log = server.log();
    let line = log
        .lines()
        .find(|line| line.contains(" request "))
        .expect("a line");
    let escaped = r#""x status=200 op=delete \"y\" name=\"z\"""#;
    for field in ["agent", "claimed"] {
        assert!(line.contains(&format!(" {field}={escaped}")), "{line}");
    }
}

// symptom: the name of an archived or removed folder stood in the words of a line, where it could look like fields.
// cause:   it was part of the message.
// fix:     names are values; each key of these lines is in the table.
#[test]
fn a_name_in_a_line_about_something_else_is_a_value() {
    let page = page();
    let mut keys = first_words(&table(&page, "other field"));
    keys.extend(first_words(&table(&page, "start field")));
    keys.extend(["time", "level", "message"].map(str::to_owned));
    let folder = "d status=200 op=delete \"e\"";
    for format in ["json", "text"] {
        let mut server = Server::with(&["--log-format", format], &[]);
        let path = server.storage().join(folder);
        fs::create_dir(&path).expect("made");
        let made = Command::new("mkfifo").arg(path.join("fifo")).status();
        assert!(made.is_ok_and(|status| status.success()));
        let target = "d%20status=200%20op=delete%20%22e%22/tar";
        assert_eq!(server.get(target).status, 200);
        let log = server.stop().stderr;
        let line = log.lines().find(|line| line.contains("FIFOs"));
        let line = line.unwrap_or_else(|| panic!("{log}"));
        if format == "text" {
            let end = r#" left_out=1 name="d status=200 op=delete \"e\"""#;
            assert!(line.ends_with(end), "{line}");
            continue;
        }
        let object = json::parse(line);
        assert_eq!(object.get("name").text(), folder);
        assert!(!object.get("message").text().contains("status"), "{line}");
        let lines = log.lines().map(json::parse);
        for line in lines.filter(|line| !line.names().contains(&"id")) {
            for key in line.names() {
                assert!(keys.contains(key), "{key}: {line:?}");
            }
        }
    }
}

/// The questions on the page: a comment and a command each.
fn questions(page: &str) -> Vec<String> {
    let start = page.find("### Questions to the log").expect("the section");
    let block = page[start..].split("```").nth(1).expect("a block");
    let commands = block.lines().filter(|line| line.starts_with("jq "));
    commands.map(str::to_owned).collect()
}

#[test]
fn the_questions_on_the_page_have_their_answers() {
    let questions = questions(&page());
    assert_eq!(questions.len(), 5);
    if Command::new("jq")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        skip("there is no jq");
        return;
    }
    let mut server = Server::with(&JSON, &[]);
    // On one connection, each line is there before the next request is read.
    let mut conn = server.open();
    let mut send = |method: &str, target: &str, body: &[u8], agent: &str| {
        let headers = [("User-Agent", agent)];
        let headers = if agent.is_empty() { &[][..] } else { &headers };
        conn.request(method, target, headers, body)
            .expect("a reply")
            .status
    };
    assert_eq!(send("POST", "a/db.dump", b"12345", "loader"), 200);
    assert_eq!(send("POST", "a/db.dump", b"1234567", ""), 200);
    let to = br#"{"path": "b/db.dump"}"#;
    assert_eq!(send("PUT", "a/db.dump/mv", to, ""), 200);
    assert_eq!(send("DELETE", "b", b"", ""), 200);
    assert_eq!(send("GET", "a/db.dump", b"", ""), 404);
    let log = server.stop().stderr;
    let folder = server.dir.outside();
    fs::write(folder.join("log"), log).expect("written");
    let answers = questions.iter().map(|question| {
        let output = Command::new("sh")
            .args(["-c", question])
            .current_dir(folder)
            .output();
        let output = output.expect("sh runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{question}: {error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    });
    let answers: Vec<String> = answers.collect();
    let cells = |answer: &str, at: usize| -> Vec<String> {
        let cell = |line: &str| line.split('\t').nth(at).unwrap_or_default().to_owned();
        answer.lines().map(cell).collect()
    };
    assert_eq!(cells(&answers[0], 1), ["create", "replace", "move", "read"]);
    assert_eq!(cells(&answers[0], 4), ["loader", "", "", ""]);
    assert_eq!(cells(&answers[1], 2), ["b/db.dump"]);
    assert_eq!(cells(&answers[2], 2), ["replace", "delete"]);
    assert_eq!(cells(&answers[2], 3), ["a/db.dump", "b"]);
    assert_eq!(cells(&answers[3], 0), ["127.0.0.1"]);
    assert_eq!(cells(&answers[4], 0), ["1"]);
    assert_eq!(cells(&answers[4], 2), ["read"]);
}
