//! A storage folder whose path leads elsewhere while the server runs (renamed, replaced, or behind
//! a link with a new target): writes fail, and reads go on. Mounts are in
//! tests/shell/displaced-storage.sh.
//!
//! symptom: with the folder renamed and an empty one in its place, health said OK and uploads were
//!          acknowledged that no reader found.
//! cause:   the server works on the folder that it has open, and never looked at the path again.
//! fix:     health and every write compare the device and inode of what the path leads to with
//!          those of the open folder.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use testkit::{Reply, Server, TempDir, eventually, server, visible};

const DISPLACED: &str =
    "500 Internal Server Error: the storage folder has been moved, replaced or unmounted";

fn assert_displaced(reply: &Reply) {
    assert_eq!(reply.status, 500, "{}", reply.summary());
    assert_eq!(reply.text().trim_end(), DISPLACED);
}

/// Health and every write fail, and what can be read is read.
fn assert_all_displaced(server: &Server) {
    assert_displaced(&server.get("/file"));
    assert_displaced(&server.post("new", b"content"));
    assert_displaced(&server.post("a", b"other"));
    assert_displaced(&server.post("folder/", b""));
    assert_displaced(&server.put("a", b"more"));
    assert_displaced(&server.mv("a", "b"));
    assert_displaced(&server.cp("a", "b"));
    assert_displaced(&server.delete("a"));
    assert_eq!(server.get("a").text(), "content");
}

fn assert_well(server: &Server) {
    assert_eq!(server.get("/file").text(), "OK");
    assert_eq!(server.post("later", b"x").status, 200);
    assert_eq!(server.delete("later").status, 200);
}

#[test]
fn a_folder_that_is_renamed_or_replaced_takes_no_writes() {
    let mut server = Server::start();
    server.expect_errors();
    server.place("a", b"content");
    let (path, moved) = (server.storage(), server.dir.outside().join("moved"));

    fs::rename(&path, &moved).expect("renamed");
    assert_all_displaced(&server);
    fs::create_dir(&path).expect("made");
    assert_all_displaced(&server);
    assert!(visible(&path).is_empty(), "nothing in the new one");
    assert_eq!(visible(&moved), ["a 7"], "nor in the old one");
    fs::remove_dir(&path).expect("removed");
    fs::write(&path, "a file").expect("written");
    assert_all_displaced(&server);
    fs::remove_file(&path).expect("removed");

    fs::rename(&moved, &path).expect("renamed");
    assert_well(&server);
    let path = path.to_string_lossy().into_owned();
    eventually("the log has the cause, with the path", || {
        let log = server.log();
        log.contains(&format!("{path} leads to another folder"))
            && log.contains(&format!("{path} leads no longer to the folder"))
    });
}

/// The body may be on its way for hours.
#[test]
fn what_was_on_its_way_when_the_folder_was_replaced_is_not_acknowledged() {
    let mut server = Server::start();
    server.expect_errors();
    server.place("a", b"content");
    let mut uploads = [
        server.begin("POST", "new", "Content-Length: 4"),
        server.begin("PUT", "a", "Transfer-Encoding: chunked"),
    ];
    fs::rename(server.storage(), server.dir.outside().join("moved")).expect("renamed");
    fs::create_dir(server.storage()).expect("made");
    uploads[0].send(b"body");
    uploads[1].send(b"4\r\nbody\r\n0\r\n\r\n");
    for (upload, method) in uploads.iter_mut().zip(["POST", "PUT"]) {
        assert_displaced(&upload.reply_to(method).expect("a reply"));
    }
}

/// A link counts by what it leads to.
#[test]
fn a_link_counts_by_where_it_leads() {
    let dir = Arc::new(TempDir::new());
    let at = |name: &str| dir.outside().join(name);
    let turn = |target: &Path| {
        symlink(target, at("next")).expect("linked");
        fs::rename(at("next"), dir.storage()).expect("in place of the link before");
    };
    for name in ["one", "two"] {
        fs::create_dir(at(name)).expect("made");
    }
    fs::remove_dir(dir.storage()).expect("removed");
    turn(&at("one"));
    let mut server = Server::on(dir.clone(), &[], &[]);
    server.expect_errors();
    fs::write(at("one/a"), "content").expect("written");
    assert_well(&server);
    turn(&at("two"));
    assert_all_displaced(&server);
    symlink(at("one"), at("to-one")).expect("linked");
    turn(&at("to-one"));
    assert_well(&server);
}

#[test]
fn a_relative_path_is_made_absolute_at_the_start() {
    let dir = TempDir::new();
    let mut command = server::command();
    command
        .args(["--port", "0", "--storage", "none/storage"])
        .current_dir(dir.outside());
    let exit = server::run_command(&mut command);
    let shown = dir.outside().join("none/storage");
    let shown = format!("the storage folder {}: ", shown.display());
    assert!(exit.stderr.contains(&shown), "{exit:?}");
}
