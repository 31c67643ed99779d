//! Symbolic links: followed inside the storage, never out of it or into the server's own folder.
//! FIFOs and sockets are in special_files.rs; links that change while requests run are in
//! durability/swapped_links.rs.

use std::fs;
use std::os::unix::fs::symlink;

use testkit::{Server, visible};

pub const SECRET: &str = "TOP-SECRET-77c1e2";

pub fn server_beside_a_secret() -> Server {
    let server = Server::start();
    let outside = server.dir.outside();
    fs::create_dir_all(outside.join("folder/deep")).expect("made");
    for name in ["secret", "folder/secret", "folder/deep/secret"] {
        fs::write(outside.join(name), SECRET).expect("written");
    }
    server
}

pub fn assert_outside_untouched(server: &Server, what: &str) {
    let outside = server.dir.outside();
    let mut seen = visible(outside);
    seen.retain(|entry| !entry.starts_with("storage/"));
    let wanted = [
        "folder/",
        "folder/deep/",
        "folder/deep/secret 17",
        "folder/secret 17",
        "secret 17",
    ];
    assert_eq!(seen, wanted, "outside the storage after {what}");
    for name in ["secret", "folder/secret", "folder/deep/secret"] {
        let content = fs::read_to_string(outside.join(name)).expect("it is there");
        assert_eq!(content, SECRET, "{name} after {what}");
    }
}

#[test]
fn links_out_of_the_storage_are_not_found_for_reads_and_forbidden_for_writes() {
    let server = server_beside_a_secret();
    let outside = server.dir.outside().to_string_lossy().into_owned();
    let root = server.storage();
    fs::create_dir_all(root.join("d/e")).expect("made");
    server.place("plain", b"plain");
    let links = [
        ("file", "../secret".to_string()),
        ("file-abs", format!("{outside}/secret")),
        ("folder", "../folder".to_string()),
        ("folder-abs", format!("{outside}/folder")),
        ("d/file", "../../secret".to_string()),
        ("d/folder", "../../folder".to_string()),
        ("d/e/file", "../../../secret".to_string()),
        ("d/e/folder-abs", format!("{outside}/folder")),
        ("chain-1", "chain-2".to_string()),
        ("chain-2", "d/chain-3".to_string()),
        ("d/chain-3", "../../secret".to_string()),
        ("folder-chain", "d/folder".to_string()),
        ("up", "..".to_string()),
        ("root-abs", "/".to_string()),
        ("dangling-out", "../new".to_string()),
        ("dangling-abs", format!("{outside}/new")),
        ("back-in", "../storage/plain".to_string()),
    ];
    for (name, target) in &links {
        symlink(target, root.join(name)).expect("linked");
    }
    let before = server.visible();
    let reached = [
        "file",
        "file-abs",
        "folder",
        "folder-abs",
        "d/file",
        "d/folder",
        "d/e/file",
        "d/e/folder-abs",
        "chain-1",
        "chain-2",
        "folder-chain",
        "up",
        "root-abs",
        "dangling-out",
        "dangling-abs",
        "folder/secret",
        "folder/deep",
        "folder/deep/secret",
        "folder-abs/secret",
        "d/folder/secret",
        "d/e/folder-abs/deep/secret",
        "folder-chain/secret",
        "up/secret",
        "up/folder/secret",
        "root-abs/etc/passwd",
        "folder/new",
        "up/new",
        "folder/a/b/new",
        "d%2Ffolder%2Fsecret",
    ];
    for name in reached {
        for (method, target) in [
            ("GET", name.to_string()),
            ("HEAD", name.to_string()),
            ("GET", format!("{name}/wc")),
        ] {
            let reply = server.request(method, &target, &[], b"");
            assert_eq!(reply.status, 404, "{method} {target}: {}", reply.summary());
            assert!(!reply.text().contains(SECRET), "{method} {target}");
        }
        for method in ["POST", "PUT"] {
            let reply = server.request(method, name, &[], b"overwritten");
            assert_eq!(reply.status, 403, "{method} {name}: {}", reply.summary());
        }
        if name.contains("der/")
            || name.contains("up/")
            || name.contains("abs/")
            || name.contains("chain/")
        {
            // The link itself may be removed and renamed; what lies behind it may not.
            let reply = server.delete(name);
            assert_eq!(reply.status, 403, "DELETE {name}: {}", reply.summary());
            assert_eq!(server.mv(name, "taken").status, 403, "mv {name} taken");
            assert_eq!(server.mv("plain", name).status, 403, "mv plain {name}");
            assert_eq!(
                server.post(&format!("{name}/sub/"), b"").status,
                403,
                "POST {name}/sub/"
            );
        }
        assert_eq!(server.visible(), before, "{name}");
        assert_outside_untouched(&server, name);
    }
    server.assert_clean();
}

