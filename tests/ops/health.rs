//! `http-nas health`: against servers that work, and against whatever else may be at their address.
//! Servers that take a token are in health_token.rs.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use testkit::server::{self, Exit};
use testkit::{AT_ONCE, Conn, Server, TempDir, eventually};

/// `http-nas health` for this address, with more arguments.
fn health(addr: SocketAddr, args: &[&str]) -> Exit {
    health_with(addr, args, &[])
}

/// The same, with these variables.
pub(super) fn health_with(addr: SocketAddr, args: &[&str], envs: &[(&str, &str)]) -> Exit {
    let (host, port) = (addr.ip().to_string(), addr.port().to_string());
    let target = ["health", "--host", &host, "--port", &port];
    server::run(&[&target[..], args].concat(), envs)
}

pub(super) fn assert_well(exit: &Exit) {
    let found = (exit.code, exit.stdout.lines().count(), exit.stderr.as_str());
    assert_eq!(found, (Some(0), 1, ""), "{exit:?}");
    let is_line = exit.stdout.starts_with("http://") && exit.stdout.ends_with('\n');
    assert!(is_line && exit.stdout.contains(" is healthy"), "{exit:?}");
}

/// Exit code 1, and one line on stderr that names the request and says this.
pub(super) fn assert_ill(exit: &Exit, request: &str, says: &str) {
    assert_eq!((exit.code, exit.stdout.as_str()), (Some(1), ""), "{exit:?}");
    let line = exit.stderr.strip_suffix('\n').unwrap_or_default();
    assert!(!line.is_empty() && !line.contains('\n'), "{exit:?}");
    let start = format!("http-nas: {request} http://");
    assert!(
        line.starts_with(&start) && line.ends_with(says),
        "{start:?} ... {says:?}: {exit:?}"
    );
}

/// A listener that does this with each connection, once a whole head has come on it.
pub(super) fn listener(serve: impl Fn(&mut TcpStream, &str) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("a whole head");
                head.push(byte[0]);
            }
            serve(&mut stream, &String::from_utf8_lossy(&head));
        }
    });
    addr
}

fn answers(reply: &'static str) -> SocketAddr {
    listener(move |stream, _| stream.write_all(reply.as_bytes()).expect("sent"))
}

#[test]
fn a_server_that_works_is_well() {
    for host in ["127.0.0.1", "0.0.0.0", "::", "localhost"] {
        let server = Server::with(&["--host", host], &[]);
        let port = server.addr.port().to_string();
        assert_well(&server::run(
            &["health"],
            &[("HOST", host), ("PORT", &port)],
        ));
        // Flags win over variables here, too.
        let wrong = [("HOST", "203.0.113.1"), ("PORT", "1")];
        let flags = ["health", "--host", host, "--port", &port];
        assert_well(&server::run(&flags, &wrong));
        // What only the server can make sense of is not looked at.
        let port = [("PORT", port.as_str()), ("HOST", host), ("SYNC", "wrong")];
        assert_well(&server::run(&["health", "--write"], &port));
    }
}

#[test]
fn with_write_a_file_goes_in_and_out_and_nothing_stays() {
    let server = Server::start();
    server.place("a", b"content");
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_well(&health(server.addr, &["--write"])));
        }
    });
    assert_eq!(server.visible(), ["a 7"]);
    server.assert_clean();
    // The log has a queue.
    let posts = || server.log().matches("method=POST").count();
    eventually("all are logged", || posts() == 8);
    let log = server.log();
    let names: std::collections::BTreeSet<_> = log
        .lines()
        .filter(|line| line.contains("method=POST"))
        .filter_map(|line| line.split("name=").nth(1)?.split(' ').next())
        .collect();
    assert_eq!(names.len(), 8, "a name of its own each time: {names:?}");
    assert!(
        names
            .iter()
            .all(|name| name.starts_with("\"http-nas-health-")),
        "{names:?}"
    );
}

#[test]
fn without_write_nothing_is_stored() {
    let server = Server::start();
    assert_well(&health(server.addr, &[]));
    eventually("the request is logged", || {
        server.log().contains("method=GET")
    });
    assert!(!server.log().contains("method=POST"));
}

#[test]
fn a_stopped_server_and_a_wrong_port_refuse() {
    let addr = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port");
    for args in [&[][..], &["--write"]] {
        let exit = health(addr, args);
        assert_ill(
            &exit,
            "GET",
            "cannot connect: Connection refused (os error 111)",
        );
        assert!(exit.took < Duration::from_secs(2), "{exit:?}");
    }
}

#[test]
fn a_name_that_nobody_has_is_said() {
    let exit = server::run(&["health", "--host", "no such host"], &[]);
    assert_eq!((exit.code, exit.stderr.lines().count()), (Some(1), 1));
    assert!(exit.stderr.contains("no such host"), "{exit:?}");
}

