//! Accepting connections: the limit of connections, listeners, threads.
//!
//! Not here: descriptors that have run out, which takes a process of its own (`descriptors.rs`).
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};

use common::{Client, LIMIT, config, echo, start, start_with};
use testkit::eventually;
use tiny_http::{Config, Request, Response, Server};

// symptom: with as many connections as are allowed, a new one was closed now and then, though
//          others were idle.
// cause:   it came after the check whether a client waits, and before accept(2), so that no room
//          was made.
// fix:     where no client waited at the check, none is accepted.
#[test]
fn beyond_the_most_connections_the_one_that_has_waited_longest_goes() {
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let (entered, enters) = mpsc::channel();
    let opened = Arc::clone(&gate);
    let running = start_with(
        Config {
            max_connections: 3,
            ..config()
        },
        5,
        move |request: Request| {
            if request.url() == "/wait" {
                entered.send(()).unwrap();
                let is_open = opened.0.lock().unwrap();
                let waited = opened
                    .1
                    .wait_timeout_while(is_open, LIMIT, |is_open| !*is_open);
                drop(waited.unwrap());
            }
            echo(request);
        },
    );
    // They wait in the order in which they are accepted.
    let clients = (1..=3).map(|number| {
        let client = running.connect();
        running.wait_for_connections(number);
        client
    });
    let mut clients: Vec<Client> = clients.collect();
    let mut fourth = running.connect();
    assert_eq!(fourth.get("/b").content, b"/b");
    assert_eq!(
        clients[0].rest().unwrap(),
        b"",
        "the first one has waited longest"
    );
    assert_eq!(clients[2].get("/c").content, b"/c");
    // With all of them in a transfer, a new connection is closed.
    let mut busy = [clients.remove(1), clients.remove(1), fourth];
    for client in &mut busy {
        client.send("GET /wait HTTP/1.1\r\n\r\n");
        enters.recv_timeout(LIMIT).unwrap();
    }
    let mut fifth = running.connect();
    let _ = fifth.0.write_all(b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(fifth.rest().unwrap_or_default(), b"");
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    busy.iter_mut()
        .for_each(|client| assert_eq!(client.receive().content, b"/wait"));
}

#[test]
fn threads_beyond_the_pollers_take_over_when_those_are_busy() {
    let (entered, enters) = mpsc::channel();
    let done = Arc::new(AtomicBool::new(false));
    let is_done = Arc::clone(&done);
    let running = start_with(
        Config {
            pollers: 1,
            ..config()
        },
        4,
        move |request: Request| {
            if request.url() == "/wait" {
                entered.send(()).unwrap();
                eventually("the busy requests are let go", || {
                    is_done.load(Ordering::SeqCst)
                });
            }
            echo(request);
        },
    );
    let mut busy: Vec<Client> = (0..3).map(|_| running.connect()).collect();
    for client in &mut busy {
        client.send("GET /wait HTTP/1.1\r\n\r\n");
        enters.recv_timeout(LIMIT).unwrap();
    }
    for _ in 0..100 {
        assert_eq!(running.connect().get("/a").content, b"/a");
    }
    done.store(true, Ordering::SeqCst);
    busy.iter_mut()
        .for_each(|client| assert_eq!(client.receive().content, b"/wait"));
}

#[test]
fn a_server_may_have_several_listeners() {
    let folder = std::env::temp_dir().join(format!("tiny-http-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("socket");
    let listeners = vec![
        TcpListener::bind("127.0.0.1:0").unwrap().into(),
        TcpListener::bind("[::]:0").unwrap().into(),
        UnixListener::bind(&path).unwrap().into(),
    ];
    let server = Server::with_config(listeners, config()).unwrap();
    let addresses = server.server_addrs().to_vec();
    let (v4, v6) = (
        addresses[0].clone().to_ip().unwrap(),
        addresses[1].clone().to_ip().unwrap(),
    );
    let clients: Vec<Box<dyn ReadWrite>> = vec![
        Box::new(TcpStream::connect(v4).unwrap()),
        Box::new(TcpStream::connect(("::1", v6.port())).unwrap()),
        Box::new(TcpStream::connect(("127.0.0.1", v6.port())).unwrap()),
        Box::new(UnixStream::connect(&path).unwrap()),
    ];
    let peers = ["127.0.0.1", "::1", "127.0.0.1", ""];
    for (mut client, peer) in clients.into_iter().zip(peers) {
        client
            .write_all(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
            .unwrap();
        let request = server.recv_timeout(LIMIT).unwrap().unwrap();
        let from = request.remote_addr().map(|peer| peer.ip().to_string());
        assert_eq!(from.unwrap_or_default(), peer);
        request.respond(Response::from_string("hello")).unwrap();
        let mut reply = String::new();
        client.read_to_string(&mut reply).unwrap();
        assert!(reply.ends_with("\r\n\r\nhello"), "{reply}");
    }
    drop(server);
    // The caller removes its file.
    std::fs::remove_file(&path).unwrap();
    drop(Server::http_unix(&path).unwrap());
    assert!(!path.exists());
    std::fs::remove_dir(&folder).unwrap();
}

trait ReadWrite: Read + Write {}

impl<T: Read + Write> ReadWrite for T {}

#[test]
fn two_servers_live_in_one_process() {
    let (one, two) = (start(config(), echo), start(config(), drop));
    assert_eq!(one.connect().get("/a").status, 200);
    assert_eq!(two.connect().get("/a").status, 500);
    drop(one);
    assert_eq!(two.connect().get("/a").status, 500);
}
