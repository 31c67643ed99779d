//! `/transfers` as server-sent events: what a client gets that watches, and what is logged and
//! counted of it. How many may watch, and clients that do not read, are in `limits/watchers.rs`.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use testkit::rules::{bearer, put, token};
use testkit::{
    AT_ONCE, Conn, Events, LIMIT, Reply, Server, TempDir, eventually, json, request_bytes,
};

const ACCEPT: (&str, &str) = ("Accept", "text/event-stream");

/// Begins an upload of which a half has come.
fn half_upload(server: &Server, name: &str) -> Conn {
    let mut upload = server.begin("POST", name, "Content-Length: 10");
    upload.send(b"01234");
    upload
}

fn watchers(server: &Server) -> String {
    let metrics = server.get("/metrics").text();
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("http_nas_watchers "));
    line.expect("the metric").to_owned()
}

fn begin(server: &Server, request: &[u8]) -> (Conn, Reply) {
    let mut conn = server.open();
    conn.send(request);
    let head = conn.head().expect("a reply");
    assert_eq!(head.status, 200, "{}", head.head);
    (conn, head)
}

#[test]
fn each_event_is_the_list_of_transfers() {
    let server = Server::start();
    let _upload = half_upload(&server, "a%20%22b%22%C3%BC");
    let mut second = half_upload(&server, "second");
    // Nothing is to be caught up on.
    let fields = [ACCEPT, ("Last-Event-ID", "7")];
    let (conn, head) = begin(&server, &request_bytes("GET", "/transfers", &fields, b""));
    for (name, value) in [
        ("Content-Type", "text/event-stream"),
        ("Cache-Control", "no-store"),
        ("Vary", "Accept"),
        ("X-Accel-Buffering", "no"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
        ("X-Content-Type-Options", "nosniff"),
    ] {
        assert_eq!(head.header(name), Some(value), "{name}");
    }
    let mut events = Events::of(conn, head);
    let list = events.wait_for(|list| list.matches("\"received\":5").count() == 2);
    assert_eq!(list + "\n", server.get("/transfers").text());
    second.send(b"56789");
    assert_eq!(second.reply_to("POST").expect("a reply").status, 200);
    let list = json::parse(&events.wait_for(|list| !list.contains("second")));
    let [upload] = list.items() else {
        panic!("{list:?}");
    };
    assert_eq!(upload.get("name").text(), "a \"b\"\u{fc}");
}

#[test]
fn a_client_gets_events_if_it_prefers_them() {
    let server = Server::start();
    for (accept, expected) in [
        ("text/event-stream", "text/event-stream"),
        ("text/event-stream, */*;q=0.1", "text/event-stream"),
        (
            "text/event-stream;q=0.5, application/json",
            "application/json",
        ),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("text/html", "application/json"),
    ] {
        let fields = [("Accept", accept)];
        let head = server.request("HEAD", "/transfers", &fields, b"");
        let found = (head.status, head.header("Content-Type"));
        assert_eq!(found, (200, Some(expected)), "HEAD, {accept}");
        assert_eq!((head.header("Vary"), head.body.len()), (Some("Accept"), 0));
        let (_, head) = begin(&server, &request_bytes("GET", "/transfers", &fields, b""));
        assert_eq!(head.header("Content-Type"), Some(expected), "{accept}");
    }
    // After HEAD the connection goes on.
    let mut conn = server.open();
    for _ in 0..2 {
        let reply = conn.request("HEAD", "/transfers", &[ACCEPT], b"");
        assert_eq!(reply.expect("a reply").status, 200);
    }
    // Of a file and of another report there are none.
    server.place("file", b"content");
    for target in ["file", "/readyz", "/metrics", "/"] {
        let reply = server.request("GET", target, &[ACCEPT], b"");
        let kind = reply.header("Content-Type").unwrap_or_default();
        assert!(reply.status == 200 && !kind.contains("event"), "{target}");
    }
    let reply = server.request("POST", "/transfers", &[ACCEPT], b"");
    assert_eq!(
        (reply.status, reply.header("Allow")),
        (405, Some("GET, HEAD"))
    );
}

#[test]
fn over_http_1_0_and_over_a_unix_socket_it_is_the_same() {
    let dir = TempDir::new();
    let socket = dir.outside().join("nas.sock");
    let at = format!("unix:{}", socket.display());
    let server = Server::with(&["--listen", "127.0.0.1:0", "--listen", &at], &[]);
    for version in ["1.0", "1.1"] {
        let mut conn = UnixStream::connect(&socket).expect("it listens");
        conn.set_read_timeout(Some(LIMIT)).expect("a limit");
        let head = format!(
            "GET /transfers HTTP/{version}\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
        );
        conn.write_all(head.as_bytes()).expect("sent");
        let mut text = String::new();
        while text.matches("data: []\n\n").count() < 2 {
            let mut some = [0; 1000];
            let count = conn.read(&mut some).expect("more");
            assert!(count > 0, "it has ended after {text}");
            text.push_str(std::str::from_utf8(&some[..count]).expect("UTF-8"));
        }
        let (head, content) = text.split_once("\r\n\r\n").expect("a head");
        assert_eq!(head.contains("chunked"), version == "1.1", "{head}");
        if version == "1.0" {
            assert_eq!(content, "retry: 2000\n\ndata: []\n\ndata: []\n\n");
        }
        assert_eq!(watchers(&server), "1");
        drop(conn);
        eventually("its end is seen", || watchers(&server) == "0");
    }
}

#[test]
fn a_stream_is_logged_and_counted_when_it_ends() {
    let server = Server::start();
    let mut events = Events::open(&server);
    let id = events
        .head
        .header("X-Request-Id")
        .expect("an id")
        .to_owned();
    for _ in 0..3 {
        assert_eq!(events.next_list(), "[]");
    }
    assert_eq!(server.get("/transfers").text(), "[]\n", "it is no transfer");
    assert!(!server.log().contains("op=watch"), "{}", server.log());
    drop(events);
    let line = || {
        let log = server.log();
        let line = log.lines().find(|line| line.contains("op=watch"));
        line.map(str::to_owned)
    };
    eventually("its line", || line().is_some());
    let line = line().expect("a line");
    for part in [
        " INFO request ",
        " status=200 ",
        " method=GET ",
        " name=\"/transfers\" ",
    ] {
        assert!(line.contains(part), "{part:?}: {line}");
    }
    assert!(line.contains(&format!(" id={id} ")), "{line}");
    assert!(!line.contains("cause="), "{line}");
    let number = |key: &str| -> f64 {
        let rest = line.split_once(&format!(" {key}=")).expect("the field").1;
        let word = rest.split(' ').next().expect("a word");
        word.parse().expect("a number")
    };
    assert!(
        number("out") >= "retry: 2000\n\n".len() as f64 + 3.0 * 10.0,
        "{line}"
    );
    assert!(number("seconds") >= 2.0, "{line}");
    let metrics = server.get("/metrics").text();
    let sample = |name: &str| -> f64 {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        line.expect("the sample").trim().parse().expect("a number")
    };
    assert!(sample("http_nas_sent_bytes_total") >= number("out"));
    assert_eq!(sample("http_nas_watchers"), 0.0);
    // /transfers and /metrics have been asked for; how long it was watched is none of their times.
    assert!(
        sample("http_nas_request_duration_seconds_sum") < 2.0,
        "{metrics}"
    );
    assert!(
        !server.log().contains("transfer started"),
        "{}",
        server.log()
    );
}

#[test]
fn a_client_that_ends_its_half_of_the_connection_goes_on_reading() {
    let server = Server::start();
    let mut events = Events::open(&server);
    assert_eq!(events.next_list(), "[]");
    events.conn.finish();
    for _ in 0..3 {
        assert_eq!(events.next_list(), "[]");
    }
    assert_eq!(watchers(&server), "1");
}

#[test]
fn what_is_sent_after_the_request_is_not_carried_out_and_bounded() {
    let server = Server::start();
    server.place("kept", b"content");
    let delete = request_bytes("DELETE", "kept", &[], b"");
    let mut both = request_bytes("GET", "/transfers", &[ACCEPT], b"");
    both.extend_from_slice(&delete);
    let (mut conn, head) = begin(&server, &both);
    conn.send(&delete);
    let mut events = Events::of(conn, head);
    for _ in 0..3 {
        assert_eq!(events.next_list(), "[]");
    }
    assert_eq!(server.get("kept").text(), "content");
    // It goes on sending.
    let sent = (0..1000).find_map(|_| events.conn.try_send(&[b'x'; 1000]).err());
    let ended = || events.next_event().err();
    let error = sent.or_else(ended).expect("it is not listened to for ever");
    let is_reset = matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    );
    assert!(is_reset, "{error}");
    eventually("the cause in the log", || {
        server
            .log()
            .contains("cause=\"the client sends too much after its request\"")
    });
    assert_eq!(server.get("kept").text(), "content");
}

