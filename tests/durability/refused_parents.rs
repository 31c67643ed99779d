//! A refused write leaves no new parent folders behind.

use std::fs;
use std::os::unix::fs::symlink;

use testkit::Server;

// symptom: a mv, or a POST of a folder, that was refused by its own condition left new folders
//          behind.
// cause:   the parents were made first, and the condition was held against what they did not have
//          in them afterwards.
// fix:     before a parent is made, the condition is held against there being nothing.
#[test]
fn what_its_condition_refuses_leaves_no_parents() {
    let server = Server::start();
    server.place("file", b"content");
    server.place("folder/file", b"content");
    symlink("new/by/link", server.storage().join("link")).expect("linked");
    let before = server.visible();
    for condition in [("If-Match", "*"), ("If-Match", "\"tag\"")] {
        for name in ["a/b", "folder/a/b", "folder/a/b/c", "link/b"] {
            let to = format!("{{\"path\": \"{name}\"}}");
            for (method, target, body) in [
                ("POST", name, "body"),
                ("POST", &format!("{name}/"), ""),
                ("PUT", "file/mv", &to),
                ("PUT", "folder%2Ffile/mv", &to),
                ("PUT", "file/cp", &to),
            ] {
                let reply = server.request(method, target, &[condition], body.as_bytes());
                let shown = reply.summary();
                assert_eq!(reply.status, 412, "{method} {target} {body}: {shown}");
                assert_eq!(server.visible(), before, "{method} {target} {body}");
            }
        }
    }
    let none = [("If-None-Match", "*")];
    let reply = server.request("PUT", "file/mv", &none, b"{\"path\": \"a/b\"}");
    assert_eq!(reply.status, 200, "{}", reply.summary());
    assert_eq!(server.request("POST", "c/d/", &none, b"").status, 200);
    assert_eq!(server.content("a/b").as_deref(), Some(&b"content"[..]));
    assert!(fs::metadata(server.storage().join("c/d")).is_ok_and(|meta| meta.is_dir()));
    server.assert_clean();
}
