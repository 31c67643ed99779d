//! A server that listens in several places (`--listen`), on TCP and on Unix sockets. The file of a
//! socket is in unix_sockets.rs.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use testkit::rules::{put, token};
use testkit::server::Exit;
use testkit::{Conn, Server, TempDir, eventually, pattern, server, skip, unix};

/// A server on `127.0.0.1`, on `::1` and at a Unix socket, in this order.
struct Everywhere {
    server: Server,
    v6: SocketAddr,
    socket: PathBuf,
}

impl Everywhere {
    fn with(args: &[&str]) -> Self {
        let dir = Arc::new(TempDir::new());
        let socket = dir.outside().join("nas.sock");
        let named = unix_of(&socket);
        let listen = ["--listen", "127.0.0.1:0", "--listen", "[::1]:0"];
        let args = [&listen[..], &["--listen", &named], args].concat();
        let server = Server::on(dir, &args, &[]);
        let mut v6 = None;
        eventually("the log has the address of IPv6", || {
            v6 = addresses(&server.log()).get(1).cloned();
            v6.is_some()
        });
        let v6 = v6.unwrap_or_default().parse().expect("an address");
        Self { server, v6, socket }
    }

    /// The address that a client on this machine has for each.
    fn endpoints(&self) -> [String; 3] {
        [
            self.server.addr.to_string(),
            self.v6.to_string(),
            unix_of(&self.socket),
        ]
    }
}

fn unix_of(socket: &Path) -> String {
    format!("unix:{}", socket.display())
}

/// Where the log says that the server listens.
fn addresses(log: &str) -> Vec<String> {
    let lines = log
        .lines()
        .filter(|line| line.contains(" http-nas listens"));
    let addresses = lines.filter_map(|line| line.split("address=").nth(1)?.split(' ').next());
    addresses
        .map(|it| it.trim_matches('"').to_owned())
        .collect()
}

fn ask(addr: SocketAddr, method: &str, target: &str, body: &[u8]) -> (u16, String) {
    let reply = Conn::open(addr).request(method, target, &[], body);
    let reply = reply.expect("a reply");
    (reply.status, reply.text())
}

fn ok(content: &str) -> (u16, String) {
    (200, content.to_owned())
}

#[test]
fn one_server_is_reached_at_all_of_its_addresses() {
    let Everywhere { server, v6, socket } = &Everywhere::with(&[]);
    let at = |name: &str, method: &str, target: &str, body: &[u8]| match name {
        "v4" => ask(server.addr, method, target, body),
        "v6" => ask(*v6, method, target, body),
        _ => unix::request(socket, method, target, &[], body),
    };
    let names = ["v4", "v6", "unix"];
    std::thread::scope(|scope| {
        for name in names {
            scope.spawn(move || {
                for number in 0..20 {
                    let target = format!("{name}/{number}");
                    assert_eq!(at(name, "POST", &target, name.as_bytes()), ok("OK"));
                }
            });
        }
    });
    for (writer, reader) in names.iter().zip(["unix", "v4", "v6"]) {
        for number in 0..20 {
            let target = format!("{writer}/{number}");
            assert_eq!(at(reader, "GET", &target, b""), ok(writer), "{target}");
        }
    }
    eventually("clients are told apart in the log", || {
        let log = server.log();
        ["client=127.0.0.1:", "client=[::1]:", "client=unix "]
            .iter()
            .all(|client| log.matches(client).count() >= 40)
    });
}

/// Whoever has started the server reads them from its standard output, and operators from its log.
#[test]
fn every_address_is_named_at_the_start_in_the_order_given() {
    let everywhere = Everywhere::with(&[]);
    let expected = everywhere.endpoints();
    eventually("all are in the log", || {
        addresses(&everywhere.server.log()) == expected
    });
    let dir = TempDir::new();
    let socket = dir.outside().join("nas.sock");
    let mut child = server::command()
        .args(["--listen", &unix_of(&socket), "--listen=127.0.0.1:0"])
        .arg(dir.storage())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let stdout = child.stdout.take().expect("a pipe");
    let lines = std::io::BufRead::lines(std::io::BufReader::new(stdout));
    let lines: Vec<String> = lines.take(2).map_while(Result::ok).collect();
    let is_served = unix::is_served(&socket);
    let _ = child.kill();
    let _ = child.wait();
    assert!(is_served);
    assert_eq!(
        lines[0],
        format!("listening on http://{}", unix_of(&socket))
    );
    assert!(lines[1].starts_with("listening on http://127.0.0.1:"));
}

