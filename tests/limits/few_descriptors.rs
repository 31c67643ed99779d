//! Writes while the server has no descriptor left: what is refused has not been done, and what has
//! been done gets 200.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use testkit::{Conn, Server};

/// Limits the descriptors of a server: those from this number on cannot be had.
fn limit(server: &Server, most: u64) {
    let pid = Pid::from_raw(server.pid().try_into().expect("a process id"));
    let limit = Rlimit {
        current: Some(most),
        // As in this process, which has started the server.
        maximum: getrlimit(Resource::Nofile).maximum,
    };
    prlimit(pid, Resource::Nofile, limit).expect("the limit can be set");
}

/// A file, a link, and folders with one file each.
fn set_up(server: &Server) {
    for name in ["file", "other", "link", "empty", "folder", "new", "moved"] {
        let path = server.storage().join(name);
        let _ = fs::remove_file(&path);
        let _ = fs::remove_dir_all(&path);
    }
    server.place("file", b"content");
    server.place("other", b"of another length");
    server.place("folder/in-it", b"in it");
    symlink("file", server.storage().join("link")).expect("made");
    fs::create_dir(server.storage().join("empty")).expect("made");
}

// symptom: with --sync data and no descriptor left, a DELETE that had been carried out got 503, and
//          its retry 404; so did a mv, and a POST that replaced its file was told to come again.
// cause:   the folder was opened, to be synced, when the name had been changed already.
// fix:     it is opened before.
#[test]
fn what_is_refused_for_want_of_descriptors_has_not_been_done() {
    let server = Server::with(&["--sync", "data"], &[]);
    let requests: [(&str, &str, &[u8]); 13] = [
        ("DELETE", "file", b""),
        ("DELETE", "link", b""),
        ("DELETE", "folder", b""),
        ("DELETE", "folder/in-it", b""),
        ("PUT", "file/mv", br#"{"path": "moved"}"#),
        ("PUT", "file/mv", br#"{"path": "other"}"#),
        ("PUT", "file/mv", br#"{"path": "folder/in-it"}"#),
        ("PUT", "folder/mv", br#"{"path": "moved"}"#),
        ("PUT", "file/cp", br#"{"path": "other"}"#),
        ("POST", "new", b"new"),
        ("POST", "folder/in-it", b"new"),
        ("POST", "folder/new/", b""),
        ("PUT", "file", b", and more"),
    ];
    for (method, target, body) in requests {
        let what = format!("{method} {target} {}", String::from_utf8_lossy(body));
        // The connection and its threads are there before descriptors are short.
        let mut conn = server.open();
        let ask = |conn: &mut Conn| {
            let reply = conn.request(method, target, &[], body);
            reply.unwrap_or_else(|error| panic!("no reply to {what}: {error}"))
        };
        set_up(&server);
        let before = server.visible();
        assert_eq!(ask(&mut conn).status, 200, "{what}");
        let after = server.visible();
        assert_ne!(before, after, "{what}");
        let used = server.descriptors() as u64;
        let (mut refused, mut done) = (0, 0);
        for most in 3..used + 8 {
            set_up(&server);
            limit(&server, most);
            let reply = ask(&mut conn);
            limit(&server, 1024);
            let found = server.visible();
            let shown = format!("{what} with {most}, {used} in use: {}", reply.summary());
            match reply.status {
                200 => {
                    assert_eq!(found, after, "{shown}");
                    done += 1;
                }
                503 => {
                    assert_eq!(found, before, "{shown}");
                    refused += 1;
                }
                _ => panic!("{shown}"),
            }
        }
        assert!(refused > 0 && done > 0, "{what}: {refused} and {done}");
    }
    server.assert_clean();
}
