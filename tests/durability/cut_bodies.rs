//! Bodies that end early change nothing, at whatever place they are cut; bodies of absurd length do
//! not end the server. Whole bodies are in http/whole_bodies.rs, bad framing in http/framing.rs.

use std::time::Instant;

use testkit::{AT_ONCE, Conn, Server, chunked, eventually, pattern};

const OLD: &[u8] = b"old content\n";

#[derive(Clone, Copy, Debug)]
enum End {
    /// Nothing more is sent; the reply is still read.
    Fin,
    /// The socket is closed.
    Close,
    /// The socket is closed with unread data in it, which sends a reset.
    Reset,
}

/// What the cut body was meant to do.
#[derive(Clone, Copy, Debug)]
enum Write {
    New,
    Replace,
    Append,
}

struct Cut {
    what: String,
    framing: String,
    body: Vec<u8>,
}

fn cut_chunks() -> Vec<Cut> {
    let first = "5\r\nhello\r\n";
    let both = "5\r\nhello\r\n6\r\n world\r\n";
    let mut long = b"100000\r\n".to_vec();
    long.extend_from_slice(&pattern(1, 300_000));
    let mut after_long = chunked(&pattern(2, 300_000), 65_536);
    after_long.truncate(after_long.len() - 5);
    let cuts = [
        ("before the first chunk", String::new().into_bytes()),
        ("in the chunk size", b"5".to_vec()),
        ("in a longer chunk size", b"0000".to_vec()),
        ("in an extension", b"5;name=va".to_vec()),
        ("after the CR of the size", b"5\r".to_vec()),
        ("after the size line", b"5\r\n".to_vec()),
        ("in the chunk", b"5\r\nhel".to_vec()),
        (
            "in a chunk of 64 KiB",
            [b"10000\r\n".as_slice(), &[b'x'; 1000]].concat(),
        ),
        ("in a chunk of 1 MiB", long),
        ("before the CR LF of the chunk", b"5\r\nhello".to_vec()),
        ("in the CR LF of the chunk", b"5\r\nhello\r".to_vec()),
        ("between chunks", first.into()),
        ("in the second size", format!("{first}6").into_bytes()),
        (
            "before the last CR LF of the data",
            both[..both.len() - 2].into(),
        ),
        ("after the data", both.into()),
        ("after much data", after_long),
        ("in the last chunk line", format!("{both}0").into_bytes()),
        (
            "after the CR of the last chunk line",
            format!("{both}0\r").into_bytes(),
        ),
        ("before the last CR LF", format!("{both}0\r\n").into_bytes()),
        ("in the last CR LF", format!("{both}0\r\n\r").into_bytes()),
        (
            "in the trailer",
            format!("{both}0\r\nX-Check: 1").into_bytes(),
        ),
        (
            "after the trailer",
            format!("{both}0\r\nX-Check: 1\r\n").into_bytes(),
        ),
    ];
    let framing = "Transfer-Encoding: chunked";
    cuts.into_iter()
        .map(|(what, body)| Cut {
            what: what.into(),
            framing: framing.into(),
            body,
        })
        .collect()
}

fn cut_lengths() -> Vec<Cut> {
    let mut cuts = Vec::new();
    for length in [10, 2000, 65_536, 300_000] {
        for sent in [0, 1, length / 2, length - 1] {
            let framing = format!("Content-Length: {length}");
            cuts.push(Cut {
                what: format!("{sent} of {length}"),
                framing,
                body: pattern(3, length)[..sent].to_vec(),
            });
        }
    }
    cuts
}

fn send_cut(server: &Server, name: &str, cut: &Cut, write: Write, end: End) {
    let mut conn = match end {
        End::Reset => Conn::open_to_reset(server.addr),
        End::Fin | End::Close => server.open(),
    };
    let method = if matches!(write, Write::Append) {
        "PUT"
    } else {
        "POST"
    };
    let mut bytes = format!(
        "{method} /file/{name} HTTP/1.1\r\nHost: nas\r\n{}\r\n\r\n",
        cut.framing
    )
    .into_bytes();
    bytes.extend_from_slice(&cut.body);
    let _ = conn.try_send(&bytes);
    if matches!(end, End::Fin) {
        conn.finish();
        if let Ok(reply) = conn.reply_to(method) {
            assert_eq!(
                reply.status,
                400,
                "{name}: {write:?}, cut {}: {}",
                cut.what,
                reply.summary()
            );
            assert!(
                conn.closed(),
                "{name}: {write:?}, cut {}: the connection stays",
                cut.what
            );
        }
    }
}