#[test]
fn curl_uploads_and_downloads_over_a_unix_socket() {
    if Command::new("curl").arg("--version").output().is_err() {
        return skip("there is no curl");
    }
    let Everywhere { server, socket, .. } = &Everywhere::with(&[]);
    // More than a socket holds, and more than is sent at once.
    let content = pattern(7, 5_000_000);
    let (sent, got) = (
        server.dir.outside().join("sent"),
        server.dir.outside().join("got"),
    );
    std::fs::write(&sent, &content).expect("written");
    let curl = |args: &[&str]| {
        let mut curl = Command::new("curl");
        curl.args(["-fsS", "-m", "20", "--unix-socket"]).arg(socket);
        let output = curl.args(args).output().expect("curl runs");
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let (sent, into) = (sent.to_string_lossy(), got.to_string_lossy());
    let url = "http://localhost/file/a";
    assert_eq!(curl(&["-X", "POST", "-T", &sent, url]), "OK");
    assert_eq!(server.content("a").as_deref(), Some(&content[..]));
    curl(&["-o", &into, url]);
    assert_eq!(std::fs::read(&got).ok().as_deref(), Some(&content[..]));
    let piped = curl(&["-H", "Transfer-Encoding: chunked", "-T", &sent, url]);
    assert_eq!(piped, "OK");
    assert_eq!(server.content("a"), Some(content.repeat(2)));
}

/// A listener that always has another client does not keep those of the others waiting.
#[test]
fn no_address_waits_for_another() {
    let Everywhere { server, v6, socket } = &Everywhere::with(&["--max-transfers", "64"]);
    let get = |which: usize| match which {
        0 => ask(server.addr, "GET", "/file", b"").0,
        1 => ask(*v6, "GET", "/file", b"").0,
        _ => unix::request(socket, "GET", "/file", &[], b"").0,
    };
    for busy in 0..3 {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..100).for_each(|_| assert_eq!(get(busy), 200)));
            }
            for quiet in (0..3).filter(|&quiet| quiet != busy) {
                (0..20).for_each(|_| assert_eq!(get(quiet), 200));
            }
        });
    }
    // Without anything else going on, one is not woken by the other.
    for which in [2, 0, 1, 2, 1, 0] {
        assert_eq!(get(which), 200, "{which}");
    }
}

#[test]
fn health_asks_the_first_of_them() {
    let everywhere = Everywhere::with(&[]);
    for endpoint in everywhere.endpoints() {
        let listen = ["--listen", &endpoint, "--listen", "127.0.0.1:1"];
        for (args, envs) in [
            (&listen[..], &[][..]),
            (&[], &[("LISTEN", endpoint.as_str())]),
            (&[], &[("HTTP_NAS_LISTEN", &endpoint), ("HOST", "::1")]),
            (&listen, &[("LISTEN", "127.0.0.1:1"), ("PORT", "1")]),
        ] {
            let args = [&["health", "--write"], args].concat();
            let exit = server::run(&args, envs);
            assert_eq!(exit.code, Some(0), "{args:?} {envs:?}: {exit:?}");
            let says = format!("http://{endpoint} is healthy");
            assert!(exit.stdout.starts_with(&says), "{exit:?}");
        }
    }
    let nowhere = everywhere.server.dir.outside().join("none");
    let exit = server::run(&["health", "--listen", &unix_of(&nowhere)], &[]);
    let says = format!(
        "http-nas: GET http://{}:/file: cannot connect: No such file or directory (os error 2)\n",
        unix_of(&nowhere)
    );
    assert_eq!((exit.code, exit.stderr), (Some(1), says));
}

