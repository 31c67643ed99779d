//! When the log has a line, as text and as JSON: one for each request, and more for a transfer that
//! lasts. RUST_LOG.

use testkit::json::{self, Json};
use testkit::{Server, TempDir, eventually, server};

/// The value of `key=` in a line of the text log, quotes and all.
fn field<'a>(line: &'a str, key: &str) -> &'a str {
    let start = format!(" {key}=");
    let place = line
        .find(&start)
        .unwrap_or_else(|| panic!("no {key} in {line:?}"));
    let rest = &line[place + start.len()..];
    match rest.strip_prefix('"') {
        Some(text) => &rest[..text.find('"').map_or(rest.len(), |end| end + 2)],
        None => rest.split(' ').next().unwrap_or_default(),
    }
}

/// The lines of the log that speak of a request.
fn request_lines(server: &Server) -> Vec<String> {
    let log = server.log();
    log.lines()
        .filter(|line| line.contains("method"))
        .map(str::to_string)
        .collect()
}

/// Sends a request of every outcome, one after the other, and gives the log's line of each.
fn logged(server: &Server) -> Vec<String> {
    let mut sent = 0;
    let mut wait = || {
        sent += 1;
        eventually("the line of the request", || {
            request_lines(server).len() >= sent
        });
    };
    assert_eq!(server.post("a/b.csv", b"0123456789").status, 200);
    wait();
    assert_eq!(server.get("a/b.csv").status, 200);
    wait();
    assert_eq!(server.get("a%2Fmissing").status, 404);
    wait();
    assert_eq!(server.get("x%0A2026%1b[31m%00").status, 400);
    wait();
    let mut conn = server.open();
    conn.send(b"POST /file/cut HTTP/1.1\r\nHost: nas\r\nContent-Length: 10\r\n\r\nhello");
    conn.finish();
    let _ = conn.reply_to("POST");
    wait();
    request_lines(server)
}

