//! The access file: mistakes in it at the start and while the server runs, and its changes.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testkit::process::Process;
use testkit::rules::{anonymous, bearer, file, put, token};
use testkit::server::{run, run_command};
use testkit::stranger::Stranger;
use testkit::{Server, TempDir, eventually};

/// Starts a server with this access file, which must not start; gives what it says.
fn refused(path: &Path) -> String {
    let dir = TempDir::new();
    let storage = dir.storage();
    let args = [
        "--access",
        path.to_str().unwrap(),
        "--port",
        "0",
        "--storage",
        storage.to_str().unwrap(),
    ];
    let exit = run(&args, &[]);
    assert_eq!(exit.code, Some(1), "{}", exit.stderr);
    assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
    exit.stderr
}

#[test]
fn a_file_that_is_not_valid_ends_the_start_with_one_line() {
    let dir = TempDir::new();
    let path = dir.outside().join("access.json");
    let large = file(&[anonymous("a", &[("", "read")])]) + &" ".repeat(10 << 20);
    let valid = file(&[token("a", "a", &[("", "read")])]);
    let half = valid[..valid.len() / 2].to_owned();
    for (content, expected) in [
        (String::new(), "it is empty"),
        ("not JSON".to_owned(), "it is not JSON"),
        (half, "it is not JSON"),
        (valid.replace("tokens", "token"), "tokens is missing"),
        (
            valid.replace("\"path\"", "\"pfad\""),
            "tokens[0].allow[0]: path is missing",
        ),
        (
            valid.replace("\"read\"", "\"all\""),
            "there is no right \"all\"",
        ),
        (
            valid.replace("\"path\": \"\"", "\"path\": \"a/../b\""),
            "allow[0].path: the name holds",
        ),
        (
            file(&[
                token("a", "a", &[("", "read")]),
                token("a", "b", &[("", "read")]),
            ]),
            "\"a\" is there twice",
        ),
        (large, "it is larger than 1 MiB"),
    ] {
        fs::write(&path, content).unwrap();
        let said = refused(&path);
        assert!(said.contains(expected), "{said}");
        assert!(said.contains("access.json"), "{said}");
    }
}