fn cut_bodies_change_nothing(cuts: &[Cut]) {
    let mut server = Server::start();
    let mut wanted = Vec::new();
    let mut cases = Vec::new();
    for cut in cuts {
        for write in [Write::New, Write::Replace, Write::Append] {
            for end in [End::Fin, End::Close, End::Reset] {
                let name = format!("case-{:04}", cases.len());
                if !matches!(write, Write::New) {
                    server.place(&name, OLD);
                    wanted.push(name.clone());
                }
                cases.push((name, cut, write, end));
            }
        }
    }
    for (name, cut, write, end) in &cases {
        send_cut(&server, name, cut, *write, *end);
    }
    server.assert_clean();
    assert_eq!(server.get("/file").status, 200);
    // Once it has ended no request can be under way any more: what is there now is there for good.
    assert_eq!(server.stop().code, Some(0));
    for (name, cut, write, end) in &cases {
        let content = server.content(name);
        let right = if matches!(write, Write::New) {
            None
        } else {
            Some(OLD)
        };
        let shown = content.as_ref().map(|bytes| bytes.len());
        assert!(
            content.as_deref() == right,
            "{write:?}, cut {}, by {end:?}: {shown:?} bytes are there",
            cut.what
        );
    }
    let wanted: Vec<String> = wanted
        .iter()
        .map(|name| format!("{name} {}", OLD.len()))
        .collect();
    assert_eq!(server.visible(), wanted);
    server.assert_clean();
}

// symptom: half an upload is stored as a whole file, with 200.
// cause:   chunked_transfer 1.5 takes the end of the connection for the end of the body.
// fix:     a decoder that tells the two apart.
#[test]
fn a_chunked_body_cut_at_any_place_changes_nothing() {
    cut_bodies_change_nothing(&cut_chunks());
}

// symptom: a file shorter than its Content-Length is stored, with 200.
// cause:   tiny_http's reader gives Ok(0) at the end of the connection.
// fix:     the length received is compared with the length declared.
#[test]
fn a_body_short_of_its_content_length_changes_nothing() {
    cut_bodies_change_nothing(&cut_lengths());
}

// symptom: the process aborts after a request with `Content-Length: 50000000000` and a close.
// cause:   tiny_http drops an unread body by reading it into `vec![0; length left]`.
// fix:     such blocks cost nothing until they are written to, and lengths past all reason are
//          refused.
#[test]
fn absurd_lengths_do_not_end_the_server() {
    // Nothing is reserved on the disk, which other tests share.
    let mut server = Server::with(&["--min-free-space", "1000TiB"], &[]);
    server.place("folder/x", b"x");
    let before = server.sockets();
    let lengths = [
        "1073741824",
        "50000000000",
        "10000000000000",
        "70368744177664",
        "70368744177665",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551614",
        "18446744073709551615",
    ];
    for length in lengths {
        for (method, target) in [
            ("POST", "new"),
            ("PUT", "folder/x"),
            ("POST", "folder"),
            ("GET", "folder"),
            ("PUT", "folder/x/mv"),
        ] {
            for end in [End::Fin, End::Close, End::Reset] {
                let what = format!("{method} {target} of {length} bytes, {end:?}");
                let mut conn = match end {
                    End::Reset => Conn::open_to_reset(server.addr),
                    End::Fin | End::Close => server.open(),
                };
                let head = format!(
                    "{method} /file/{target} HTTP/1.1\r\nHost: nas\r\nContent-Length: {length}\r\n\r\nsome"
                );
                let _ = conn.try_send(head.as_bytes());
                if matches!(end, End::Fin) {
                    conn.finish();
                    if let Ok(reply) = conn.reply_to(method) {
                        let read = method == "GET" && reply.status == 200;
                        let has_no_room = method == "POST" && length == "50000000000";
                        if has_no_room && target == "new" {
                            assert_eq!(reply.status, 507, "{what}: {}", reply.summary());
                        }
                        assert!(
                            read || matches!(reply.status, 400..=499 | 507),
                            "{what}: {}",
                            reply.summary()
                        );
                    }
                }
                drop(conn);
                let start = Instant::now();
                assert_eq!(server.get("/file").text(), "OK", "after {what}");
                assert!(
                    start.elapsed() < AT_ONCE,
                    "after {what}: {:?}",
                    start.elapsed()
                );
            }
        }
        assert!(server.is_alive(), "after {length}");
    }
    // With the last of them the bodies have been dropped.
    eventually("their sockets are closed", || server.sockets() <= before);
    let peak = server.proc_status("VmHWM");
    assert!(peak < 64 * 1024, "a peak of {peak} KiB");
    assert_eq!(server.visible(), ["folder/", "folder/x 1"]);
    server.assert_clean();
    assert_eq!(server.stop().code, Some(0));
}
