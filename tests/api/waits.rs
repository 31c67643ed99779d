//! `?wait`: a GET that waits until there is a file, or another version of it, and a claim that
//! waits for a file to claim.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use testkit::rules::{bearer, put, token};
use testkit::{AT_ONCE, Conn, Reply, Server, TempDir, eventually, json, request_bytes};

/// Begins a request that waits; gives its connection when it does.
fn begin(
    server: &Server,
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
    body: &[u8],
) -> Conn {
    let before = waiting(server);
    let mut conn = server.open();
    conn.send(&request_bytes(method, target, fields, body));
    eventually("it waits", || waiting(server) > before);
    conn
}

fn get(server: &Server, target: &str) -> Conn {
    begin(server, "GET", target, &[], b"")
}

/// How many requests wait.
fn waiting(server: &Server) -> usize {
    let name = "http_nas_waiting_requests{for=\"change\"} ";
    let text = server.get("/metrics").text();
    let count = text.lines().find_map(|line| line.strip_prefix(name));
    count.expect("the figure").parse().expect("a number")
}

fn reply(mut conn: Conn) -> Reply {
    conn.reply_to("GET").expect("a reply")
}

/// The reply of a connection, which has to come within a time that is less than that of the wait.
fn reply_at_once(mut conn: Conn) -> Reply {
    conn.allow(AT_ONCE);
    reply(conn)
}

/// How a file comes to be under a name.
type Way<'w> = (&'static str, &'w dyn Fn(&str));

#[test]
fn a_get_waits_until_there_is_a_file_however_it_comes() {
    let server = Server::start();
    let sibling = server.sibling();
    server.place("source", b"content");
    server.place("folder/f", b"content");
    let storage = server.storage();
    let ways: [Way<'_>; 9] = [
        ("POST", &|name| drop(server.post(name, b"content"))),
        ("PUT", &|name| {
            drop(server.put(&format!("{name}?create"), b"content"))
        }),
        ("cp", &|name| drop(server.cp("source", name))),
        ("mv", &|name| {
            server.cp("source", "moved");
            server.mv("moved", name);
        }),
        ("POST to another server", &|name| {
            drop(sibling.post(name, b"content"))
        }),
        ("another program", &|name| {
            fs::create_dir_all(storage.join(name).parent().unwrap()).unwrap();
            fs::write(storage.join("made"), b"content").unwrap();
            fs::rename(storage.join("made"), storage.join(name)).unwrap();
        }),
        ("mv of a folder", &|name| {
            server.cp("source", "other/f");
            server.mv("other", name.trim_end_matches("/f"));
        }),
        ("a link", &|name| {
            fs::create_dir_all(storage.join(name).parent().unwrap()).unwrap();
            symlink(
                storage.join("source").file_name().unwrap(),
                storage.join("l"),
            )
            .unwrap();
            fs::rename(storage.join("l"), storage.join(name)).unwrap();
            // It leads nowhere from there.
            fs::remove_file(storage.join(name)).unwrap();
            fs::hard_link(storage.join("source"), storage.join(name)).unwrap();
        }),
        ("a folder that is a link", &|name| {
            let folder = name.trim_end_matches("/f");
            symlink("folder", storage.join(folder)).unwrap();
        }),
    ];
    for (number, (way, make)) in ways.iter().enumerate() {
        for folders in ["", "below/"] {
            if way.contains("folder that") && !folders.is_empty() {
                continue;
            }
            let name = format!("{folders}{number}/f");
            let conn = get(&server, &format!("{name}?wait=60s"));
            make(&name);
            let reply = reply_at_once(conn);
            assert_eq!(
                (reply.status, reply.text().as_str()),
                (200, "content"),
                "{way} {name}"
            );
        }
    }
    assert_eq!(waiting(&server), 0);
}

#[test]
fn what_is_there_is_answered_at_once_and_what_does_not_come_with_404() {
    let server = Server::start();
    server.place("f", b"content");
    server.place("folder/f", b"content");
    for target in [
        "f?wait=60s",
        "folder?wait=1h",
        "f?wait=60s&tail=1",
        "f?wait=0",
    ] {
        assert_eq!(server.get(target).status, 200, "{target}");
    }
    assert_eq!(server.get("none?wait=0").status, 404);
    for (method, target) in [("GET", "none?wait=1s"), ("HEAD", "a/b/none?wait=1")] {
        let began = Instant::now();
        assert_eq!(server.request(method, target, &[], b"").status, 404);
        let took = began.elapsed();
        assert!(
            (Duration::from_secs(1)..AT_ONCE).contains(&took),
            "{took:?}"
        );
    }
    let mut head = begin(&server, "HEAD", "head?wait=60s", &[], b"");
    assert_eq!(server.post("head", b"12345").status, 200);
    let reply = head.reply_to("HEAD").unwrap();
    assert_eq!(
        (reply.status, reply.header("Content-Length")),
        (200, Some("5"))
    );
}

