//! The commands of docs/operations.md for the log answer what the page says.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use testkit::rules::{bearer, put, token};
use testkit::{Conn, Server, TempDir, skip};

use crate::ops::log_fields::{JSON, page};

/// The questions on the page, and the command that answers each.
fn questions(page: &str) -> Vec<(String, String)> {
    let start = page.find("### Questions to the log").expect("the section");
    let block = page[start..].split("```").nth(1).expect("a block");
    let lines: Vec<&str> = block.lines().skip(1).collect();
    let pairs = lines.chunks(2).map(|pair| {
        let question = pair[0].strip_prefix("# ").expect("a question");
        assert!(pair[1].starts_with("jq "), "{}", pair[1]);
        (question.to_owned(), pair[1].to_owned())
    });
    pairs.collect()
}

/// The cells of what a command prints about the log in a folder.
fn answer(folder: &Path, command: &str) -> Vec<Vec<String>> {
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(folder)
        .output();
    let output = output.expect("sh runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {error}");
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let cells = |line: &str| line.split('\t').map(str::to_owned).collect();
    lines.lines().map(cells).collect()
}

/// Some of the columns, each row as one text.
fn columns(rows: &[Vec<String>], which: &[usize]) -> Vec<String> {
    let row = |row: &Vec<String>| {
        which
            .iter()
            .map(|&at| row.get(at).cloned().unwrap_or_default())
            .collect::<Vec<_>>()
    };
    rows.iter().map(|it| row(it).join(" ")).collect()
}

/// Sends a request with a token, or none.
fn send(conn: &mut Conn, by: &str, request: &str, body: &[u8]) -> u16 {
    let (method, target) = request.split_once(' ').expect("a method and a target");
    let authorization = bearer(by);
    let mut headers = vec![("User-Agent", "test/1")];
    if !by.is_empty() {
        headers.push(("Authorization", &authorization));
    }
    conn.request(method, target, &headers, body)
        .expect("a reply")
        .status
}

#[test]
fn the_questions_on_the_page_have_their_answers() {
    let questions = questions(&page());
    let mut jq = Command::new("jq");
    if jq.arg("--version").stdout(Stdio::null()).status().is_err() {
        skip("there is no jq");
        return;
    }
    let rules = [
        token("loader", "1", &[("", "read,write,delete")]),
        token("reader", "2", &[("a", "read")]),
    ];
    let dir = Arc::new(TempDir::new());
    let access = put(dir.outside(), &rules);
    let args = [&["--access", &access][..], &JSON].concat();
    let mut server = Server::on(dir, &args, &[]);
    // On one connection, each line is there before the next request is read.
    let mut conn = server.open();
    let mv = br#"{"path": "b/db.dump"}"#;
    for (by, request, body, expected) in [
        ("1", "POST a/db.dump", &b"12345"[..], 200),
        ("1", "POST a/db.dump", b"1234567", 200),
        ("2", "GET a/db.dump", b"", 200),
        ("2", "GET a/db.dump", b"", 200),
        ("2", "DELETE a/db.dump", b"", 403),
        ("", "GET a/db.dump", b"", 401),
        ("3", "GET a/db.dump", b"", 401),
        ("1", "PUT a/db.dump/mv", mv, 200),
        ("1", "DELETE b", b"", 200),
        ("1", "GET a/db.dump", b"", 404),
    ] {
        let status = send(&mut conn, by, request, body);
        assert_eq!(status, expected, "{request} by {by:?}");
    }
    let log = server.stop().stderr;
    let folder = server.dir.outside();
    fs::write(folder.join("log"), &log).expect("written");

    let touched = [
        "loader create 200",
        "loader replace 200",
        "reader read 200",
        "reader read 200",
        "reader delete 403",
        " read 401",
        " read 401",
        "loader move 200",
        "loader read 404",
    ];
    let by_token = [
        "loader create 1",
        "loader move 1",
        "loader replace 1",
        "reader read 2",
    ];
    let today = [
        "create a/db.dump  200",
        "replace a/db.dump  200",
        "move a/db.dump b/db.dump 200",
        "delete b  200",
        "read a/db.dump  404",
    ];
    let refused = [
        "403 reader delete a/db.dump",
        "401  read a/db.dump",
        "401  read a/db.dump",
    ];
    let expected: [(&str, &[usize], &[&str]); 8] = [
        ("Who has touched this name", &[1, 2, 3], &touched),
        ("Which tokens have read", &[0, 1, 2], &by_token),
        ("Who has moved it away", &[1, 3], &["loader b/db.dump"]),
        (
            "What has been overwritten or deleted",
            &[1, 3, 4],
            &["loader replace a/db.dump", "loader delete b"],
        ),
        ("What has this token done today", &[1, 2, 3, 4], &today),
        ("Which requests were refused", &[1, 2, 4, 5], &refused),
        ("Which clients send and fetch", &[0], &["127.0.0.1"]),
        (
            "What has failed",
            &[0, 1, 2],
            &["2 401 read", "1 403 delete", "1 404 read"],
        ),
    ];
    assert_eq!(questions.len(), expected.len());
    for ((question, command), (start, which, rows)) in questions.iter().zip(expected) {
        assert!(question.starts_with(start), "{question}");
        let found = columns(&answer(folder, command), which);
        // At midnight, the day of the log is another one by now.
        let is_past = question.contains("today") && found.is_empty() && !is_of_today(folder, &log);
        assert!(is_past || found == rows, "{question} {found:?}");
    }
}

/// Whether a log is of the day that it is now.
fn is_of_today(folder: &Path, log: &str) -> bool {
    let day = answer(folder, "date -u +%Y-%m-%d").concat().concat();
    log.contains(&format!("\"time\":\"{day}T"))
}
