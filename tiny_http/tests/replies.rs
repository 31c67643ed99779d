//! What is sent: files, streams, replies that cannot be finished; and bodies that go into files.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, mpsc};

use common::{Client, LIMIT, Received, config, start};
use tiny_http::{Config, Content, Outgoing, Pipe, Progress, Reply, Request, Response, StatusCode};

/// A file without a name, of this content.
fn file(content: &[u8]) -> File {
    static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = format!("tiny-http-file-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .unwrap();
    std::fs::remove_file(path).unwrap();
    file.write_all(content).unwrap();
    file.rewind().unwrap();
    file
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 251 + at % 251) as u8).collect()
}

/// Reads a reply of any coding.
fn receive(client: &mut Client) -> Received {
    let head = client.head();
    if !head.contains("\r\nTransfer-Encoding: chunked\r\n") {
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "));
        let mut content = vec![0; length.unwrap().parse().unwrap()];
        client.0.read_exact(&mut content).unwrap();
        return Received {
            status: head[9..12].parse().unwrap(),
            head,
            content,
        };
    }
    let mut content = Vec::new();
    loop {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            client.0.read_exact(&mut byte).unwrap();
            line.push(byte[0]);
        }
        let size = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
        let mut data = vec![0; size + 2];
        client.0.read_exact(&mut data).unwrap();
        assert_eq!(data.split_off(size), b"\r\n");
        if size == 0 {
            return Received {
                status: head[9..12].parse().unwrap(),
                head,
                content,
            };
        }
        content.extend_from_slice(&data);
    }
}

#[test]
fn parts_of_files_are_sent_as_they_are() {
    let content = pattern(3_000_000);
    let shared = Arc::new(file(&content));
    let running = start(config(), move |mut request: Request| {
        let (from, to) = request.url()[1..].split_once('-').unwrap();
        let part = from.parse().unwrap()..to.parse().unwrap();
        let content = Content::File(&shared, part);
        let reply = Reply {
            status: StatusCode(206),
            fields: &[("X", "y")],
            content,
            closes: false,
        };
        request.send(reply, &()).unwrap();
    });
    let mut client = running.connect();
    for (from, to) in [
        (0, 0),
        (0, 1),
        (5, 4096),
        (0, 32767),
        (1, 32769),
        (0, 65535),
        (0, 65536),
        (7, 65544),
        (100_000, 3_000_000),
        (0, 3_000_000),
    ] {
        client.send(format!("GET /{from}-{to} HTTP/1.1\r\n\r\n"));
        let received = client.receive();
        assert_eq!(received.status, 206);
        assert!(received.head.contains("\r\nX: y\r\n"), "{}", received.head);
        assert!(received.content == content[from..to], "{from} to {to}");
    }
    client.send("HEAD /0-3000000 HTTP/1.1\r\n\r\n");
    let head = client.head();
    assert!(head.contains("\r\nContent-Length: 3000000\r\n"), "{head}");
    client.send("GET /0-1 HTTP/1.1\r\n\r\n");
    assert_eq!(client.receive().content, &content[..1]);
}

