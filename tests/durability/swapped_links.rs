//! Links, folders and FIFOs that change places while requests run: no moment of it leads out of the
//! storage, and none loses a file. Links that do not change are in api/links.rs.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use testkit::Server;
use testkit::readers::StopOnDrop;

use crate::api::links::{SECRET, assert_outside_untouched, server_beside_a_secret};

/// A request of a method on a target, with a body.
type Row<'a> = (&'a str, String, Vec<u8>);

/// Sends the requests over and over for two seconds, while `swap` is called all the time. Gives the
/// number of those that were carried out.
fn ask_while_swapping(server: &Server, requests: &[Row<'_>], swap: &(dyn Fn() + Sync)) -> u32 {
    let done = AtomicBool::new(false);
    let start = Instant::now();
    let mut answered = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                swap();
            }
        });
        let _stop = StopOnDrop(&done);
        let mut conn = server.open();
        while start.elapsed() < Duration::from_secs(2) {
            for (method, target, body) in requests {
                let reply = conn.request(method, target, &[], body);
                let reply = reply.unwrap_or_else(|e| panic!("no reply to {method} {target}: {e}"));
                assert!(
                    !reply.text().contains(SECRET),
                    "{method} {target} gave the secret"
                );
                assert!(
                    reply.status != 200 || !reply.text().contains("deep"),
                    "{method} {target} lists the folder outside"
                );
                if reply.closes() {
                    conn = server.open();
                }
                answered += u32::from(reply.status == 200);
            }
        }
    });
    answered
}

fn rename_to(name: &str) -> Vec<u8> {
    format!("{{\"path\": \"{name}\"}}").into_bytes()
}

/// A folder of the storage and a link to a folder outside change places all the time: a path that
/// is checked first and used later would lead outside in some round.
fn swap_a_folder_in(prefix: &str) {
    let mut server = server_beside_a_secret();
    // Such a swap is a fault of the disk, as the server sees it: what it logs of it is its own
    // affair.
    server.expect_errors();
    let root = server.storage().join(prefix);
    server.place(&format!("{prefix}swap/secret"), b"inside");
    let up = "../".repeat(prefix.matches('/').count() + 1);
    symlink(format!("{up}folder"), root.join("link")).expect("linked");
    let requests = [
        ("GET", "swap/secret", ""),
        ("POST", "swap/secret", "inside"),
        ("PUT", "swap/secret", "inside"),
        ("GET", "swap", ""),
        ("POST", "swap/new", "inside"),
        ("GET", "swap/deep/secret", ""),
        ("PUT", "swap%2Fsecret/mv", "swap/moved"),
        ("PUT", "swap%2Fmoved/mv", "swap/a/moved"),
        ("PUT", "swap%2Fa%2Fmoved/mv", "beside"),
        ("PUT", "beside/mv", "swap/secret"),
        ("PUT", "swap%2Fdeep/mv", "taken"),
        ("DELETE", "swap/new", ""),
        ("DELETE", "swap/deep/secret", ""),
        ("GET", "swap/secret/wc", ""),
    ];
    let requests = requests.map(|(method, target, body)| {
        let target = format!("{prefix}{target}");
        let body = match target.ends_with("/mv") {
            true => rename_to(&format!("{prefix}{body}")),
            false => body.into(),
        };
        (method, target, body)
    });
    let answered = ask_while_swapping(&server, &requests, &|| {
        for (from, to) in [
            ("swap", "kept"),
            ("link", "swap"),
            ("swap", "link"),
            ("kept", "swap"),
        ] {
            // A POST in between may have made a folder of its own there.
            while fs::rename(root.join(from), root.join(to)).is_err() {
                let _ = fs::remove_dir_all(root.join(to));
            }
        }
    });
    assert!(answered > 50, "only {answered} requests were carried out");
    assert_outside_untouched(&server, "swapping");
    server.assert_clean();
}

#[test]
fn links_swapped_in_while_requests_run_lead_nowhere() {
    swap_a_folder_in("");
}

#[test]
fn links_swapped_in_two_folders_down_lead_nowhere() {
    swap_a_folder_in("a/");
}