#[test]
fn with_a_tag_it_waits_for_another_version() {
    let server = Server::start();
    let wait = |server: &Server| {
        let tag = server.get("f").header("ETag").unwrap().to_owned();
        begin(server, "GET", "f?wait=60s", &[("If-None-Match", &tag)], b"")
    };
    server.place("f", b"one");
    for (body, change) in [
        ("two", "POST"),
        ("two, more", "PUT"),
        ("other", "another program"),
        ("deleted and made again", "DELETE"),
    ] {
        let conn = wait(&server);
        match change {
            "POST" => drop(server.post("f", b"two")),
            "PUT" => drop(server.put("f", b", more")),
            "DELETE" => {
                assert_eq!(server.delete("f").status, 200);
                server.post("f", b"deleted and made again");
            }
            _ => fs::write(server.storage().join("f"), b"other").unwrap(),
        }
        let reply = reply_at_once(conn);
        assert_eq!(reply.status, 200, "{change}");
        // Another program writes in two steps.
        let text = reply.text();
        assert!(
            text == body || change == "another program" && text.is_empty(),
            "{text}"
        );
    }
    let tag = server.get("f").header("ETag").unwrap().to_owned();
    let fields = [("If-None-Match", tag.as_str())];
    assert_eq!(server.request("GET", "f?wait=1", &fields, b"").status, 304);
    // Without a condition that keeps it waiting, it does not.
    assert_eq!(
        server
            .request("GET", "f?wait=60", &[("If-None-Match", "\"x\"")], b"")
            .status,
        200
    );
    assert_eq!(
        server
            .request("GET", "f?wait=60", &[("If-Match", "\"x\"")], b"")
            .status,
        412
    );
}

#[test]
fn a_claim_waits_for_a_file() {
    let server = Server::start();
    fs::create_dir(server.storage().join("queue")).unwrap();
    let body = br#"{"path": "work"}"#;
    assert_eq!(server.put("queue/claim?wait=1s", body).status, 204);
    let first = begin(&server, "PUT", "queue/claim?wait=60s", &[], body);
    let second = begin(&server, "PUT", "queue/claim?wait=60s", &[], body);
    assert_eq!(server.post("queue/a", b"x").status, 200);
    eventually("one has it", || waiting(&server) == 1);
    fs::write(server.storage().join("made"), b"x").unwrap();
    fs::rename(
        server.storage().join("made"),
        server.storage().join("queue/b"),
    )
    .unwrap();
    let mut names = [first, second].map(|conn| {
        let reply = reply_at_once(conn);
        assert_eq!(reply.status, 200, "{}", reply.summary());
        json::parse(&reply.text()).get("path").text().to_owned()
    });
    names.sort();
    assert_eq!(names, ["work/a", "work/b"]);
}

// They take neither a slot nor a thread, and the connection can be used again.
#[test]
fn those_that_wait_take_nothing_from_others() {
    // One address gets 15 of 16.
    let server = Server::with(&["--max-transfers", "16"], &[]);
    let threads = server.proc_status("Threads");
    let mut conns: Vec<Conn> = (0..100)
        .map(|number| {
            let mut conn = server.open();
            let target = format!("{}/f?wait=60s", number % 50);
            conn.send(&request_bytes("GET", &target, &[], b""));
            conn
        })
        .collect();
    eventually("all wait", || waiting(&server) == 100);
    assert_eq!(
        json::parse(&server.get("/transfers").text()).items().len(),
        0
    );
    for number in 0..20 {
        let name = format!("other{number}");
        assert_eq!(server.post(&name, b"x").status, 200);
        assert_eq!(server.get(&name).text(), "x");
    }
    eventually("the threads that came for the burst have ended", || {
        server.proc_status("Threads") <= threads + 4
    });
    for number in 0..50 {
        let body = format!("{number}");
        assert_eq!(
            server.post(&format!("{number}/f"), body.as_bytes()).status,
            200
        );
    }
    for (number, conn) in conns.iter_mut().enumerate() {
        let reply = conn.reply_to("GET").unwrap();
        assert_eq!(
            reply.text(),
            format!("{}", number % 50),
            "{}",
            reply.summary()
        );
        let next = conn.request("GET", "/healthz", &[], b"").unwrap();
        assert_eq!(next.text(), "ok");
    }
    assert_eq!(waiting(&server), 0);
}

#[test]
fn what_follows_on_the_connection_comes_after_the_wait() {
    let server = Server::start();
    let mut conn = get(&server, "f?wait=60s");
    conn.send(&request_bytes("GET", "/healthz", &[], b""));
    assert_eq!(server.post("f", b"content").status, 200);
    assert_eq!(conn.reply_to("GET").unwrap().text(), "content");
    assert_eq!(conn.reply_to("GET").unwrap().text(), "ok");
}

