//! Many clients at once, slow clients and large bodies: which requests get in, which wait, and how
//! much memory they take.

use std::thread;
use std::time::{Duration, Instant};

use testkit::{AT_ONCE, Conn, Server, eventually, pattern, request_bytes};

/// An upload of 10 bytes of which the first is sent; the server waits for the rest.
fn held_upload(server: &Server, name: &str) -> Conn {
    let mut conn = server.begin("POST", name, "Content-Length: 10");
    conn.send(b"0");
    conn
}

fn finish_upload(mut conn: Conn, name: &str) {
    conn.send(b"123456789");
    let reply = conn
        .reply_to("POST")
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(reply.status, 200, "{name}: {}", reply.summary());
}

#[test]
fn a_transfer_too_many_gets_503_at_once_and_health_still_answers() {
    let server = Server::with(&["--max-transfers", "4"], &[]);
    server.place("file", b"content");
    for round in 0..3 {
        let held: Vec<Conn> = (0..4)
            .map(|number| held_upload(&server, &format!("held-{number}")))
            .collect();
        for (method, target) in [
            ("POST", "more"),
            ("PUT", "file"),
            ("GET", "file"),
            ("GET", "file/wc"),
        ] {
            let what = format!("{method} {target} in round {round}");
            let body: &[u8] = if method == "GET" { b"" } else { b"body" };
            let start = Instant::now();
            let reply = server.request(method, target, &[], body);
            assert!(
                start.elapsed() < AT_ONCE,
                "{what} took {:?}",
                start.elapsed()
            );
            // Whether what only reads needs a place is the server's own affair; to wait is not.
            if method == "GET" && reply.status == 200 {
                continue;
            }
            assert_eq!(reply.status, 503, "{what}: {}", reply.summary());
            let retry = reply.header("Retry-After").unwrap_or_default();
            assert!(
                retry.parse::<u32>().is_ok(),
                "{what}: Retry-After: {retry:?}"
            );
            assert!(
                reply.text().starts_with("503 Service Unavailable"),
                "{what}: {}",
                reply.text()
            );
        }
        let (_, refusal) = server.announce("POST", "more", "Content-Length: 10");
        assert_eq!(refusal.status, 503, "before the body, round {round}");
        for _ in 0..20 {
            let start = Instant::now();
            assert_eq!(server.get("/file").text(), "OK");
            assert!(
                start.elapsed() < AT_ONCE,
                "health took {:?}",
                start.elapsed()
            );
        }
        assert!(
            !server
                .visible()
                .iter()
                .any(|entry| entry.starts_with("more")),
            "a refused upload is stored"
        );
        for (number, conn) in held.into_iter().enumerate() {
            finish_upload(conn, &format!("held-{number}"));
        }
        eventually("it takes uploads again", || {
            server.post("after", b"after").status == 200
        });
        assert_eq!(server.get("file").text(), "content");
    }
    server.assert_clean();
}

#[test]
fn uploads_that_die_give_their_places_back() {
    let server = Server::with(&["--max-transfers", "4"], &[]);
    for _ in 0..10 {
        let held: Vec<Conn> = (0..4)
            .map_while(|number| {
                let (conn, first) =
                    server.announce("POST", &format!("{number}"), "Content-Length: 10");
                (first.status == 100).then_some(conn)
            })
            .collect();
        drop(held);
        eventually("a place is free", || {
            server.post("after", b"after").status == 200
        });
    }
    // All four of them.
    let mut held = Vec::new();
    eventually("four places are free", || {
        held.clear();
        for number in 0..4 {
            let (mut conn, first) =
                server.announce("POST", &format!("{number}"), "Content-Length: 10");
            if first.status == 100 {
                conn.send(b"0");
                held.push(conn);
            }
        }
        held.len() == 4
    });
    for conn in held {
        finish_upload(conn, "held");
    }
    server.assert_clean();
}

/// How long 95 of 100 GETs of a target take at most on each of two servers, each on a connection of
/// its own. They take turns, so that whatever else runs on the machine delays both.
fn percentiles_95(
    servers: [&Server; 2],
    (target, text): (&str, &str),
    mut before_some: impl FnMut(),
) -> [Duration; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..200 {
        if round % 25 == 0 {
            before_some();
        }
        for (server, times) in servers.into_iter().zip(&mut times) {
            let start = Instant::now();
            let reply = server.get(target);
            times.push(start.elapsed());
            assert_eq!((reply.status, reply.text().as_str()), (200, text));
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[190]
    })
}

#[test]
fn three_hundred_slow_uploads_do_not_delay_a_get() {
    const LENGTH: usize = 1000;
    const TRIES: usize = 5;
    /// What they may add to the time of a GET.
    const DELAY: Duration = Duration::from_millis(5);
    let (without, with) = (Server::start(), Server::start());
    without.place("small", b"small");
    with.place("small", b"small");
    let framing = format!("Content-Length: {LENGTH}");
    let mut held: Vec<Conn> = (0..300)
        .map(|number| with.begin("POST", &format!("held/{number}"), &framing))
        .collect();
    let mut sent = 0;
    for wanted in [("small", "small"), ("/file", "OK")] {
        let mut tries: Vec<[Duration; 2]> = Vec::new();
        // The best of some tries: another program may come in between in one of them.
        while tries
            .iter()
            .all(|[without, with]| *with >= *without + DELAY)
        {
            assert!(
                tries.len() < TRIES,
                "{}: without slow uploads and with them: {tries:?}",
                wanted.0
            );
            tries.push(percentiles_95([&without, &with], wanted, || {
                // Each goes on a little, so that none of them is merely idle.
                held.iter_mut().for_each(|conn| conn.send(b"x"));
                sent += 1;
            }));
        }
    }
    assert_eq!(with.post("another", b"upload").status, 200);
    for mut conn in held {
        conn.send(&vec![b'x'; LENGTH - sent]);
        assert_eq!(conn.reply_to("POST").expect("a reply").status, 200);
    }
    with.assert_clean();
}

