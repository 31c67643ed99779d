//! Folders that are unpacked: servers that are killed, several clients and servers, and readers
//! while one takes the place of another. A folder is there whole or not at all.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testkit::archives::{names, restore};
use testkit::tarball::{archive, file, folder, hard_link, link};
use testkit::{Conn, Server, chunked, eventually, pattern, visible};

/// An archive with this many files, each of which says which version it is.
fn versioned(version: usize, files: usize) -> Vec<u8> {
    let mut entries = Vec::new();
    for number in 0..files {
        if number % 100 == 0 {
            entries.push(folder(format!("{}", number / 100).as_bytes()));
        }
        let name = format!("{}/{number}", number / 100);
        entries.push(file(
            name.as_bytes(),
            format!("version {version}").as_bytes(),
        ));
    }
    entries.push(link(b"link", b"0/0"));
    entries.push(hard_link(b"again", b"0/0"));
    archive(&entries)
}

/// What is in the server's own folder, beyond what is always there.
fn own(server: &Server) -> Vec<String> {
    let mut found = visible(&server.storage().join(".http-nas"));
    found.retain(|entry| !["joins/", "removed/", "staged/"].contains(&entry.as_str()));
    found
}

fn assert_nothing_is_left(server: &Server) {
    eventually(&format!("nothing is left: {:?}", own(server)), || {
        own(server).is_empty()
    });
}

/// How many entries have been unpacked that no client sees.
fn unpacked(server: &Server) -> usize {
    own(server)
        .iter()
        .filter(|entry| entry.starts_with("staged/"))
        .count()
}

#[test]
fn a_kill_leaves_the_old_folder_or_the_new_one_and_nothing_else() {
    const FILES: usize = 1500;
    let mut server = Server::start();
    let mut seen = BTreeSet::new();
    for (round, moment) in [1, 5, 100, 700, 1400, 1500, 1510, 1518, 1519]
        .iter()
        .enumerate()
    {
        for target in ["new/untar", "old/untar?replace"] {
            server.place("old/file", b"old");
            let (addr, body) = (server.addr, versioned(round, FILES));
            let writer = thread::spawn(move || {
                let mut conn = Conn::open(addr);
                conn.request("POST", target, &[], &body)
                    .map(|reply| reply.status)
            });
            let has_ended = || writer.is_finished();
            eventually("so many entries are there", || {
                unpacked(&server) >= *moment || has_ended()
            });
            server.kill();
            let answered = writer.join().expect("the writer ends");
            let (name, _) = target.split_once('/').expect("a name");
            let there = visible(&server.storage().join(name));
            let outcome = match there.len() {
                0 => "nothing",
                1 => "old",
                _ => {
                    assert_eq!(there.len(), FILES + FILES / 100 + 2, "{target} at {moment}");
                    "new"
                }
            };
            seen.insert(outcome);
            if let Ok(status) = answered {
                assert_eq!((status, outcome), (200, "new"), "{target} at {moment}");
            }
            server.restart();
            assert_nothing_is_left(&server);
            assert_eq!(
                visible(&server.storage().join(name)),
                there,
                "{target} at {moment}"
            );
            for name in ["old", "new"] {
                let _ = fs::remove_dir_all(server.storage().join(name));
            }
        }
    }
    assert!(seen.contains("nothing") && seen.contains("old"), "{seen:?}");
}

#[test]
fn a_removal_of_the_old_folder_that_was_killed_is_finished() {
    let mut server = Server::start();
    let mut was_cut = false;
    for round in 0..10 {
        for number in 0..5000 {
            server.place(&format!("folder/{}/{number}", number % 10), b"");
        }
        let (addr, body) = (server.addr, versioned(round, 10));
        let writer = thread::spawn(move || {
            let _ = Conn::open(addr).request("POST", "folder/untar?replace", &[], &body);
        });
        let new = server.storage().join("folder/link");
        eventually("the new folder is there", || new.symlink_metadata().is_ok());
        server.kill();
        writer.join().expect("the writer ends");
        was_cut |= !own(&server).is_empty();
        server.restart();
        assert_eq!(
            visible(&server.storage().join("folder")).len(),
            13,
            "round {round}"
        );
        assert_nothing_is_left(&server);
        if was_cut {
            break;
        }
    }
    assert!(was_cut, "no kill came in the middle of a removal");
}

#[test]
fn servers_that_start_and_stop_leave_what_another_one_unpacks_alone() {
    let server = Server::start();
    let body = versioned(1, 200);
    let mut conn = server.begin("POST", "new/untar", "Transfer-Encoding: chunked");
    for part in body.chunks(body.len() / 4 + 1) {
        conn.send(&chunked(part, 1000)[..chunked(part, 1000).len() - 5]);
        let there = unpacked(&server);
        let mut second = server.sibling();
        assert_eq!(second.get("new").status, 404);
        // It has cleared what is to be cleared when this is gone.
        fs::write(server.storage().join(".http-nas/staged/abandoned"), b"").expect("written");
        let mut third = server.sibling();
        let abandoned = server.storage().join(".http-nas/staged/abandoned");
        eventually("the abandoned file is cleared", || !abandoned.exists());
        assert!(unpacked(&server) >= there, "it has been cleared");
        second.kill();
        assert_eq!(third.stop().code, Some(0));
    }
    conn.send(b"0\r\n\r\n");
    assert_eq!(conn.reply_to("POST").expect("a reply").status, 200);
    assert_eq!(server.get("new?recursive").text().lines().count(), 204);
    assert_nothing_is_left(&server);
}

