//! The length that a reader sees while others append is always that of whole appends.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testkit::json::{self, Json};
use testkit::readers::StopOnDrop;
use testkit::{Client, LIMIT, Server, eventually, pattern, request_bytes};

/// The length of the whole, from a request for a part.
fn length_by_get(client: &mut Client<'_>) -> usize {
    let reply = client.ask("GET", "d/file", &[("Range", "bytes=0-0")], b"");
    let range = reply.header("Content-Range").unwrap_or_default();
    let total = range
        .strip_prefix("bytes 0-0/")
        .and_then(|total| total.parse().ok());
    total.unwrap_or_else(|| panic!("GET: {}", reply.summary()))
}

fn length_by_listing(client: &mut Client<'_>) -> usize {
    let reply = client.ask("GET", "d", &[("Accept", "application/json")], b"");
    let Json::List(entries) = json::parse(&reply.text()) else {
        panic!("GET: {}", reply.summary());
    };
    entries[0].get("size").number() as usize
}

// symptom: a GET, or the size in a listing, told the length of a file with a part of an append.
// cause:   the file's size was taken while one append was copied, and then the intent of the next
//          one was read, which lets all of the first count: the smaller of the two is neither's.
// fix:     the size counts only where it was taken after the intent was read.
#[test]
fn a_length_is_that_of_whole_appends_however_many_wait_for_each_other() {
    let one = Server::start();
    let two = one.sibling();
    let piece = pattern(7, 300_007);
    let done = AtomicBool::new(false);
    let looks = AtomicUsize::new(0);
    assert_eq!(one.post("d/file", &piece).status, 200);
    thread::scope(|scope| {
        for reader in 0..8 {
            let (done, looks, piece) = (&done, &looks, &piece);
            let mut client = Client::of(if reader < 4 { &one } else { &two });
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let length = match reader % 2 {
                        0 => length_by_get(&mut client),
                        _ => length_by_listing(&mut client),
                    };
                    let rest = length % piece.len();
                    assert_eq!(rest, 0, "{length} bytes are not whole appends");
                    looks.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let stop = StopOnDrop(&done);
        let start = Instant::now();
        let writers = [&one, &two].repeat(8).into_iter().map(|server| {
            let (done, piece) = (&done, &piece);
            scope.spawn(move || {
                let mut client = Client::of(server);
                while start.elapsed() < Duration::from_secs(3) && !done.load(Ordering::Relaxed) {
                    assert_eq!(client.ask("PUT", "d/file", &[], piece).status, 200);
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.join().expect("a writer failed");
        }
        drop(stop);
    });
    let looks = looks.into_inner();
    assert!(looks > 100, "only {looks} looks");
    one.assert_clean();
}

/// A program that locks a file while it writes into it writes no intent: its readers wait for the
/// whole.
#[test]
fn a_file_that_is_locked_while_it_grows_is_read_when_it_is_whole() {
    let server = Server::start();
    let whole = pattern(3, 200_000);
    server.place("file", b"");
    let path = server.storage().join("file");
    let mut file = OpenOptions::new().append(true).open(&path).expect("opened");
    file.lock().expect("it can be locked");
    file.write_all(&whole[..100_000]).expect("written");
    let mut conn = server.open();
    conn.send(&request_bytes("GET", "file", &[], b""));
    eventually("the server has opened the file", || {
        !server.has_open("file").is_empty()
    });
    conn.limit_reads(Duration::from_millis(300));
    conn.head().expect_err("no reply while it is locked");
    conn.limit_reads(LIMIT);
    file.write_all(&whole[100_000..]).expect("written");
    file.unlock().expect("it can be unlocked");
    let reply = conn.reply_to("GET").expect("a reply");
    assert_eq!(reply.status, 200);
    assert!(reply.body == whole, "{} bytes", reply.body.len());
    server.assert_clean();
}
