//! When a refusal comes, and what it costs: before the body, without a slot, and for one request
//! alone.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testkit::rules::{basic, bearer, put, token};
use testkit::{AT_ONCE, Client, Conn, Server, TempDir, chunked, eventually, visible};

const GOOD: &str = "Authorization: Bearer good\r\n";

fn server(args: &[&str]) -> Server {
    let dir = Arc::new(TempDir::new());
    let rules = [
        token("good", "good", &[("", "read,write,append,delete")]),
        token("reader", "reader", &[("", "read")]),
        token("none", "none", &[]),
    ];
    let access = put(dir.outside(), &rules);
    let server = Server::on(dir, &[args, &["--access", &access]].concat(), &[]);
    server.place("f", b"content");
    server
}

const GIB: &str = "Content-Length: 1073741824\r\n";

/// Requests with a body, and whether whoever may only read is refused by their heads: the new name
/// of a copy is in its body.
const WITH_BODIES: [(&str, &str, bool); 8] = [
    ("POST", "/file/f", true),
    ("POST", "/file/new", true),
    ("POST", "/file/new/", true),
    ("PUT", "/file/f", true),
    ("PUT", "/file/new?create", true),
    ("PUT", "/file/f/mv", true),
    ("PUT", "/file/f/cp", false),
    ("DELETE", "/file/f", true),
];

#[test]
fn a_refusal_does_not_wait_for_a_body_or_ask_for_it() {
    let server = server(&[]);
    let before = visible(&server.storage());
    for (method, target, takes_more) in WITH_BODIES {
        for (authorization, expected) in [
            ("", 401),
            ("Authorization: Bearer wrong\r\n", 401),
            ("Authorization: Basic !\r\n", 401),
            ("Authorization: Bearer none\r\n", 403),
            ("Authorization: Bearer reader\r\n", 403),
        ] {
            if expected == 403 && authorization.contains("reader") && !takes_more {
                continue;
            }
            for framing in [GIB, "Transfer-Encoding: chunked\r\n"] {
                for expect in ["", "Expect: 100-continue\r\n"] {
                    let lines = format!("Host: nas\r\n{authorization}{framing}{expect}");
                    let mut conn = server.open();
                    conn.allow(AT_ONCE);
                    conn.send(format!("{method} {target} HTTP/1.1\r\n{lines}\r\n").as_bytes());
                    // The first head: not 100.
                    let first = conn.head().expect("a reply without a body");
                    assert_eq!(first.status, expected, "{method} {target} {lines}");
                }
            }
        }
    }
    assert_eq!(visible(&server.storage()), before);
}

#[test]
fn a_refusal_takes_no_slot_and_waits_for_none() {
    let server = server(&["--max-transfers", "1"]);
    // Refused, and their bodies are still to come: none of them has the slot.
    let mut refused = Vec::new();
    for _ in 0..20 {
        let mut conn = server.open();
        conn.send(format!("POST /file/new HTTP/1.1\r\nHost: nas\r\n{GIB}\r\nbegin").as_bytes());
        let first = conn.head().expect("a reply");
        assert_eq!(first.status, 401);
        refused.push(conn);
    }
    let lines = format!("{GOOD}Content-Length: 4");
    let mut held = server.begin("POST", "held", &lines);
    let ask = |authorization: &str| {
        let fields = [("Authorization", authorization)];
        server.request("GET", "f", &fields, b"").status
    };
    // The slot is taken: what may be carried out has to wait, what may not is refused as ever.
    for _ in 0..3 {
        assert_eq!(ask(&bearer("good")), 503);
        assert_eq!(server.get("f").status, 401);
        assert_eq!(ask(&bearer("wrong")), 401);
        assert_eq!(ask(&bearer("none")), 403);
        assert_eq!(server.get("/metrics").status, 401);
    }
    held.send(b"held");
    assert_eq!(held.reply_to("POST").expect("a reply").status, 200);
    eventually("the slot is free", || ask(&bearer("good")) == 200);
}

