//! 206: its bytes, its headers, and files that change while a part of them is sent. Which `Range`
//! gets which part is in range_syntax.rs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testkit::readers::StopOnDrop;
use testkit::{Conn, Reply, Server, pattern};

fn get(conn: &mut Conn, name: &str, range: &str) -> Reply {
    conn.request("GET", name, &[("Range", range)], b"")
        .unwrap_or_else(|e| panic!("GET {name}, Range: {range}: {e}"))
}

#[test]
fn a_part_bears_the_headers_of_the_whole() {
    let server = Server::start();
    server.place("a.html", b"0123456789");
    let whole = server.get("a.html");
    let part = server.request("GET", "a.html", &[("Range", "bytes=2-4")], b"");
    assert_eq!((part.status, part.text().as_str()), (206, "234"));
    assert_eq!(part.header("Content-Length"), Some("3"));
    for name in [
        "ETag",
        "Last-Modified",
        "Content-Type",
        "Accept-Ranges",
        "X-Content-Type-Options",
        "Content-Security-Policy",
    ] {
        assert!(whole.header(name).is_some(), "no {name}:\n{}", whole.head);
        assert_eq!(part.header(name), whole.header(name), "{name}");
    }
    assert_eq!(part.header("Transfer-Encoding"), None);
}

#[test]
fn parts_of_files_longer_than_any_buffer_are_the_bytes_they_say() {
    let server = Server::start();
    let mut conn = server.open();
    for size in [65_536, 65_537, 300_001, 9_000_001] {
        let content = pattern(3, size);
        server.place("file", &content);
        let end = size - 1;
        let spans = [
            (0, 0),
            (0, 65_535),
            (1, 65_535),
            (65_535, 65_535),
            (1, end),
            (0, end),
            (end, end),
            (end - 65_535, end),
            (size / 2, size / 2),
            (size / 3, size / 3 * 2),
            (4096, size / 2 - 1),
            (size / 7, end - 1),
        ];
        let suffix = format!("bytes=-{}", size / 2);
        let suffix = (suffix, size - size / 2, end);
        let spans = spans.map(|(first, last)| (format!("bytes={first}-{last}"), first, last));
        for (range, first, last) in spans.into_iter().chain([suffix]) {
            let reply = get(&mut conn, "file", &range);
            let shown = format!("{size} bytes, Range: {range}\n{}", reply.head);
            assert_eq!(reply.status, 206, "{shown}");
            let span = format!("bytes {first}-{last}/{size}");
            assert_eq!(
                reply.header("Content-Range"),
                Some(span.as_str()),
                "{shown}"
            );
            assert!(reply.body == content[first..=last], "{shown}: other bytes");
        }
        assert_eq!(
            get(&mut conn, "file", &format!("bytes={size}-")).status,
            416
        );
        assert!(get(&mut conn, "file", "bytes=0-1,9-").body == content);
    }
}

#[test]
fn pieces_that_come_in_parallel_make_the_file() {
    let server = Server::start();
    let content = pattern(9, 8 * 1_000_003);
    server.place("file", &content);
    thread::scope(|scope| {
        for (number, piece) in content.chunks(1_000_003).enumerate() {
            let server = &server;
            scope.spawn(move || {
                let first = number * 1_000_003;
                let range = format!("bytes={first}-{}", first + piece.len() - 1);
                let reply = server.request("GET", "file", &[("Range", &range)], b"");
                assert_eq!(reply.status, 206, "{range}");
                assert!(reply.body == piece, "{range}: other bytes");
            });
        }
    });
}

#[test]
fn a_part_of_a_file_that_is_appended_to_or_replaced_meanwhile_is_of_the_file_as_it_was() {
    let server = Server::start();
    for (method, first) in [("PUT", 1000), ("POST", 1000), ("PUT", 7_000_000)] {
        // More than the sockets between take, so that most of it is read after the change.
        let content = pattern(1, 24_000_000);
        assert_eq!(server.post("file", &content).status, 200);
        let mut conn = server.open();
        conn.send(
            format!("GET /file/file HTTP/1.1\r\nHost: nas\r\nRange: bytes={first}-\r\n\r\n")
                .as_bytes(),
        );
        let reply = conn.head().expect("a head");
        assert_eq!(reply.status, 206, "{method}");
        let changed = server.request(method, "file", &[], &pattern(2, 3_000_000));
        assert_eq!(changed.status, 200, "{method}: {}", changed.summary());
        let wanted = format!("bytes {first}-23999999/24000000");
        assert_eq!(reply.header("Content-Range"), Some(wanted.as_str()));
        let mut body = Vec::new();
        conn.body(&reply, &mut |part| body.extend_from_slice(part))
            .expect("the whole part");
        assert!(
            body == content[first..],
            "{method}: {} other bytes",
            body.len()
        );
        // And the connection goes on.
        let next = get(&mut conn, "file", "bytes=0-0");
        assert_eq!(next.status, 206, "{method}");
    }
}

#[test]
fn every_part_of_a_growing_file_says_the_size_it_was_cut_from() {
    let server = Server::start();
    let piece = pattern(5, 10_007);
    assert_eq!(server.post("log", &piece).status, 200);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut conn = server.open();
            while !done.load(Ordering::Relaxed) {
                for (range, suffix) in [("bytes=5000-", false), ("bytes=-20014", true)] {
                    let reply = get(&mut conn, "log", range);
                    assert_eq!(reply.status, 206, "{range}");
                    let span = reply.header("Content-Range").expect("a Content-Range");
                    let numbers: Vec<usize> = span["bytes ".len()..]
                        .split(['-', '/'])
                        .map(|n| n.parse().expect(span))
                        .collect();
                    let (first, last, size) = (numbers[0], numbers[1], numbers[2]);
                    assert_eq!(last + 1, size, "{span}");
                    assert_eq!(size % piece.len(), 0, "{span}: not whole appends");
                    let start = if suffix {
                        size.saturating_sub(20_014)
                    } else {
                        5000
                    };
                    assert_eq!(first, start, "{range}: {span}");
                    let wanted = (first..size).map(|at| piece[at % piece.len()]);
                    assert!(reply.body.iter().copied().eq(wanted), "{span}: other bytes");
                }
            }
        });
        let _stop = StopOnDrop(&done);
        for round in 0..200 {
            assert_eq!(server.put("log", &piece).status, 200, "round {round}");
        }
    });
}
