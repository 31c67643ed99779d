//! After each kind of write `Last-Modified` is newer than before: a client that asks by the date of
//! what it has (`curl -z`) is told of the change.

use std::fs::File;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use testkit::rows::each;
use testkit::{Client, Server, eventually, request_bytes};

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("after 1970").as_secs()
}

fn date(seconds: u64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
}

#[test]
fn whatever_takes_the_place_of_a_file_is_newer_than_it() {
    let server = Server::start();
    let mut client = Client::of(&server);
    let into = b"{\"path\": \"file\"}".as_slice();
    let rows = [
        ("POST", "file", &b"new"[..]),
        ("PUT", "file", b"new"),
        ("PUT", "source/cp", into),
        ("PUT", "source/mv", into),
    ];
    each(rows, |(method, target, body)| {
        // What is moved there was uploaded before the client fetched what it has.
        server.place_at("file", b"old", now() - 50);
        server.place_at("source", b"new", now() - 100);
        let since = date(now() - 20);
        let reply = client.ask(method, target, &[], body);
        assert_eq!(reply.status, 200, "{method} {target}");
        let sent = [("If-Modified-Since", since.as_str())];
        let reply = client.ask("GET", "file", &sent, b"");
        let shown = format!("{method} {target}, {sent:?}\n{}", reply.head);
        assert_eq!(reply.status, 200, "{shown}");
        let sent = [("If-Unmodified-Since", since.as_str())];
        let reply = client.ask("GET", "file", &sent, b"");
        let shown = format!("{method} {target}, {sent:?}\n{}", reply.head);
        assert_eq!(reply.status, 412, "{shown}");
    });
}

/// An append by another server keeps it waiting, and is what the client has seen last.
#[test]
fn a_write_that_waited_for_its_turn_is_newer_than_what_it_waited_for() {
    let server = Server::start();
    let mut client = Client::of(&server);
    let rows = [("POST", &b"new"[..]), ("PUT", b"new")];
    each(rows, |(method, body)| {
        server.place("file", b"old");
        let path = server.storage().join("file");
        let held = File::options().append(true).open(&path).expect("placed");
        held.lock().expect("it can be locked");
        let mut conn = server.open();
        conn.send(&request_bytes(method, "file", &[], body));
        eventually(&format!("{method} waits for the lock"), || {
            server.has_open("file").contains(&"rw")
        });
        // Dates are whole seconds, so the writes have to be in different ones.
        let begun = now();
        eventually("two seconds later", || now() >= begun + 2);
        let seen = now();
        let time = UNIX_EPOCH + Duration::from_secs(seen);
        held.set_modified(time).expect("the time can be set");
        eventually("another second later", || now() > seen);
        held.unlock().expect("it can be unlocked");
        let reply = conn.reply_to(method).expect("a reply");
        assert_eq!(reply.status, 200, "{method}");
        let since = date(seen);
        let sent = [("If-Modified-Since", since.as_str())];
        let reply = client.ask("GET", "file", &sent, b"");
        let shown = format!("{method}, {sent:?}\n{}", reply.head);
        assert_eq!(reply.status, 200, "{shown}");
    });
}
