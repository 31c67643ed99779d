//! A client of server-sent events (WHATWG HTML, section 9.2).

use std::io;
use std::time::Instant;

use crate::{Conn, LIMIT, Reply, Server};

/// The events of one reply, which comes in chunks.
pub struct Events {
    pub conn: Conn,
    pub head: Reply,
    /// Received, and no whole event yet.
    text: String,
}

#[derive(Debug, PartialEq)]
pub struct Event {
    /// What `event:` says, or `message`.
    pub name: String,
    pub data: String,
}

impl Events {
    /// Asks for the transfers as events.
    pub fn open(server: &Server) -> Events {
        let mut conn = server.open();
        conn.send(b"GET /transfers HTTP/1.1\r\nHost: nas\r\nAccept: text/event-stream\r\n\r\n");
        let head = conn.head().expect("a reply");
        assert_eq!(head.status, 200, "{}", head.head);
        Events::of(conn, head)
    }

    /// The events of a reply whose head was read.
    pub fn of(conn: Conn, head: Reply) -> Events {
        Events {
            conn,
            head,
            text: String::new(),
        }
    }

    /// The next event; `None` at the orderly end.
    pub fn next_event(&mut self) -> io::Result<Option<Event>> {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                if let Some(event) = parse(&block) {
                    return Ok(Some(event));
                }
            }
            let chunk = self.conn.next_chunk()?;
            if chunk.is_empty() {
                assert_eq!(self.text, "", "the end is within an event");
                return Ok(None);
            }
            self.text
                .push_str(std::str::from_utf8(&chunk).expect("whole characters"));
        }
    }

    /// The data of the next event, which is a list of transfers.
    pub fn next_list(&mut self) -> String {
        let event = self.next_event().expect("an event");
        let event = event.expect("an event before the end");
        assert_eq!(event.name, "message");
        event.data
    }

    /// Reads up to the orderly end.
    pub fn read_to_end(&mut self) {
        let start = Instant::now();
        while self.next_event().expect("an orderly end").is_some() {
            assert!(start.elapsed() < LIMIT, "it does not end");
        }
    }

    /// Reads events until the list is as the caller wants it.
    pub fn wait_for(&mut self, is_wanted: impl Fn(&str) -> bool) -> String {
        let mut list = self.next_list();
        let start = Instant::now();
        while !is_wanted(&list) {
            assert!(start.elapsed() < LIMIT, "the last list is {list}");
            list = self.next_list();
        }
        list
    }
}

/// The event of a block; none where it has no data.
fn parse(block: &str) -> Option<Event> {
    let (mut name, mut data) = ("message".to_owned(), Vec::new());
    for line in block.lines().filter(|line| !line.is_empty()) {
        let (field, value) = line.split_once(':').expect("a field");
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => data.push(value),
            "event" => name = value.to_owned(),
            "retry" => assert!(value.bytes().all(|byte| byte.is_ascii_digit()), "{line}"),
            _ => panic!("an unknown field: {line:?}"),
        }
    }
    (!data.is_empty()).then(|| Event {
        name,
        data: data.join("\n"),
    })
}
