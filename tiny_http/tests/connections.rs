//! How connections begin, go on and end.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};

use common::{Client, LIMIT, config, echo, start, start_with, wait_until};
use tiny_http::{Config, Content, Outgoing, Reply, Request, Response, Server};

#[test]
fn a_client_that_sends_before_it_reads_sees_a_refusal() {
    let running = start(config(), |request| {
        let _ = request.respond(Response::from_string("full").with_status_code(507));
    });
    for head in [
        "Content-Length: 60000000",
        "Transfer-Encoding: chunked",
        "Content-Length : 1",
    ] {
        let mut client = running.connect();
        client.send(format!("PUT / HTTP/1.1\r\n{head}\r\n\r\n3938700\r\n"));
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..58 {
            client.send(&piece);
        }
        let expected = if head.contains(" :") { 400 } else { 507 };
        assert_eq!(client.receive().status, expected, "{head}");
        assert_eq!(client.rest().unwrap(), b"");
    }
    running.wait_for_connections(0);
}

#[test]
fn a_short_body_that_nobody_reads_keeps_its_connection() {
    let running = start(config(), echo);
    let mut client = running.connect();
    client.send("PUT /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(client.receive().content, b"/a");
    assert_eq!(client.get("/b").content, b"/b");
    // Where this one ends is not known before it is read.
    client.send("PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    assert!(client.receive().head.contains("Connection: close"));
}

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

// symptom: with as many connections as are allowed, a new one was closed now and then, though others waited.
// cause:   it came between the look for a client to make room for, and accepting.
// fix:     where none is there, none is accepted.
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
    // In the order in which they are accepted, they begin to wait.
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
    // With all of them in a transfer, a new one is closed.
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
fn the_server_says_when_a_connection_ends() {
    let running = start(config(), |mut request: Request| {
        let reply = tiny_http::Reply {
            status: tiny_http::StatusCode(200),
            fields: &[],
            content: tiny_http::Content::Bytes(b"x"),
            closes: request.url() == "/last",
        };
        request.send(reply, &()).unwrap();
    });
    for (version, fields, target, expected) in [
        ("1.1", "", "/", None),
        ("1.1", "Connection: close\r\n", "/", Some("close")),
        ("1.1", "", "/last", Some("close")),
        ("1.0", "", "/", Some("close")),
        ("1.0", "Connection: keep-alive\r\n", "/", Some("keep-alive")),
    ] {
        let mut client = running.connect();
        client.send(format!("GET {target} HTTP/{version}\r\n{fields}\r\n"));
        let received = client.receive();
        let said = received
            .head
            .lines()
            .find_map(|line| line.strip_prefix("Connection: "));
        assert_eq!(said, expected, "{version} {fields}");
        match expected {
            Some("close") => assert_eq!(client.rest().unwrap(), b""),
            _ => assert_eq!(client.get("/").status, 200),
        }
    }
}

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
    // Its file is for whoever has made it to remove.
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
                wait_until(|| is_done.load(Ordering::SeqCst));
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
fn a_client_that_is_gone_is_found_out() {
    let (gone, is_gone) = mpsc::channel();
    let (entered, enters) = mpsc::channel();
    let running = start(config(), move |mut request: Request| {
        assert!(!request.is_client_gone());
        entered.send(()).unwrap();
        let began = std::time::Instant::now();
        while !request.is_client_gone() && began.elapsed() < LIMIT {
            std::thread::yield_now();
        }
        gone.send(request.is_client_gone()).unwrap();
    });
    for ends in [drop::<Client> as fn(Client), |client| {
        let _ = client.0.shutdown(Shutdown::Both);
        drop(client);
    }] {
        let mut client = running.connect();
        client.send("GET / HTTP/1.1\r\n\r\n");
        enters.recv_timeout(LIMIT).unwrap();
        ends(client);
        assert_eq!(is_gone.recv_timeout(LIMIT * 2), Ok(true));
    }
}

#[test]
fn the_end_of_input_before_the_end_of_a_body_is_an_error() {
    let (noted, notes) = mpsc::channel();
    let running = start(config(), move |mut request: Request| {
        let input = request.input().unwrap();
        if request.url() == "/end" {
            input.end();
        }
        let read = request.as_reader().read_to_end(&mut Vec::new());
        let again = request.as_reader().read(&mut [0; 8]);
        noted
            .send((read.unwrap_err().kind(), again.unwrap_err().kind()))
            .unwrap();
    });
    use io::ErrorKind::{InvalidData, UnexpectedEof};
    for (target, body, ends, expected) in [
        ("/", "Content-Length: 5\r\n\r\nabc", true, UnexpectedEof),
        (
            "/",
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            true,
            UnexpectedEof,
        ),
        (
            "/",
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd",
            false,
            InvalidData,
        ),
        (
            "/",
            "Transfer-Encoding: chunked\r\n\r\nx",
            false,
            InvalidData,
        ),
        ("/end", "Content-Length: 5\r\n\r\nabc", false, UnexpectedEof),
    ] {
        let mut client = running.connect();
        client.send(format!("PUT {target} HTTP/1.1\r\n{body}"));
        if ends {
            client.0.shutdown(Shutdown::Write).unwrap();
        }
        assert_eq!(
            notes.recv_timeout(LIMIT),
            Ok((expected, expected)),
            "{body}"
        );
        assert_eq!(client.receive().status, 500);
        assert_eq!(client.rest().unwrap(), b"");
    }
}

// symptom: a client keeps a connection for its next request that has ended.
// cause:   the end of the input was noticed only where something of the body was still to come.
// fix:     the reply is the last one wherever the input was ended.
#[test]
fn a_body_that_had_come_whole_before_the_end_of_input_is_the_last() {
    let running = start(config(), |mut request: Request| {
        let input = request.input().unwrap();
        let mut body = vec![0];
        request.as_reader().read_exact(&mut body).unwrap();
        input.end();
        request.as_reader().read_to_end(&mut body).unwrap();
        let _ = request.respond(Response::from_data(body));
    });
    let mut client = running.connect();
    client.send("PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello");
    let reply = client.receive();
    assert_eq!(reply.content, b"hello");
    assert!(reply.head.contains("Connection: close"), "{reply:?}");
    assert_eq!(client.rest().unwrap(), b"");
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
        let reply = tiny_http::Reply {
            status: tiny_http::StatusCode(200),
            fields: &[],
            content: tiny_http::Content::Bytes(b"x"),
            closes: false,
        };
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

#[test]
fn an_empty_line_behind_the_last_body_does_not_cost_the_reply() {
    let running = start(config(), |mut request: Request| {
        let body = request.as_reader().read_to_end(&mut Vec::new()).unwrap();
        let _ = request.respond(Response::from_string(body.to_string()));
    });
    let mut client = running.connect();
    client.send("PUT / HTTP/1.1\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n");
    client.send([&[b'x'; 100_000][..], b"\r\n"].concat());
    assert_eq!(client.receive().content, b"100000");
    assert_eq!(client.rest().unwrap(), b"");
}

#[test]
fn replies_to_requests_that_are_out_at_once_keep_their_order() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::with_config(vec![listener.into()], Config::default()).unwrap();
    let address = server.server_addr().to_ip().unwrap();
    let mut client = Client::new(TcpStream::connect(address).unwrap());
    client.send("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n");
    let receive = || server.recv_timeout(LIMIT).unwrap().unwrap();
    let (first, second) = (receive(), receive());
    assert_eq!(first.connection_id(), second.connection_id());
    let second = std::thread::spawn(move || echo(second));
    // It waits for the first one, which nobody has answered.
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

/// A server as the library makes it, and a client that has sent this.
fn pipelined(sent: &str) -> (Arc<Server>, Client) {
    let server = Arc::new(Server::http("127.0.0.1:0").unwrap());
    let address = server.server_addr().to_ip().unwrap();
    let mut client = Client::new(TcpStream::connect(address).unwrap());
    client.send(sent);
    (server, client)
}

// symptom: no thread receives a request, until another one of a client that has sent a bad head behind it is answered.
// cause:   the thread that read that head waited with its reply for those before.
// fix:     it is put aside until the reply before is over.
#[test]
fn a_refusal_that_is_not_due_holds_no_thread_that_receives() {
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
            // For the end of the first connection.
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
// cause:   a request that looked whether its client is still there sent it, whoever else was replying.
// fix:     nothing is sent before its turn.
#[test]
fn no_interim_response_gets_into_the_reply_before() {
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
            let reply = Reply {
                status: 200.into(),
                fields: &[],
                content: Content::Stream {
                    length: Some(2),
                    write: Box::new(write),
                },
                closes: false,
            };
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
