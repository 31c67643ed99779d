//! Where a link is followed, the rights have to hold for where it leads, too.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use testkit::rules::{bearer, put, token};
use testkit::{Server, TempDir, visible};

/// A storage in which `in/` is the caller's, and `out/` and the root are not.
fn server(rights: &str) -> Server {
    let dir = Arc::new(TempDir::new());
    let storage = dir.storage();
    for folder in ["in", "in/real", "out"] {
        fs::create_dir(storage.join(folder)).unwrap();
    }
    for (name, content) in [
        ("in/real/f", "mine"),
        ("out/f", "secret"),
        ("top", "secret"),
    ] {
        fs::write(storage.join(name), content).unwrap();
    }
    for (target, name) in [
        ("real", "in/near"),
        ("real/f", "in/near-file"),
        ("../out", "in/far"),
        ("../out/f", "in/far-file"),
        ("../out/new", "in/far-new"),
        ("../out/none/new", "in/far-deep"),
        ("../top", "in/top"),
        ("..", "in/up"),
        // Leads out, and back in.
        ("../out/back/f", "in/round"),
        ("../in/real/../real/f", "in/winding"),
        ("far", "in/far-again"),
    ] {
        symlink(target, storage.join(name)).unwrap();
    }
    symlink("../in/real", storage.join("out/back")).unwrap();
    let rules = [token("t", "t", &[("in/", rights)])];
    let access = put(dir.outside(), &rules);
    Server::on(dir, &["--access", &access], &[])
}

fn ask(server: &Server, method: &str, target: &str, body: &[u8]) -> (u16, String) {
    let value = bearer("t");
    let reply = server.request(method, target, &[("Authorization", &value)], body);
    (reply.status, reply.text())
}

#[test]
fn nothing_is_read_through_a_link_to_where_the_right_ends() {
    let server = server("read");
    for (name, content) in [
        ("in/near/f", "mine"),
        ("in/near-file", "mine"),
        ("in/winding", "mine"),
    ] {
        assert_eq!(ask(&server, "GET", name, b""), (200, content.to_owned()));
    }
    for name in [
        "in/far-file",
        "in/far/f",
        "in/far",
        "in/far/none",
        "in/far/none/none",
        "in/far-again/f",
        "in/far-new",
        "in/far-deep",
        "in/top",
        "in/up",
        "in/up/none",
        "in/round",
        "in/far-file/wc",
        "in/far-file/sha256",
        "in/far-file/info",
        "in/far/info",
        "in/far/tar",
        "in/up/tar",
    ] {
        let (status, text) = ask(&server, "GET", name, b"");
        assert_eq!(status, 403, "{name}: {text}");
        assert!(!text.contains("secret"), "{name}: {text}");
    }
    // Whether something is there makes no difference.
    let [there, not_there] = ["in/far/f", "in/far/g"].map(|name| {
        let (status, text) = ask(&server, "GET", name, b"");
        (status, text.replace(name, "NAME"))
    });
    assert_eq!(there, not_there);
}

#[test]
fn an_archive_and_a_list_show_links_and_do_not_follow_them() {
    let server = server("read");
    let (status, names) = ask(&server, "GET", "in", b"");
    assert_eq!(status, 200);
    assert!(names.contains("far-file\n"), "{names}");
    let value = bearer("t");
    let reply = server.request("GET", "in/tar", &[("Authorization", &value)], b"");
    assert_eq!(reply.status, 200);
    assert!(!reply.text().contains("secret"));
}

