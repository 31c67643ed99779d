//! POST, PUT and DELETE of files and folders, one at a time. What readers see meanwhile is in
//! durability.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Child, Command};

use testkit::{Server, chunked};

#[test]
fn post_replaces_a_file_and_makes_parents() {
    let server = Server::start();
    for (name, body) in [
        ("a/b/c.txt", "first, longer"),
        ("a/b/c.txt", "second"),
        ("a%2Fb%2Fc.txt", "third"),
        ("a/b/d", ""),
    ] {
        assert_eq!(
            server.post(name, body.as_bytes()).status,
            200,
            "POST {name}"
        );
        assert_eq!(server.get(name).text(), body, "GET {name}");
    }
    assert_eq!(server.visible(), ["a/", "a/b/", "a/b/c.txt 5", "a/b/d 0"]);
    server.assert_clean();
}

#[test]
fn post_with_a_final_slash_makes_a_folder_and_again_is_ok() {
    let server = Server::start();
    for target in ["a/b/", "a/b/", "c%2Fd%2F", "c/d/", "e/", "f%2F", "a%2Fb/"] {
        let reply = server.post(target, b"");
        assert_eq!(
            (reply.status, reply.text().as_str()),
            (200, "OK"),
            "POST {target}"
        );
    }
    let wanted = ["a/", "a/b/", "c/", "c/d/", "e/", "f/"];
    assert_eq!(server.visible(), wanted);
    for target in ["a/b/", "new/", "new%2F"] {
        assert_eq!(
            server.post(target, b"a body").status,
            400,
            "POST {target} with a body"
        );
        let sent = [("Transfer-Encoding", "chunked")];
        let reply = server.request("POST", target, &sent, &chunked(b"a body", 3));
        assert_eq!(reply.status, 400, "POST {target} with a chunked body");
    }
    assert_eq!(server.visible(), wanted);
    let reply = server.request(
        "POST",
        "g/",
        &[("Transfer-Encoding", "chunked")],
        b"0\r\n\r\n",
    );
    assert_eq!(reply.status, 200, "an empty chunked body is empty");
    server.place("file", b"x");
    assert_eq!(
        server.post("file/", b"").status,
        409,
        "a folder where a file is"
    );
    assert_eq!(
        server.post("file/below/", b"").status,
        409,
        "a folder below a file"
    );
}

#[test]
fn put_appends_and_creates_nothing() {
    let server = Server::start();
    let reply = server.put("log.txt", b"line\n");
    assert_eq!(reply.status, 404);
    assert!(
        reply.text().contains("POST"),
        "the 404 says that POST creates: {}",
        reply.text()
    );
    assert_eq!(server.put("no/folder/log.txt", b"line\n").status, 404);
    assert!(server.visible().is_empty(), "{:?}", server.visible());
    server.post("log.txt", b"one\n");
    for (body, wanted) in [
        ("two\n", "one\ntwo\n"),
        ("", "one\ntwo\n"),
        ("three", "one\ntwo\nthree"),
    ] {
        let reply = server.put("log.txt", body.as_bytes());
        assert_eq!(
            (reply.status, reply.text().as_str()),
            (200, "OK"),
            "PUT {body:?}"
        );
        assert_eq!(server.get("log.txt").text(), wanted);
    }
    server.assert_clean();
}

#[test]
fn the_content_type_of_an_upload_changes_nothing() {
    let server = Server::start();
    let kinds = [
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/mixed; boundary=x",
        "text/plain; charset=utf-16",
        "message/http",
    ];
    for (number, kind) in kinds.into_iter().enumerate() {
        let body = "{\"path\": \"else\"}&a=b+c%20\r\n--x--";
        let name = format!("typed-{number}");
        let headers = [("Content-Type", kind)];
        assert_eq!(
            server
                .request("POST", &name, &headers, body.as_bytes())
                .status,
            200,
            "{kind}"
        );
        assert_eq!(
            server
                .request("PUT", &name, &headers, body.as_bytes())
                .status,
            200,
            "{kind}"
        );
        assert_eq!(
            server.content(&name),
            Some(body.repeat(2).into_bytes()),
            "{kind}"
        );
    }
}

