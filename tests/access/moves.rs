//! A move takes what is moved to other rights: it must not become readable.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use testkit::rules::{bearer, put, token};
use testkit::{Server, TempDir};

/// A storage with these folders, and a file and a folder with a file in `secret/`.
fn server(folders: &[&str], allow: &[(&str, &str)]) -> Server {
    let dir = Arc::new(TempDir::new());
    let storage = dir.storage();
    for folder in folders.iter().chain(&["secret/folder"]) {
        fs::create_dir_all(storage.join(folder)).unwrap();
    }
    for name in ["secret/f", "secret/folder/f"] {
        fs::write(storage.join(name), "secret").unwrap();
    }
    let access = put(dir.outside(), &[token("t", "t", allow)]);
    Server::on(dir, &["--access", &access], &[])
}

fn mv(server: &Server, from: &str, to: &str) -> (u16, String) {
    let value = bearer("t");
    let body = format!(r#"{{"path": "{to}"}}"#);
    let target = format!("{from}/mv");
    let fields = [("Authorization", value.as_str())];
    let reply = server.request("PUT", &target, &fields, body.as_bytes());
    (reply.status, reply.text())
}

// symptom: a caller with `delete` on a folder and `read` on another one could read the first one's
//          files, by moving them.
// cause:   a move took `delete` on the old name and `create` on the new one, and nothing else.
// fix:     where the caller may read the new name, also through a link, the old one takes `read`.
#[test]
fn a_move_is_no_way_to_read() {
    let server = server(
        &["archive", "drop"],
        &[
            ("secret/", "delete"),
            ("archive/", "read,create"),
            ("drop/", "create"),
        ],
    );
    symlink("../archive", server.storage().join("drop/archive")).unwrap();
    for to in ["archive/f", "drop/archive/f"] {
        let (status, text) = mv(&server, "secret/f", to);
        assert_eq!(status, 403, "{to}: {text}");
    }
    // Where it cannot read it, it may put it.
    assert_eq!(mv(&server, "secret/f", "drop/f").0, 200);
    let value = bearer("t");
    let fields = [("Authorization", value.as_str())];
    assert_eq!(server.request("GET", "drop/f", &fields, b"").status, 403);
}

// symptom: a folder could be moved to where the caller may read something in it.
// cause:   only the rights on the new name itself were looked at.
// fix:     so are those on names below it, there and where a link leads.
#[test]
fn a_folder_is_not_moved_to_where_something_in_it_could_be_read() {
    let server = server(
        &["drop"],
        &[
            ("secret/", "delete"),
            ("drop/", "create"),
            ("drop/a/b/f", "read"),
        ],
    );
    fs::create_dir(server.storage().join("drop/link")).unwrap();
    symlink("../a", server.storage().join("drop/link/to-a")).unwrap();
    for to in ["drop/a", "drop/a/b", "drop/link/to-a/b", "drop/A"] {
        let (status, text) = mv(&server, "secret/folder", to);
        assert_eq!(status, 403, "{to}: {text}");
    }
    assert_eq!(mv(&server, "secret/folder", "drop/other").0, 200);
}

// symptom: what the caller may not read could be moved to where it may, by exchanging a link on the
//          way to the old name while the body, with the new name, was waited for.
// cause:   the rights on what the old name led to were looked at before the body came.
// fix:     they are looked at at the moment of the move.
#[test]
fn a_link_that_is_exchanged_before_the_body_comes_is_no_way_to_read() {
    let server = server(
        &["mine/real"],
        &[("secret/", "delete"), ("mine/", "read,write,delete")],
    );
    let at = |name: &str| server.storage().join(name);
    fs::write(at("mine/real/f"), "mine").unwrap();
    symlink("real", at("mine/link")).unwrap();
    let body = br#"{"path": "mine/taken"}"#;
    let lines = format!(
        "Authorization: {}\r\nContent-Length: {}",
        bearer("t"),
        body.len()
    );
    let mut conn = server.begin("PUT", "mine/link/f/mv", &lines);
    fs::remove_file(at("mine/link")).unwrap();
    symlink("../secret", at("mine/link")).unwrap();
    conn.send(body);
    let reply = conn.reply_to("PUT").expect("a reply");
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert!(at("secret/f").exists() && !at("mine/taken").exists());
    // To where it cannot read it, it is moved all the same.
    assert_eq!(mv(&server, "mine/link/f", "secret/g").0, 403);
    assert_eq!(mv(&server, "mine/real/f", "mine/taken").0, 200);
}
