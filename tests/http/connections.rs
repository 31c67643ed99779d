//! Requests on one connection are carried out one at a time and in order, and no connection costs
//! the others their threads or the server its memory. How connections end is in connection_end.rs.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Instant;

use testkit::{AT_ONCE, Conn, Server, eventually, pattern, request_bytes};

// symptom: a pipelined GET does not see the POST ahead of it.
// cause:   the requests of one connection are handed to the workers at once.
// fix:     one request of a connection at a time, in order.
#[test]
fn pipelined_requests_are_carried_out_in_order() {
    let server = Server::start();
    let mut conn = server.open();
    let mut all = Vec::new();
    let content = |round: u8| pattern(round, 1 + usize::from(round) * 100);
    for round in 0..100 {
        all.extend(request_bytes("POST", "file", &[], &content(round)));
        all.extend(request_bytes("GET", "file", &[], b""));
    }
    conn.send(&all);
    for round in 0..100 {
        assert_eq!(
            conn.reply_to("POST").expect("a reply to POST").status,
            200,
            "round {round}"
        );
        let reply = conn.reply_to("GET").expect("a reply to GET");
        assert_eq!(reply.status, 200, "round {round}");
        let seen = reply.body.first().copied();
        assert!(
            reply.body == content(round),
            "round {round}: GET saw the content of round {seen:?}"
        );
    }
    // The same of every kind, in one write.
    let steps = [
        ("POST", "a/b", "one", 200, "OK"),
        ("PUT", "a/b", "two", 200, "OK"),
        ("GET", "a/b", "", 200, "onetwo"),
        ("PUT", "a/b/mv", "{\"path\": \"c\"}", 200, "OK"),
        ("GET", "c", "", 200, "onetwo"),
        ("DELETE", "c", "", 200, "OK"),
        ("GET", "/file", "", 200, "OK"),
        ("POST", "c", "new", 200, "OK"),
        ("GET", "c", "", 200, "new"),
    ];
    let bytes =
        steps.map(|(method, target, body, ..)| request_bytes(method, target, &[], body.as_bytes()));
    conn.send(&bytes.concat());
    for (method, target, _, status, text) in steps {
        let reply = conn.reply_to(method).expect("a reply");
        assert_eq!(
            (reply.status, reply.text().as_str()),
            (status, text),
            "{method} {target}"
        );
    }
}

// symptom: one client that asks and never reads holds every worker; no other client is answered.
// cause:   the requests of one connection are handed to the workers at once.
// fix:     one request of a connection at a time: it occupies one worker.
#[test]
fn a_connection_full_of_requests_that_never_reads_stops_nobody() {
    const LARGE: usize = 10 * 1024 * 1024;
    // As many requests as there are workers, which they would all hold; and as many as the server
    // takes.
    for requests in [4, 1000] {
        let server = Server::with(&["--max-transfers", "4"], &[]);
        server.place("large", &pattern(1, LARGE));
        server.place("small", b"small");
        let mut hog = server.open();
        let request = request_bytes("GET", "large", &[], b"");
        hog.send(&request);
        let head = hog.head().expect("the first head");
        assert_eq!(head.status, 200);
        // A worker has the first: now the others. With too many the server may stop reading or hang
        // up, as it likes.
        let _ = hog.try_send(&request.repeat(requests - 1));
        for round in 0..50 {
            let what = format!("{requests} requests, round {round}");
            let start = Instant::now();
            // The other workers are there for others, all three at once.
            let held = [0, 1, 2]
                .map(|number| server.begin("POST", &format!("new-{number}"), "Content-Length: 1"));
            assert_eq!(server.get("/file").text(), "OK", "{what}");
            for mut conn in held {
                conn.send(b"x");
                assert_eq!(
                    conn.reply_to("POST").expect("a reply").status,
                    200,
                    "{what}"
                );
            }
            let reply = server.get("small");
            assert_eq!(
                (reply.status, reply.text().as_str()),
                (200, "small"),
                "{what}"
            );
            assert!(
                start.elapsed() < AT_ONCE,
                "{what} took {:?}",
                start.elapsed()
            );
        }
        if requests == 4 {
            // It has only been slow: each reply comes whole, one behind the other.
            let mut sizes = vec![0; requests];
            hog.body(&head, &mut |part| sizes[0] += part.len())
                .expect("the first body");
            for size in &mut sizes[1..] {
                let reply = hog.reply_to("GET").expect("a reply");
                *size = reply.body.len();
            }
            assert_eq!(sizes, [LARGE; 4]);
        }
    }
}

