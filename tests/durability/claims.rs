//! Claims of many at once, through several servers, of which one is killed: each file goes to one.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testkit::http::ask;
use testkit::{LIMIT, Server, json, request_bytes};

const FILES: usize = 1_200;
const WORKERS: usize = 10;

/// Claims until there is nothing left; gives the names. `address` says where, and is asked again
/// after each error.
fn work(worker: usize, address: &dyn Fn() -> std::net::SocketAddr) -> Vec<String> {
    let body = format!("{{\"path\": \"work/{worker}\"}}");
    let request = request_bytes("PUT", "queue/claim", &[], body.as_bytes());
    let mut claimed = Vec::new();
    loop {
        // Its reply is lost where the server is killed; the file is in its folder all the same.
        let Ok(reply) = ask(address(), &request, LIMIT) else {
            continue;
        };
        match reply.status {
            200 => claimed.push(json::parse(&reply.text()).get("name").text().to_owned()),
            204 => return claimed,
            _ => panic!("{}", reply.summary()),
        }
    }
}

#[test]
fn each_file_goes_to_one_though_a_server_is_killed() {
    let mut first = Server::start();
    let second = first.sibling();
    for number in 0..FILES {
        first.place(
            &format!("queue/{number:05}"),
            format!("{number}").as_bytes(),
        );
    }
    let address = Mutex::new(first.addr);
    let is_done = AtomicBool::new(false);
    let claimed = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let (address, second) = (&address, &second);
                scope.spawn(move || match worker % 2 {
                    0 => work(worker, &|| *address.lock().unwrap()),
                    _ => work(worker, &|| second.addr),
                })
            })
            .collect();
        scope.spawn(|| {
            let work = first.storage().join("work");
            let count = || {
                let folders = std::fs::read_dir(&work).into_iter().flatten().flatten();
                folders
                    .map(|it| std::fs::read_dir(it.path()).map_or(0, Iterator::count))
                    .sum::<usize>()
            };
            for kill in 1..=3 {
                while count() < kill * FILES / 5 && !is_done.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                first.kill();
                first.restart();
                *address.lock().unwrap() = first.addr;
            }
        });
        let claimed: Vec<Vec<String>> = workers.into_iter().map(|it| it.join().unwrap()).collect();
        is_done.store(true, Ordering::SeqCst);
        claimed
    });
    let mut found = BTreeMap::new();
    for worker in 0..WORKERS {
        let folder = second.storage().join(format!("work/{worker}"));
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().into_string().unwrap();
            let content = std::fs::read_to_string(entry.path()).unwrap();
            assert_eq!(content.parse::<usize>().ok(), name.parse().ok());
            assert_eq!(found.insert(name, worker), None, "a file is in two places");
        }
    }
    assert_eq!(found.len(), FILES);
    // Who was told that it has a file has it.
    for (worker, names) in claimed.iter().enumerate() {
        for name in names {
            assert_eq!(found.get(name), Some(&worker), "{name}");
        }
    }
}
