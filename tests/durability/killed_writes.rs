//! kill -9 during uploads and deletes: the old content or the new, and nothing left behind.

use std::thread;

use testkit::{Conn, Server, eventually, pattern, request_bytes, visible};

const MIB: usize = 1024 * 1024;

#[test]
fn kill_during_uploads_leaves_the_old_content_and_no_litter() {
    let mut server = Server::start();
    let old = pattern(1, 100_000);
    for name in ["replaced", "appended", "moved"] {
        assert_eq!(server.post(name, &old).status, 200);
    }
    let uploads = [
        ("POST", "new-0", 0),
        ("POST", "new-1", 1),
        ("POST", "new-2", MIB),
        ("POST", "a/b/new-3", 12 * MIB),
        ("POST", "replaced", 8 * MIB),
        ("POST", "replaced", 16 * MIB - 1),
        ("PUT", "appended", 10),
        ("PUT", "appended", 16 * MIB - 1),
        ("PUT", "moved/mv", 5),
    ];
    for round in 0..3 {
        let mut open = Vec::new();
        for (number, (method, target, sent)) in uploads.into_iter().enumerate() {
            // A body that the server has read, except for what the socket's buffers hold; by length
            // or in one chunk.
            let length = if target.ends_with("/mv") {
                20
            } else {
                16 * MIB
            };
            let counted = (number + round) % 2 == 0;
            let framing = if counted {
                format!("Content-Length: {length}")
            } else {
                "Transfer-Encoding: chunked".into()
            };
            let mut conn = server.begin(method, target, &framing);
            if !counted {
                conn.send(format!("{length:x}\r\n").as_bytes());
            }
            conn.send(&pattern(2, length)[..sent]);
            open.push(conn);
        }
        server.kill();
        let files = |server: &Server| {
            let mut seen = server.visible();
            // Whether the parents of a file that never came are there is not promised.
            seen.retain(|entry| !entry.ends_with('/'));
            seen
        };
        let wanted = ["appended 100000", "moved 100000", "replaced 100000"];
        assert_eq!(
            files(&server),
            wanted,
            "right after the kill, round {round}"
        );
        server.restart();
        for name in ["replaced", "appended", "moved"] {
            assert!(server.get(name).body == old, "{name} in round {round}");
        }
        assert_eq!(files(&server), wanted, "after the restart, round {round}");
        server.assert_clean();
    }
    assert_eq!(server.put("appended", b"more").status, 200);
    assert!(server.get("appended").body == [&old[..], b"more"].concat());
    server.assert_clean();
}

#[test]
fn what_was_answered_with_200_before_a_kill_is_there_and_the_rest_is_whole_or_missing() {
    let mut server = Server::start();
    let mut answered = Vec::new();
    for round in 0..4u64 {
        let addr = server.addr;
        let write = move |writer: usize| {
            let mut done = Vec::new();
            let mut conn = Conn::open(addr);
            for number in 0.. {
                let name = format!("r{round}-w{writer}-{number}");
                let body = pattern(number as u8, 1 + number * 7919 % 300_000);
                match conn.request("POST", &name, &[], &body) {
                    Ok(reply) if reply.status == 200 => done.push(name),
                    Ok(reply) => panic!("POST {name}: {}", reply.summary()),
                    Err(_) => break,
                }
            }
            done
        };
        let writers: Vec<_> = (0..4)
            .map(|writer| thread::spawn(move || write(writer)))
            .collect();
        // Some moment while all of them write.
        let wanted = 20 + 15 * round as usize;
        eventually("some files are written", || {
            server.visible().len() >= answered.len() + wanted
        });
        server.kill();
        for writer in writers {
            answered.extend(writer.join().expect("a writer failed"));
        }
        server.restart();
        server.assert_clean();
    }
    let there = server.visible();
    for entry in &there {
        let (name, _) = entry.split_once(' ').expect("a file");
        let number: usize = name
            .rsplit('-')
            .next()
            .and_then(|digits| digits.parse().ok())
            .expect("a number");
        let whole = pattern(number as u8, 1 + number * 7919 % 300_000);
        assert!(server.content(name) == Some(whole), "{entry} is not whole");
    }
    for name in answered {
        let start = format!("{name} ");
        assert!(
            there.iter().any(|entry| entry.starts_with(&start)),
            "{name} was answered with 200 and is missing"
        );
    }
}

#[test]
fn a_delete_that_was_killed_in_the_middle_is_finished_at_the_next_start() {
    let mut server = Server::start();
    let removed = |server: &Server| visible(&server.storage().join(".http-nas/removed"));
    let mut was_cut = false;
    for round in 0..10 {
        for number in 0..5000 {
            server.place(&format!("folder/{}/{number}", number % 10), b"");
        }
        let mut conn = server.open();
        conn.send(&request_bytes("DELETE", "folder", &[], b""));
        let folder = server.storage().join("folder");
        eventually("the folder is out of sight", || !folder.exists());
        server.kill();
        was_cut |= !removed(&server).is_empty();
        server.restart();
        assert!(server.visible().is_empty(), "round {round}");
        eventually(&format!("round {round}: all is removed"), || {
            removed(&server).is_empty()
        });
        if was_cut {
            break;
        }
    }
    assert!(was_cut, "no kill came in the middle of a delete");
}
