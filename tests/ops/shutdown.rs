//! SIGTERM and SIGINT: transfers in flight are finished, or dropped without a trace, and the server
//! ends in time.

use std::time::Duration;

use testkit::{AT_ONCE, Conn, Server, eventually, litter, pattern, request_bytes};

/// An upload of 10 bytes, half of them sent.
fn held_upload(server: &Server, name: &str) -> Conn {
    let mut conn = server.begin("POST", name, "Content-Length: 10");
    conn.send(b"hello");
    conn
}

/// The status of a new upload, 0 where there is no reply to it.
fn begin_another(server: &Server) -> u16 {
    let reply = Conn::try_open(server.addr).and_then(|mut conn| {
        conn.limit_reads(AT_ONCE);
        conn.request("POST", "late", &[], b"late")
    });
    reply.map_or(0, |reply| reply.status)
}

// symptom: `docker stop` takes 10 s and kills every transfer.
// cause:   process 1 of a container gets no signal that it does not handle.
// fix:     SIGTERM and SIGINT are handled.
#[test]
fn an_idle_server_ends_at_once() {
    for name in ["TERM", "INT"] {
        let mut server = Server::start();
        server.post("a", b"content");
        let mut idle = server.open();
        assert_eq!(
            idle.request("GET", "a", &[], b"").expect("a reply").status,
            200
        );
        server.signal(name);
        let exit = server.wait();
        assert_eq!(exit.code, Some(0), "SIG{name}");
        let log = &exit.stderr;
        let (stopping, stopped) = (log.find(" stopping by SIG"), log.find(" INFO stopped"));
        assert!(stopping.is_some() && stopping < stopped, "{log}");
        assert!(exit.took < AT_ONCE, "SIG{name} took {:?}", exit.took);
        assert!(idle.closed());
        server.assert_clean();
    }
}

#[test]
fn a_transfer_in_flight_is_finished_and_no_other_is_begun() {
    let mut server = Server::start();
    server.place("large", &pattern(1, 30_000_000));
    let mut upload = held_upload(&server, "new");
    let mut download = server.open();
    download.send(&request_bytes("GET", "large", &[], b""));
    let head = download.head().expect("a head");
    server.signal("TERM");
    eventually("nothing new is begun", || begin_another(&server) != 200);
    let late = server
        .visible()
        .iter()
        .filter(|entry| entry.starts_with("late"))
        .count();
    assert!(
        server.is_alive(),
        "the server does not wait for what is in flight"
    );
    let mut count = 0;
    download
        .body(&head, &mut |part| count += part.len())
        .expect("the whole body");
    assert_eq!(count, 30_000_000);
    upload.send(b"world");
    assert_eq!(upload.reply_to("POST").expect("a reply").status, 200);
    assert_eq!(server.content("new"), Some(b"helloworld".to_vec()));
    let exit = server.wait();
    assert_eq!(exit.code, Some(0));
    assert!(
        exit.took < AT_ONCE,
        "it took {:?} after the last transfer",
        exit.took
    );
    assert_eq!(server.visible().len(), 2 + late);
    server.assert_clean();
}

#[test]
fn a_connection_that_is_open_gets_503_meanwhile() {
    let mut server = Server::start();
    server.place("file", b"content");
    // A pool of connections, as many clients have: each is asked once, for it ends with the
    // refusal.
    let mut pool: Vec<Conn> = (0..3).map(|_| server.open()).collect();
    for conn in &mut pool {
        let reply = conn.request("GET", "file", &[], b"").expect("a reply");
        assert!(reply.status == 200 && !reply.closes(), "{}", reply.head);
    }
    let mut upload = held_upload(&server, "new");
    server.signal("TERM");
    eventually("nothing new is begun", || begin_another(&server) != 200);
    for (mut conn, (method, target)) in
        pool.into_iter()
            .zip([("GET", "file"), ("POST", "late"), ("DELETE", "file")])
    {
        let what = format!("{method} {target}");
        let reply = conn.request(method, target, &[], b"").expect("a reply");
        assert_eq!(reply.status, 503, "{what}: {}", reply.summary());
        assert!(
            reply.text().contains("shutting down"),
            "{what}: {}",
            reply.text()
        );
        let retry = reply.header("Retry-After").map(str::parse::<u32>);
        assert!(matches!(retry, Some(Ok(_))), "{what}:\n{}", reply.head);
        assert!(reply.closes() && conn.closed(), "{what}:\n{}", reply.head);
    }
    upload.send(b"world");
    assert_eq!(upload.reply_to("POST").expect("a reply").status, 200);
    assert_eq!(server.wait().code, Some(0));
    assert_eq!(server.content("file").as_deref(), Some(&b"content"[..]));
    server.assert_clean();
}

// symptom: behind a proxy a request gets 502 while the server shuts down.
// cause:   a connection whose reply had said that it stays open was closed when the reply was out.
// fix:     its next request is answered, with 503, and only that reply is the last and says so.
#[test]
fn the_last_reply_of_a_connection_says_that_it_is_the_last() {
    let mut server = Server::start();
    server.place("large", &pattern(1, 30_000_000));
    let mut download = server.open();
    download.send(&request_bytes("GET", "large", &[], b""));
    let head = download.head().expect("a head");
    assert!(!head.closes(), "{}", head.head);
    let mut upload = held_upload(&server, "new");
    server.signal("TERM");
    eventually("nothing new is begun", || begin_another(&server) != 200);
    let body = download.body(&head, &mut |_| {});
    body.expect("the whole body");
    let reply = download.request("GET", "large", &[], b"");
    let reply = reply.expect("the connection was not said to end");
    assert!(reply.status == 503 && reply.closes(), "{}", reply.head);
    assert!(download.closed());
    upload.send(b"world");
    let reply = upload.reply_to("POST").expect("a reply");
    assert!(reply.status == 200 && reply.closes(), "{}", reply.head);
    assert_eq!(server.wait().code, Some(0));
    server.assert_clean();
}

#[test]
fn what_outlasts_the_shutdown_timeout_is_dropped_without_a_trace() {
    let mut server = Server::with(&["--shutdown-timeout", "1"], &[]);
    server.post("log", b"one\n");
    let _upload = held_upload(&server, "new");
    let _append = server.begin("PUT", "log", "Content-Length: 10");
    server.signal("TERM");
    let exit = server.wait();
    assert_eq!(exit.code, Some(0));
    let took = exit.took;
    assert!(
        took > Duration::from_millis(900) && took < Duration::from_secs(1) + AT_ONCE,
        "it took {took:?}"
    );
    assert_eq!(server.visible(), ["log 4"]);
    let left = litter(&server.storage());
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut server = Server::start();
    let mut upload = held_upload(&server, "new");
    server.signal("TERM");
    eventually("the first signal is seen", || begin_another(&server) != 200);
    assert!(server.is_alive(), "the first signal waits for the upload");
    server.signal("TERM");
    let exit = server.wait();
    assert!(exit.took < AT_ONCE, "it took {:?}", exit.took);
    assert!(upload.closed());
    assert!(
        !server
            .visible()
            .iter()
            .any(|entry| entry.starts_with("new"))
    );
    let left = litter(&server.storage());
    assert!(left.is_empty(), "{left:?}");
    server.restart();
    server.assert_clean();
}
