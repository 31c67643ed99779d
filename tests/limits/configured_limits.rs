//! Limits of time, of connections and of sizes that flags set, and the status of what exceeds them.

use std::time::{Duration, Instant};

use testkit::{AT_ONCE, Conn, Server, eventually, let_pass};

#[test]
fn a_body_that_stops_coming_gets_408_and_leaves_nothing() {
    let server = Server::with(&["--idle-timeout", "1s"], &[]);
    server.place("old", b"old");
    for (method, name) in [("POST", "new"), ("POST", "old"), ("PUT", "old")] {
        for framing in [
            "Content-Length: 10\r\n\r\nhalf",
            "Content-Length: 100000\r\n\r\nhalf",
            "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        ] {
            let mut conn = server.open();
            conn.send(
                format!("{method} /file/{name} HTTP/1.1\r\nHost: nas\r\n{framing}").as_bytes(),
            );
            let reply = conn.reply_to(method).expect("a reply");
            assert_eq!(reply.status, 408, "{method} {name}: {}", reply.summary());
            assert!(reply.closes() && conn.closed(), "{method} {name}");
        }
    }
    assert_eq!(server.visible(), ["old 3"]);
    server.assert_clean();
}

#[test]
fn a_body_that_keeps_coming_may_take_longer_than_the_limit() {
    let server = Server::with(&["--idle-timeout", "1s"], &[]);
    let mut conn = server.open();
    conn.send(b"POST /file/slow HTTP/1.1\r\nHost: nas\r\nContent-Length: 8\r\n\r\n");
    let start = Instant::now();
    for byte in b"slowbody" {
        // The subject is a body that is slow, and never stops for as long as the limit.
        let_pass(Duration::from_millis(250));
        conn.send(&[*byte]);
    }
    assert_eq!(conn.reply_to("POST").expect("a reply").status, 200);
    assert!(start.elapsed() > Duration::from_secs(1));
    assert_eq!(server.get("slow").text(), "slowbody");
}

#[test]
fn a_reader_that_stops_reading_is_given_up() {
    let server = Server::with(&["--idle-timeout", "1s", "--max-transfers", "1"], &[]);
    server.place("large", &vec![b'x'; 64 << 20]);
    let mut conn = server.open();
    conn.send(b"GET /file/large HTTP/1.1\r\nHost: nas\r\n\r\n");
    assert_eq!(conn.head().expect("a head").status, 200);
    eventually("the only slot is taken", || {
        server.get("large/wc").status == 503
    });
    eventually("the slot is free again", || {
        server.get("large/wc").status == 200
    });
    server.assert_clean();
}

#[test]
fn each_limit_of_a_head_has_its_status() {
    let server = Server::start();
    let long = "x".repeat(17_000);
    for (request, status) in [
        ("GET /file HTTP/2.0\r\nHost: nas\r\n\r\n".to_string(), 505),
        ("GET /file HTTP/0.9\r\n\r\n".to_string(), 505),
        (
            format!("GET /file HTTP/1.1\r\nHost: nas\r\nX: {long}\r\n\r\n"),
            431,
        ),
        (format!("GET /{long} HTTP/1.1\r\nHost: nas\r\n\r\n"), 431),
        (
            "GET /file HTTP/1.1\r\nHost: nas\r\nExpect: 200-ok\r\n\r\n".to_string(),
            417,
        ),
        (
            "POST /file/a HTTP/1.1\r\nHost: nas\r\nContent-Length: 18446744073709551616\r\n\r\n"
                .to_string(),
            400,
        ),
        ("GET /file HTTP/1.1\r\n\r\n".to_string(), 400),
        ("GET /file HTTP/1.1\nHost: nas\n\n".to_string(), 400),
        ("nonsense\r\n\r\n".to_string(), 400),
    ] {
        let shown = &request[..request.len().min(80)];
        let mut conn = server.open();
        conn.send(request.as_bytes());
        let start = Instant::now();
        let reply = conn.reply_to("GET").expect("a reply");
        assert_eq!(reply.status, status, "{shown:?}: {}", reply.summary());
        assert!(reply.closes() && conn.closed(), "{shown:?}");
        assert!(start.elapsed() < AT_ONCE, "{shown:?}");
        assert_eq!(reply.text().lines().count(), 1, "{shown:?}");
    }
    server.assert_clean();
}

#[test]
fn an_upload_above_the_largest_size_gets_413_before_it_is_read() {
    let server = Server::with(&["--max-upload-size", "1000B"], &[]);
    server.place("old", b"old");
    let body = vec![b'x'; 1001];
    for (method, name) in [("POST", "new"), ("PUT", "old")] {
        let (_, refusal) = server.announce(method, name, "Content-Length: 1001");
        assert_eq!(refusal.status, 413, "{method} {name}");
        let mut conn = server.open();
        conn.send(
            format!("{method} /file/{name} HTTP/1.1\r\nHost: nas\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n").as_bytes(),
        );
        conn.send(&body);
        conn.send(b"\r\n0\r\n\r\n");
        assert_eq!(
            conn.reply_to(method).expect("a reply").status,
            413,
            "{method} {name}"
        );
    }
    assert_eq!(server.visible(), ["old 3"]);
    assert_eq!(server.post("fits", &body[..1000]).status, 200);
    server.assert_clean();
}

#[test]
fn idle_connections_make_room_and_transfers_do_not() {
    let server = Server::with(&["--max-connections", "4"], &[]);
    // Idle ones, many more than are allowed: each new one is served all the same.
    let mut idle: Vec<Conn> = Vec::new();
    for _ in 0..40 {
        let mut conn = server.open();
        let reply = conn.request("GET", "/file", &[], b"").expect("a reply");
        assert_eq!(reply.status, 200);
        idle.push(conn);
    }
    drop(idle);
    // Transfers fill all places: they go on, and a new connection is closed without a word.
    let mut uploads: Vec<Conn> = Vec::new();
    for number in 0..4 {
        uploads.push(server.begin("POST", &number.to_string(), "Content-Length: 4"));
    }
    let mut refused = server.open();
    let _ = refused.try_send(b"GET /file HTTP/1.1\r\nHost: nas\r\n\r\n");
    assert!(refused.reply_to("GET").is_err());
    for mut conn in uploads {
        conn.send(b"full");
        assert_eq!(conn.reply_to("POST").expect("a reply").status, 200);
    }
    eventually("there is room again", || {
        let reply =
            Conn::try_open(server.addr).and_then(|mut conn| conn.request("GET", "/file", &[], b""));
        reply.is_ok_and(|reply| reply.status == 200)
    });
    server.assert_clean();
}
