//! Small replies leave at once, and as one: row 7 of the faults of tiny_http 0.12.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use testkit::{LIMIT, Server, pattern, request_bytes};

// symptom: 44 ms for each small reply on a kept-alive connection.
// cause:   head and body leave in two writes, and Nagle's algorithm waits for a delayed ACK (row 7).
// remedy:  one write for both.
#[test]
fn row_7_small_replies_on_a_kept_alive_connection_do_not_wait() {
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

// symptom: as above, where TCP_NODELAY is not set either; else two packets where one would do.
// cause:   as above (row 7).
// remedy:  as above.
#[test]
fn row_7_a_small_reply_leaves_in_one_write() {
    let server = Server::start();
    server.place("1-KiB", &pattern(1, 1024));
    let request = request_bytes("GET", "1-KiB", &[], b"");
    let mut stream = TcpStream::connect(server.addr).expect("a connection");
    stream.set_nonblocking(true).expect("it need not block");
    let mut buffer = [0; 4096];
    for round in 0..10_000 {
        stream.write_all(&request).expect("there is room for it");
        // Asked for all the time: what leaves in two writes is found half there in one round or another.
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
// cause:   Nagle's algorithm keeps the second until the first is acknowledged, which the client delays (row 7).
// remedy:  TCP_NODELAY.
#[test]
fn row_7_a_reply_does_not_wait_for_the_acknowledgement_of_the_one_before() {
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
