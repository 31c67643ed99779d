//! kill -9 during appends: each server sees the whole append or nothing of it.

use std::time::{Duration, Instant};
use std::{fs, thread};

use testkit::{Conn, Server, eventually, pattern, request_bytes};

/// The lengths of bodies that are kept in memory: they stay in a page of the file, fill one, or go
/// on in the next ones.
fn small_body(number: usize) -> Vec<u8> {
    const LENGTHS: [usize; 6] = [1024, 7, 4096, 4096 + 1, 20_000, 64 * 1024 - 9];
    let length = LENGTHS[number % LENGTHS.len()];
    let head = (length as u32).to_le_bytes();
    [&head[..], &pattern(number as u8, length)].concat()
}

/// Appends of up to 64 KiB have no staged file, and most of them no intent with the length before.
/// `KILL_ROUNDS` says how many kills, 4 if it is not set.
const MIB: usize = 1024 * 1024;

#[test]
fn small_appends_are_there_as_a_whole_or_not_after_a_kill() {
    const WRITERS: usize = 8;
    let rounds = std::env::var("KILL_ROUNDS");
    let rounds = rounds.map_or(4, |rounds| rounds.parse().expect("a number"));
    let mut server = Server::start();
    let other = server.sibling();
    let mut total = 0;
    for round in 0..rounds {
        let addr = server.addr;
        let write = move |writer: usize| {
            let name = format!("{writer}");
            let mut conn = Conn::open(addr);
            for number in 0.. {
                let body = small_body(number);
                let target = format!("{name}?create");
                match conn.request("PUT", &target, &[], &body) {
                    Ok(reply) if reply.status == 200 => {}
                    Ok(reply) => panic!("PUT {name}: {}", reply.summary()),
                    Err(_) => return number,
                }
            }
            unreachable!("it goes on until the kill")
        };
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| thread::spawn(move || write(writer)))
            .collect();
        let length = || server.content("0").map_or(0, |content| content.len());
        let wanted = 300_000 + round % 7 * 100_000;
        eventually("some are written", || length() > wanted);
        server.kill();
        for (writer, thread) in writers.into_iter().enumerate() {
            let answered = thread.join().expect("a writer failed");
            let name = writer.to_string();
            let reply = other.get(&name);
            let content = match reply.status {
                200 => reply.body,
                // It has not come to its first append.
                status => {
                    assert_eq!((status, answered), (404, 0), "{name}: {}", reply.summary());
                    continue;
                }
            };
            let (mut at, mut number) = (0, 0);
            while at < content.len() {
                let body = small_body(number);
                assert!(
                    content[at..].starts_with(&body),
                    "{name}: append {number}, at {at} of {}, is not whole, round {round}",
                    content.len()
                );
                at += body.len();
                number += 1;
            }
            // The last one may have been done without its reply.
            assert!(
                number == answered || number == answered + 1,
                "{name}: {number} of {answered} are there, round {round}"
            );
            total += number;
            assert_eq!(other.delete(&name).status, 200);
        }
        server.restart();
        server.assert_clean();
    }
    println!("{total} appends, {rounds} kills");
}

/// A file of `old` and then, or not, `blocks` times `block`, as a server gives it. Gives whether
/// the append is there.
fn assert_old_or_new(server: &Server, old: &[u8], block: &[u8], blocks: usize, what: &str) -> bool {
    let mut conn = server.open();
    conn.send(&request_bytes("GET", "file", &[], b""));
    let reply = conn.head().expect("a head");
    assert_eq!(reply.status, 200, "{what}");
    let length: usize = reply
        .header("Content-Length")
        .and_then(|text| text.parse().ok())
        .expect("a length");
    let new = old.len() + blocks * block.len();
    assert!(
        length == old.len() || length == new,
        "{what}: a part of the append can be seen: {length} bytes"
    );
    let mut place = 0;
    let body = conn.body(&reply, &mut |mut part| {
        while !part.is_empty() {
            let wanted = if place < old.len() {
                &old[place..]
            } else {
                &block[(place - old.len()) % block.len()..]
            };
            let count = part.len().min(wanted.len());
            assert!(
                part[..count] == wanted[..count],
                "{what}: other bytes after {place}"
            );
            part = &part[count..];
            place += count;
        }
    });
    body.unwrap_or_else(|error| panic!("{what}: {error}"));
    let newlines = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'\n').count();
    let added = if length == new { blocks } else { 0 };
    let lines = newlines(old) + added * newlines(block);
    assert_eq!(
        server.get("file/wc").text(),
        lines.to_string(),
        "{what}: wc counts other bytes than GET gives"
    );
    length == new
}

