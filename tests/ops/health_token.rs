//! `http-nas health --write` where the server has rules of who may do what: the token, where it
//! comes from, and what is said where it does not do.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use testkit::rules::{put, token};
use testkit::server::{self, Exit};
use testkit::{Server, TempDir, skip};

use super::health::{assert_ill, assert_well, health_with, listener};

const RIGHTS: &str = "read,create,delete";

/// A server that knows these tokens, each with its rights on a path.
fn server(tokens: &[(&str, &str, &str)]) -> Server {
    let dir = Arc::new(TempDir::new());
    let entries = tokens.iter().map(|(secret, path, rights)| {
        let name = format!("name-of-{secret}");
        token(&name, secret, &[(path, rights)])
    });
    let access = put(dir.outside(), &entries.collect::<Vec<_>>());
    Server::on(dir, &["--access", &access], &[])
}

fn with_token(server: &Server, args: &[&str], token: &str) -> Exit {
    let args = [&["--write"], args].concat();
    health_with(server.addr, &args, &[("HTTP_NAS_TOKEN", token)])
}

/// A file for a token, with this content.
fn file(dir: &TempDir, content: &[u8]) -> String {
    let path = dir.outside().join("token");
    fs::write(&path, content).expect("written");
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn a_token_comes_by_a_variable_or_in_a_file() {
    let server = server(&[("t0ken", "", RIGHTS)]);
    let dir = TempDir::new();
    assert_well(&with_token(&server, &[], "t0ken"));
    assert_well(&with_token(&server, &[], "t0ken\n"));
    for content in ["t0ken", "t0ken\n", "t0ken\r\n"] {
        let path = file(&dir, content.as_bytes());
        let by_variable = [("HTTP_NAS_TOKEN_FILE", path.as_str())];
        assert_well(&health_with(server.addr, &["--write"], &by_variable));
        // The flag wins over the variables.
        let wrong = [
            ("HTTP_NAS_TOKEN", "wr0ng"),
            ("HTTP_NAS_TOKEN_FILE", "/none"),
        ];
        let by_flag = ["--write", "--token-file", &path];
        assert_well(&health_with(server.addr, &by_flag, &wrong));
    }
    assert!(server.visible().is_empty());
    server.assert_clean();
}

/// A file system may have pipes in place of files: `<(...)` of a shell is one.
#[test]
fn a_token_comes_through_a_pipe() {
    let server = server(&[("t0ken", "", RIGHTS)]);
    let dir = TempDir::new();
    let path = dir.outside().join("fifo");
    let made = Command::new("mkfifo").arg(&path).status();
    assert!(made.is_ok_and(|status| status.success()));
    let text = path.to_str().expect("UTF-8");
    let run = || health_with(server.addr, &["--write", "--token-file", text], &[]);
    thread::scope(|scope| {
        scope.spawn(|| fs::write(&path, "t0ken\n").expect("read"));
        assert_well(&run());
    });
    // Nobody writes into it.
    let exit = run();
    let says = "cannot use the token in ";
    assert_refused(&exit, 1, says);
    assert!(
        exit.stderr.ends_with(": it could not be read within 2 s\n"),
        "{exit:?}"
    );
}

#[test]
fn many_at_once_need_rights_on_one_folder_alone() {
    let server = server(&[("t0ken", "probes/of all", RIGHTS)]);
    let folder = ["--folder", "/probes//of all/"];
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_well(&with_token(&server, &folder, "t0ken")));
        }
    });
    assert_eq!(server.visible(), ["probes/", "probes/of all/"]);
    server.assert_clean();
}

#[test]
fn what_needs_no_token_takes_none() {
    let server = server(&[]);
    for envs in [
        &[][..],
        &[("HTTP_NAS_TOKEN", "wr0ng")],
        &[
            ("HTTP_NAS_TOKEN", "no token"),
            ("HTTP_NAS_TOKEN_FILE", "/none"),
        ],
    ] {
        assert_well(&health_with(server.addr, &[], envs));
    }
}

/// A variable for `health` is nothing to the server, and is not logged.
#[test]
fn the_server_does_not_look_at_the_token() {
    let envs = [
        ("HTTP_NAS_TOKEN", "no t0ken"),
        ("HTTP_NAS_TOKEN_FILE", "/none"),
    ];
    let mut server = Server::with(&[], &envs);
    assert_eq!(server.get("/file").text(), "OK");
    let log = server.stop().stderr;
    assert!(!log.contains("t0ken") && !log.contains("/none"), "{log}");
}