#[test]
fn a_shutdown_ends_all_streams_at_once_and_lets_transfers_finish() {
    let mut server = Server::start();
    let mut upload = half_upload(&server, "upload");
    let mut streams: Vec<Events> = (0..50).map(|_| Events::open(&server)).collect();
    // One whose client does not read anything.
    let _unread = Events::open(&server);
    for events in &mut streams {
        events.next_list();
    }
    let mut kept = server.open();
    assert_eq!(
        kept.request("GET", "/file", &[], b"")
            .expect("a reply")
            .status,
        200
    );
    server.signal("TERM");
    for events in &mut streams {
        events.read_to_end();
        assert!(events.conn.closed());
    }
    // Another one is not begun.
    if let Ok(reply) = kept.request("GET", "/transfers", &[ACCEPT], b"") {
        assert_eq!(reply.status, 503, "{}", reply.summary());
        assert!(reply.header("Retry-After").is_some());
    }
    assert!(server.is_alive(), "the upload is waited for");
    upload.send(b"56789");
    assert_eq!(upload.reply_to("POST").expect("a reply").status, 200);
    let exit = server.wait();
    assert_eq!(exit.code, Some(0));
    assert!(exit.took < AT_ONCE, "{:?}", exit.took);
    let ended = exit
        .stderr
        .matches("cause=\"the server is shutting down\"")
        .count();
    assert!(ended >= 51, "{}", exit.stderr);
    assert!(!exit.stderr.contains("transfer dropped"), "{}", exit.stderr);
    server.assert_clean();
}

