//! Appends that may create their file: `?create`, and a `Content-Range` from byte 0. Appends at a
//! given byte are in append_offset.rs, many appends at once in durability/concurrent_appends.rs.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::sync::Barrier;
use std::thread;

use testkit::{Client, Server};

#[test]
fn a_put_to_a_missing_name_creates_it_only_where_that_is_asked_for() {
    let server = Server::start();
    for name in ["new", "a/b/new"] {
        let reply = server.put(name, b"one");
        assert_eq!(reply.status, 404, "{}", reply.summary());
        assert!(reply.text().contains("POST or ?create"), "{}", reply.text());
        let beyond = [("Content-Range", "bytes 1-3/4")];
        assert_eq!(server.request("PUT", name, &beyond, b"one").status, 404);
        assert!(server.visible().is_empty());
        let create = format!("{name}?create");
        for (target, body, whole) in [
            (create.as_str(), "one", "one"),
            (&create, "two", "onetwo"),
            (name, "three", "onetwothree"),
            (&create, "", "onetwothree"),
        ] {
            let reply = server.put(target, body.as_bytes());
            assert_eq!(
                (reply.status, reply.text().as_str()),
                (200, "OK"),
                "{target}"
            );
            assert_eq!(server.get(name).text(), whole, "{target}");
        }
        assert_eq!(server.delete(name).status, 200);
        assert_eq!(server.put(&create, b"").status, 200, "an empty file");
        assert_eq!(server.content(name), Some(Vec::new()));
        assert_eq!(
            server.delete(name.split('/').next().unwrap_or(name)).status,
            200
        );
    }
    server.assert_clean();
}

#[test]
fn a_content_range_from_byte_0_creates_exactly_once() {
    let server = Server::start();
    for (range, body) in [
        ("bytes 0-4/5", "hello"),
        ("bytes 0-4/*", "hello"),
        ("bytes 0-4/99", "hello"),
    ] {
        let field = [("Content-Range", range)];
        let reply = server.request("PUT", "a/b", &field, body.as_bytes());
        assert_eq!(reply.status, 200, "{range}: {}", reply.summary());
        assert_eq!(server.content("a/b").as_deref(), Some(body.as_bytes()));
        // Sent again, since its reply was lost.
        let reply = server.request("PUT", "a/b", &field, body.as_bytes());
        assert_eq!(reply.status, 416, "{range}: {}", reply.summary());
        assert_eq!(reply.header("Content-Range"), Some("bytes */5"));
        assert_eq!(server.delete("a").status, 200);
    }
    // What is not there has no byte before the next one.
    let later = [("Content-Range", "bytes 5-9/10")];
    let reply = server.request("PUT", "a?create", &later, b"hello");
    assert_eq!(reply.status, 416, "{}", reply.summary());
    assert_eq!(reply.header("Content-Range"), Some("bytes */0"));
    // One that does not have the length that it says creates nothing.
    let wrong = [("Content-Range", "bytes 0-9/10")];
    assert_eq!(server.request("PUT", "a", &wrong, b"hello").status, 400);
    assert!(server.visible().is_empty());
    server.assert_clean();
}

#[test]
fn preconditions_count_where_the_file_is_created() {
    let server = Server::start();
    server.place("there", b"content");
    let mut client = Client::of(&server);
    let tag = client.tag("there");
    for (target, field, status) in [
        ("new?create", ("If-Match", "*"), 412),
        ("new?create", ("If-Match", tag.as_str()), 412),
        ("a/new?create", ("If-Match", "*"), 412),
        ("there?create", ("If-None-Match", "*"), 412),
        ("there?create", ("If-None-Match", tag.as_str()), 412),
        ("there?create", ("If-Match", "\"other\""), 412),
    ] {
        let reply = client.ask("PUT", target, &[field], b"x");
        assert_eq!(
            reply.status,
            status,
            "{target} {field:?}: {}",
            reply.summary()
        );
        assert_eq!(server.visible(), ["there 7"], "{target} {field:?}");
    }
    for (target, field) in [
        ("new?create", ("If-None-Match", "*")),
        ("there?create", ("If-Match", tag.as_str())),
        ("new?create", ("If-Match", "*")),
    ] {
        let reply = client.ask("PUT", target, &[field], b"x");
        assert_eq!(reply.status, 200, "{target} {field:?}: {}", reply.summary());
    }
    assert_eq!(server.visible(), ["new 2", "there 8"]);
    let digest = [(
        "Content-Digest",
        "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
    )];
    assert_eq!(client.ask("PUT", "other?create", &digest, b"x").status, 400);
    assert_eq!(server.visible(), ["new 2", "there 8"]);
    server.assert_clean();
}

#[test]
fn what_cannot_become_a_file_is_refused_before_its_body() {
    let server = Server::start();
    server.place("file", b"content");
    server.place("folder/x", b"x");
    symlink("/", server.storage().join("out")).expect("a link");
    let before = server.visible();
    for (target, status) in [
        ("folder?create", 409),
        ("%2F?create", 409),
        ("file/below?create", 409),
        ("out/new?create", 403),
        (".http-nas/new?create", 403),
        ("..?create", 400),
    ] {
        let (_, reply) = server.announce("PUT", target, "Content-Length: 5");
        assert_eq!(reply.status, status, "{target}\n{}", reply.head);
        assert_eq!(server.visible(), before, "{target}");
    }
    server.assert_clean();
}