#[test]
fn a_file_that_has_become_shorter_resets_the_connection() {
    let running = start(config(), |mut request: Request| {
        let (file, length) = (file(&pattern(200_000)), request.url()[1..].parse().unwrap());
        let content = Content::File(&file, 0..length);
        let reply = Reply {
            status: StatusCode(200),
            fields: &[],
            content,
            closes: false,
        };
        let error = request.send(reply, &()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    });
    for length in [200_001, 300_000, 3_000_000] {
        let mut client = running.connect();
        client.send(format!("GET /{length} HTTP/1.1\r\n\r\n"));
        assert_eq!(
            client.rest().map_err(|e| e.kind()),
            Err(ErrorKind::ConnectionReset)
        );
    }
    running.wait_for_connections(0);
}

/// Writes what the target says: letters are pieces, `|` a flush, `F` a part of a file, `!` a failure.
fn write(target: &str, outgoing: &mut Outgoing<'_>) -> io::Result<()> {
    let (small, large) = (file(&pattern(1000)), file(&pattern(100_000)));
    for letter in target.chars() {
        match letter {
            '|' => outgoing.flush()?,
            'f' => outgoing.write_file(&small, 10..1000)?,
            'F' => outgoing.write_file(&large, 10..100_000)?,
            'L' => outgoing.write_all(&[b'L'; 40_000])?,
            '!' => return Err(io::Error::other("on purpose")),
            other => outgoing.write_all(other.to_string().as_bytes())?,
        }
    }
    Ok(())
}

/// What that comes to.
fn written(target: &str) -> Vec<u8> {
    let mut all = Vec::new();
    for letter in target.chars() {
        match letter {
            '|' => {}
            'f' => all.extend_from_slice(&pattern(1000)[10..]),
            'F' => all.extend_from_slice(&pattern(100_000)[10..]),
            'L' => all.extend_from_slice(&[b'L'; 40_000]),
            other => all.extend_from_slice(other.to_string().as_bytes()),
        }
    }
    all
}

fn stream(mut request: Request) {
    let target = request.url()[1..].to_owned();
    let length = request
        .head()
        .field("Length")
        .map(|length| length.parse().unwrap());
    let write = Box::new(|outgoing: &mut Outgoing<'_>| write(&target, outgoing));
    let content = Content::Stream { length, write };
    let reply = Reply {
        status: StatusCode(200),
        fields: &[],
        content,
        closes: false,
    };
    let _ = request.send(reply, &());
}

#[test]
fn streams_are_sent_in_chunks_with_a_length_or_to_the_end() {
    let running = start(config(), stream);
    let mut client = running.connect();
    for target in [
        "",
        "a",
        "ab|c",
        "|",
        "f",
        "F",
        "aFb",
        "FF",
        "LL",
        "aLbF|Lf",
        "ffffffffffffffffffffffffffffffffffffffff",
    ] {
        let expected = written(target);
        client.send(format!("GET /{target} HTTP/1.1\r\n\r\n"));
        let received = receive(&mut client);
        assert!(
            received.head.contains("\r\nTransfer-Encoding: chunked\r\n"),
            "{}",
            received.head
        );
        assert!(received.content == expected, "{target} in chunks");
        client.send(format!(
            "GET /{target} HTTP/1.1\r\nLength: {}\r\n\r\n",
            expected.len()
        ));
        assert!(
            receive(&mut client).content == expected,
            "{target} with a length"
        );
        let mut old = running.connect();
        old.send(format!(
            "GET /{target} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        ));
        let head = old.head();
        assert!(
            head.contains("\r\nConnection: close\r\n") && !head.contains("Length"),
            "{head}"
        );
        assert!(old.rest().unwrap() == expected, "{target} to the end");
    }
}

#[test]
fn a_stream_that_is_broken_off_resets_the_connection() {
    let running = start(config(), stream);
    for (target, version, length) in [
        ("a!", "1.1", None),
        ("aF!", "1.1", None),
        ("LLL!", "1.0", None),
        ("aa", "1.1", Some(3)),
        ("aaaa", "1.1", Some(3)),
        ("F", "1.1", Some(3)),
        ("LL!", "1.1", Some(80_000)),
    ] {
        let mut client = running.connect();
        let length = length.map_or(String::new(), |length| format!("Length: {length}\r\n"));
        client.send(format!("GET /{target} HTTP/{version}\r\n{length}\r\n"));
        assert_eq!(
            client.rest().map_err(|e| e.kind()),
            Err(ErrorKind::ConnectionReset),
            "{target}"
        );
    }
    running.wait_for_connections(0);
}

#[test]
fn whoever_watches_a_reply_decides_whether_to_wait() {
    struct Impatient(Mutex<Vec<&'static str>>);
    impl Progress for &Impatient {
        fn may_end(&self) {
            self.0.lock().unwrap().push("may end");
        }

        fn may_wait(&self) -> bool {
            self.0.lock().unwrap().push("may not wait");
            false
        }
    }
    let told = Arc::new(Impatient(Mutex::new(Vec::new())));
    let (done, dones) = mpsc::channel();
    let progress = Arc::clone(&told);
    let running = start(config(), move |mut request: Request| {
        let content = vec![0; request.url()[1..].parse().unwrap()];
        let reply = Reply {
            status: StatusCode(200),
            fields: &[],
            content: Content::Bytes(&content),
            closes: false,
        };
        done.send(
            request
                .send(reply, &&*progress)
                .map_err(|error| error.kind()),
        )
        .unwrap();
    });
    let mut client = running.connect();
    client.send("GET /10 HTTP/1.1\r\n\r\nGET /100000000 HTTP/1.1\r\n\r\n");
    assert_eq!(dones.recv_timeout(LIMIT), Ok(Ok(())));
    assert_eq!(dones.recv_timeout(LIMIT), Ok(Err(ErrorKind::WouldBlock)));
    let told = told.0.lock().unwrap();
    assert_eq!(told[..2], ["may end"; 2]);
    assert_eq!(told.last(), Some(&"may not wait"));
}

#[test]
fn the_body_is_waited_for_with_100_continue_when_it_is_read() {
    let running = start(config(), |mut request: Request| {
        let mut body = String::new();
        if request.url() == "/read" {
            request.as_reader().read_to_string(&mut body).unwrap();
        }
        let _ = request.respond(Response::from_string(body));
    });
    let head = |target| {
        format!("PUT {target} HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    };
    let mut client = running.connect();
    for _ in 0..2 {
        client.send(head("/read"));
        assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
        client.send("hello");
        assert_eq!(client.receive().content, b"hello");
    }
    // Refused without a word, the client may send the body or not: nothing can follow.
    client.send(head("/"));
    let received = client.receive();
    assert!(
        received.head.starts_with("HTTP/1.1 200") && received.head.contains("Connection: close"),
        "{}",
        received.head
    );
    assert_eq!(client.rest().unwrap(), b"");
}

#[test]
fn bodies_go_into_files_whole() {
    let (stored, stores) = mpsc::channel();
    let running = start(config(), move |mut request: Request| {
        let path = std::env::temp_dir().join(format!("tiny-http-append-{}", std::process::id()));
        let mut target = file(b"");
        if request.url() == "/append" {
            // Such a file takes nothing from a pipe.
            target = OpenOptions::new()
                .create(true)
                .append(true)
                .read(true)
                .open(&path)
                .unwrap();
            std::fs::remove_file(path).unwrap();
        }
        let mut pipe = Pipe::new().unwrap();
        let mut moved = 0;
        while request
            .fill(&mut pipe)
            .inspect(|count| moved += *count as u64)
            .unwrap()
            > 0
        {
            let is_moved = pipe.empty_into(&target).unwrap();
            assert_eq!(is_moved, request.url() == "/");
        }
        let received = request.counts().0;
        let mut content = Vec::new();
        target.seek(SeekFrom::Start(0)).unwrap();
        target.read_to_end(&mut content).unwrap();
        assert_eq!((content.len() as u64, moved), (received, received));
        stored.send(content).unwrap();
        let _ = request.respond(Response::empty(201));
    });
    let mut client = running.connect();
    for target in ["/", "/append"] {
        for length in [0, 1, 5000, 65_536, 65_537, 3_000_000] {
            let body = pattern(length);
            client.send(format!(
                "PUT {target} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n"
            ));
            client.send(&body);
            assert!(
                stores.recv_timeout(LIMIT).unwrap() == body,
                "{target} {length}"
            );
            assert_eq!(client.receive().status, 201);
            let chunks = body
                .chunks(100_000)
                .map(|data| [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat());
            let chunks = chunks.collect::<Vec<_>>().concat();
            client.send(format!(
                "PUT {target} HTTP/1.1\r\nTransfer-Encoding: CHUNKED\r\n\r\n"
            ));
            client.send([&chunks[..], b"0\r\n\r\n"].concat());
            assert!(
                stores.recv_timeout(LIMIT).unwrap() == body,
                "{target} {length} in chunks"
            );
            assert_eq!(client.receive().status, 201);
        }
    }
}

// symptom: a client that sent urgent data in a body (MSG_OOB of send(2)) kept a thread busy for ever.
// cause:   splice(2) stops before the urgent byte, and poll(2) says that there is something to read.
// fix:     what is not spliced though it is there is received, which passes over that byte.
#[test]
fn urgent_data_does_not_stop_a_body() {
    let (stored, stores) = mpsc::channel();
    let running = start(config(), move |mut request: Request| {
        let mut target = file(b"");
        let mut pipe = Pipe::new().unwrap();
        while request.fill(&mut pipe).unwrap() > 0 {
            pipe.empty_into(&target).unwrap();
        }
        let mut content = Vec::new();
        target.rewind().unwrap();
        target.read_to_end(&mut content).unwrap();
        stored.send(content).unwrap();
        let _ = request.respond(Response::empty(201));
    });
    let mut client = running.connect();
    let body = pattern(200_000);
    client.send("PUT / HTTP/1.1\r\nContent-Length: 200000\r\n\r\n");
    client.send(&body[..100_000]);
    client.send_urgent(b'!');
    client.send(&body[100_000..]);
    assert!(stores.recv_timeout(LIMIT).unwrap() == body);
    assert_eq!(client.receive().status, 201);
}

#[test]
fn heads_that_are_refused_are_answered_by_the_server_or_handed_out() {
    let by_server = start(config(), |_| panic!("it is not handed out"));
    let (noted, refusals) = mpsc::channel();
    let by_program = start(
        Config {
            hands_out_refusals: true,
            ..config()
        },
        move |request: Request| {
            let refusal = request.refusal().unwrap().clone();
            assert_eq!(refusal.target, request.url());
            noted.send(refusal).unwrap();
            let _ = request.respond(Response::from_string("mine").with_status_code(499));
        },
    );
    for head in testkit::malformed::heads() {
        let mut client = by_program.connect();
        client.send(&head.bytes);
        let received = client.receive();
        assert_eq!((received.status, received.content), (499, b"mine".to_vec()));
        assert_eq!(client.rest().unwrap(), b"");
        let refusal = refusals.recv_timeout(LIMIT).unwrap();
        let shown = head.shown();
        assert_eq!(format!("{:?}", refusal.fault), head.fault, "{shown}");
        if head.bytes.starts_with(b"POST /a ") {
            assert_eq!((&*refusal.method, &*refusal.target), ("POST", "/a"));
        }
        let mut client = by_server.connect();
        client.send(&head.bytes);
        let received = client.receive();
        let content = format!("{}\n", refusal.fault).into_bytes();
        let expected = (head.status(), content);
        assert_eq!((received.status, received.content), expected, "{shown}");
        assert!(
            received.head.contains("\r\nConnection: close\r\n"),
            "{}",
            received.head
        );
        assert_eq!(client.rest().unwrap(), b"");
    }
}

#[test]
fn a_connection_can_go_over_to_another_protocol() {
    // With the settings of tiny_http: what follows such a request is not taken for another one.
    let running = start(Config::default(), |request: Request| {
        let mut stream = request.upgrade("echo", Response::empty(101));
        let mut line = [0; 5];
        stream.read_exact(&mut line).unwrap();
        stream.write_all(&line).unwrap();
    });
    let mut client = running.connect();
    client.send("GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhel");
    let head = client.head();
    assert!(
        head.starts_with("HTTP/1.1 101 ") && head.contains("\r\nUpgrade: echo\r\n"),
        "{head}"
    );
    client.send("lo");
    assert_eq!(client.rest().unwrap(), b"hello");
}
