//! Replies have a length where it is known, leave at once and in one piece, and have nothing of the
//! request in their head.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use testkit::{LIMIT, Reply, Server, pattern, request_bytes};

// symptom: 44 ms for each small reply on a kept-alive connection.
// cause:   head and body leave in two writes, and Nagle's algorithm waits for a delayed ACK.
// fix:     one write for both.
#[test]
fn small_replies_on_a_kept_alive_connection_do_not_wait() {
    let server = Server::start();
    for (name, len) in [("1-byte", 1), ("1-KiB", 1024), ("20-KiB", 20 * 1024)] {
        server.place(name, &pattern(1, len));
        let mut conn = server.open();
        let mut times = Vec::new();
        for _ in 0..2000 {
            let start = Instant::now();
            let reply = conn.request("GET", name, &[], b"").expect("a reply");
            times.push(start.elapsed());
            assert_eq!((reply.status, reply.body.len()), (200, len));
        }
        times.sort_unstable();
        let median = times[1000];
        assert!(
            median < Duration::from_millis(5),
            "{name}: a median of {median:?}"
        );
    }
}

// symptom: a small reply leaves in two packets, and without TCP_NODELAY waits 44 ms between them.
// cause:   head and body leave in two writes.
// fix:     one write for both.
#[test]
fn a_small_reply_leaves_in_one_write() {
    let server = Server::start();
    server.place("1-KiB", &pattern(1, 1024));
    let request = request_bytes("GET", "1-KiB", &[], b"");
    let mut stream = TcpStream::connect(server.addr).expect("a connection");
    stream.set_nonblocking(true).expect("it need not block");
    let mut buffer = [0; 4096];
    for round in 0..10_000 {
        stream.write_all(&request).expect("there is room for it");
        // Asked for all the time: what leaves in two writes is found half there in one round or
        // another.
        let start = Instant::now();
        let received = loop {
            match stream.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    assert!(start.elapsed() < LIMIT, "round {round}");
                    std::hint::spin_loop();
                }
                other => break other.expect("a reply"),
            }
        };
        let head = buffer[..received]
            .windows(4)
            .position(|end| end == b"\r\n\r\n");
        let content = head.map(|head| received - head - 4);
        assert_eq!(
            content,
            Some(1024),
            "round {round}: {received} bytes at first"
        );
    }
}

// symptom: 40 ms between the replies to requests that were sent together.
// cause:   Nagle's algorithm keeps the second until the first is acknowledged, which the client
//          delays.
// fix:     TCP_NODELAY.
#[test]
fn a_reply_does_not_wait_for_the_acknowledgement_of_the_one_before() {
    let server = Server::start();
    server.place("small", b"small");
    let mut conn = server.open();
    let both = request_bytes("GET", "small", &[], b"").repeat(2);
    let mut times = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        conn.send(&both);
        for _ in 0..2 {
            let reply = conn.reply_to("GET").expect("a reply");
            assert_eq!((reply.status, reply.text().as_str()), (200, "small"));
        }
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let median = times[100];
    assert!(median < Duration::from_millis(5), "a median of {median:?}");
}

// symptom: a large reply comes without a length: no progress bar, and a cut transfer looks like a
//          whole one to some.
// cause:   `respond` turns bodies of 32 KiB and more into chunks.
// fix:     the length is always sent.
#[test]
fn a_large_reply_bears_its_length_and_no_chunks() {
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

// symptom: a name with CR LF in it writes headers of its own into a reply.
// cause:   Header::from_bytes takes CR and LF (CVE-2026-66753).
// fix:     no byte of a request goes into a header unchecked.
#[test]
fn no_cr_lf_of_a_request_gets_into_a_header() {
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