#[test]
fn links_swapped_in_three_folders_down_lead_nowhere() {
    swap_a_folder_in("a/b/");
}

/// A name is that of a file, of a link out of the storage and of a FIFO in turns: what is opened is
/// never a link, and never waited for.
#[test]
fn links_and_fifos_swapped_in_for_a_file_are_not_opened() {
    let mut server = server_beside_a_secret();
    server.expect_errors();
    let root = server.storage();
    let made = Command::new("mkfifo").arg(root.join("fifo")).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo failed");
    server.place("leaf", b"inside");
    let requests = [
        ("GET", "leaf", b"".to_vec()),
        ("GET", "leaf/wc", b"".to_vec()),
        ("POST", "leaf", b"inside".to_vec()),
        ("PUT", "leaf", b"inside".to_vec()),
        ("PUT", "leaf/cp", rename_to("copy")),
        ("GET", "copy", b"".to_vec()),
        ("PUT", "leaf/mv", rename_to("moved")),
        ("GET", "moved", b"".to_vec()),
        ("PUT", "moved", b"inside".to_vec()),
        ("DELETE", "moved", b"".to_vec()),
        ("GET", "%2F/tar", b"".to_vec()),
    ];
    let requests = requests.map(|(method, target, body)| (method, target.to_string(), body));
    let next = root.join("next");
    let answered = ask_while_swapping(&server, &requests, &|| {
        let put = |made: io::Result<()>| {
            made.expect("made");
            fs::rename(&next, root.join("leaf")).expect("renamed");
        };
        put(fs::write(&next, b"inside"));
        put(symlink("../secret", &next));
        put(fs::hard_link(root.join("fifo"), &next));
    });
    assert!(answered > 50, "only {answered} requests were carried out");
    assert_outside_untouched(&server, "swapping");
    server.assert_clean();
}

// symptom: a mv of a link to its own name put the link in place of the file that it led to, whose
//          bytes were nowhere, while the folder of the file was moved.
// cause:   whether the link leads to what it would replace was asked by names alone, after the
//          folder had gone; the file was replaced in the folder that was open.
// fix:     it is asked before the way to the new name is looked for, too.
#[test]
fn a_link_does_not_replace_what_it_leads_to_while_the_folder_of_that_is_moved() {
    let server = Server::start();
    let root = server.storage();
    for round in 0..400 {
        let at = |name: &str| format!("{round}/{name}");
        server.place(&at("d/g"), b"content");
        symlink("d/g", root.join(at("l"))).expect("linked");
        symlink("l", root.join(at("b"))).expect("linked");
        thread::scope(|scope| {
            scope.spawn(|| server.mv(&at("d"), &at("c")));
            scope.spawn(|| server.mv(&at("b"), &at("b")));
        });
        let is_there = ["d/g", "c/g"].iter().any(|name| {
            let path = root.join(at(name));
            path.is_file() && !path.is_symlink()
        });
        assert!(is_there, "round {round}: {:?}", server.visible());
        assert_eq!(server.delete(&round.to_string()).status, 200);
    }
}

// symptom: of a link to a folder and a file that were moved to one name at once, the link was
//          nowhere.
// cause:   a link that had come under the new name since that was resolved was replaced like a
//          file.
// fix:     the name is resolved again, and the link followed.
#[test]
fn a_link_that_comes_under_the_new_name_of_a_file_is_not_replaced() {
    let server = Server::start();
    let root = server.storage();
    fs::create_dir(root.join("d")).expect("made");
    for round in 0..400 {
        let at = |name: &str| format!("{round}/{name}");
        server.place(&at("f"), b"content");
        symlink("../d", root.join(at("b"))).expect("linked");
        thread::scope(|scope| {
            scope.spawn(|| server.mv(&at("b"), &at("c")));
            scope.spawn(|| server.mv(&at("f"), &at("c")));
        });
        let is_there = ["b", "c"]
            .iter()
            .any(|name| root.join(at(name)).is_symlink());
        assert!(is_there, "round {round}: {:?}", server.visible());
        assert_eq!(server.delete(&round.to_string()).status, 200);
    }
}