#[test]
fn nothing_is_written_through_a_link_to_where_the_right_ends() {
    let server = server("write,append,delete,read");
    let before = visible(&server.storage());
    for (method, target, body) in [
        ("POST", "in/far-file", "x"),
        ("POST", "in/far/new", "x"),
        ("POST", "in/far/deep/new", "x"),
        ("POST", "in/far-new", "x"),
        ("POST", "in/far-deep", "x"),
        ("POST", "in/far/folder/", ""),
        ("POST", "in/up/new", "x"),
        ("PUT", "in/far-file", "x"),
        ("PUT", "in/far/f", "x"),
        ("PUT", "in/far/new?create", "x"),
        ("PUT", "in/far-new?create", "x"),
        ("DELETE", "in/far/f", ""),
        ("DELETE", "in/up/top", ""),
        ("PUT", "in/far/f/mv", r#"{"path": "in/taken"}"#),
        ("PUT", "in/real/f/mv", r#"{"path": "in/far/given"}"#),
        ("PUT", "in/real/f/mv", r#"{"path": "in/far-file"}"#),
        ("PUT", "in/far/f/cp", r#"{"path": "in/taken"}"#),
        ("PUT", "in/real/f/cp", r#"{"path": "in/far-file"}"#),
        ("PUT", "in/real/f/cp", r#"{"path": "in/far/given"}"#),
        ("PUT", "in/real/f/cp", r#"{"path": "in/far/deep/given"}"#),
    ] {
        let (status, text) = ask(&server, method, target, body.as_bytes());
        assert_eq!(status, 403, "{method} {target} {body}: {text}");
    }
    assert_eq!(visible(&server.storage()), before);
    let secret = fs::read_to_string(server.storage().join("out/f")).unwrap();
    assert_eq!(secret, "secret");
    // The link itself is the caller's.
    assert_eq!(ask(&server, "DELETE", "in/far-file", b"").0, 200);
    assert_eq!(
        ask(&server, "PUT", "in/far/mv", br#"{"path": "in/moved"}"#).0,
        200
    );
    assert_eq!(
        fs::read_to_string(server.storage().join("out/f")).unwrap(),
        "secret"
    );
}

// A right on the link is not one on what it leads to, and the other way round: `create` where it
// leads does not become `write` because the link is in a folder with `write`.
#[test]
fn the_rights_are_those_of_both_places() {
    let dir = Arc::new(TempDir::new());
    let storage = dir.storage();
    for folder in ["in", "drop"] {
        fs::create_dir(storage.join(folder)).unwrap();
    }
    fs::write(storage.join("drop/there"), "before").unwrap();
    symlink("../drop", storage.join("in/drop")).unwrap();
    symlink("../drop/there", storage.join("in/there")).unwrap();
    let rules = [token(
        "t",
        "t",
        &[("in/", "write,append"), ("drop/", "create")],
    )];
    let access = put(dir.outside(), &rules);
    let server = Server::on(dir, &["--access", &access], &[]);
    assert_eq!(ask(&server, "POST", "in/drop/new", b"x").0, 200);
    for (method, target) in [
        ("POST", "in/drop/there"),
        ("POST", "in/there"),
        ("PUT", "in/there"),
        ("PUT", "in/drop/other?create"),
    ] {
        assert_eq!(
            ask(&server, method, target, b"x").0,
            403,
            "{method} {target}"
        );
    }
    let there = fs::read_to_string(server.storage().join("drop/there")).unwrap();
    assert_eq!(there, "before");
}

// symptom: a file was made where the caller may only append, by PUT with `Content-Range: bytes 0-`
//          to a link that leads there.
// cause:   whether the caller may create was looked up for the name, before the link was followed.
// fix:     it is looked at where the file would be made.
#[test]
fn an_append_makes_no_file_where_a_link_leads_to_a_log() {
    let server = linked(&[("in/", "append,create"), ("log/", "append")]);
    let value = bearer("t");
    let fields = [
        ("Authorization", value.as_str()),
        ("Content-Range", "bytes 0-0/1"),
    ];
    for name in ["in/to-none", "in/to-folder/none", "in/to-folder/none/none"] {
        for expect in ["Expect: 100-continue\r\n", ""] {
            let lines = format!(
                "{expect}Authorization: {value}\r\nContent-Range: bytes 0-0/1\r\nContent-Length: 1"
            );
            let mut conn = server.open();
            let head = format!("PUT /file/{name} HTTP/1.1\r\nHost: nas\r\n{lines}\r\n\r\n");
            conn.send(head.as_bytes());
            if expect.is_empty() {
                conn.send(b"x");
            }
            let reply = conn.reply_to("PUT").expect("a reply");
            assert_eq!((reply.status, reply.continued), (404, false), "{name}");
        }
    }
    assert!(!server.storage().join("log/none").exists());
    assert_eq!(
        server.request("PUT", "in/to-there", &fields, b"x").status,
        416
    );
    // Elsewhere the same request makes the file.
    assert_eq!(server.request("PUT", "in/new", &fields, b"x").status, 200);
}

// symptom: a body was asked for and received before the refusal to replace what a link leads to.
// cause:   whether the caller may replace was looked up for the name, before the link was followed.
// fix:     it is looked at again once the links have been followed.
#[test]
fn what_a_link_leads_to_is_not_replaced_and_no_body_asked_for() {
    let server = linked(&[("in/", "write"), ("log/", "create")]);
    let lines = format!("Authorization: {}\r\nContent-Length: 1000000", bearer("t"));
    for name in ["in/to-there", "in/to-folder/there"] {
        let (_, first) = server.announce("POST", name, &lines);
        assert_eq!(first.status, 403, "{name}");
    }
    server.begin("POST", "in/to-none", &lines);
    server.begin("POST", "in/there", &lines);
}

#[test]
fn no_folder_is_made_on_the_way_of_a_link_where_the_right_is_missing() {
    let server = linked(&[("in/", "write,append,delete,read")]);
    symlink(
        "../log/made/../../in/new",
        server.storage().join("in/winding"),
    )
    .unwrap();
    for (method, target, body) in [
        ("POST", "in/winding", "x"),
        ("POST", "in/winding/", ""),
        ("PUT", "in/winding?create", "x"),
        ("PUT", "in/there/mv", r#"{"path": "in/winding"}"#),
        ("PUT", "in/there/cp", r#"{"path": "in/winding"}"#),
    ] {
        let (status, text) = ask(&server, method, target, body.as_bytes());
        assert_eq!(status, 403, "{method} {target}: {text}");
    }
    assert!(!server.storage().join("log/made").exists());
    assert!(!server.storage().join("in/new").exists());
}

// A condition on a link is about what it leads to, of which nothing may be found out.
#[test]
fn a_condition_says_nothing_of_what_a_link_leads_to() {
    let dir = Arc::new(TempDir::new());
    let storage = dir.storage();
    for folder in ["in", "out"] {
        fs::create_dir(storage.join(folder)).unwrap();
    }
    fs::write(storage.join("out/f"), "content").unwrap();
    symlink("../out/f", storage.join("in/link")).unwrap();
    let rules = [
        token("t", "t", &[("in/", "read,write,delete")]),
        token("all", "all", &[("", "read,write,delete")]),
    ];
    let access = put(dir.outside(), &rules);
    let server = Server::on(dir, &["--access", &access], &[]);
    let request = |token: &str, method: &str, name: &str, condition: (&str, &str)| {
        let value = bearer(token);
        let fields = [("Authorization", value.as_str()), condition];
        server.request(method, name, &fields, b"")
    };
    let reply = request("all", "HEAD", "out/f", ("Accept", "*/*"));
    let tag = reply.header("ETag").expect("a tag").to_owned();
    let delete = |token| request(token, "DELETE", "in/link", ("If-Match", &tag)).status;
    assert_eq!(delete("t"), 412);
    assert!(storage.join("in/link").is_symlink());
    assert_eq!(delete("all"), 200);
    assert!(storage.join("out/f").exists());
}

/// A storage with links from `in/` to a file, to nothing and to the folder of `log/`.
fn linked(allow: &[(&str, &str)]) -> Server {
    let dir = Arc::new(TempDir::new());
    let storage = dir.storage();
    for folder in ["in", "log"] {
        fs::create_dir(storage.join(folder)).unwrap();
        fs::write(storage.join(folder).join("there"), "before").unwrap();
    }
    symlink("../log/there", storage.join("in/to-there")).unwrap();
    symlink("../log/none", storage.join("in/to-none")).unwrap();
    symlink("../log", storage.join("in/to-folder")).unwrap();
    let access = put(dir.outside(), &[token("t", "t", allow)]);
    Server::on(dir, &["--access", &access], &[])
}