// symptom: a request for another version of HTTP gets no reply, and its thread stays for good.
// cause:   tiny_http answers it with 505 behind requests of the same connection that were never
//          handed out.
// fix:     such a connection gets a reply or its end.
#[test]
fn another_version_of_http_gets_a_reply_or_a_close_and_costs_no_thread() {
    let server = Server::start();
    let heads = [
        "GET /file HTTP/2.0\r\nHost: nas\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "POST /file/a HTTP/2.0\r\nHost: nas\r\nContent-Length: 5\r\n\r\nhello",
        "GET /file HTTP/3.0\r\nHost: nas\r\n\r\n",
        "GET /file HTTP/9.9\r\nHost: nas\r\n\r\n",
    ];
    assert_eq!(server.get("/file").status, 200);
    let before = server.proc_status("Threads");
    for round in 0..200 {
        let head = heads[round % heads.len()];
        let mut conn = server.open();
        conn.limit_reads(AT_ONCE);
        conn.send(head.as_bytes());
        match conn.reply_to("GET") {
            Ok(reply) => assert!(
                reply.status >= 400,
                "round {round}, {head:?}: {}",
                reply.summary()
            ),
            Err(error) => {
                let late = matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                );
                assert!(
                    !late,
                    "round {round}, {head:?}: neither a reply nor a close within 2 s"
                );
            }
        }
    }
    eventually(
        &format!("no more than the {before} threads of before"),
        || server.proc_status("Threads") <= before + 4,
    );
    assert_eq!(server.get("/file").text(), "OK");
    assert!(server.visible().is_empty());
}

// symptom: in a burst of connections some get no answer until others end.
// cause:   tiny_http gives a connection to a waiting thread that has been given another one
//          already.
// fix:     no more are accepted ahead than there are threads for certain: those that were idle a
//          moment ago and have taken up nothing since, or none.
#[test]
fn each_connection_of_a_burst_is_taken_up_at_once() {
    let server = Server::start();
    // Threads that have become idle just before, and connections that each keep one from then on.
    let mut held = Vec::new();
    for (round, idle) in [0, 5, 10, 20, 40, 10, 5, 20, 10, 20, 5]
        .into_iter()
        .enumerate()
    {
        let mut ended: Vec<_> = (0..idle).map(|_| server.open()).collect();
        for conn in &mut ended {
            conn.send(b"GET /file HTTP/1.0\r\n\r\n");
        }
        for conn in &mut ended {
            assert_eq!(conn.head().map_or(0, |reply| reply.status), 200, "{round}");
        }
        let mut conns: Vec<_> = (0..40).map(|_| server.open()).collect();
        for conn in &mut conns {
            conn.send(b"POST /file/held HTTP/1.1\r\nHost: nas\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
        }
        for (number, conn) in conns.iter_mut().enumerate() {
            let status = conn.head().map(|reply| reply.status);
            assert_eq!(status.ok(), Some(100), "round {round}, connection {number}");
        }
        held.append(&mut conns);
    }
    drop(held);
    server.assert_clean();
}

#[test]
fn a_connection_serves_many_requests_and_closes_when_asked() {
    let server = Server::start();
    let mut conn: Conn = server.open();
    for round in 0..50u8 {
        let name = format!("{round}");
        let body = pattern(round, 100 + usize::from(round) * 400);
        assert_eq!(
            conn.request("POST", &name, &[], &body)
                .expect("POST")
                .status,
            200
        );
        assert!(
            conn.request("GET", &name, &[], b"").expect("GET").body == body,
            "round {round}"
        );
        assert_eq!(
            conn.request("GET", "missing", &[], b"")
                .expect("GET")
                .status,
            404
        );
        assert_eq!(
            conn.request("DELETE", &name, &[], b"")
                .expect("DELETE")
                .status,
            200
        );
    }
    let reply = conn
        .request("GET", "/file", &[("Connection", "close")], b"")
        .expect("GET");
    assert_eq!(reply.status, 200);
    assert!(conn.closed(), "Connection: close was asked for");
}

// symptom: a client that sends one long head behind another takes as much memory as it sends.
// cause:   what had been handed out was let go of only when nothing was pending, and its reads
//          always ended in a head.
// fix:     it is let go of before more is read.
#[test]
fn heads_that_come_one_behind_another_do_not_add_up() {
    const HEADS: usize = 2000;
    let server = Server::start();
    let client = TcpStream::connect(server.addr).expect("a connection");
    let mut writer = client.try_clone().expect("a second handle");
    let sends = std::thread::spawn(move || {
        let filler = "x".repeat(14_000);
        let head = format!("GET /file HTTP/1.1\r\nHost: nas\r\nX: {filler}\r\n\r\n");
        for _ in 0..HEADS {
            writer.write_all(head.as_bytes()).expect("it takes them");
        }
    });
    // The content of a reply stands before the first line of the next one.
    let lines = BufReader::new(client).lines().map_while(Result::ok);
    let replies = lines.filter(|line| line.ends_with("HTTP/1.1 200 OK"));
    assert_eq!(replies.take(HEADS).count(), HEADS);
    sends.join().expect("all is sent");
    let peak = server.proc_status("VmHWM");
    assert!(peak < 16 * 1024, "a peak of {peak} KiB");
}
