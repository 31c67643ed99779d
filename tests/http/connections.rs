//! One test for each fault of tiny_http 0.12 that a client could feel and that no other file speaks of (row by
//! row). Rows 1, 2 and 3 have one short case each here and the rest in durability/cut_bodies.rs; row 7 is in http/small_replies.rs,
//! row 10 in http/framing.rs, row 13 in ops/shutdown.rs.

use std::time::Instant;

use testkit::{AT_ONCE, Reply, Server, eventually, pattern, request_bytes};

// symptom: a large reply comes without a length: no progress bar, and a cut transfer looks like a whole one to some.
// cause:   `respond` turns bodies of 32 KiB and more into chunks (row 8).
// remedy:  the length is always sent.
#[test]
fn row_8_a_large_reply_bears_its_length_and_no_chunks() {
    let server = Server::start();
    for len in [0, 1, 32 * 1024 - 1, 32 * 1024, 200 * 1024, 3_000_000] {
        let body = if len == 0 {
            Vec::new()
        } else {
            pattern(1, len)
        };
        server.place("file", &body);
        for headers in [
            &[][..],
            &[("TE", "chunked")][..],
            &[("TE", "trailers, chunked;q=1"), ("Connection", "TE")][..],
        ] {
            let reply = server.request("GET", "file", headers, b"");
            assert_eq!(
                reply.header("Content-Length"),
                Some(len.to_string().as_str()),
                "{len}, {headers:?}\n{}",
                reply.head
            );
            assert_eq!(
                reply.header("Transfer-Encoding"),
                None,
                "{len}, {headers:?}\n{}",
                reply.head
            );
            assert!(reply.body == body, "{len}, {headers:?}");
        }
    }
}

// symptom: a pipelined GET does not see the POST ahead of it.
// cause:   the requests of one connection are handed to the workers at once (row 9).
// remedy:  one request of a connection at a time, in order.
#[test]
fn row_9_pipelined_requests_are_carried_out_in_order() {
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

// symptom: one client that asks and never reads holds every worker; nobody else is answered.
// cause:   as above (row 9).
// remedy:  as above: such a connection holds one worker.
#[test]
fn row_9_a_connection_full_of_requests_that_never_reads_stops_nobody() {
    const LARGE: usize = 10 * 1024 * 1024;
    // As many requests as there are workers, which they would all hold; and as many as the server takes.
    for requests in [4, 1000] {
        let server = Server::with(&["--max-transfers", "4"], &[]);
        server.place("large", &pattern(1, LARGE));
        server.place("small", b"small");
        let mut hog = server.open();
        let request = request_bytes("GET", "large", &[], b"");
        hog.send(&request);
        let head = hog.head().expect("the first head");
        assert_eq!(head.status, 200);
        // A worker has the first: now the others. With too many the server may stop reading or hang up, as it likes.
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

// symptom: a name with CR LF in it writes headers of its own into a reply.
// cause:   Header::from_bytes takes CR and LF (CVE-2026-66753, row 11).
// remedy:  no byte of a request goes into a header unchecked.
#[test]
fn row_11_no_cr_lf_of_a_request_gets_into_a_header() {
    let server = Server::start();
    server.place("a", b"content");
    let names = [
        "a%0d%0aX-Injected:%201",
        "a%0D%0A%0D%0A<html>",
        "%0aX-Injected:%201",
        "%0dX-Injected:%201",
        "a%E5%98%8A%E5%98%8DX-Injected:%201",
        "a%250d%250aX-Injected:%201",
        "a?x=%0d%0aX-Injected:%201",
    ];
    let check = |what: &str, reply: Reply| {
        assert!(
            (200..500).contains(&reply.status),
            "{what}: {}",
            reply.summary()
        );
        assert!(
            !reply.head.to_lowercase().contains("injected"),
            "{what}:\n{}",
            reply.head
        );
        assert!(!reply.head.contains('<'), "{what}:\n{}", reply.head);
        for (name, value) in &reply.headers {
            assert!(
                !value.chars().any(char::is_control),
                "{what}: {name}: {value:?}"
            );
        }
    };
    for name in names {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"] {
            check(
                &format!("{method} {name}"),
                server.request(method, name, &[], b""),
            );
            let target = format!("/other/{name}");
            check(
                &format!("{method} {target}"),
                server.request(method, &target, &[], b""),
            );
        }
        server.place("a", b"content");
        check(&format!("wc of {name}"), server.get(&format!("{name}/wc")));
        check(&format!("mv a {name}"), server.mv("a", name));
        server.place("a", b"content");
        check(&format!("mv {name} b"), server.mv(name, "b"));
    }
    let body = b"{\"path\": \"b\\r\\nX-Injected: 1\"}";
    check("mv with escapes", server.request("PUT", "a/mv", &[], body));
    for header in [
        "Accept",
        "Content-Type",
        "Origin",
        "Expect",
        "If-None-Match",
        "Range",
        "Host",
        "User-Agent",
    ] {
        let reply = server.request(
            "GET",
            "a",
            &[(header, "x%0d%0aX-Injected: 1\rX-Injected: 2")],
            b"",
        );
        check(header, reply);
    }
}

// symptom: a request for another version of HTTP gets no reply, and its thread stays for good.
// cause:   tiny_http answers it with 505 behind requests of the same connection that were never handed out.
// remedy:  such a connection gets a reply or its end.
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
// cause:   tiny_http gives a connection to a waiting thread that has been given another one already.
// remedy:  no more are accepted ahead than there are threads for certain: those that were idle a moment ago and have
//          taken up nothing since, or none.
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
