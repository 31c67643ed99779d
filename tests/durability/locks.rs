//! A file that another program keeps locked: which requests wait, for how long, and that no others
//! are delayed.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testkit::readers::StopOnDrop;
use testkit::{AT_ONCE, LIMIT, Server, eventually, pattern};

// symptom: PUT, POST, mv and DELETE of a file that a program had locked (flock) never got a reply,
//          and each kept a slot.
// cause:   they waited for the lock in flock(2), which has no end.
// fix:     a wait that ends with 503 when nothing has happened for 10 s.
#[test]
fn who_writes_to_a_file_that_stays_locked_is_told_to_try_again() {
    let server = Server::start();
    for name in ["file", "other"] {
        server.place(name, b"content");
    }
    server.place("folder/in-it", b"content");
    let hold = |name: &str| {
        let held = File::open(server.storage().join(name)).expect("it is there");
        held.lock().expect("it can be locked");
        held
    };
    let (held, held_folder) = (hold("file"), hold("folder"));
    let start = Instant::now();
    thread::scope(|scope| {
        let to = br#"{"path": "file"}"#;
        let away = br#"{"path": "new"}"#;
        let requests: [(&str, &str, &[u8]); 11] = [
            ("PUT", "file", b"more"),
            ("PUT", "file", b"and more"),
            ("POST", "file", b"new"),
            ("DELETE", "file", b""),
            ("PUT", "other/mv", to),
            ("PUT", "other/cp", to),
            ("GET", "file", b""),
            // What is taken away is locked, too, and so is what is copied when the copy is put in
            // place.
            ("PUT", "file/mv", away),
            ("PUT", "file/cp", b"{\"path\": \"copy\"}"),
            ("DELETE", "folder", b""),
            ("PUT", "folder/mv", away),
        ];
        for (method, target, body) in requests {
            let server = &server;
            scope.spawn(move || {
                let reply = server.request(method, target, &[], body);
                let shown = reply.summary();
                assert_eq!(reply.status, 503, "{method} {target}: {shown}");
                assert!(reply.header("Retry-After").is_some(), "{method} {target}");
                let took = start.elapsed();
                let limits = Duration::from_secs(10)..LIMIT;
                assert!(limits.contains(&took), "{method} {target}: {took:?}");
            });
        }
        // No other request is delayed, not even of the file that is to be moved or copied to the
        // locked one.
        for _ in 0..20 {
            assert_eq!(server.put("other", b"").status, 200);
            assert_eq!(server.get("other").text(), "content");
        }
        let took = start.elapsed();
        assert!(took < AT_ONCE, "delayed: {took:?}");
    });
    assert_eq!(server.content("file").as_deref(), Some(&b"content"[..]));
    for held in [held, held_folder] {
        held.unlock().expect("it can be unlocked");
    }
    assert_eq!(server.put("file", b", more").status, 200);
    assert_eq!(server.get("file").text(), "content, more");
    assert_eq!(server.mv("folder", "new").status, 200);
    let left = ["file 13", "new/", "new/in-it 7", "other 7"];
    assert_eq!(server.visible(), left);
    server.assert_clean();
}

/// As a program does that locks a file while it writes into it for long.
#[test]
fn a_lock_under_which_a_file_grows_is_waited_for() {
    let server = Server::start();
    server.place("file", b"");
    let line = pattern(3, 1000);
    let path = server.storage().join("file");
    let mut held = OpenOptions::new().append(true).open(path).expect("opened");
    held.lock().expect("it can be locked");
    thread::scope(|scope| {
        let append = scope.spawn(|| server.put("file", b"tail"));
        eventually("the append waits", || {
            server.has_open("file").contains(&"rw")
        });
        let start = Instant::now();
        let mut last = start;
        let mut written = 0;
        while start.elapsed() < Duration::from_secs(13) {
            eventually("a second has gone by", || {
                last.elapsed() > Duration::from_secs(1)
            });
            last = Instant::now();
            held.write_all(&line).expect("written");
            written += line.len();
        }
        held.unlock().expect("it can be unlocked");
        let reply = append.join().expect("the append failed");
        assert_eq!(reply.status, 200, "{}", reply.summary());
        assert_eq!(server.get("file").body.len(), written + 4);
    });
    server.assert_clean();
}

