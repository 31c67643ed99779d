//! `PUT NAME/mv` with `{"path": "NEW"}`: what may be moved where, and what it replaces. The JSON
//! body is in json_bodies.rs.

use std::fs;
use std::os::unix::fs::symlink;

use testkit::Server;

#[test]
fn mv_renames_files_and_folders_and_makes_parents() {
    let server = Server::start();
    server.place("a", b"file a");
    server.place("folder/x", b"x");
    server.place("folder/sub/y", b"yy");
    let cases = [
        (
            "a",
            "b",
            vec![
                "b 6",
                "folder/",
                "folder/sub/",
                "folder/sub/y 2",
                "folder/x 1",
            ],
        ),
        (
            "b",
            "new/parents/b",
            vec![
                "folder/",
                "folder/sub/",
                "folder/sub/y 2",
                "folder/x 1",
                "new/",
                "new/parents/",
                "new/parents/b 6",
            ],
        ),
        (
            "folder/sub",
            "sub",
            vec![
                "folder/",
                "folder/x 1",
                "new/",
                "new/parents/",
                "new/parents/b 6",
                "sub/",
                "sub/y 2",
            ],
        ),
        (
            "folder",
            "sub/folder",
            vec![
                "new/",
                "new/parents/",
                "new/parents/b 6",
                "sub/",
                "sub/folder/",
                "sub/folder/x 1",
                "sub/y 2",
            ],
        ),
        (
            "new%2Fparents%2Fb",
            "%2Fb%20c",
            vec![
                "b c 6",
                "new/",
                "new/parents/",
                "sub/",
                "sub/folder/",
                "sub/folder/x 1",
                "sub/y 2",
            ],
        ),
        (
            "b%20c",
            "new%2Fd",
            vec![
                "new/",
                "new/d 6",
                "new/parents/",
                "sub/",
                "sub/folder/",
                "sub/folder/x 1",
                "sub/y 2",
            ],
        ),
        (
            "new/d",
            "/+%2Be",
            vec![
                "++e 6",
                "new/",
                "new/parents/",
                "sub/",
                "sub/folder/",
                "sub/folder/x 1",
                "sub/y 2",
            ],
        ),
    ];
    for (from, to, wanted) in cases {
        let reply = server.mv(from, to);
        assert_eq!(
            (reply.status, reply.text().as_str()),
            (200, "OK"),
            "mv {from} {to}"
        );
        assert_eq!(server.visible(), wanted, "mv {from} {to}");
    }
    server.assert_clean();
}

#[test]
fn mv_replaces_a_file_that_is_there() {
    let server = Server::start();
    server.place("old", b"old content");
    server.place("new", b"new");
    assert_eq!(server.mv("new", "old").status, 200);
    assert_eq!(server.visible(), ["old 3"]);
    assert_eq!(server.get("old").text(), "new");
    assert_eq!(server.get("new").status, 404);
}

#[test]
fn mv_to_itself_changes_nothing() {
    let server = Server::start();
    server.place("a", b"content");
    server.place("folder/x", b"x");
    for (from, to) in [
        ("a", "a"),
        ("a", "/a"),
        ("folder", "folder"),
        ("folder/x", "folder%2Fx"),
    ] {
        assert_eq!(server.mv(from, to).status, 200, "mv {from} {to}");
        assert_eq!(
            server.visible(),
            ["a 7", "folder/", "folder/x 1"],
            "mv {from} {to}"
        );
    }
}

// symptom: mv of a file or folder onto a link that leads to it answered 200, and the old name was
//          still there.
// cause:   the link was followed to the old name itself, and nothing is to be done where both names
//          are the same.
// fix:     409, where a link makes them the same.
#[test]
fn nothing_is_moved_onto_a_link_that_leads_to_it() {
    let server = Server::start();
    server.place("dir/file", b"content");
    for (target, name) in [("file", "dir/link"), ("dir", "to-dir")] {
        symlink(target, server.storage().join(name)).expect("a link");
    }
    let before = server.visible();
    for (from, to) in [
        ("dir/file", "dir/link"),
        ("dir/file", "to-dir/file"),
        ("dir/file", "to-dir/link"),
        ("to-dir/file", "dir/link"),
        ("to-dir/file", "dir/file"),
        ("dir", "to-dir"),
    ] {
        let reply = server.mv(from, to);
        assert_eq!(reply.status, 409, "{from} {to}: {}", reply.summary());
        assert_eq!(server.visible(), before, "{from} {to}");
    }
    for same in ["dir/file", "to-dir/file", "dir"] {
        assert_eq!(server.mv(same, same).status, 200, "{same}");
        assert_eq!(server.visible(), before, "{same}");
    }
    server.assert_clean();
}

#[test]
fn mv_refuses_what_cannot_be() {
    let server = Server::start();
    server.place("file", b"file");
    server.place("full/x", b"x");
    server.place("other/y", b"y");
    fs::create_dir(server.storage().join("empty")).expect("made");
    let before = server.visible();
    let cases = [
        ("missing", "new", 404),
        ("missing/deep", "new/deep", 404),
        ("file/below", "new", 404),
        ("full", "full/inside", 409),
        ("full", "full/new/deep", 409),
        ("full", "other", 409),
        ("full", "full/x/inside", 409),
        ("file", "full", 409),
        ("file", "other/y/below", 409),
        ("file", "empty", 409),
        ("%2F", "elsewhere", 403),
        ("file", ".http-nas", 403),
        ("file", ".http-nas/x", 403),
        (".http-nas", "mine", 403),
        (".http-nas/x", "mine", 403),
        ("file", "", 400),
        ("file", "..", 400),
        ("file", "../file", 400),
        ("file", "a/../b", 400),
        ("file", "%2e%2e/file", 400),
        ("file", "..%2Ffile", 400),
        ("file", "a%00b", 400),
        ("file", "a%0Ab", 400),
        ("file", "a%zz", 400),
        ("file", "a%", 400),
        ("file", "%ff", 400),
        ("..", "new", 400),
        ("a%00b", "new", 400),
    ];
    for (from, to, status) in cases {
        let reply = server.mv(from, to);
        assert_eq!(reply.status, status, "mv {from} {to}: {}", reply.summary());
        assert_eq!(server.visible(), before, "mv {from} {to}");
    }
    let long = "n".repeat(256);
    assert_eq!(server.mv("file", &long).status, 400, "a piece of 256 bytes");
    assert_eq!(
        server.mv("file", &"d/".repeat(2049)).status,
        400,
        "over 4,096 bytes"
    );
    assert_eq!(server.visible(), before);
    server.assert_clean();
}

#[test]
fn mv_of_a_folder_onto_an_empty_folder_replaces_it() {
    let server = Server::start();
    server.place("full/x", b"x");
    fs::create_dir(server.storage().join("empty")).expect("made");
    assert_eq!(server.mv("full", "empty").status, 200);
    assert_eq!(server.visible(), ["empty/", "empty/x 1"]);
}