#[test]
fn other_programs_on_the_port_are_told_from_a_server() {
    for (reply, says) in [
        ("SSH-2.0-OpenSSH_9.2\r\n", "the answer is not HTTP"),
        ("", "the connection was closed without an answer"),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            "answered 404 Not Found",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nwelcome",
            "the answer is not \"OK\"",
        ),
    ] {
        assert_ill(&health(answers(reply), &[]), "GET", says);
    }
}

/// The limit holds for all of it, however little the server keeps sending.
#[test]
fn a_server_that_hangs_gets_two_seconds() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let (hold, held) = mpsc::channel::<()>();
    let dripping = listener(move |stream, _| {
        while held.recv_timeout(Duration::from_millis(100)) == Err(mpsc::RecvTimeoutError::Timeout)
        {
            // Its client has gone.
            if stream.write_all(b"H").is_err() {
                break;
            }
        }
    });
    for addr in [silent.local_addr().expect("bound"), dripping] {
        let exit = health(addr, &[]);
        assert_ill(&exit, "GET", "no answer within 2 s");
        assert!(exit.took >= Duration::from_secs(2), "{exit:?}");
        assert!(exit.took < Duration::from_secs(2) + AT_ONCE, "{exit:?}");
    }
    drop(hold);
}

#[test]
fn with_write_a_busy_server_is_ill_and_without_it_is_well() {
    let server = Server::with(&["--max-transfers", "1"], &[]);
    let mut conn = Conn::open(server.addr);
    conn.send(
        b"POST /file/a HTTP/1.1\r\nHost: nas\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
    );
    assert_eq!(conn.head().expect("asked for the body").status, 100);
    let busy = "answered 503 Service Unavailable: too many transfers at once, try again";
    assert_ill(&health(server.addr, &["--write"]), "POST", busy);
    assert_well(&health(server.addr, &[]));
    conn.send(b"ab");
    assert_eq!(conn.reply_to("POST").expect("a reply").status, 200);
    assert_well(&health(server.addr, &["--write"]));
}

#[test]
fn a_storage_that_is_gone_is_ill() {
    let mut server = Server::start();
    server.expect_errors();
    std::fs::remove_dir_all(server.storage()).expect("removed");
    let gone = "answered 500 Internal Server Error: the storage folder cannot be read";
    assert_ill(&health(server.addr, &[]), "GET", gone);
}

#[test]
fn with_write_a_disk_without_space_is_ill() {
    let server = Server::with(&["--min-free-space", "1000000GiB"], &[]);
    assert_well(&health(server.addr, &[]));
    let full = ", 976.6 TiB are kept back";
    assert_ill(&health(server.addr, &["--write"]), "POST", full);
    assert!(server.visible().is_empty());
    server.assert_clean();
}

#[test]
fn with_write_what_comes_back_is_compared_and_deleted_all_the_same() {
    let (sender, requests) = mpsc::channel();
    let forgetful = listener(move |stream, head| {
        let line = head.lines().next().unwrap_or_default().to_owned();
        let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK";
        // The body of the POST has to be read, or its sender would see a reset in place of the
        // reply.
        if line.starts_with("POST") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("Content-Length: "));
            let length = length.and_then(|length| length.parse().ok());
            let mut body = vec![0; length.expect("a length")];
            stream.read_exact(&mut body).expect("the body");
        }
        stream.write_all(reply).expect("sent");
        sender.send(line).expect("the test goes on");
    });
    let exit = health(forgetful, &["--write"]);
    assert_eq!(exit.code, Some(1), "{exit:?}");
    assert!(exit.stderr.contains("the answer is not \"http-nas-health-"));
    let requests: Vec<String> = requests.try_iter().collect();
    let words = |line: &String| line.split(' ').next().unwrap_or_default().to_owned();
    let methods: Vec<String> = requests.iter().map(words).collect();
    assert_eq!(methods, ["GET", "POST", "GET", "DELETE"], "{requests:?}");
}

#[test]
fn wrong_words_are_refused() {
    let dir = TempDir::new();
    let storage = dir.storage().to_string_lossy().into_owned();
    for (args, word) in [
        (&["health", "--port", "0"][..], "port"),
        (&["health", "--port", "many"], "--port"),
        (&["health", "--storage", &storage], "--storage"),
        (&["health", "--nope"], "--nope"),
        (&["health", "surplus"], "surplus"),
        (&["--write"], "--write"),
    ] {
        let exit = server::run(args, &[]);
        assert_eq!((exit.code, exit.stdout.as_str()), (Some(2), ""), "{exit:?}");
        assert_eq!(exit.stderr.lines().count(), 1, "{exit:?}");
        assert!(exit.stderr.contains(word), "{exit:?}");
    }
}
