//! What the fields of the log say of a request, and that no client can forge one. Their names are
//! in log_fields.rs.

use std::fs;
use std::process::Command;

use testkit::json::{self, Json};
use testkit::{Server, eventually};

use crate::ops::log_fields::{JSON, first_words, objects, page, table};

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
// fix:     `op`, and `to`; what a POST has come to is known once it is through.
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

// symptom: the name of an archived or removed folder stood in the words of a line, where it could
//          look like fields.
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