#[test]
fn a_token_that_is_missing_or_unknown_is_said() {
    let server = server(&[("t0ken", "", RIGHTS)]);
    let exit = health_with(server.addr, &["--write"], &[]);
    let advice = "give it a token in HTTP_NAS_TOKEN or with --token-file, with \
                  read,create,delete:/, or on a folder that --folder names";
    assert_ill(&exit, "POST", advice);
    assert!(
        exit.stderr
            .contains("answered 401 Unauthorized: this takes a token"),
        "{exit:?}"
    );
    let exit = with_token(&server, &[], "wr0ng");
    assert_ill(&exit, "DELETE", "; it is the one in HTTP_NAS_TOKEN");
    assert!(
        exit.stderr
            .contains("401 Unauthorized: the token is not one"),
        "{exit:?}"
    );
    let dir = TempDir::new();
    let path = file(&dir, b"wr0ng\n");
    let exit = health_with(server.addr, &["--write", "--token-file", &path], &[]);
    assert_ill(&exit, "DELETE", &format!("; it is the one in \"{path}\""));
    assert!(!exit.stderr.contains("wr0ng"), "{exit:?}");
    assert!(server.visible().is_empty());
}

/// Whatever is missing, no file stays behind.
#[test]
fn a_right_that_is_missing_is_said_and_nothing_stays() {
    let server = server(&[
        ("n0read", "a", "create,delete"),
        ("n0create", "a", "read,delete,append"),
        ("n0delete", "a", "read,write,append"),
        ("elsewhere", "b", RIGHTS),
    ]);
    for (token, request, right) in [
        ("n0read", "GET", "read"),
        ("n0create", "POST", "create"),
        ("n0delete", "DELETE", "delete"),
        ("elsewhere", "DELETE", "delete"),
    ] {
        let exit = with_token(&server, &["--folder", "a/"], token);
        let advice = "; the token in HTTP_NAS_TOKEN needs read,create,delete:a/";
        assert_ill(&exit, request, advice);
        let says =
            format!("answered 403 Forbidden: this takes the right \"{right}\" on \"a/http-nas-");
        assert!(exit.stderr.contains(&says), "{exit:?}");
        assert!(!exit.stderr.contains(token), "{exit:?}");
    }
    assert!(server.visible().iter().all(|name| name == "a/"));
    server.assert_clean();
}

/// The exit code, and one line on stderr that says this.
fn assert_refused(exit: &Exit, code: i32, says: &str) {
    let found = (exit.code, exit.stdout.as_str(), exit.stderr.lines().count());
    assert_eq!(found, (Some(code), "", 1), "{exit:?}");
    assert!(exit.stderr.contains(says), "{says}: {exit:?}");
}

#[test]
fn a_file_that_holds_no_token_is_said() {
    let server = server(&[("t0ken", "", RIGHTS)]);
    let dir = TempDir::new();
    for (content, says) in [
        (&b""[..], "it is empty"),
        (b"\n", "it is empty"),
        (b"s3cret s3cret", "it holds spaces or line breaks"),
        (b"s3cret\ns3cret\n", "it holds spaces or line breaks"),
        (b" s3cret", "it holds spaces or line breaks"),
        (b"TOKEN=s3cret\n", "it is no token"),
        (b"{\"name\":\"s3cret\"}", "it is no token"),
        (b"s3cret\xff", "it is no token"),
        (
            b"s3cret\r\nX-Forwarded-For:1",
            "it holds spaces or line breaks",
        ),
        (&[b'a'; 8193], "it is larger than 8 KiB"),
    ] {
        let path = file(&dir, content);
        let exit = health_with(server.addr, &["--write", "--token-file", &path], &[]);
        assert_refused(
            &exit,
            1,
            &format!("cannot use the token in \"{path}\": {says}"),
        );
        assert!(!exit.stderr.contains("s3cret"), "{exit:?}");
    }
    let folder = dir.outside().to_str().expect("UTF-8").to_owned();
    for (path, says) in [
        ("/dev/zero", "it is larger than 8 KiB"),
        ("/dev/null", "it is empty"),
        (&folder, "Is a directory"),
        (
            "/no\nne",
            "cannot use the token in \"/no\\nne\": No such file",
        ),
    ] {
        let exit = health_with(server.addr, &["--write", "--token-file", path], &[]);
        assert_refused(&exit, 1, says);
    }
    let path = file(&dir, b"t0ken");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).expect("changed");
    match fs::read(&path) {
        Ok(_) => skip("root may read everything"),
        Err(_) => {
            let exit = health_with(server.addr, &["--write", "--token-file", &path], &[]);
            assert_refused(&exit, 1, "Permission denied");
        }
    }
    // None of these has sent a request.
    assert!(!server.log().contains("op="), "{}", server.log());
}