#[test]
fn delete_removes_files_links_and_folders_with_all_in_them() {
    let server = Server::start();
    let root = server.storage();
    server.place("file", b"x");
    server.place("folder/sub/deep", b"x");
    server.place("folder/other", b"x");
    server.place("kept/file", b"kept");
    fs::write(server.dir.outside().join("secret"), "secret").expect("written");
    symlink("kept/file", root.join("to-file")).expect("linked");
    symlink("kept", root.join("to-folder")).expect("linked");
    symlink("../secret", root.join("to-outside")).expect("linked");
    symlink("nowhere", root.join("dangling")).expect("linked");
    fs::create_dir(root.join("full")).expect("made");
    symlink("../kept", root.join("full/to-folder")).expect("linked");
    symlink("../..", root.join("full/to-outside")).expect("linked");
    for name in [
        "file",
        "folder",
        "to-file",
        "to-folder",
        "to-outside",
        "dangling",
        "full",
    ] {
        let reply = server.delete(name);
        assert_eq!(
            (reply.status, reply.text().as_str()),
            (200, "OK"),
            "DELETE {name}"
        );
        assert_eq!(server.delete(name).status, 404, "DELETE {name} again");
    }
    assert_eq!(server.visible(), ["kept/", "kept/file 4"]);
    assert_eq!(
        fs::read(server.dir.outside().join("secret"))
            .ok()
            .as_deref(),
        Some(&b"secret"[..])
    );
    assert_eq!(
        server.delete("kept/file/below").status,
        404,
        "below a file there is nothing"
    );
    for root in [
        "/file/%2F",
        "/file/.",
        "/file/./",
        "/file/%2F%2F",
        "/file/%2E",
    ] {
        assert_eq!(server.delete(root).status, 403, "DELETE {root}");
    }
    assert!(server.delete("/file/").status >= 400);
    assert_eq!(server.visible(), ["kept/", "kept/file 4"]);
    server.assert_clean();
}

// symptom: where an operator had removed `.http-nas`, DELETE of a folder said 404, there is no such
//          folder.
// cause:   that the folder could not be moved there was taken for its not being there itself.
// fix:     the name is looked at again: where something is there, it is a failure of the storage.
#[test]
fn a_folder_that_is_there_is_never_said_not_to_be() {
    let mut server = Server::start();
    server.expect_errors();
    server.place("folder/file", b"x");
    fs::remove_dir_all(server.storage().join(".http-nas")).expect("removed");
    let reply = server.delete("folder");
    assert_eq!(reply.status, 500, "{}", reply.summary());
    assert_eq!(server.visible(), ["folder/", "folder/file 1"]);
    assert_eq!(server.delete("nothing").status, 404);
}

// symptom: POST, mv and DELETE of a program that was running said 500, and so did PUT.
// cause:   a file is opened for writing to be locked, which the kernel refuses for one that is
//          being executed.
// fix:     it is opened for reading then; an append, which would change the program that runs, is
//          told to come later.
#[test]
fn a_program_that_runs_can_be_replaced_moved_and_removed() {
    let server = Server::start();
    let program = fs::read("/bin/sleep").expect("there is a program");
    let run = |name: &str| {
        assert_eq!(server.post(name, &program).status, 200);
        let path = server.storage().join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
        Running(Command::new(path).arg("60").spawn().expect("it runs"))
    };
    let _running = ["replaced", "moved", "removed", "appended"].map(run);
    assert_eq!(server.post("replaced", b"new").status, 200);
    assert_eq!(server.mv("moved", "elsewhere").status, 200);
    assert_eq!(server.delete("removed").status, 200);
    let reply = server.put("appended", b"more");
    assert_eq!(reply.status, 503, "{}", reply.summary());
    assert_eq!(server.get("appended").body, program);
    assert_eq!(server.get("replaced").text(), "new");
    assert_eq!(server.get("elsewhere").body, program);
    server.assert_clean();
}

// symptom: a DELETE of a large folder ended a server in a small control group.
// cause:   the names of all that is in a folder were read before the first of it was removed.
// fix:     it is removed as it is read; of the folders in it, a limited number at a time is moved
//          out.
#[test]
fn the_removal_of_a_wide_folder_takes_little_memory() {
    let server = Server::start();
    assert_eq!(server.get("/file").text(), "OK");
    let root = server.storage();
    let long = "x".repeat(240);
    fs::create_dir_all(root.join("wide")).expect("made");
    for number in 0..16_000 {
        let path = root.join(format!("wide/{number}-{long}"));
        match number % 10 {
            0 => fs::create_dir_all(path.join("in/it")).expect("made"),
            _ => drop(fs::File::create(path).expect("made")),
        }
    }
    let before = server.proc_status("VmHWM");
    assert_eq!(server.delete("wide").status, 200);
    let more = server.proc_status("VmHWM") - before;
    assert!(more < 1024, "{more} KiB more for 3,800 KiB of names");
    assert!(server.visible().is_empty());
    server.assert_clean();
}

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