#[test]
fn the_text_log_has_one_line_a_request_with_all_fields() {
    let server = Server::start();
    let lines = logged(&server);
    assert_eq!(lines.len(), 5, "{lines:#?}");
    let wanted = [
        ("POST", "\"a/b.csv\"", "200"),
        ("GET", "\"a/b.csv\"", "200"),
        ("GET", "\"a/missing\"", "404"),
        ("GET", "", "400"),
        ("POST", "\"cut\"", "400"),
    ];
    let mut ids = Vec::new();
    for (line, (method, name, status)) in lines.iter().zip(wanted) {
        let time = line.split(' ').next().unwrap_or_default().as_bytes();
        let shape: String = time
            .iter()
            .map(|&b| if b.is_ascii_digit() { '0' } else { b as char })
            .collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000000Z", "{line}");
        assert_eq!(line.split(' ').nth(2), Some("request"), "{line}");
        assert_eq!(
            (field(line, "method"), field(line, "status")),
            (method, status),
            "{line}"
        );
        if !name.is_empty() {
            assert_eq!(field(line, "name"), name, "{line}");
        }
        assert!(field(line, "client").starts_with("127.0.0.1:"), "{line}");
        assert!(
            field(line, "seconds")
                .parse::<f64>()
                .is_ok_and(|seconds| seconds < 10.0),
            "{line}"
        );
        assert!(field(line, "out").parse::<u64>().is_ok(), "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
        ids.push(field(line, "id"));
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 5, "every request has an id of its own");
    assert_eq!(field(&lines[0], "in"), "10");
    assert!(
        field(&lines[1], "out")
            .parse::<u64>()
            .is_ok_and(|out| out >= 10),
        "{}",
        lines[1]
    );
    assert!(
        !field(&lines[4], "cause").is_empty(),
        "a failure has a cause: {}",
        lines[4]
    );
    // The name as it came or as it decodes; in the latter the control characters are escaped.
    let line = &lines[3];
    let escaped = line.contains("\\u{a}2026\\u{1b}[31m\\u{0}");
    assert!(escaped || line.contains("%0A2026%1b[31m%00"), "{line}");
}

#[test]
fn the_json_log_has_one_object_a_line_with_all_fields() {
    let server = Server::with(&["--log-format", "json"], &[]);
    let lines = logged(&server);
    assert_eq!(lines.len(), 5, "{lines:#?}");
    let objects: Vec<Json> = lines.iter().map(|line| json::parse(line)).collect();
    let wanted = [
        ("POST", 200),
        ("GET", 200),
        ("GET", 404),
        ("GET", 400),
        ("POST", 400),
    ];
    for ((object, line), (method, status)) in objects.iter().zip(&lines).zip(wanted) {
        for key in ["time", "level", "message", "id", "client", "method", "name"] {
            assert!(!object.get(key).text().is_empty(), "{key} in {line}");
        }
        assert_eq!(object.get("message").text(), "request", "{line}");
        assert_eq!(object.get("method").text(), method, "{line}");
        assert_eq!(object.get("status").number(), f64::from(status), "{line}");
        assert!(
            object.get("in").number() >= 0.0 && object.get("out").number() >= 0.0,
            "{line}"
        );
        assert!(object.get("seconds").number() < 10.0, "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    assert_eq!(objects[0].get("name").text(), "a/b.csv");
    assert_eq!(objects[0].get("in").number(), 10.0);
    assert!(!objects[4].get("cause").text().is_empty(), "{}", lines[4]);
}

#[test]
fn rust_log_off_is_silent() {
    let mut server = Server::with(&[], &[("RUST_LOG", "off")]);
    assert_eq!(server.post("a", b"content").status, 200);
    assert_eq!(server.get("missing").status, 404);
    assert_eq!(server.get("..").status, 400);
    let exit = server.stop();
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_transfer_that_lasts_is_logged_when_it_starts_and_when_it_ends() {
    for format in ["text", "json"] {
        let server = Server::with(&["--log-format", format], &[]);
        let mut conn = server.open();
        conn.send(b"POST /file/slow HTTP/1.1\r\nHost: nas\r\nContent-Length: 10\r\n\r\n01234");
        eventually("the line of the start", || {
            request_lines(&server).len() == 1
        });
        let line = request_lines(&server).concat();
        for word in ["transfer started", "slow", "POST"] {
            assert!(line.contains(word), "{line}");
        }
        conn.send(b"56789");
        assert_eq!(conn.reply_to("POST").expect("a reply").status, 200);
        eventually("the line of the end", || request_lines(&server).len() == 2);
        let lines = request_lines(&server);
        let (first, last) = (&lines[0], &lines[1]);
        if format == "json" {
            let (first, last) = (json::parse(first), json::parse(last));
            assert_eq!(first.get("message").text(), "transfer started");
            assert_eq!(last.get("message").text(), "request");
            assert_eq!(first.get("id"), last.get("id"));
            assert!(last.get("seconds").number() > 0.9, "{last:?}");
        } else {
            assert_eq!(field(first, "id"), field(last, "id"));
            assert!(
                field(last, "seconds")
                    .parse::<f64>()
                    .is_ok_and(|seconds| seconds > 0.9),
                "{last}"
            );
        }
    }
}

/// The line of the start comes after one second, and the next one ten seconds later, as the lines
/// themselves tell it.
fn assert_10_seconds_apart(lines: &[String], seconds: impl Fn(&str) -> f64) {
    let (start, next) = (seconds(&lines[0]), seconds(&lines[1]));
    assert!((1.0..3.0).contains(&start), "{lines:#?}");
    assert!((8.0..12.0).contains(&(next - start)), "{lines:#?}");
}

#[test]
fn a_transfer_that_goes_on_is_logged_every_10_seconds() {
    let slow_upload = |format| {
        let server = Server::with(&["--log-format", format], &[]);
        let mut conn = server.open();
        conn.send(b"POST /file/slow HTTP/1.1\r\nHost: nas\r\nContent-Length: 10\r\n\r\n01234");
        (server, conn)
    };
    // Both at once: each takes its ten seconds.
    let both = ["text", "json"].map(slow_upload);
    let [text, json] = both.each_ref().map(|(server, _)| {
        eventually("the second line", || request_lines(server).len() == 2);
        request_lines(server)
    });
    for (line, message) in text.iter().zip(["transfer started", "transfer running"]) {
        assert!(line.contains(message), "{line}");
        assert_eq!(field(line, "in"), "5", "{line}");
    }
    assert_10_seconds_apart(&text, |line| {
        field(line, "seconds").parse().expect("a number")
    });
    // One object a line, with all that the line of the end has but its status.
    let members = [
        "client", "id", "in", "level", "message", "method", "name", "op", "out", "seconds", "time",
    ];
    for (line, message) in json.iter().zip(["transfer started", "transfer running"]) {
        let object = json::parse(line);
        let mut names = object.names();
        names.sort_unstable();
        assert_eq!(names, members, "{line}");
        assert_eq!(object.get("message").text(), message, "{line}");
        assert_eq!(object.get("level").text(), "INFO", "{line}");
        assert_eq!(object.get("method").text(), "POST", "{line}");
        assert_eq!(object.get("name").text(), "slow", "{line}");
        assert_eq!(object.get("in").number(), 5.0, "{line}");
        assert_eq!(object.get("out").number(), 0.0, "{line}");
    }
    assert_10_seconds_apart(&json, |line| json::parse(line).get("seconds").number());
}

#[test]
fn a_transfer_that_the_end_of_the_server_drops_has_a_line() {
    let mut server = Server::with(&["--shutdown-timeout", "0"], &[]);
    let _conn = server.begin("POST", "slow", "Content-Length: 10");
    let exit = server.stop();
    assert_eq!(exit.code, Some(0));
    let dropped: Vec<&str> = exit
        .stderr
        .lines()
        .filter(|l| l.contains("transfer dropped"))
        .collect();
    assert_eq!(dropped.len(), 1, "{}", exit.stderr);
    assert_eq!(field(dropped[0], "name").trim(), "\"slow\"");
}

#[test]
fn an_empty_rust_log_counts_as_unset() {
    let server = Server::with(&[], &[("RUST_LOG", "")]);
    assert_eq!(server.get("missing").status, 404);
    eventually("the line of the request", || {
        request_lines(&server).len() == 1
    });
}

// symptom: RUST_LOG=verbose, or =warning, started a server without a log.
// cause:   a word that is no level is the name of a module to env_logger, of which alone there is a
//          log then.
// fix:     a value that means nothing ends the start, as that of a flag does.
#[test]
fn a_rust_log_that_means_nothing_ends_the_start() {
    for (value, word) in [
        ("verbose", "\"verbose\""),
        ("info,warning", "\"warning\""),
        ("http_nas=loud", "\"http_nas=loud\""),
    ] {
        let dir = TempDir::new();
        let storage = dir.storage().to_string_lossy().into_owned();
        let args = ["--port", "0", "--storage", &storage];
        let exit = server::run(&args, &[("RUST_LOG", value)]);
        assert_eq!((exit.code, exit.stdout.as_str()), (Some(2), ""), "{exit:?}");
        assert_eq!(exit.stderr.lines().count(), 1, "{exit:?}");
        for part in ["RUST_LOG", value, word, "http_nas=debug,warn"] {
            assert!(exit.stderr.contains(part), "{part}: {exit:?}");
        }
    }
}

#[test]
fn a_filter_by_module_counts_for_that_module() {
    for (filter, lines) in [("http_nas=debug,warn", 1), ("http_nas::server=off,info", 0)] {
        let mut server = Server::with(&[], &[("RUST_LOG", filter)]);
        assert_eq!(server.get("missing").status, 404);
        let log = server.stop().stderr;
        let found = log.lines().filter(|line| line.contains(" INFO request "));
        assert_eq!(found.count(), lines, "{filter}: {log}");
    }
}

#[test]
fn at_debug_each_connection_leaves_a_line_requests_or_none() {
    let server = Server::with(&[], &[("RUST_LOG", "debug")]);
    server.place("file", b"content");
    let mut conn = server.open();
    for _ in 0..2 {
        conn.request("GET", "file", &[], b"").expect("a reply");
    }
    drop(conn);
    let mut silent = server.open();
    silent.send(b"GET /f");
    drop(silent);
    for expected in [
        ": 2 requests, 76 bytes received, 14 sent",
        ": 0 requests, 6 bytes received, 0 sent",
    ] {
        eventually(expected, || {
            server.log().lines().any(|line| {
                line.contains("DEBUG connection of 127.0.0.1:") && line.ends_with(expected)
            })
        });
    }
}
