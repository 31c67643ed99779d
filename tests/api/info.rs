//! `GET /file/NAME/info`: what is known of one file or folder.

use std::os::unix::fs::symlink;

use testkit::json::{self, Json};
use testkit::{Client, Server};

/// The object that is the reply to a GET of `NAME/info`.
pub fn info(server: &Server, name: &str) -> Json {
    let reply = server.get(&format!("{name}/info"));
    assert_eq!(reply.status, 200, "{name}: {}", reply.summary());
    assert_eq!(reply.header("Content-Type"), Some("application/json"));
    let text = reply.text();
    assert!(text.ends_with("}\n"), "{text}");
    json::parse(&text)
}

/// The entry of a folder's list.
fn listed(server: &Server, folder: &str, name: &str) -> Json {
    let json = [("Accept", "application/json")];
    let list = json::parse(&server.request("GET", folder, &json, b"").text());
    let entry = list.items().iter().find(|it| it.get("name").text() == name);
    entry.expect("it is listed").clone()
}

#[test]
fn a_file_or_folder_is_told_of_as_in_a_list() {
    let server = Server::start();
    server.place_at("a/b/file.csv", b"1,2\n", 784_111_777);
    server.place("a/it's \"é\" \\ 100%", b"");
    for (folder, name, target) in [
        ("a/b", "file.csv", "a/b/file.csv"),
        ("a/b", "file.csv", "a%2Fb%2Ffile.csv"),
        (
            "a",
            "it's \"é\" \\ 100%",
            "a/it's%20%22%C3%A9%22%20%5C%20100%25",
        ),
        ("a", "b", "a/b"),
        ("a", "b", "a/b/"),
        ("%2F", "a", "a"),
    ] {
        let found = info(&server, target);
        let entry = listed(&server, folder, name);
        for member in ["name", "type", "size", "modified"] {
            assert_eq!(found.get(member), entry.get(member), "{target}: {member}");
        }
        let is_file = entry.get("type").text() == "file";
        let known = ["name", "type", "size", "modified", "etag"];
        let known = &known[..if is_file { 5 } else { 4 }];
        assert_eq!(found.names(), known, "{target}");
        if is_file {
            let tag = Client::of(&server).tag(target);
            assert_eq!(found.get("etag").text(), tag, "{target}");
        }
    }
    let modified = "1994-11-06T08:49:37.600Z";
    assert_eq!(
        info(&server, "a/b/file.csv").get("modified").text(),
        modified
    );
}

#[test]
fn the_storage_folder_has_no_name() {
    let server = Server::start();
    let root = info(&server, "%2F");
    assert_eq!(root.names(), ["name", "type", "size", "modified"]);
    assert_eq!(root.get("name").text(), "");
    assert_eq!(root.get("type").text(), "directory");
}

#[test]
fn a_link_is_followed() {
    let server = Server::start();
    server.place("folder/file", b"content");
    symlink("folder/file", server.storage().join("link")).expect("linked");
    symlink("folder", server.storage().join("to-folder")).expect("linked");
    symlink("nowhere", server.storage().join("broken")).expect("linked");
    let link = info(&server, "link");
    assert_eq!(link.get("name").text(), "link");
    assert_eq!(link.get("type").text(), "file");
    assert_eq!(link.get("size").number(), 7.0);
    assert_eq!(info(&server, "to-folder").get("type").text(), "directory");
    assert_eq!(server.get("broken/info").status, 404);
}

#[test]
fn a_name_that_leads_nowhere_is_answered_as_for_a_read() {
    let server = Server::start();
    server.place("folder/file", b"content");
    server.place("folder/info", b"a file of that name");
    symlink("../outside", server.storage().join("out")).expect("linked");
    for (target, status) in [
        ("missing/info", 404),
        ("folder/missing/info", 404),
        ("folder/file/below/info", 404),
        ("out/info", 404),
        ("../info", 400),
        (".http-nas/info", 403),
    ] {
        for method in ["GET", "HEAD"] {
            let reply = server.request(method, target, &[], b"");
            assert_eq!(
                reply.status,
                status,
                "{method} {target}: {}",
                reply.summary()
            );
        }
    }
    assert_eq!(server.get("folder%2Finfo").text(), "a file of that name");
    assert_eq!(info(&server, "folder%2Finfo").get("name").text(), "info");
    assert_eq!(info(&server, "folder").get("type").text(), "directory");
}

#[test]
fn head_has_the_fields_of_get() {
    let server = Server::start();
    server.place("folder/file", b"content");
    for target in ["folder/file/info", "folder/info"] {
        let [get, head] = ["GET", "HEAD"].map(|method| server.request(method, target, &[], b""));
        assert_eq!((head.status, head.body.len()), (200, 0), "{target}");
        for field in ["Content-Type", "Content-Length", "ETag", "Last-Modified"] {
            assert_eq!(head.header(field), get.header(field), "{target}: {field}");
        }
    }
}

#[test]
fn a_client_that_has_the_info_of_a_version_need_not_fetch_it_again() {
    let server = Server::start();
    server.post("file", b"content");
    let mut client = Client::of(&server);
    let [of_file, of_info] = ["file", "file/info"].map(|target| client.tag(target));
    assert_ne!(of_file, of_info);
    let mut ask = |field, tag: &str| client.ask("GET", "file/info", &[(field, tag)], b"").status;
    assert_eq!(ask("If-None-Match", &of_info), 304);
    assert_eq!(ask("If-None-Match", &of_file), 200);
    assert_eq!(ask("If-Match", &of_file), 412);
    server.put("file", b"more");
    assert_eq!(ask("If-None-Match", &of_info), 200);
}