#[test]
fn what_a_killed_server_was_unpacking_is_cleared_by_any_other() {
    let mut server = Server::start();
    let mut conn = server.begin("POST", "new/untar", "Transfer-Encoding: chunked");
    conn.send(&chunked(&versioned(1, 100)[..50_000], 50_000)[..50_000]);
    eventually("something is unpacked", || unpacked(&server) > 20);
    server.kill();
    let other = server.sibling();
    assert_nothing_is_left(&other);
    assert!(other.visible().is_empty());
    server.restart();
}

#[test]
fn a_shutdown_leaves_nothing_of_what_was_being_unpacked() {
    let mut server = Server::with(&["--shutdown-timeout", "0"], &[]);
    let body = versioned(1, 500);
    let mut open = Vec::new();
    for name in ["one", "two"] {
        let mut conn = server.begin(
            "POST",
            &format!("{name}/untar"),
            "Transfer-Encoding: chunked",
        );
        conn.send(&chunked(&body[..200_000], 200_000)[..200_000]);
        open.push(conn);
    }
    eventually("something is unpacked", || unpacked(&server) > 200);
    assert_eq!(server.stop().code, Some(0));
    assert!(server.visible().is_empty());
    assert_eq!(own(&server), Vec::<String>::new());
}

#[test]
fn of_several_that_unpack_at_once_one_has_the_name() {
    let servers = {
        let first = Server::start();
        let second = first.sibling();
        [first, second]
    };
    for round in 0..20 {
        let name = format!("round-{round}");
        let statuses: Vec<u16> = thread::scope(|scope| {
            let writers: Vec<_> = (0..6)
                .map(|writer| {
                    let (server, target) = (&servers[writer % 2], format!("{name}/untar"));
                    scope.spawn(move || server.post(&target, &versioned(writer, 10)).status)
                })
                .collect();
            let ended = writers.into_iter().map(|it| it.join().expect("it ends"));
            ended.collect()
        });
        let count = |status| statuses.iter().filter(|it| **it == status).count();
        assert_eq!((count(200), count(409)), (1, 5), "{statuses:?}");
        let winner = statuses.iter().position(|it| *it == 200).expect("one");
        for number in 0..10 {
            let found = servers[0].get(&format!("{name}/0/{number}")).text();
            assert_eq!(found, format!("version {winner}"));
        }
    }
    assert_nothing_is_left(&servers[0]);
}

#[test]
fn readers_see_one_folder_or_the_other_while_it_is_replaced() {
    const FILES: usize = 30;
    let server = Server::start();
    let other = server.sibling();
    assert_eq!(
        server.post("folder/untar", &versioned(0, FILES)).status,
        200
    );
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for writer in 0..2 {
            let server = if writer == 0 { &server } else { &other };
            let is_over = &is_over;
            scope.spawn(move || {
                for round in 0..60 {
                    let body = versioned(writer * 1000 + round, FILES);
                    let reply = server.post("folder/untar?replace", &body);
                    assert_eq!(reply.status, 200, "{}", reply.summary());
                }
                is_over.store(true, Ordering::Relaxed);
            });
        }
        let (mut lists, mut archives) = (0, 0);
        while !is_over.load(Ordering::Relaxed) || archives == 0 {
            let reader = if lists % 2 == 0 { &server } else { &other };
            let list = reader.get("folder");
            assert_eq!(list.status, 200, "{}", list.summary());
            assert_eq!(list.text(), "0\nagain\nlink\n");
            lists += 1;
            let one = reader.get("folder/0/7");
            assert_eq!(one.status, 200, "{}", one.summary());
            // An archive of a folder that is removed meanwhile breaks off.
            let packed = reader.open().request("GET", "folder/tar", &[], b"");
            let Ok(packed) = packed else { continue };
            if names(&packed.body).len() != FILES + 3 {
                panic!("an archive in part: {:?}", names(&packed.body));
            }
            let dir = restore(reader, &packed.body);
            let read = |number| fs::read_to_string(dir.join(format!("0/{number}")));
            let versions: BTreeSet<_> = (0..FILES).map(|it| read(it).expect("there")).collect();
            assert_eq!(versions.len(), 1, "{versions:?}");
            archives += 1;
        }
    });
    assert_nothing_is_left(&server);
}

/// Archives of a folder and uploads into it, while it is replaced: none fails for that.
#[test]
fn writers_into_a_folder_that_is_replaced_are_before_or_after_it() {
    let server = Server::start();
    assert_eq!(server.post("folder/untar", &versioned(0, 10)).status, 200);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..100 {
                let reply = server.post("folder/untar?replace", &versioned(round, 10));
                assert_eq!(reply.status, 200, "{}", reply.summary());
            }
            is_over.store(true, Ordering::Relaxed);
        });
        let mut number = 0;
        while !is_over.load(Ordering::Relaxed) {
            number += 1;
            let body = pattern(1, number * 997 % 100_000);
            let stored = server.post(&format!("folder/0/new-{number}"), &body);
            assert_eq!(stored.status, 200, "{}", stored.summary());
            let appended = server.put("folder/0/0", b" more");
            assert_eq!(appended.status, 200, "{}", appended.summary());
        }
    });
    assert_eq!(
        server
            .post("folder/untar?replace", &versioned(7, 10))
            .status,
        200
    );
    assert_eq!(server.get("folder?recursive").text().lines().count(), 13);
    assert_nothing_is_left(&server);
}