#[test]
fn a_file_that_comes_or_goes_while_the_body_does_is_appended_to_or_created() {
    let server = Server::start();
    let mut conn = server.begin("PUT", "a?create", "Content-Length: 3");
    assert_eq!(server.post("a", b"one").status, 200);
    conn.send(b"two");
    assert_eq!(conn.reply_to("PUT").expect("a reply").status, 200);
    assert_eq!(server.get("a").text(), "onetwo");

    let mut conn = server.begin("PUT", "a?create", "Content-Length: 5");
    assert_eq!(server.delete("a").status, 200);
    conn.send(b"three");
    assert_eq!(conn.reply_to("PUT").expect("a reply").status, 200);
    assert_eq!(server.get("a").text(), "three");

    // A body that is cut off creates nothing.
    let mut conn = server.begin("PUT", "b/c?create", "Content-Length: 5");
    conn.send(b"th");
    conn.finish();
    assert_eq!(conn.reply_to("PUT").expect("a reply").status, 400);
    assert_eq!(server.visible(), ["a 5"]);
    server.assert_clean();
}

#[test]
fn a_condition_counts_when_the_file_is_created_and_not_only_before() {
    let server = Server::start();
    for (field, status) in [
        ("If-Match", 412),
        ("If-None-Match", 412),
        ("Content-Range", 416),
    ] {
        assert_eq!(server.post("a", b"three").status, 200);
        let tag = server.get("a").header("ETag").expect("a tag").to_owned();
        let is_new = field == "If-None-Match";
        if is_new {
            assert_eq!(server.delete("a").status, 200);
        }
        let value = match field {
            "If-Match" => tag.as_str(),
            "If-None-Match" => "*",
            _ => "bytes 5-9/10",
        };
        let framing = format!("Content-Length: 5\r\n{field}: {value}");
        let mut conn = server.begin("PUT", "a?create", &framing);
        let change = if is_new { "POST" } else { "DELETE" };
        assert_eq!(server.request(change, "a", &[], b"").status, 200, "{field}");
        let after = server.visible();
        conn.send(b"other");
        let reply = conn.reply_to("PUT").expect("a reply");
        assert_eq!(reply.status, status, "{field}: {}", reply.summary());
        assert_eq!(server.visible(), after, "{field}");
    }
    server.assert_clean();
}

/// Rounds in which several clients append to a name that is not there.
const ROUNDS: usize = 60;

/// Each with a server of its own among these.
const SERVERS: usize = 2;
const CLIENTS: usize = 6;

#[test]
fn of_many_that_create_at_once_none_is_lost_over_two_servers() {
    let first = Server::start();
    let second = first.sibling();
    let servers = [&first, &second];
    let barrier = Barrier::new(CLIENTS);
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let barrier = &barrier;
            let server = servers[number % SERVERS];
            scope.spawn(move || {
                let mut client = Client::of(server);
                for round in 0..ROUNDS {
                    barrier.wait();
                    let name = format!("parent-{round}/file?create");
                    let reply =
                        client.ask("PUT", &name, &[], format!("line {number}\n").as_bytes());
                    assert_eq!(reply.status, 200, "{name}: {}", reply.summary());
                }
            });
        }
    });
    let wanted: BTreeSet<String> = (0..CLIENTS)
        .map(|number| format!("line {number}"))
        .collect();
    for round in 0..ROUNDS {
        let text = first.get(&format!("parent-{round}/file")).text();
        assert_eq!(text.lines().count(), CLIENTS, "{text}");
        let found: BTreeSet<String> = text.lines().map(str::to_owned).collect();
        assert_eq!(found, wanted, "round {round}");
    }
    first.assert_clean();
}

#[test]
fn of_many_that_create_the_same_beginning_one_wins() {
    let first = Server::start();
    let second = first.sibling();
    let servers = [&first, &second];
    let barrier = Barrier::new(CLIENTS);
    let range = ("Content-Range", "bytes 0-6/7");
    let none = ("If-None-Match", "*");
    let won: Vec<Vec<u16>> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let barrier = &barrier;
                let server = servers[number % SERVERS];
                scope.spawn(move || {
                    let mut client = Client::of(server);
                    let one_round = |round| {
                        barrier.wait();
                        // Half of the rounds by one way of saying that it must not be there, half
                        // by the other.
                        let (name, field) = match round % 2 {
                            0 => (format!("{round}"), range),
                            _ => (format!("{round}?create"), none),
                        };
                        let body = format!("line {number}\n");
                        client.ask("PUT", &name, &[field], body.as_bytes()).status
                    };
                    (0..ROUNDS).map(one_round).collect()
                })
            })
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().expect("a client"))
            .collect()
    });
    for round in 0..ROUNDS {
        let refused = if round % 2 == 0 { 416 } else { 412 };
        let mut statuses: Vec<u16> = won.iter().map(|client| client[round]).collect();
        statuses.sort_unstable();
        let wanted = [vec![200], vec![refused; CLIENTS - 1]].concat();
        assert_eq!(statuses, wanted, "round {round}");
        assert_eq!(
            first.get(&format!("{round}")).body.len(),
            7,
            "round {round}"
        );
    }
    first.assert_clean();
}