#[test]
fn only_who_may_observe_watches_and_only_while_the_rules_are_the_same() {
    let dir = Arc::new(TempDir::new());
    let loader = token("loader", "s3cret", &[("runs", "append")]);
    let observer = token("observer", "t0ken", &[("", "observe")]);
    let path = put(dir.outside(), &[loader.clone(), observer]);
    let server = Server::on(Arc::clone(&dir), &["--access", &path], &[]);
    let head = |token: &str| {
        let authorization = bearer(token);
        let fields = [ACCEPT, ("Authorization", authorization.as_str())];
        let mut conn = server.open();
        conn.send(&request_bytes("GET", "/transfers", &fields, b""));
        let head = conn.head().expect("a reply");
        (conn, head)
    };
    assert_eq!(
        server.request("GET", "/transfers", &[ACCEPT], b"").status,
        401
    );
    for (token, status) in [("another", 401), ("s3cret", 403)] {
        assert_eq!(head(token).1.status, status, "{token}");
    }
    let (conn, reply) = head("t0ken");
    assert_eq!(reply.status, 200);
    let mut events = Events::of(conn, reply);
    // The server has read the file for the first time by the second one.
    assert_eq!(
        (events.next_list(), events.next_list()),
        ("[]".into(), "[]".into())
    );
    // A file that says the same in other words changes nothing.
    let content = fs::read_to_string(&path).expect("it is there");
    fs::write(&path, content + "\n").expect("written");
    eventually("it is read again", || {
        server.log().contains("the access file was read again")
    });
    for _ in 0..3 {
        assert_eq!(events.next_list(), "[]");
    }
    put(dir.outside(), &[loader]);
    events.read_to_end();
    eventually("the cause in the log", || {
        server
            .log()
            .contains("cause=\"the access file has changed\"")
    });
    assert_eq!(head("t0ken").1.status, 401);
}

#[test]
fn the_first_event_comes_at_once_and_the_others_once_a_second() {
    const CLIENTS: u64 = 8;
    let server = Server::start();
    let start = Instant::now();
    let mut all: Vec<Events> = Vec::new();
    // One after the other: if each had to wait for the next second, it would take most of them.
    for _ in 0..CLIENTS {
        let mut events = Events::open(&server);
        assert_eq!(events.next_list(), "[]");
        all.push(events);
    }
    let took = start.elapsed();
    assert!(took < Duration::from_secs(CLIENTS - 1), "{took:?}");
    let start = Instant::now();
    let mut events = Events::open(&server);
    for _ in 0..4 {
        events.next_list();
    }
    // The second one may come soon after the first one.
    let took = start.elapsed();
    assert!(took >= Duration::from_secs(2), "{took:?}");
}