// Not even for a moment, which one request in many others would meet with.
#[test]
fn beside_many_refusals_the_only_slot_is_free() {
    let server = server(&["--max-transfers", "1"]);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let request =
                    "DELETE /file/f HTTP/1.1\r\nHost: nas\r\nAuthorization: Bearer x\r\n\r\n";
                let mut conn = server.open();
                while !is_over.load(Ordering::Relaxed) {
                    conn.send(request.repeat(16).as_bytes());
                    for _ in 0..16 {
                        let reply = conn.reply_to("DELETE").expect("a reply");
                        assert_eq!(reply.status, 401);
                    }
                }
            });
        }
        let mut client = Client::of(&server);
        let fields = [("Authorization", "Bearer good")];
        let statuses: BTreeSet<_> = (0..500)
            .map(|_| client.ask("GET", "f", &fields, b"").status)
            .collect();
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(statuses, BTreeSet::from([200]));
    });
}

// Credentials are those of one request, whatever came before it on its connection.
#[test]
fn no_request_uses_the_credentials_of_another() {
    let server = server(&[]);
    let get = |lines: &str| format!("GET /file/f HTTP/1.1\r\nHost: nas\r\n{lines}\r\n");
    let password = format!("Authorization: {}\r\n", basic("good", "good"));
    let wrong = "Authorization: Bearer wrong\r\n";
    let requests = [
        (get(GOOD), 200),
        (get(""), 401),
        (get(&password), 200),
        (get(wrong), 401),
        (get(""), 401),
        (get(GOOD), 200),
        (get("X-Authorization: Bearer good\r\n"), 401),
        (get("Proxy-Authorization: Bearer good\r\n"), 401),
        (get("Cookie: token=good\r\n"), 401),
        (get(GOOD).replace("/file/f", "http://nas/file/f"), 200),
        (get("").replace("/file/f", "http://nas/file/f"), 401),
        (get(GOOD).replace("/file/f", "http://nas/file/%66"), 200),
    ];
    let expected = requests.each_ref().map(|(_, status)| *status);
    let mut conn = server.open();
    let one_by_one = requests.each_ref().map(|(request, _)| {
        let reply = conn.exchange("GET", request.as_bytes()).expect("a reply");
        reply.status
    });
    assert_eq!(one_by_one, expected);
    // All at once.
    let all: String = requests
        .iter()
        .map(|(request, _)| request.as_str())
        .collect();
    let mut conn = server.open();
    conn.send(all.as_bytes());
    let at_once = requests
        .each_ref()
        .map(|_| conn.reply_to("GET").expect("a reply").status);
    assert_eq!(at_once, expected);
}

// The body of a refused request is no request, whatever it looks like, and what comes behind it is
// one.
#[test]
fn nothing_in_the_body_of_a_refused_request_is_carried_out() {
    let server = server(&[]);
    let hidden = format!("DELETE /file/f HTTP/1.1\r\nHost: nas\r\n{GOOD}\r\n");
    let bodies = [
        format!("Content-Length: {}\r\n\r\n{hidden}", hidden.len()).into_bytes(),
        [
            b"Transfer-Encoding: chunked\r\n\r\n".to_vec(),
            chunked(hidden.as_bytes(), 7),
        ]
        .concat(),
    ];
    for (method, target, _) in WITH_BODIES {
        for body in &bodies {
            let behind = format!("GET /file/f HTTP/1.1\r\nHost: nas\r\n{GOOD}\r\n");
            let head = format!("{method} {target} HTTP/1.1\r\nHost: nas\r\n");
            let mut conn: Conn = server.open();
            conn.send(&[head.as_bytes(), body, behind.as_bytes()].concat());
            assert_eq!(conn.reply_to(method).expect("a reply").status, 401);
            // The server may close instead of taking a body that it does not want.
            if let Ok(reply) = conn.reply_to("GET") {
                assert_eq!((reply.status, reply.text().as_str()), (200, "content"));
            }
        }
    }
    assert_eq!(visible(&server.storage()), ["f 7"]);
}