#[test]
fn dangling_links_and_loops_are_refused_and_never_hang() {
    let server = server_beside_a_secret();
    let root = server.storage();
    for (name, target) in [
        ("dangling", "nowhere"),
        ("loop", "loop"),
        ("loop-1", "loop-2"),
        ("loop-2", "loop-1"),
    ] {
        symlink(target, root.join(name)).expect("linked");
    }
    for name in [
        "dangling",
        "loop",
        "loop-1",
        "dangling/x",
        "loop/x",
        "loop-2/x",
    ] {
        for target in [name.to_string(), format!("{name}/wc")] {
            let reply = server.get(&target);
            assert_eq!(reply.status, 404, "GET {target}: {}", reply.summary());
        }
        if name.starts_with("loop") {
            for method in ["POST", "PUT"] {
                let reply = server.request(method, name, &[], b"x");
                assert!(
                    (400..500).contains(&reply.status),
                    "{method} {name}: {}",
                    reply.summary()
                );
            }
        }
    }
    assert_eq!(server.put("dangling", b"x").status, 404);
    assert_eq!(
        server.delete("loop").status,
        200,
        "a link can be removed whatever it points to"
    );
    assert_outside_untouched(&server, "dangling links and loops");
    server.assert_clean();
}

#[test]
fn links_into_the_servers_own_folder_do_not_open_it() {
    let server = server_beside_a_secret();
    let root = server.storage();
    server.place(".http-nas/planted", SECRET.as_bytes());
    server.place("d/plain", b"plain");
    for (name, target) in [
        ("own", ".http-nas"),
        ("own-file", ".http-nas/planted"),
        ("d/own", "../.http-nas"),
        ("to-own", "d/own"),
    ] {
        symlink(target, root.join(name)).expect("linked");
    }
    let before = server.visible();
    for name in [
        "own",
        "own-file",
        "d/own",
        "to-own",
        "own/planted",
        "d/own/planted",
        "to-own/planted",
        "own/new",
    ] {
        for target in [name.to_string(), format!("{name}/wc")] {
            let reply = server.get(&target);
            assert!(
                matches!(reply.status, 403 | 404),
                "GET {target}: {}",
                reply.summary()
            );
            assert!(
                !reply.text().contains("planted\n") && !reply.text().contains(SECRET),
                "GET {target}"
            );
        }
        for method in ["POST", "PUT"] {
            let reply = server.request(method, name, &[], b"overwritten");
            assert_eq!(reply.status, 403, "{method} {name}: {}", reply.summary());
        }
        if name.contains("own/") {
            assert_eq!(server.delete(name).status, 403, "DELETE {name}");
            assert_eq!(server.mv("d/plain", name).status, 403, "mv d/plain {name}");
            assert_eq!(server.mv(name, "taken").status, 403, "mv {name} taken");
        }
        assert_eq!(server.visible(), before, "{name}");
        assert_eq!(
            server.content(".http-nas/planted"),
            Some(SECRET.as_bytes().to_vec()),
            "{name}"
        );
    }
}