// symptom: a server with tokens warned that whoever can reach it can delete all files.
// cause:   the warning was older than the rules.
// fix:     with rules, the line is about the traffic, and is no warning.
#[test]
fn a_server_with_rules_does_not_warn_that_it_is_open() {
    let dir = Arc::new(TempDir::new());
    let access = put(dir.outside(), &[token("t", "t", &[("", "read")])]);
    for (args, open, in_clear) in [
        (&["--listen", "0.0.0.0:0"][..], 1, 0),
        (&["--listen", "0.0.0.0:0", "--access", &access], 0, 1),
        (&["--listen", "127.0.0.1:0", "--access", &access], 0, 0),
    ] {
        let server = Server::on(dir.clone(), args, &[]);
        eventually("the start is logged", || {
            server.log().contains("memory that requests share")
        });
        let lines = |level: &str, says: &str| {
            let log = server.log();
            let is_one = |line: &&str| line.contains(level) && line.contains(says);
            log.lines().filter(is_one).count()
        };
        assert_eq!(lines(" WARN ", "there is no authentication"), open);
        assert_eq!(lines(" INFO ", "there is no TLS"), in_clear);
    }
}

/// A Unix socket lets no other machine in, so it is as good as loopback.
#[test]
fn any_host_is_answered_for_only_where_other_machines_can_connect() {
    for (others, status) in [(&[][..], 421), (&["--listen", "0.0.0.0:0"], 404)] {
        let args = [&["--allowed-hosts", "auto"], others].concat();
        let everywhere = Everywhere::with(&args);
        for (host, expected) in [("localhost", 404), ("evil.example", status)] {
            let target = format!("http://{host}/file/a");
            let over_unix = unix::request(&everywhere.socket, "GET", &target, &[], b"");
            assert_eq!(over_unix.0, expected, "{host}");
            let over_tcp = ask(everywhere.server.addr, "GET", &target, b"");
            assert_eq!(over_tcp.0, expected, "{host}");
        }
        let warnings = || {
            let log = everywhere.server.log();
            log.matches("there is no authentication").count()
        };
        eventually("the start is logged", || {
            let log = everywhere.server.log();
            log.contains("memory that requests share")
        });
        assert_eq!(warnings(), usize::from(!others.is_empty()));
    }
    let named = ["--listen", "127.0.0.1:0", "--listen", "localhost:0"];
    let server = Server::with(&[&named[..], &["--allowed-hosts", "auto"]].concat(), &[]);
    let reply = server.request("GET", "http://localhost/file/a", &[], b"");
    assert_eq!(reply.status, 404);
}

#[test]
fn each_address_that_others_can_reach_is_warned_of_once() {
    let listen = ["0.0.0.0:0", "[::]:0", "0.0.0.0:0", "127.0.0.1:0"];
    let args: Vec<&str> = listen.iter().flat_map(|it| ["--listen", it]).collect();
    let server = Server::with(&args, &[]);
    eventually("the start is logged", || {
        server.log().contains("memory that requests share")
    });
    let log = server.log();
    for address in ["0.0.0.0", "::"] {
        let warning = format!("whoever can reach {address} can");
        assert_eq!(log.matches(&warning).count(), 1, "{log}");
    }
    assert_eq!(log.matches("whoever can reach").count(), 2, "{log}");
}

#[test]
fn a_proxy_behind_a_unix_socket_is_trusted_by_that_word() {
    for (trusted, field) in [
        ("unix", "forwarded=\"192.0.2.1\""),
        ("10.0.0.0/8,unix", "forwarded=\"192.0.2.1\""),
        ("0.0.0.0/0,::/0", "claimed=\"192.0.2.1\""),
    ] {
        let everywhere = Everywhere::with(&["--trusted-proxies", trusted]);
        let headers = [("X-Forwarded-For", "192.0.2.1")];
        let reply = unix::request(&everywhere.socket, "GET", "a", &headers, b"");
        assert_eq!(reply.0, 404);
        let line = format!("client=unix {field} ");
        eventually(&line, || everywhere.server.log().contains(&line));
    }
}

