//! In a control group with a limit of memory, clients that hold as much of it as they can do not
//! end the server. The kernel counts.
//!
//! symptom: six unread lists of a folder of 20,000 names, or 480 uploads that have begun, or 748
//!          idle connections ended the server in the 32 MiB that were promised to be enough for it.
//! cause:   memory for each request and connection, with limits on their number that did not follow
//!          from the memory of the group.
//! fix:     requests share one budget, and connections and transfers are limited to what fits
//!          beside it.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use testkit::group::Group;
use testkit::process::{Process, flags};
use testkit::{TempDir, eventually, skip, within};

/// 30,000 names of 246 bytes are a list of 7.4 MB.
const FILES: usize = 30_000;

fn name(number: usize) -> String {
    format!("{:06}{}", number * 7_919 % FILES, "n".repeat(240))
}

/// A storage with a folder `d` of many files, on a disk: in memory the files would be counted, too.
/// Tests that run at the same time have it together.
fn storage() -> Arc<TempDir> {
    static STORAGE: Mutex<Weak<TempDir>> = Mutex::new(Weak::new());
    let mut known = STORAGE.lock().unwrap_or_else(PoisonError::into_inner);
    known.upgrade().unwrap_or_else(|| {
        let dir = TempDir::new();
        fs::create_dir(dir.storage().join("d")).expect("made");
        for number in 0..FILES {
            fs::write(dir.storage().join("d").join(name(number)), b"").expect("written");
        }
        let dir = Arc::new(dir);
        *known = Arc::downgrade(&dir);
        dir
    })
}

/// Each connection takes a descriptor of the test.
fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, all).expect("the limit can be raised to the hard one");
}

/// A connection from an address of loopback, with little room for what it does not read.
fn connect(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    let kind = (AddressFamily::INET, SocketType::STREAM);
    let socket = rustix::net::socket_with(kind.0, kind.1, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_recv_buffer_size(&socket, 4096)?;
    rustix::net::bind(&socket, &SocketAddrV4::new(from, 0))?;
    rustix::net::connect(&socket, &to)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.set_write_timeout(Some(Duration::from_secs(60)))?;
    Ok(stream)
}

const ATTACKER: Ipv4Addr = Ipv4Addr::LOCALHOST;
const GOOD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Opens this many connections, which send the bytes and read nothing. Refused ones do not matter.
fn hold(server: &Process, count: usize, bytes: &dyn Fn(usize) -> Vec<u8>) -> Vec<TcpStream> {
    let open = |number| {
        let mut stream = connect(ATTACKER, server.addr).ok()?;
        // It may be closed at once, or may not take all.
        stream
            .set_write_timeout(Some(Duration::from_millis(500)))
            .ok()?;
        let _ = stream.write_all(&bytes(number));
        Some(stream)
    };
    (0..count).filter_map(open).collect()
}

/// A whole reply to a client of another address.
fn ask(server: &Process, request: &str) -> io::Result<String> {
    let mut stream = connect(GOOD, server.addr)?;
    stream.write_all(request.as_bytes())?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply)
}

/// Asks until it is served, which is so once what came before has found its place or none.
fn served(server: &Process, request: &str) -> String {
    let mut reply = String::new();
    within(Duration::from_secs(180), request, || {
        reply = ask(server, request).unwrap_or_default();
        reply.starts_with("HTTP/1.1 200 ")
    });
    reply
}