#[test]
fn wrong_words_are_refused() {
    let both = [
        ("HTTP_NAS_TOKEN", "s3cret"),
        ("HTTP_NAS_TOKEN_FILE", "/s3cret"),
    ];
    for (args, envs, says) in [
        (
            &["--write"][..],
            &both[..],
            "it is either HTTP_NAS_TOKEN or HTTP_NAS_TOKEN_FILE",
        ),
        (
            &["--write"],
            &[("HTTP_NAS_TOKEN", "s3cret,")],
            "HTTP_NAS_TOKEN is wrong: it is no token",
        ),
        (
            &["--write", "--token-file="],
            &[],
            "--token-file takes the path of a file",
        ),
        (&["--write", "--token-file"], &[], "--token-file"),
        (&["--token-file", "/f"], &[], "--token-file is for --write"),
        (&["--folder", "a"], &[], "--folder is for --write"),
        (
            &["--write", "--folder", "a/../b"],
            &[],
            "the name holds \"..\"",
        ),
        (
            &["--write", "--folder", "a\nb"],
            &[],
            "holds a control character",
        ),
        (
            &["--write", "--token", "s3cret"],
            &[],
            "did you mean --token-file?",
        ),
    ] {
        let exit = server::run(&[&["health"], args].concat(), envs);
        assert_refused(&exit, 2, says);
        assert!(!exit.stderr.contains("s3cret"), "{exit:?}");
    }
    let help = server::run(&["health", "--help"], &[]);
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""), "{help:?}");
    for word in [
        "--host",
        "--write",
        "--folder",
        "--token-file",
        "HTTP_NAS_TOKEN",
    ] {
        assert!(help.stdout.contains(word), "{word}: {help:?}");
    }
    let exit = server::run(&["--token-file", "/f"], &[]);
    assert_refused(&exit, 2, "there is no flag --token-file");
}

/// A listener that answers with the head that it was sent, which `status` begins, to all requests
/// but the first. The heads come through the receiver.
fn echo(status: &'static str) -> (SocketAddr, mpsc::Receiver<String>) {
    let (sender, heads) = mpsc::channel();
    let addr = listener(move |stream: &mut TcpStream, head| {
        let body = match head.starts_with("GET /file HTTP") {
            true => "HTTP/1.1 200 OK\r\n\r\nOK".to_owned(),
            false => {
                let said = head.replace("\r\n", " ");
                format!("HTTP/1.1 {status} {said}\r\n\r\n{status} {said}")
            }
        };
        sender.send(head.to_owned()).expect("the test goes on");
        stream.write_all(body.as_bytes()).expect("sent");
        // A body that is not read would reset the connection.
        stream
            .set_read_timeout(Some(Duration::from_millis(100)))
            .expect("set");
        stream
            .shutdown(std::net::Shutdown::Write)
            .expect("shut down");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    (addr, heads)
}

#[test]
fn the_token_goes_to_a_server_that_has_answered_and_is_never_printed() {
    for status in ["401", "403", "500", "200"] {
        let (addr, heads) = echo(status);
        let exit = health_with(addr, &["--write"], &[("HTTP_NAS_TOKEN", "s3cret")]);
        assert_eq!(exit.code, Some(1), "{exit:?}");
        assert_eq!(exit.stderr.lines().count(), 1, "{exit:?}");
        assert!(!exit.stderr.contains("s3cret"), "{exit:?}");
        let heads: Vec<String> = heads.try_iter().collect();
        let (first, others) = heads.split_first().expect("a request");
        assert!(
            !first.contains("s3cret") && !first.contains("Authorization"),
            "{first}"
        );
        assert!(!others.is_empty());
        for head in others {
            let fields = head.matches("\r\nAuthorization: Bearer s3cret\r\n").count();
            assert_eq!(fields, 1, "{head}");
        }
    }
    // What does not answer as a server gets no token.
    let (sender, heads) = mpsc::channel();
    let other = listener(move |stream, head| {
        sender.send(head.to_owned()).expect("the test goes on");
        let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nwelcome";
        stream.write_all(reply).expect("sent");
    });
    let exit = health_with(other, &["--write"], &[("HTTP_NAS_TOKEN", "s3cret")]);
    assert_ill(&exit, "GET", "the answer is not \"OK\"");
    let heads: Vec<String> = heads.try_iter().collect();
    assert!(
        heads.len() == 1 && !heads[0].contains("s3cret"),
        "{heads:?}"
    );
}