#[test]
fn kill_during_a_large_append_leaves_the_old_content_or_the_new() {
    const BLOCKS: usize = 256;
    let mut server = Server::start();
    let other = server.sibling();
    let old = pattern(1, MIB + 17);
    let block = pattern(2, MIB);
    let length =
        |server: &Server| fs::metadata(server.storage().join("file")).map_or(0, |meta| meta.len());
    // All of the body but its last byte is sent: the append itself follows the last one.
    let stage = |server: &Server| {
        let mut conn = server.begin("PUT", "file", &format!("Content-Length: {}", BLOCKS * MIB));
        (1..BLOCKS).for_each(|_| conn.send(&block));
        conn.send(&block[..MIB - 1]);
        conn
    };
    let mut append_takes = Duration::ZERO;
    for round in 0..9u32 {
        assert_eq!(server.post("file", &old).status, 200);
        let mut conn = stage(&server);
        assert_eq!(
            length(&other),
            old.len() as u64,
            "nothing is appended before the body is whole"
        );
        let start = Instant::now();
        conn.send(&block[MIB - 1..]);
        let what = match round {
            0 => {
                assert_eq!(conn.reply_to("PUT").expect("a reply").status, 200);
                append_takes = start.elapsed();
                assert!(assert_old_or_new(
                    &other,
                    &old,
                    &block,
                    BLOCKS,
                    "an undisturbed append"
                ));
                continue;
            }
            _ if round % 2 == 0 => {
                let moment = append_takes * round / 9;
                while start.elapsed() < moment {
                    thread::yield_now();
                }
                format!("killed after {moment:?} of {append_takes:?}")
            }
            _ => {
                // Killed as soon as a given part of it has reached the file, or when the time for
                // that is over.
                let part = old.len() as u64 + u64::from(round - 1) * (BLOCKS * MIB / 9) as u64;
                while length(&other) <= part && start.elapsed() < append_takes * 3 {
                    thread::yield_now();
                }
                format!("killed at a length of {}", length(&other))
            }
        };
        server.kill();
        let seen = assert_old_or_new(
            &other,
            &old,
            &block,
            BLOCKS,
            &format!("{what}, by the other server"),
        );
        let answered = conn.reply_to("PUT").is_ok_and(|reply| reply.status == 200);
        assert!(seen || !answered, "{what}: answered with 200 and not there");
        server.restart();
        let still = assert_old_or_new(
            &server,
            &old,
            &block,
            BLOCKS,
            &format!("{what}, after the restart"),
        );
        assert_eq!(still, seen, "{what}: both servers see the same");
        server.assert_clean();
        assert_eq!(
            server.put("file", b"tail").status,
            200,
            "{what}: a further append"
        );
        let whole = old.len() + if seen { BLOCKS * MIB } else { 0 } + 4;
        let head = other.request("HEAD", "file", &[], b"");
        assert_eq!(
            head.header("Content-Length"),
            Some(whole.to_string().as_str()),
            "{what}: a further append"
        );
    }
    server.assert_clean();
}

#[test]
fn an_append_after_a_kill_by_the_other_server_starts_from_whole_content() {
    let mut server = Server::start();
    let other = server.sibling();
    let old = pattern(1, 50_000);
    let block = pattern(2, 64 * MIB);
    for round in 0..4 {
        assert_eq!(server.post("file", &old).status, 200);
        let mut conn = server.begin("PUT", "file", &format!("Content-Length: {}", block.len()));
        conn.send(&block);
        let length = || fs::metadata(other.storage().join("file")).map_or(0, |meta| meta.len());
        eventually("the append begins", || length() > old.len() as u64);
        server.kill();
        assert_eq!(other.put("file", b"tail").status, 200, "round {round}");
        let content = other.get("file").body;
        let rest = content
            .strip_prefix(old.as_slice())
            .expect("the old content");
        assert!(
            rest == b"tail" || rest == [&block[..], b"tail"].concat(),
            "{} bytes in round {round}",
            content.len()
        );
        server.restart();
        assert!(
            server.get("file").body == content,
            "the restart changes the file, round {round}"
        );
        server.assert_clean();
    }
}