/// A server in a group of this many MiB, and an attack on it there.
fn in_group(mib: u64, attack: &dyn Fn(&Process) -> Vec<TcpStream>) {
    let Some(group) = Group::with_limit(mib << 20) else {
        skip("no control group with a limit of memory can be made here");
        return;
    };
    /// One at a time: hundreds of clients take all processors for a while.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    allow_descriptors();
    let dir = storage();
    let mut command = group.command();
    command.args(flags(&dir)).stderr(Stdio::null());
    let mut server = Process::serving(&mut command, &dir);
    let held = attack(&server);
    assert!(!held.is_empty());
    let list = served(
        &server,
        "GET /file/d HTTP/1.0\r\nHost: nas\r\nAccept: text/plain\r\n\r\n",
    );
    assert_eq!(list.lines().filter(|line| line.len() == 246).count(), FILES);
    let stored = format!("POST /file/good-{mib} HTTP/1.0\r\nContent-Length: 5\r\n\r\nbytes");
    served(&server, &stored);
    let read = served(&server, &format!("GET /file/good-{mib} HTTP/1.0\r\n\r\n"));
    assert!(read.ends_with("bytes"), "{read}");
    let kills = group.kills();
    assert_eq!(
        kills,
        0,
        "{mib} MiB: killed; at most {} bytes",
        group.peak()
    );
    assert!(server.is_alive(), "{mib} MiB");
    drop(held);
}

#[test]
fn what_follows_from_the_limit_is_said_at_the_start() {
    for (mib, shared, is_lowered) in [(32, 16 << 20, true), (1024, 24 << 20, false)] {
        let Some(group) = Group::with_limit(mib << 20) else {
            skip("no control group with a limit of memory can be made here");
            return;
        };
        let dir = Arc::new(TempDir::new());
        let path = dir.outside().join("log");
        let log = fs::File::create(&path).expect("made");
        let mut command = group.command();
        command.args(flags(&dir)).stderr(log);
        let server = Process::serving(&mut command, &dir);
        let line = format!(
            "memory that requests share, and the limit of the control group memory={shared} limit={}",
            mib << 20
        );
        let mut text = String::new();
        eventually("the line of the start", || {
            text = fs::read_to_string(&path).unwrap_or_default();
            text.contains(&line)
        });
        served(&server, "GET /file HTTP/1.0\r\n\r\n");
        text = fs::read_to_string(&path).unwrap_or_default();
        for flag in ["--max-connections is lowered", "--max-transfers is lowered"] {
            assert_eq!(text.contains(flag), is_lowered, "{mib} MiB: {text}");
        }
    }
}

fn unread(mib: u64, target: &'static str, accept: &'static str) {
    in_group(mib, &move |server| {
        let request = format!("GET {target} HTTP/1.1\r\nHost: nas\r\nAccept: {accept}\r\n\r\n");
        hold(server, 200, &|_| request.clone().into_bytes())
    });
}

#[test]
fn lists_that_nobody_reads_fit() {
    for mib in [32, 64, 256] {
        unread(mib, "/file/d", "*/*");
    }
}

#[test]
fn lists_as_json_that_nobody_reads_fit() {
    for mib in [32, 64, 256] {
        unread(mib, "/file/d", "application/json");
    }
}

#[test]
fn pages_that_nobody_reads_fit() {
    for mib in [32, 64] {
        unread(mib, "/file/d/", "text/html");
    }
}

#[test]
fn archives_that_nobody_reads_fit() {
    for mib in [32, 64, 256] {
        unread(mib, "/file/d/tar", "*/*");
    }
}

#[test]
fn uploads_that_have_begun_fit() {
    for mib in [32, 64, 256] {
        in_group(mib, &|server| {
            hold(server, 480, &|number| {
                let head = format!("POST /file/up-{number} HTTP/1.1\r\nHost: nas\r\n");
                let chunk = "Transfer-Encoding: chunked\r\n\r\n1000\r\nabc";
                (head + chunk).into_bytes()
            })
        });
    }
}

#[test]
fn bodies_that_came_fast_and_then_stand_still_fit() {
    for mib in [32, 64, 256] {
        in_group(mib, &|server| {
            hold(server, 200, &|number| {
                let head = format!("POST /file/up-{number} HTTP/1.1\r\nHost: nas\r\n");
                let length = "Content-Length: 900000\r\n\r\n";
                let mut bytes = (head + length).into_bytes();
                bytes.resize(bytes.len() + 600_000, b'x');
                bytes
            })
        });
    }
}

#[test]
fn idle_connections_fit() {
    for mib in [32, 64, 256] {
        in_group(mib, &|server| hold(server, 4_500, &|_| Vec::new()));
    }
}