#[test]
fn memory_does_not_grow_with_a_body_of_1_gib() {
    const MIB: usize = 1024 * 1024;
    let server = Server::start();
    let block = pattern(1, MIB);
    let mut chunk = format!("{MIB:x}\r\n").into_bytes();
    chunk.extend_from_slice(&block);
    chunk.extend_from_slice(b"\r\n");
    let mut conn = server.open();
    conn.send(b"POST /file/large HTTP/1.1\r\nHost: nas\r\nTransfer-Encoding: chunked\r\n\r\n");
    (0..1024).for_each(|_| conn.send(&chunk));
    conn.send(b"0\r\n\r\n");
    assert_eq!(conn.reply_to("POST").expect("a reply").status, 200);
    let peak = server.proc_status("VmHWM");
    assert!(peak < 64 * 1024, "a peak of {peak} KiB by the upload");

    conn.send(&request_bytes("GET", "large", &[], b""));
    let reply = conn.head().expect("a head");
    assert_eq!(reply.header("Content-Length"), Some("1073741824"));
    let mut place = 0;
    let body = conn.body(&reply, &mut |mut part| {
        while !part.is_empty() {
            let wanted = &block[place % MIB..];
            let count = part.len().min(wanted.len());
            assert!(
                part[..count] == wanted[..count],
                "other bytes after {place}"
            );
            part = &part[count..];
            place += count;
        }
    });
    body.expect("the whole body");
    assert_eq!(place, 1024 * MIB);

    let newlines = 1024 * block.iter().filter(|&&byte| byte == b'\n').count();
    assert_eq!(server.get("large/wc").text(), newlines.to_string());
    let peak = server.proc_status("VmHWM");
    assert!(peak < 64 * 1024, "a peak of {peak} KiB");
    server.assert_clean();
}

#[test]
fn many_short_connections_are_all_served() {
    let server = Server::start();
    thread::scope(|scope| {
        for client in 0..16u8 {
            let server = &server;
            scope.spawn(move || {
                for round in 0..40 {
                    let name = format!("client-{client}/{round}");
                    let body = pattern(client, 1 + round * 300);
                    assert_eq!(server.post(&name, &body).status, 200, "{name}");
                    assert!(server.get(&name).body == body, "{name}");
                    assert_eq!(server.delete(&name).status, 200, "{name}");
                }
            });
        }
    });
    server.assert_clean();
}

// symptom: each download that is broken off leaves a thread and a socket behind.
// cause:   tiny_http's thread reads on for the next request of a connection whose turn never comes.
// fix:     a connection whose reply did not get out whole is over for tiny_http.
#[test]
fn downloads_that_die_give_everything_back() {
    let server = Server::with(&["--max-transfers", "4"], &[("RUST_LOG", "error")]);
    server.place("large", &pattern(1, 20_000_000));
    assert_eq!(server.get("/file").text(), "OK");
    let before = (server.proc_status("Threads"), server.descriptors());
    for round in 0..25 {
        // Those of the round before die while these come.
        eventually(&format!("four places are free, round {round}"), || {
            let mut conns: Vec<Conn> = (0..4).map(|_| server.open()).collect();
            let statuses = conns.iter_mut().map(|conn| {
                conn.send(&request_bytes("GET", "large", &[], b""));
                conn.head().expect("a head").status
            });
            statuses.collect::<Vec<_>>() == [200; 4]
        });
    }
    // Workers that wait for more to do stay for a while.
    eventually("their threads end", || {
        server.proc_status("Threads") <= before.0 + 24
    });
    eventually("their sockets are closed", || {
        server.descriptors() <= before.1 + 2
    });
}

#[test]
fn a_client_that_has_its_whole_reply_can_count_on_its_place() {
    let server = Server::with(&["--max-transfers", "1"], &[]);
    server.place("large", &pattern(1, 3_000_000));
    let steps = [
        ("POST", "small", 200),
        ("GET", "small", 200),
        ("HEAD", "small", 200),
        ("GET", "large", 200),
        ("GET", "missing", 404),
        ("PUT", "small", 200),
        ("GET", "small/wc", 200),
    ];
    for round in 0..100 {
        for (method, target, status) in steps {
            let reply = server.request(method, target, &[], b"");
            assert_eq!(reply.status, status, "{method} {target}, round {round}");
        }
    }
}

// symptom: the server lives and never answers again.
// cause:   any failed `accept` ends tiny_http's accept thread.
// fix:     at the limit of descriptors accepting pauses, and goes on when some are free again.
#[test]
fn without_descriptors_accepting_pauses_and_goes_on() {
    let server = Server::start();
    server.place("file", b"content");
    let pid = server.pid().to_string();
    let limited = std::process::Command::new("prlimit")
        .args(["--pid", &pid, "--nofile=40:40"])
        .status();
    assert!(
        limited.is_ok_and(|status| status.success()),
        "prlimit failed"
    );
    for round in 0..3 {
        // The kernel takes up those that the server has not accepted yet.
        let mut waiting: Vec<Conn> = (0..100).map(|_| server.open()).collect();
        // Forty descriptors are not enough for a hundred: those that have waited longest make room.
        assert!(waiting[0].closed(), "round {round}: none has made room");
        drop(waiting);
        eventually(&format!("it answers again, round {round}"), || {
            let reply = Conn::try_open(server.addr).and_then(|mut conn| {
                conn.limit_reads(AT_ONCE);
                conn.request("GET", "file", &[], b"")
            });
            reply.is_ok_and(|reply| reply.text() == "content")
        });
    }
}
