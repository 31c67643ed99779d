//! The orderly end of a server: what has begun is answered, and nothing else is taken on.
#![allow(clippy::unwrap_used)]

mod common;

use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};

use common::{Client, LIMIT, config, echo, ok, start};
use tiny_http::{Content, Request, Server};

#[test]
fn a_server_that_drains_answers_what_has_begun_and_ends() {
    let (entered, enters) = mpsc::channel();
    let (leave, leaves) = mpsc::channel::<()>();
    let leaves = Arc::new(Mutex::new(leaves));
    let running = start(config(), move |request: Request| {
        if request.url() == "/wait" {
            entered.send(()).unwrap();
            leaves.lock().unwrap().recv_timeout(LIMIT).unwrap();
        }
        echo(request);
    });
    let (mut idle, mut used, mut half, mut busy) = (
        running.connect(),
        running.connect(),
        running.connect(),
        running.connect(),
    );
    used.get("/a");
    half.send("GET /half HTTP/1.1\r\n");
    busy.send("GET /wait HTTP/1.1\r\n\r\n");
    enters.recv_timeout(LIMIT).unwrap();
    running.wait_for_connections(4);
    running.server.drain();
    assert_eq!(
        (idle.rest().unwrap(), used.rest().unwrap()),
        (vec![], vec![])
    );
    assert!(
        TcpStream::connect(running.address()).is_err(),
        "it accepts no more"
    );
    assert!(!running.server.wait_until_drained(std::time::Duration::ZERO));
    leave.send(()).unwrap();
    half.send("\r\n");
    for client in [&mut half, &mut busy] {
        let received = client.receive();
        assert!(
            received.head.contains("\r\nConnection: close\r\n"),
            "{}",
            received.head
        );
        assert_eq!(client.rest().unwrap(), b"");
    }
    drop((half, busy));
    assert!(running.server.wait_until_drained(LIMIT));
    assert!(running.server.recv().is_err());
}

#[test]
fn a_request_that_came_before_the_drain_is_handed_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::with_config(vec![listener.into()], config()).unwrap();
    let address = server.server_addr().to_ip().unwrap();
    let mut client = Client::new(TcpStream::connect(address).unwrap());
    assert!(server.try_recv().unwrap().is_none());
    assert_eq!(server.num_connections(), 1);
    client.send("GET /a HTTP/1.1\r\n\r\n");
    server.drain();
    echo(server.recv_timeout(LIMIT).unwrap().unwrap());
    assert_eq!(client.receive().content, b"/a");
    drop(client);
    assert!(server.recv().is_err());
    assert!(server.wait_until_drained(LIMIT));
}

#[test]
fn a_connection_that_was_to_go_on_ends_with_the_drain() {
    let (sent, sends) = mpsc::channel();
    let (end, ends) = mpsc::channel::<()>();
    let ends = Arc::new(Mutex::new(ends));
    let running = start(config(), move |mut request: Request| {
        let reply = ok(Content::Bytes(b"x"));
        request.send(reply, &()).unwrap();
        sent.send(()).unwrap();
        ends.lock().unwrap().recv_timeout(LIMIT).unwrap();
    });
    let mut client = running.connect();
    client.send("GET / HTTP/1.1\r\n\r\n");
    sends.recv_timeout(LIMIT).unwrap();
    running.server.drain();
    end.send(()).unwrap();
    let received = client.receive();
    assert!(!received.head.contains("Connection"), "{}", received.head);
    assert_eq!(client.rest().unwrap(), b"");
    assert!(running.server.wait_until_drained(LIMIT));
}
