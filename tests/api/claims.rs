//! PUT of `claim`: the first file of a folder goes to whoever asks for it.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use testkit::json;
use testkit::{Reply, Server, visible};

fn claim(server: &Server, folder: &str, into: &str) -> Reply {
    let body = format!("{{\"path\": \"{into}\"}}");
    server.put(&format!("{folder}/claim"), body.as_bytes())
}

#[test]
fn files_are_claimed_in_the_order_of_their_names_until_there_is_none() {
    let server = Server::start();
    for name in ["b.csv", "a.csv", "c.csv"] {
        server.place(&format!("queue/{name}"), name.as_bytes());
    }
    for name in ["a.csv", "b.csv", "c.csv"] {
        let reply = claim(&server, "queue", "work/pod-7");
        assert_eq!(reply.status, 200, "{}", reply.summary());
        assert_eq!(reply.header("Content-Type"), Some("application/json"));
        let claimed = json::parse(&reply.text());
        assert_eq!(claimed.get("name").text(), name);
        let path = format!("work/pod-7/{name}");
        assert_eq!(claimed.get("path").text(), path);
        assert_eq!(claimed.get("size").number(), 5.0);
        let file = server.get(&path);
        assert_eq!(file.text(), name);
        assert_eq!(file.header("ETag"), Some(claimed.get("etag").text()));
    }
    let none = claim(&server, "queue", "work/pod-8");
    assert_eq!((none.status, none.body.len()), (204, 0));
    assert!(!server.storage().join("work/pod-8").exists());
    assert_eq!(
        fs::read_dir(server.storage().join("queue"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn only_files_are_claimed() {
    let server = Server::start();
    let queue = server.storage().join("queue");
    fs::create_dir_all(queue.join("a-folder")).unwrap();
    server.place("elsewhere", b"x");
    symlink("../elsewhere", queue.join("b-link")).unwrap();
    let made = Command::new("mkfifo").arg(queue.join("c-fifo")).status();
    assert!(made.is_ok_and(|status| status.success()));
    assert_eq!(claim(&server, "queue", "work").status, 204);
    server.place("queue/d", b"x");
    assert_eq!(
        json::parse(&claim(&server, "queue", "work").text())
            .get("name")
            .text(),
        "d"
    );
    assert_eq!(claim(&server, "queue", "work").status, 204);
    // Into a folder of the same one, which is no file.
    server.place("queue/e", b"x");
    assert_eq!(claim(&server, "queue", "queue/done").status, 200);
    assert_eq!(claim(&server, "queue", "queue/done").status, 204);
    assert_eq!(server.get("queue/done/e").status, 200);
}

// What has the name in the folder of the worker is not replaced: the next file is claimed, and
// where there is none, the worker is told.
#[test]
fn nothing_is_replaced() {
    let server = Server::start();
    for name in ["queue/a", "queue/b", "work/a"] {
        server.place(name, name.as_bytes());
    }
    assert_eq!(
        json::parse(&claim(&server, "queue", "work").text())
            .get("name")
            .text(),
        "b"
    );
    let occupied = claim(&server, "queue", "work");
    assert_eq!(occupied.status, 409);
    assert!(
        occupied.text().contains("\"work/a\""),
        "{}",
        occupied.text()
    );
    for name in ["queue/a", "work/a"] {
        assert_eq!(server.get(name).text(), name);
    }
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let server = Server::start();
    server.place("queue/a", b"x");
    server.place("file", b"x");
    let before = visible(&server.storage());
    for (folder, into, expected) in [
        ("queue", "queue", 409),
        ("queue", "queue/", 409),
        ("queue", "./queue", 409),
        ("queue", "file", 409),
        ("queue", "file/below", 409),
        ("queue", "..", 400),
        ("queue", "", 400),
        ("queue", ".http-nas", 403),
        ("file", "work", 409),
        ("none", "work", 404),
        (".http-nas", "work", 403),
    ] {
        let reply = claim(&server, folder, into);
        assert_eq!(
            reply.status,
            expected,
            "{folder} {into}: {}",
            reply.summary()
        );
    }
    for body in ["", "{}", "work", "{\"path\": 7}"] {
        assert_eq!(
            server.put("queue/claim", body.as_bytes()).status,
            400,
            "{body}"
        );
    }
    let body = br#"{"path": "work"}"#;
    assert_eq!(server.put("queue/claim?x", body).status, 400);
    assert_eq!(server.post("queue/claim", body).status, 405);
    assert_eq!(server.delete("queue/claim").status, 405);
    // To a GET it is a name like any other.
    assert_eq!(server.get("queue/claim").status, 404);
    assert_eq!(visible(&server.storage()), before);
}