#[test]
fn what_is_no_file_ends_the_start() {
    let dir = TempDir::new();
    let at = |name: &str| dir.outside().join(name);
    fs::create_dir(at("folder")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    for (name, expected) in [
        ("folder", "it is not a file"),
        ("dangling", "No such file"),
        ("missing", "No such file"),
    ] {
        let said = refused(&at(name));
        assert!(said.contains(expected), "{name}: {said}");
    }
    let mkfifo = std::process::Command::new("mkfifo")
        .arg(at("fifo"))
        .status();
    assert!(mkfifo.is_ok_and(|status| status.success()));
    assert!(refused(&at("fifo")).contains("it is not a file"));
}

#[test]
fn a_file_that_may_not_be_read_ends_the_start_and_changes_nothing_later() {
    let stranger = Stranger::new();
    let storage = stranger.dir.storage();
    chown(&storage, stranger.user, stranger.user).unwrap();
    let access = put(stranger.dir.outside(), &[token("t", "t", &[("", "read")])]);
    let close = |mode| fs::set_permissions(&access, fs::Permissions::from_mode(mode)).unwrap();
    let start = || {
        let mut command = stranger.command();
        let args = ["--port", "0", "--allowed-hosts", "*", "--access", &access];
        command.args(args).arg("--storage").arg(&storage);
        command.stdin(Stdio::null());
        command
    };
    close(0o000);
    let exit = run_command(&mut start());
    assert_eq!(exit.code, Some(1), "{}", exit.stderr);
    assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
    let why = "access.json: Permission denied";
    assert!(exit.stderr.contains(why), "{}", exit.stderr);
    close(0o644);
    let server = Process::serving(start().stderr(Stdio::null()), &stranger.dir);
    let ready = || server.request("GET", "/readyz", &[], b"").status;
    let status = |value: &str| {
        let fields = [("Authorization", value)];
        server.request("GET", "/file/%2F", &fields, b"").status
    };
    assert_eq!((ready(), status("Bearer t")), (200, 200));
    close(0o000);
    eventually("it is not ready", || ready() == 503);
    assert_eq!((status("Bearer t"), status("Bearer x")), (200, 401));
    close(0o644);
    eventually("it is ready", || ready() == 200);
}

// symptom: an access file that was in the storage was taken where its path was a link to it.
// cause:   only the folder of the path was looked at.
// fix:     so is that of each link, and of the file at the end.
#[test]
fn a_file_in_the_storage_is_refused() {
    let dir = TempDir::new();
    let (storage, outside) = (dir.storage(), dir.outside());
    let inside = put(&storage, &[anonymous("a", &[("", "read")])]);
    fs::create_dir(storage.join("folder")).unwrap();
    let file = put(outside, &[anonymous("a", &[("", "read")])]);
    symlink(&file, storage.join("folder/link")).unwrap();
    symlink("storage/access.json", outside.join("to-file")).unwrap();
    symlink("to-file", outside.join("to-link")).unwrap();
    symlink("storage/folder/link", outside.join("through")).unwrap();
    symlink("storage", outside.join("to-folder")).unwrap();
    let named = |name: &str| outside.join(name).to_str().unwrap().to_owned();
    for path in [
        inside,
        named("to-file"),
        named("to-link"),
        named("through"),
        named("to-folder/access.json"),
        named("to-folder/folder/link"),
    ] {
        let args = ["--access", &path, "--port", "0", "--storage"];
        let exit = run(&[&args[..], &[storage.to_str().unwrap()]].concat(), &[]);
        assert_eq!(exit.code, Some(1), "{path}: {}", exit.stderr);
        let said = &exit.stderr;
        assert!(said.contains("in the storage folder"), "{path}: {said}");
    }
    // Beside it.
    Server::on(Arc::new(dir), &["--access", &file], &[]);
}

fn status(server: &Server, value: &str) -> u16 {
    let fields = [("Authorization", value)];
    server.request("GET", "f", &fields, b"").status
}

fn ready(server: &Server) -> (u16, String) {
    let reply = server.get("/readyz");
    (reply.status, reply.text())
}

#[test]
fn a_change_counts_and_one_that_is_not_valid_does_not() {
    let dir = Arc::new(TempDir::new());
    let access = put(
        dir.outside(),
        &[token("one", "one", &[("", "read,create")])],
    );
    let mut server = Server::on(dir.clone(), &["--access", &access], &[]);
    server.expect_errors();
    let [one, two] = ["one", "two"].map(bearer);
    let fields = [("Authorization", one.as_str())];
    assert_eq!(server.request("POST", "f", &fields, b"x").status, 200);
    assert!(ready(&server).1.contains("access: ok"));
    put(dir.outside(), &[token("two", "two", &[("", "read")])]);
    eventually("the new rules count", || status(&server, &two) == 200);
    assert_eq!(status(&server, &one), 401);
    for broken in ["", "{", "{\"tokens\": [{\"name\": \"one\"}]}"] {
        fs::write(&access, broken).unwrap();
        eventually("it is not ready", || ready(&server).0 == 503);
        let (_, text) = ready(&server);
        assert!(
            text.contains("access: the access file is not valid"),
            "{text}"
        );
        assert!(!text.contains(&access), "{text}");
        assert_eq!(status(&server, &two), 200);
        assert_eq!(status(&server, &one), 401);
        let excluded = server.get("/readyz?exclude=access");
        assert_eq!(excluded.status, 200);
        put(dir.outside(), &[token("two", "two", &[("", "read")])]);
        eventually("it is ready", || ready(&server).0 == 200);
    }
    fs::remove_file(&access).unwrap();
    eventually("it is not ready", || ready(&server).0 == 503);
    assert_eq!(status(&server, &two), 200);
    put(dir.outside(), &[token("one", "one", &[("", "read")])]);
    eventually("the last rules count", || status(&server, &one) == 200);
    let log = server.stop().stderr;
    assert!(log.contains("the access file cannot be used"), "{log}");
    assert!(log.contains("the access file was read again"), "{log}");
}

// As Kubernetes replaces the files of a Secret: the path is a link through `..data`, which is
// swapped for another one.
#[test]
fn a_swapped_link_counts_as_a_change() {
    let dir = Arc::new(TempDir::new());
    let mount = dir.outside().join("secret");
    fs::create_dir(&mount).unwrap();
    let version = |name: &str, entry: String| {
        fs::create_dir(mount.join(name)).unwrap();
        put(&mount.join(name), &[entry]);
        symlink(name, mount.join("..new")).unwrap();
        fs::rename(mount.join("..new"), mount.join("..data")).unwrap();
    };
    version("..1", token("one", "one", &[("", "read,create")]));
    symlink("..data/access.json", mount.join("access.json")).unwrap();
    let access = mount.join("access.json");
    let server = Server::on(dir.clone(), &["--access", access.to_str().unwrap()], &[]);
    let [one, two] = ["one", "two"].map(bearer);
    let fields = [("Authorization", one.as_str())];
    assert_eq!(server.request("POST", "f", &fields, b"x").status, 200);
    version("..2", token("two", "two", &[("", "read")]));
    fs::remove_dir_all(mount.join("..1")).unwrap();
    eventually("the new rules count", || status(&server, &two) == 200);
    assert_eq!(status(&server, &one), 401);
}

// Written in place, in two halves, a thousand times, while requests run: each of them is answered
// by rules that were written whole, and never by none.
#[test]
fn a_file_that_is_being_written_never_opens_a_door() {
    const TIMES: usize = 1_000;
    let dir = Arc::new(TempDir::new());
    let shared = token("both", "both", &[("", "read,create")]);
    let rules =
        ["one", "two"].map(|name| file(&[shared.clone(), token(name, name, &[("", "read")])]));
    let access = put(dir.outside(), std::slice::from_ref(&shared));
    let mut server = Server::on(dir, &["--access", &access], &[]);
    server.expect_errors();
    let both = bearer("both");
    let fields = [("Authorization", both.as_str())];
    assert_eq!(server.request("POST", "f", &fields, b"x").status, 200);
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for time in 0..TIMES {
                let content = &rules[time % 2];
                let half = content.len() / 2;
                fs::write(&access, &content[..half]).unwrap();
                // A reader at this moment sees a half.
                assert_eq!(status(&server, &both), 200);
                fs::write(&access, content).unwrap();
            }
            is_done.store(true, Ordering::SeqCst);
        });
        let mut requests = 0;
        while !is_done.load(Ordering::SeqCst) {
            let none = server.get("f").status;
            assert_eq!((none, status(&server, &bearer("wrong"))), (401, 401));
            assert_eq!(status(&server, &both), 200);
            requests += 3;
        }
        assert!(requests > 0);
    });
    eventually("the last rules count", || {
        status(&server, &bearer("two")) == 200
    });
    assert!(server.is_alive());
}