#[test]
fn links_that_stay_inside_are_followed() {
    let server = Server::start();
    let root = server.storage();
    server.place("real", b"real\n");
    server.place("folder/sub/file", b"deep\n");
    let links = [
        ("to-real", "real"),
        ("folder/up", "../real"),
        ("folder/sub/up-up", "../../real"),
        ("to-folder", "folder"),
        ("folder/to-sub", "sub"),
        ("chain", "to-real"),
        ("roundabout", "folder/sub/../../real"),
    ];
    for (name, target) in links {
        symlink(target, root.join(name)).expect("linked");
    }
    let mut real = b"real\n".to_vec();
    for name in [
        "to-real",
        "folder/up",
        "folder/sub/up-up",
        "chain",
        "roundabout",
        "to-folder/up",
        "to-folder/to-sub/up-up",
    ] {
        assert_eq!(server.get(name).body, real, "GET {name}");
        assert_eq!(server.put(name, b"+\n").status, 200, "PUT {name}");
        real.extend_from_slice(b"+\n");
        assert_eq!(server.content("real"), Some(real.clone()), "PUT {name}");
        let wc = server.get(&format!("{name}/wc"));
        assert_eq!(
            wc.text(),
            real.iter().filter(|&&b| b == b'\n').count().to_string(),
            "wc {name}"
        );
        real = format!("by {name}\n").into_bytes();
        assert_eq!(server.post(name, &real).status, 200, "POST {name}");
        assert_eq!(server.content("real"), Some(real.clone()), "POST {name}");
        let is_link =
            |path: &str| fs::symlink_metadata(root.join(path)).is_ok_and(|meta| meta.is_symlink());
        assert!(
            links.iter().all(|(link, _)| is_link(link)),
            "a link is gone after {name}"
        );
    }
    assert_eq!(server.get("to-folder/sub/file").text(), "deep\n");
    assert_eq!(server.get("to-folder").text(), server.get("folder").text());
    assert_eq!(server.post("to-folder/to-sub/new", b"new").status, 200);
    assert_eq!(server.content("folder/sub/new"), Some(b"new".to_vec()));
    assert_eq!(server.delete("to-folder/sub/new").status, 200);
    assert_eq!(server.delete("to-real").status, 200);
    assert_eq!(server.content("real"), Some(real));
    server.assert_clean();
}

#[test]
fn nothing_below_the_servers_own_folder_is_reached_by_way_of_a_link() {
    let server = server_beside_a_secret();
    let root = server.storage();
    server.place(".http-nas/planted/deep/secret", SECRET.as_bytes());
    server.place("d/plain", b"plain");
    for (name, target) in [
        ("own", ".http-nas"),
        ("d/own", "../.http-nas"),
        ("d/to-own", "own"),
        ("planted", ".http-nas/planted"),
        ("deep", "own/planted/deep"),
    ] {
        symlink(target, root.join(name)).expect("linked");
    }
    let before = server.visible();
    let planted = || visible(&root.join(".http-nas/planted"));
    let was_planted = planted();
    for folder in [
        "own/planted",
        "own/planted/deep",
        "d/own/planted/deep",
        "d/to-own/planted",
        "d/to-own/planted/deep",
        "planted",
        "planted/deep",
        "deep",
    ] {
        for name in [
            folder.to_string(),
            format!("{folder}/secret"),
            format!("{folder}/a/b"),
        ] {
            for target in [name.clone(), format!("{name}/wc")] {
                let reply = server.get(&target);
                let shown = reply.summary();
                assert!(matches!(reply.status, 403 | 404), "GET {target}: {shown}");
            }
            for method in ["POST", "PUT"] {
                let reply = server.request(method, &name, &[], b"overwritten");
                let shown = reply.summary();
                assert!(
                    matches!(reply.status, 403 | 404),
                    "{method} {name}: {shown}"
                );
            }
            if name != folder {
                let gone = server.delete(&name).status;
                assert!(matches!(gone, 403 | 404), "DELETE {name}: {gone}");
                let taken = server.mv(&name, "taken").status;
                assert!(matches!(taken, 403 | 404), "mv {name} taken: {taken}");
                let put = server.mv("d/plain", &name).status;
                assert!(matches!(put, 403 | 404), "mv d/plain {name}: {put}");
            }
            assert_eq!(server.visible(), before, "{name}");
            assert_eq!(planted(), was_planted, "{name}");
        }
    }
}

// symptom: mv of a link onto the file that it leads to answered 200, and the file's content was
//          gone.
// cause:   rename(2) put the link in the file's place, where it led to itself.
// fix:     409, as `mv` refuses two names of one file.
#[test]
fn a_link_cannot_take_the_place_of_what_it_leads_to() {
    let server = Server::start();
    server.place("dir/file", b"content");
    symlink("file", server.storage().join("dir/link")).expect("a link");
    for round in 0..2 {
        assert_eq!(server.mv("dir/link", "dir/file").status, 409, "{round}");
        assert_eq!(server.get("dir/file").text(), "content");
        assert_eq!(server.get("dir/link").text(), "content");
    }
    assert_eq!(server.mv("dir/link", "dir/other").status, 200);
    assert_eq!(server.get("dir/other").text(), "content");
    server.assert_clean();
}