#[test]
fn a_client_that_goes_ends_its_wait() {
    let server = Server::start();
    let conn = get(&server, "f?wait=1h");
    let half = get(&server, "f?wait=1h");
    // One that ends only its half of the connection goes on waiting.
    half.finish();
    drop(conn);
    eventually("one has gone", || waiting(&server) == 1);
    assert_eq!(server.post("f", b"content").status, 200);
    let mut half = half;
    half.allow(AT_ONCE);
    let reply = half.reply_to("GET").unwrap();
    assert_eq!(reply.text(), "content");
    eventually("the one that has gone is in the log", || {
        server.log().contains("the client closed the connection")
    });
}

#[test]
fn the_end_of_the_server_ends_all_waits_at_once() {
    let mut server = Server::start();
    let conns: Vec<Conn> = (0..20)
        .map(|number| get(&server, &format!("{number}?wait=1h")))
        .collect();
    let began = Instant::now();
    server.signal("TERM");
    for conn in conns {
        let reply = reply(conn);
        assert_eq!(reply.status, 503);
        assert!(reply.header("Retry-After").is_some());
    }
    server.wait();
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
}

#[test]
fn only_so_many_wait() {
    let server = Server::with(&["--max-connections", "40"], &[]);
    let mut conns = Vec::new();
    let refused = (0..30).find_map(|number| {
        let before = waiting(&server);
        let mut conn = server.open();
        conn.send(&request_bytes(
            "GET",
            &format!("{number}?wait=1h"),
            &[],
            b"",
        ));
        let mut reply = None;
        eventually("it waits or is refused", || {
            conn.limit_reads(Duration::from_millis(5));
            reply = conn.head().ok();
            reply.is_some() || waiting(&server) > before
        });
        conns.push(conn);
        reply
    });
    let refused = refused.expect("one is refused");
    assert_eq!(refused.status, 503);
    assert!((10..=21).contains(&conns.len()), "{}", conns.len());
    assert_eq!(server.post("other", b"x").status, 200);
}

// A right that was there when the wait began may be gone when it ends.
#[test]
fn rights_are_those_at_the_end_of_the_wait() {
    let dir = Arc::new(TempDir::new());
    let rules = |rights| {
        [
            token("t", "t", &[("", rights)]),
            token("m", "m", &[("", "observe,create")]),
        ]
    };
    let access = put(dir.outside(), &rules("read"));
    let server = Server::on(dir.clone(), &["--access", &access], &[]);
    let [reader, writer] = ["t", "m"].map(bearer);
    let mut conn = server.open();
    let fields = [("Authorization", reader.as_str())];
    conn.send(&request_bytes("GET", "f?wait=60s", &fields, b""));
    let of_writer = [("Authorization", writer.as_str())];
    eventually("it waits", || {
        let text = server.request("GET", "/metrics", &of_writer, b"").text();
        text.contains("{for=\"change\"} 1\n")
    });
    put(dir.outside(), &rules("append"));
    eventually("the new rules count", || {
        server.request("GET", "f", &fields, b"").status == 403
    });
    assert_eq!(server.request("POST", "f", &of_writer, b"x").status, 200);
    assert_eq!(reply_at_once(conn).status, 403);
}

#[test]
fn a_wait_that_makes_no_sense_is_refused() {
    let server = Server::start();
    server.place("f", b"x");
    for query in [
        "wait",
        "wait=",
        "wait=-1",
        "wait=2h",
        "wait=3601s",
        "wait=1d",
        "wait=x",
        "wait=1s&wait=1s",
        "wiat=1s",
    ] {
        for target in ["f", "none", "folder/claim"] {
            let method = if target.contains("claim") {
                "PUT"
            } else {
                "GET"
            };
            let reply = server.request(method, &format!("{target}?{query}"), &[], b"");
            assert_eq!(reply.status, 400, "{target}?{query}: {}", reply.summary());
        }
    }
    for (method, target) in [
        ("POST", "f"),
        ("PUT", "f"),
        ("DELETE", "f"),
        ("GET", "f/wc"),
    ] {
        let reply = server.request(method, &format!("{target}?wait=1s"), &[], b"");
        assert_eq!(reply.status, 400, "{method} {target}");
    }
}

// One write lets many go, and none of them is refused though there are few slots.
#[test]
fn many_are_let_go_by_one_write() {
    const MANY: usize = 600;
    let server = Server::with(&["--max-transfers", "8", "--max-connections", "2000"], &[]);
    let mut conns: Vec<Conn> = (0..MANY)
        .map(|_| {
            let mut conn = server.open();
            conn.send(&request_bytes("GET", "f?wait=1h", &[], b""));
            conn
        })
        .collect();
    eventually("all wait", || waiting(&server) == MANY);
    assert_eq!(server.post("f", b"content").status, 200);
    thread::scope(|scope| {
        for part in conns.chunks_mut(100) {
            scope.spawn(move || {
                for conn in part {
                    let reply = conn.reply_to("GET").unwrap();
                    assert_eq!((reply.status, reply.text().as_str()), (200, "content"));
                }
            });
        }
    });
}
