//! Clients that watch the transfers: many at once, and such as do not read. What they get is in
//! `ops/events.rs`.

use std::sync::mpsc::{TryRecvError, channel};
use std::thread;

use testkit::{Conn, Events, Reply, Server, eventually, json};

/// An upload of which the first byte has come.
fn held_upload(server: &Server, name: &str) -> Conn {
    let mut conn = server.begin("POST", name, "Content-Length: 10");
    conn.send(b"0");
    conn
}

/// Asks for events on a connection of its own.
fn ask(server: &Server) -> (Conn, Reply) {
    let mut conn = server.open();
    conn.send(b"GET /transfers HTTP/1.1\r\nHost: nas\r\nAccept: text/event-stream\r\n\r\n");
    let head = conn.head().expect("a reply");
    (conn, head)
}

/// How many clients watch.
fn watching(server: &Server) -> usize {
    let metrics = server.get("/metrics").text();
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("http_nas_watchers "));
    line.and_then(|count| count.parse().ok())
        .expect("the metric")
}

#[test]
fn five_hundred_clients_that_watch_take_no_thread_no_slot_and_next_to_no_memory() {
    const WATCHERS: usize = 512;
    let server = Server::with(&["--max-transfers", "4"], &[]);
    server.place("file", b"content");
    let mut held: Vec<Conn> = (0..3)
        .map(|number| held_upload(&server, &format!("held-{number}")))
        .collect();
    // One transfer more at a time: it gets the last slot each time.
    let transfer = |round: usize| {
        let replies = [
            server.get("file"),
            server.post(&format!("new/{}", round % 10), b"new"),
            server.put("file", b""),
        ];
        let statuses = replies.map(|reply| reply.status);
        assert_eq!(statuses, [200; 3], "round {round}");
    };
    (0..20).for_each(transfer);
    thread::scope(|scope| {
        let (go_on, goes_on) = channel::<()>();
        let rounds = scope.spawn(move || {
            let mut rounds = 0;
            // Up to the end of the test, also where that fails.
            while goes_on.try_recv() == Err(TryRecvError::Empty) {
                transfer(rounds);
                rounds += 1;
            }
            rounds
        });
        let before = server.proc_status("VmRSS");
        let mut all: Vec<Events> = (0..WATCHERS).map(|_| Events::open(&server)).collect();
        for events in &mut all {
            events.wait_for(|list| list.contains("\"name\":\"held-2\""));
        }
        // Several events each.
        for _ in 0..3 {
            all.iter_mut().for_each(|events| drop(events.next_list()));
        }
        // One for each transfer, and some that are always there or to spare.
        let threads = server.proc_status("Threads");
        assert!(threads < 40, "{threads} threads");
        let more = server.proc_status("VmRSS").saturating_sub(before);
        eprintln!("{WATCHERS} clients that watch take {more} KiB");
        assert!(more < 4 * 1024, "{more} KiB");
        // What happens is seen by all of them.
        let mut upload = held.remove(0);
        upload.send(b"123456789");
        assert_eq!(upload.reply_to("POST").expect("a reply").status, 200);
        for events in &mut all {
            events.wait_for(|list| !list.contains("held-0"));
        }
        drop(go_on);
        assert!(rounds.join().expect("no request is refused") > 0);
        // To ask for this takes a slot.
        assert_eq!(watching(&server), WATCHERS);
        drop(all);
        eventually("their ends are seen", || watching(&server) == 0);
    });
    eventually("the line of each", || {
        server.log().matches("op=watch").count() == WATCHERS
    });
    server.assert_clean();
}

#[test]
fn clients_that_do_not_read_are_dropped_and_delay_no_other() {
    const UPLOADS: usize = 40;
    const DEAF: usize = 100;
    let server = Server::with(&["--max-transfers", "64"], &[]);
    // An event is longer than what the sockets take of it.
    let long = vec!["x".repeat(250); 15].join("/");
    let _uploads: Vec<Conn> = (0..UPLOADS)
        .map(|number| held_upload(&server, &format!("{long}/{number}")))
        .collect();
    let mut good: Vec<Events> = (0..4).map(|_| Events::open(&server)).collect();
    for events in &mut good {
        let list = events.next_list();
        assert_eq!(json::parse(&list).items().len(), UPLOADS);
    }
    let before = server.proc_status("VmRSS");
    let deaf: Vec<Events> = (0..DEAF).map(|_| Events::open(&server)).collect();
    eventually("all of them watch", || watching(&server) == 4 + DEAF);
    let mut most = 0;
    eventually("those that do not read are dropped", || {
        for events in &mut good {
            let list = events.next_list();
            assert_eq!(json::parse(&list).items().len(), UPLOADS);
        }
        most = most.max(server.proc_status("VmRSS"));
        watching(&server) == 4
    });
    let more = most.saturating_sub(before);
    eprintln!("{DEAF} clients that do not read take {more} KiB");
    assert!(more < 8 * 1024, "{more} KiB");
    eventually("the line of each", || {
        server.log().matches("op=watch").count() == DEAF
    });
    let log = server.log();
    for line in log.lines().filter(|line| line.contains("op=watch")) {
        assert!(
            line.contains("status=200") && line.contains("cause=\""),
            "{line}"
        );
    }
    for mut events in deaf {
        let end = std::iter::from_fn(|| events.next_event().transpose());
        let error = end.filter_map(Result::err).next();
        assert!(error.is_some(), "what was sent in part looks whole");
    }
}

#[test]
fn those_that_are_too_many_are_refused_and_get_the_list_without_events() {
    // A quarter of the connections.
    let server = Server::with(&["--max-connections", "8"], &[]);
    let mut two = [Events::open(&server), Events::open(&server)];
    let (mut conn, head) = ask(&server);
    assert_eq!(head.status, 503, "{}", head.head);
    let pause = head.header("Retry-After").map(str::parse::<u32>);
    assert!(matches!(pause, Some(Ok(_))), "{}", head.head);
    let mut text = Vec::new();
    conn.body(&head, &mut |part| text.extend_from_slice(part))
        .expect("the whole body");
    assert!(String::from_utf8_lossy(&text).contains("too many clients watch"));
    assert_eq!(server.get("/transfers").text(), "[]\n");
    let fields = [("Accept", "text/event-stream")];
    let reply = server.request("HEAD", "/transfers", &fields, b"");
    assert_eq!(reply.status, 200);
    // Connections that wait make room, those that watch do not.
    let mut idle = Vec::new();
    for _ in 0..12 {
        let mut conn = server.open();
        let reply = conn.request("GET", "/file", &[], b"").expect("a reply");
        assert_eq!(reply.status, 200);
        idle.push(conn);
    }
    for events in &mut two {
        events.next_list();
        events.next_list();
    }
    drop(idle);
    drop(two);
    eventually("their places are free", || ask(&server).1.status == 200);
}
