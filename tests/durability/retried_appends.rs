//! Appends with `Content-Range` that are cut off, or whose replies are lost, can be retried: none
//! is lost and none doubled.

use std::thread;

use testkit::{Client, Reply, Server, pattern};

/// The length in a reply with 416, after `bytes */`.
fn told(reply: &Reply) -> usize {
    let span = reply.header("Content-Range").expect("a Content-Range");
    let length = span.strip_prefix("bytes */").expect(span);
    length.parse().expect(span)
}

/// A record with its own number and length: one that is lost, torn or doubled is noticed.
fn record(client: usize, number: usize) -> Vec<u8> {
    let mut record = format!("[{client:02} {number:02}]").into_bytes();
    record.extend_from_slice(&pattern(client as u8, 100 + client * 1009 + number * 37));
    record
}

const CLIENTS: usize = 16;
const RECORDS: usize = 12;

/// Appends a record where the file ends, and now and then fails half-way; gives where it stands.
fn append(server: &Server, client: &mut Client, body: &[u8], guess: usize) -> usize {
    let mut first = guess;
    for turn in 0..100_000 {
        let last = first + body.len() - 1;
        let range = format!(
            "bytes {first}-{last}/{}",
            if turn % 2 == 0 {
                "*".to_string()
            } else {
                (last + 1).to_string()
            }
        );
        if turn % 7 == 3 {
            // The connection is lost in the middle of the body.
            let mut conn = server.open();
            let head = format!(
                "PUT /file/log HTTP/1.1\r\nHost: nas\r\nContent-Range: {range}\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            conn.send(&[head.as_bytes(), &body[..body.len() / 2]].concat());
        }
        let reply = client.ask("PUT", "log", &[("Content-Range", &range)], body);
        match reply.status {
            200 => return first,
            416 => first = told(&reply),
            _ => panic!("{range}: {}", reply.summary()),
        }
    }
    panic!("100,000 tries were not enough");
}

#[test]
fn of_sixteen_clients_that_try_until_they_find_the_end_each_record_is_there_once() {
    let one = Server::start();
    let two = one.sibling();
    one.place("log", b"");
    let mut placed: Vec<(usize, Vec<u8>)> = thread::scope(|scope| {
        let writers: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let server = if number % 2 == 0 { &one } else { &two };
                scope.spawn(move || {
                    let mut client = Client::of(server);
                    let mut end = 0;
                    let mut placed = Vec::new();
                    for count in 0..RECORDS {
                        let body = record(number, count);
                        let first = append(server, &mut client, &body, end);
                        end = first + body.len();
                        placed.push((first, body));
                    }
                    placed
                })
            })
            .collect();
        writers
            .into_iter()
            .flat_map(|writer| writer.join().expect("a writer failed"))
            .collect()
    });
    assert_eq!(placed.len(), CLIENTS * RECORDS);
    placed.sort_by_key(|(first, _)| *first);
    let wanted: Vec<u8> = placed.iter().flat_map(|(_, body)| body.clone()).collect();
    let content = one.get("log").body;
    assert_eq!(content.len(), wanted.len(), "records lost or doubled");
    let at = content.iter().zip(&wanted).position(|(a, b)| a != b);
    assert_eq!(at, None, "a record is not where its 200 said");
    one.assert_clean();
}

/// The reply is lost, not the append: the client cannot know, tries again, and learns it from the
/// 416.
#[test]
fn an_append_whose_reply_is_lost_can_be_tried_again() {
    let server = Server::start();
    server.place("log", b"");
    let mut client = Client::of(&server);
    let mut wanted = Vec::new();
    for round in 0..60 {
        let body = record(round % 90, round);
        let range = format!("bytes {}-{}/*", wanted.len(), wanted.len() + body.len() - 1);
        let mut conn = server.open();
        let head = format!(
            "PUT /file/log HTTP/1.1\r\nHost: nas\r\nContent-Range: {range}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        // Whole, a byte short, or half of it.
        let sent = [body.len(), body.len() - 1, body.len() / 2][round % 3];
        conn.send(&[head.as_bytes(), &body[..sent]].concat());
        if round % 2 == 0 {
            drop(conn);
        } else if sent == body.len() {
            assert_eq!(conn.reply_to("PUT").expect("a reply").status, 200);
        }
        let reply = client.ask("PUT", "log", &[("Content-Range", &range)], &body);
        let length = wanted.len() + body.len();
        wanted.extend_from_slice(&body);
        match reply.status {
            200 => {}
            416 => assert_eq!(told(&reply), length, "round {round}"),
            _ => panic!("round {round}: {}", reply.summary()),
        }
        assert!(
            client.ask("GET", "log", &[], b"").body == wanted,
            "round {round}"
        );
    }
    server.assert_clean();
}
