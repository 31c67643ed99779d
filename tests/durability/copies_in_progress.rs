//! Copies while others write and read: the copy is of one moment, and readers of its new name see
//! it whole or not at all.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testkit::readers::{StopOnDrop, read_until};
use testkit::{Server, pattern};

#[test]
fn a_large_file_with_holes_is_copied_whole() {
    let server = Server::start();
    let size = 512 * 1024 * 1024 + 12_345_u64;
    let pieces = [
        (0, pattern(1, 70_000)),
        (300_000_001, pattern(2, 70_000)),
        (size - 70_000, pattern(3, 70_000)),
    ];
    let source = File::create_new(server.storage().join("source")).expect("made");
    source.set_len(size).expect("it can be that long");
    for (at, piece) in &pieces {
        source.write_all_at(piece, *at).expect("written");
    }
    assert_eq!(server.cp("source", "copy").status, 200);
    let copy = File::open(server.storage().join("copy")).expect("it is there");
    let meta = copy.metadata().expect("its data");
    assert_eq!(meta.len(), size);
    assert_ne!(meta.ino(), source.metadata().expect("its data").ino());
    let mut contents = [vec![0; 1 << 20], vec![0; 1 << 20]];
    for at in (0..size).step_by(1 << 20) {
        let length = (size - at).min(1 << 20) as usize;
        for (content, file) in contents.iter_mut().zip([&source, &copy]) {
            file.read_exact_at(&mut content[..length], at)
                .expect("read");
        }
        assert!(contents[0] == contents[1], "at {at}");
    }
    let peak = server.proc_status("VmHWM");
    assert!(peak < 64 * 1024, "a peak of {peak} KiB");
    server.assert_clean();
}

/// What is appended to or replaced while it is copied is copied as it was at one moment.
#[test]
fn a_copy_is_a_snapshot() {
    let one = Server::start();
    let two = one.sibling();
    let piece = pattern(5, 300_007);
    let other = pattern(6, 200_003);
    assert_eq!(one.post("log", &piece).status, 200);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let copies = scope.spawn(|| {
            let mut count = 0;
            while !done.load(Ordering::Relaxed) {
                let server = if count % 2 == 0 { &one } else { &two };
                let name = format!("copy-{}", count % 3);
                assert_eq!(server.cp("log", &name).status, 200, "copy {count}");
                let copy = server.content(&name).expect("it is there");
                let parts = if copy[0] == piece[0] { &piece } else { &other };
                assert_eq!(
                    copy.len() % parts.len(),
                    0,
                    "{} bytes are not whole appends",
                    copy.len()
                );
                assert!(
                    copy.chunks(parts.len()).all(|part| part == parts),
                    "copy {count} is a mix"
                );
                count += 1;
            }
            count
        });
        let stop = StopOnDrop(&done);
        for round in 0..12 {
            let parts = if round % 2 == 0 { &other } else { &piece };
            assert_eq!(one.post("log", parts).status, 200, "round {round}");
            for append in 0..15 {
                let server = if append % 2 == 0 { &one } else { &two };
                assert_eq!(server.put("log", parts).status, 200, "round {round}");
            }
        }
        drop(stop);
        let count = copies.join().expect("the copies failed");
        assert!(count > 10, "only {count} copies");
    });
    one.assert_clean();
}

/// The old file or the copy, never a part of it.
#[test]
fn who_reads_the_destination_sees_it_whole() {
    let one = Server::start();
    let two = one.sibling();
    let contents = [pattern(1, 4_000_000), pattern(2, 3_000_000)];
    one.place("source-0", &contents[0]);
    one.place("source-1", &contents[1]);
    one.place("to", &contents[0]);
    let done = AtomicBool::new(false);
    let judge = |status: u16, body: &[u8]| {
        assert_eq!(status, 200);
        assert!(
            contents.iter().any(|content| content == body),
            "{} other bytes",
            body.len()
        );
    };
    thread::scope(|scope| {
        scope.spawn(|| read_until(&done, &[&one, &two], "to", &judge));
        let _stop = StopOnDrop(&done);
        for round in 0..60 {
            let reply = one.cp(&format!("source-{}", round % 2), "to");
            assert_eq!(reply.status, 200, "round {round}");
        }
    });
    one.assert_clean();
}
