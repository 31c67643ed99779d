//! Clients that send a request before they have the reply to the one before.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use common::{Client, LIMIT, config, echo, ok, start_with};
use tiny_http::{Config, Content, Outgoing, Request, Response, Server};

#[test]
fn requests_that_come_at_once_are_handed_out_one_by_one() {
    let (under_way, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = (Arc::clone(&under_way), Arc::clone(&most));
    let running = start_with(config(), 4, move |request: Request| {
        counts.1.fetch_max(
            counts.0.fetch_add(1, Ordering::SeqCst) + 1,
            Ordering::SeqCst,
        );
        std::thread::yield_now();
        counts.0.fetch_sub(1, Ordering::SeqCst);
        echo(request);
    });
    let mut client = running.connect();
    let requests = (0..500).map(|number| format!("GET /{number} HTTP/1.1\r\n\r\n"));
    client.send(requests.collect::<String>());
    for number in 0..500 {
        assert_eq!(client.receive().content, format!("/{number}").as_bytes());
    }
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

#[test]
fn replies_are_sent_in_the_order_of_the_requests() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::with_config(vec![listener.into()], Config::default()).unwrap();
    let address = server.server_addr().to_ip().unwrap();
    let mut client = Client::new(TcpStream::connect(address).unwrap());
    client.send("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n");
    let receive = || server.recv_timeout(LIMIT).unwrap().unwrap();
    let (first, second) = (receive(), receive());
    assert_eq!(first.connection_id(), second.connection_id());
    let second = std::thread::spawn(move || echo(second));
    // It waits for the first one, which has not been answered.
    client
        .0
        .set_read_timeout(Some(std::time::Duration::from_millis(100)))
        .unwrap();
    let early = client.0.read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(early, Err(io::ErrorKind::WouldBlock));
    client.0.set_read_timeout(Some(LIMIT)).unwrap();
    echo(first);
    second.join().unwrap();
    assert_eq!(
        [client.receive().content, client.receive().content],
        [b"/1", b"/2"]
    );
}

/// A server with the default settings, and a client that has sent this.
fn pipelined(sent: &str) -> (Arc<Server>, Client) {
    let server = Arc::new(Server::http("127.0.0.1:0").unwrap());
    let address = server.server_addr().to_ip().unwrap();
    let mut client = Client::new(TcpStream::connect(address).unwrap());
    client.send(sent);
    (server, client)
}

// symptom: no thread receives a request, until an earlier request of a client that has sent a
//          malformed head behind it is answered.
// cause:   the thread that read that head waited with its reply for those before.
// fix:     it is put aside until the reply before is over.
#[test]
fn a_refusal_behind_open_replies_blocks_no_thread() {
    for (sent, status) in [
        ("GET /1 HTTP/1.1\r\n\r\nBAD\r\n\r\n", 400),
        ("GET /1 HTTP/1.1\r\n\r\nGET / HTTP/3.0\r\n\r\n", 505),
    ] {
        let (server, mut client) = pipelined(sent);
        let first = server.recv_timeout(LIMIT).unwrap().unwrap();
        let (received, receives) = mpsc::channel();
        let receiver = Arc::clone(&server);
        let thread = std::thread::spawn(move || {
            let request = receiver.recv_timeout(LIMIT).unwrap();
            received.send(request).unwrap();
            // Until the first connection has ended.
            while receiver.num_connections() > 0 {
                receiver.recv_timeout(LIMIT / 100).unwrap();
            }
        });
        let mut other = Client::new(TcpStream::connect(client.0.peer_addr().unwrap()).unwrap());
        other.send("GET /2 HTTP/1.0\r\n\r\n");
        let second = receives.recv_timeout(LIMIT / 2).unwrap().unwrap();
        assert_eq!(second.url(), "/2");
        echo(second);
        assert_eq!(other.receive().content, b"/2");
        drop(other);
        echo(first);
        assert_eq!(client.receive().content, b"/1");
        let refusal = client.receive();
        assert_eq!(refusal.status, status);
        assert!(refusal.head.contains("Connection: close"), "{refusal:?}");
        assert_eq!(client.rest().unwrap(), b"");
        drop(client);
        thread.join().unwrap();
    }
}

// symptom: `100 Continue` amid the content of another reply.
// cause:   a request that checked whether its client is still connected sent it during another
//          reply.
// fix:     nothing is sent before the replies to earlier requests are over.
#[test]
fn no_interim_response_gets_into_an_earlier_reply() {
    let looks = |mut request: Request| {
        request.is_client_gone();
        echo(request);
    };
    let reads = |mut request: Request| {
        let mut body = String::new();
        request.as_reader().read_to_string(&mut body).unwrap();
        let _ = request.respond(Response::from_string(body));
    };
    let expects = "PUT /2 HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    for (second, then, handle) in [
        ("GET /2 HTTP/1.1\r\n\r\n", "", looks as fn(Request)),
        (expects, "/2", reads),
    ] {
        let (server, mut client) = pipelined(&format!("GET /1 HTTP/1.1\r\n\r\n{second}"));
        let receive = || server.recv_timeout(LIMIT).unwrap().unwrap();
        let (mut first, second) = (receive(), receive());
        let (go_on, goes_on) = mpsc::channel();
        let reply = std::thread::spawn(move || {
            let write = |outgoing: &mut Outgoing<'_>| {
                outgoing.write_all(b"a")?;
                outgoing.flush()?;
                goes_on.recv_timeout(LIMIT).map_err(io::Error::other)?;
                outgoing.write_all(b"b")
            };
            let reply = ok(Content::Stream {
                length: Some(2),
                write: Box::new(write),
            });
            first.send(reply, &()).unwrap();
        });
        assert!(client.head().contains("Content-Length: 2"));
        let mut content = [0; 2];
        client.0.read_exact(&mut content[..1]).unwrap();
        if then.is_empty() {
            client.0.shutdown(Shutdown::Write).unwrap();
        }
        let second = std::thread::spawn(move || handle(second));
        let short = std::time::Duration::from_millis(100);
        client.0.set_read_timeout(Some(short)).unwrap();
        let early = client.0.read(&mut content[1..]);
        assert_eq!(
            early.map_err(|error| error.kind()),
            Err(io::ErrorKind::WouldBlock)
        );
        client.0.set_read_timeout(Some(LIMIT)).unwrap();
        go_on.send(()).unwrap();
        client.0.read_exact(&mut content[1..]).unwrap();
        assert_eq!(&content, b"ab");
        if !then.is_empty() {
            assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
            client.send(then);
        }
        assert_eq!(client.receive().content, b"/2");
        reply.join().unwrap();
        second.join().unwrap();
    }
}