// symptom: while a server was stopped (SIGSTOP) in the middle of an append, writers of a healthy
//          one got no answer at all.
// cause:   that the holder of a lock had noted the length before its append was taken for a sign of
//          life, for ever.
// fix:     only a change of the file counts.
#[test]
fn a_server_that_is_stopped_in_an_append_does_not_keep_writers_of_another_waiting() {
    let one = Server::start();
    let two = one.sibling();
    let body = pattern(7, 64 << 20);
    let intents = one.storage().join(".http-nas/joins");
    let has_intent = || std::fs::read_dir(&intents).is_ok_and(|mut found| found.next().is_some());
    thread::scope(|scope| {
        // Until the signal comes between the intent and its removal.
        let append = loop {
            assert_eq!(one.post("file", b"content").status, 200);
            let append = scope.spawn(|| one.put("file", &body));
            eventually("the append has an intent, or is done", || {
                has_intent() || append.is_finished()
            });
            one.signal("STOP");
            let state = format!("/proc/{}/stat", one.pid());
            eventually("it is stopped", || {
                std::fs::read_to_string(&state).is_ok_and(|stat| stat.contains(") T "))
            });
            if has_intent() {
                break append;
            }
            one.signal("CONT");
            assert_eq!(append.join().expect("the append failed").status, 200);
        };
        let start = Instant::now();
        let told = thread::scope(|writers| {
            let two = &two;
            let requests: [(&str, &str, &[u8]); 4] = [
                ("PUT", "file", b"more"),
                ("POST", "file", b"new"),
                ("DELETE", "file", b""),
                ("PUT", "file/mv", br#"{"path": "other"}"#),
            ];
            let told = requests.map(|(method, target, body)| {
                writers.spawn(move || two.request(method, target, &[], body).status)
            });
            told.map(|told| told.join().expect("a writer failed"))
        });
        let took = start.elapsed();
        one.signal("CONT");
        assert_eq!(told, [503; 4]);
        assert!(took < LIMIT, "{took:?}");
        assert_eq!(append.join().expect("the append failed").status, 200);
    });
    let whole = [&b"content"[..], &body].concat();
    assert!(two.get("file").body == whole, "the append is whole");
    one.assert_clean();
}

// symptom: a mv or cp between two files that others kept busy got no answer for as long as they
//          did.
// cause:   it waited for the one lock and took the other only if no other writer waited for that,
//          in turns and without an end.
// fix:     it waits for the second one as well, in the order of inode numbers and for a while that
//          grows.
#[test]
fn a_rename_between_two_busy_files_is_not_starved() {
    // The time that the disk takes keeps the locks busy.
    let server = Server::with(&["--sync", "data"], &[]);
    let body = pattern(3, 1000);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = StopOnDrop(&done);
        for name in ["one", "two"] {
            for _ in 0..6 {
                let (server, body, done) = (&server, &body, &done);
                scope.spawn(move || {
                    while !done.load(Ordering::Relaxed) {
                        let reply = server.put(&format!("{name}?create"), body);
                        assert_eq!(reply.status, 200, "{name}: {}", reply.summary());
                    }
                });
            }
        }
        for round in 0..10 {
            eventually("both are there", || server.visible().len() == 2);
            let start = Instant::now();
            let (reply, what) = match round % 3 {
                0 => (server.mv("one", "two"), "mv"),
                1 => (server.mv("two", "one"), "mv back"),
                _ => (server.cp("one", "two"), "cp"),
            };
            assert_eq!(reply.status, 200, "{what}: {}", reply.summary());
            let took = start.elapsed();
            assert!(took < AT_ONCE, "{what}: {took:?}");
        }
    });
    server.assert_clean();
}