/// One client cannot have all slots, and all that connect to a Unix socket are one.
#[test]
fn the_clients_of_a_unix_socket_share_what_one_client_may_have() {
    use std::io::{Read, Write};
    let Everywhere { server, socket, .. } = &Everywhere::with(&["--max-transfers", "16"]);
    let upload =
        b"POST /file/a HTTP/1.1\r\nHost: nas\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    let mut begun = Vec::new();
    for _ in 0..15 {
        let mut stream = std::os::unix::net::UnixStream::connect(socket).expect("connected");
        stream.write_all(upload).expect("sent");
        let mut interim = [0; 12];
        stream.read_exact(&mut interim).expect("an interim reply");
        assert_eq!(&interim, b"HTTP/1.1 100");
        begun.push(stream);
    }
    assert_eq!(unix::request(socket, "GET", "a", &[], b"").0, 503);
    assert_eq!(server.get("a").status, 404);
}

fn refused(args: &[&str], envs: &[(&str, &str)], code: i32) -> Exit {
    let dir = TempDir::new();
    let storage = dir.storage().to_string_lossy().into_owned();
    let exit = server::run(&[args, &["--storage", &storage]].concat(), envs);
    let lines = exit.stderr.lines().count();
    let found = (exit.code, exit.stdout.as_str(), lines);
    assert_eq!(found, (Some(code), "", 1), "{args:?}: {exit:?}");
    exit
}

#[test]
fn an_address_that_cannot_be_had_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().map(|addr| (taken, addr.to_string()));
    let (_taken, addr) = taken.expect("bound");
    let dir = TempDir::new();
    let socket = dir.outside().join("nas.sock");
    let args = ["--listen", &unix_of(&socket), "--listen=127.0.0.1:0"];
    let exit = refused(&[&args[..], &["--listen", &addr]].concat(), &[], 1);
    let says = format!("http-nas: cannot listen on {addr}: Address already in use");
    assert!(exit.stderr.starts_with(&says), "{exit:?}");
    assert!(!socket.exists(), "the socket of a failed start stays");
    // A label may not end with a hyphen: no resolver has to be asked.
    let name = "nas.invalid-:80";
    let exit = refused(&["--listen", name], &[], 1);
    let says = format!("http-nas: cannot listen on {name}: ");
    assert!(exit.stderr.starts_with(&says), "{exit:?}");
    assert!(!exit.stderr.contains("meant"), "{exit:?}");
    let exit = refused(&[], &[("LISTEN", name)], 1);
    let hint = "is LISTEN meant for http-nas? set HTTP_NAS_LISTEN";
    assert!(exit.stderr.contains(hint), "{exit:?}");
}

#[test]
fn mistakes_are_said_in_one_line() {
    for (args, envs, says) in [
        (
            &["--listen", "127.0.0.1:0", "--port", "0"][..],
            &[][..],
            "it is either --listen or --port",
        ),
        (
            &["--port", "0"],
            &[("LISTEN", "127.0.0.1:0")],
            "it is either LISTEN or --port",
        ),
        (
            &[],
            &[("LISTEN", "127.0.0.1:0"), ("HOST", "::")],
            "HTTP_NAS_LISTEN and --listen win over HOST",
        ),
        (&["--listen", "127.0.0.1"], &[], "has no port"),
        (&["--listen", "::1:80"], &[], "without brackets"),
        (&["--listen", ""], &[], "one of its addresses is empty"),
        (&["--listen", "unix:"], &[], "has no absolute path"),
        (&["--listen", "unix:nas.sock"], &[], "has no absolute path"),
        (&[], &[("LISTEN", "8080")], "write [::]:8080"),
    ] {
        let exit = refused(args, envs, 2);
        assert!(exit.stderr.contains(says), "{says}: {exit:?}");
    }
}
