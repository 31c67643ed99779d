//! GET of some lines of a file: `?shard=K/N`, `&header`, `?head=N`, `?tail=N`.

use testkit::random::Random;
use testkit::{Reply, Server};

fn ask(server: &Server, target: &str, fields: &[(&str, &str)]) -> Reply {
    server.request("GET", target, fields, b"")
}

fn bytes(server: &Server, target: &str) -> Vec<u8> {
    let reply = server.get(target);
    assert_eq!(reply.status, 200, "{target}: {}", reply.summary());
    let length = reply.header("Content-Length").map(str::to_owned);
    assert_eq!(length, Some(reply.body.len().to_string()), "{target}");
    reply.body
}

fn shards(server: &Server, name: &str, of: usize, more: &str) -> Vec<Vec<u8>> {
    let target = |number| format!("{name}?shard={number}/{of}{more}");
    (1..=of)
        .map(|number| bytes(server, &target(number)))
        .collect()
}

/// A text of lines of many lengths, some longer than what is read at a time.
fn text(random: &mut Random) -> Vec<u8> {
    let mut text = Vec::new();
    for number in 0..random.number() % 40 {
        let length = match random.number() % 10 {
            0 => 0,
            9 if random.number().is_multiple_of(4) => 200_000,
            other => other as usize * 11,
        };
        text.extend(format!("{number},").into_bytes());
        text.extend(std::iter::repeat_n(b'x', length));
        let end: &[u8] = match random.number() % 4 {
            0 => b"\r\n",
            1 => b"\n\n",
            _ => b"\n",
        };
        text.extend(end);
    }
    if random.number().is_multiple_of(2) {
        text.pop();
    }
    text
}

#[test]
fn all_shards_are_the_file_and_each_line_is_in_one() {
    let server = Server::start();
    let mut random = Random::new(7);
    for _ in 0..12 {
        let text = text(&mut random);
        server.place("f", &text);
        for of in [1, 2, 3, 7, 50] {
            let shards = shards(&server, "f", of, "");
            assert_eq!(shards.concat(), text, "{of}");
            for shard in shards.iter().rev().skip(1) {
                let is_whole =
                    shard.is_empty() || shard.ends_with(b"\n") || shard.len() == text.len();
                assert!(is_whole || text.ends_with(shard), "{of}");
            }
        }
    }
}

#[test]
fn each_shard_can_begin_with_the_first_line() {
    let server = Server::start();
    for (text, of) in [
        ("id,name\n1,a\n2,b\n3,c\n", 3),
        ("id,name\n1,a\n2,b\n3,c", 40),
        (
            "a very long first line, longer than all others together\n1\n2\n",
            3,
        ),
        ("only\n", 4),
    ] {
        server.place("f.csv", text.as_bytes());
        let (header, rows) = text.split_at(text.find('\n').map_or(text.len(), |at| at + 1));
        let mut found = String::new();
        for shard in shards(&server, "f.csv", of, "&header") {
            let shard = String::from_utf8(shard).unwrap();
            let rest = shard.strip_prefix(header);
            found += rest.unwrap_or_else(|| panic!("{shard:?} of {text:?}"));
        }
        assert_eq!(found, rows);
    }
    server.place("empty", b"");
    assert_eq!(shards(&server, "empty", 3, "&header"), [b"", b"", b""]);
}

#[test]
fn the_first_and_last_lines_are_those_of_head_and_tail() {
    let server = Server::start();
    let mut random = Random::new(8);
    for _ in 0..12 {
        let text = text(&mut random);
        server.place("f", &text);
        let lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
        for count in [0, 1, 2, 10, 1_000] {
            let first: Vec<_> = lines.iter().take(count).copied().collect();
            assert_eq!(
                bytes(&server, &format!("f?head={count}")),
                first.concat(),
                "{count}"
            );
            let skipped = lines.len().saturating_sub(count);
            let last: Vec<_> = lines.iter().skip(skipped).copied().collect();
            assert_eq!(
                bytes(&server, &format!("f?tail={count}")),
                last.concat(),
                "{count}"
            );
        }
    }
}

#[test]
fn a_part_has_the_tag_of_the_file_and_its_own_ranges() {
    let server = Server::start();
    server.place("f.csv", b"h\n1,a\n2,b\n3,c\n4,d\n");
    let whole = server.get("f.csv");
    let tag = whole.header("ETag").unwrap().to_owned();
    let target = "f.csv?shard=2/2&header";
    let part = server.get(target);
    assert_eq!(part.header("ETag"), Some(tag.as_str()));
    assert_eq!(part.header("Content-Type"), Some("text/csv"));
    assert_eq!(part.text(), "h\n3,c\n4,d\n");
    // A range is one of the part, also where it lies in the first line and in what follows it.
    for (range, expected, place) in [
        ("bytes=0-0", "h", "bytes 0-0/10"),
        ("bytes=1-3", "\n3,", "bytes 1-3/10"),
        ("bytes=4-", "c\n4,d\n", "bytes 4-9/10"),
        ("bytes=-3", ",d\n", "bytes 7-9/10"),
    ] {
        let reply = ask(&server, target, &[("Range", range)]);
        assert_eq!(
            (reply.status, reply.text().as_str()),
            (206, expected),
            "{range}"
        );
        assert_eq!(reply.header("Content-Range"), Some(place));
    }
    let beyond = ask(&server, target, &[("Range", "bytes=10-")]);
    assert_eq!(beyond.status, 416);
    assert_eq!(ask(&server, target, &[("If-None-Match", &tag)]).status, 304);
    assert_eq!(ask(&server, target, &[("If-Match", &tag)]).status, 200);
    assert_eq!(server.put("f.csv", b"5,e\n").status, 200);
    assert_eq!(ask(&server, target, &[("If-Match", &tag)]).status, 412);
    let head = server.request("HEAD", "f.csv?tail=1", &[], b"");
    assert_eq!(
        (head.status, head.header("Content-Length")),
        (200, Some("4"))
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    let server = Server::start();
    server.place("f", b"a\nb\n");
    server.place("folder/f", b"");
    for query in [
        "shard=0/1",
        "shard=2/1",
        "shard=0/0",
        "shard=1",
        "shard=1/x",
        "shard=-1/2",
        "shard",
        "shard=1/18446744073709551616",
        "head",
        "head=x",
        "head=-1",
        "tail=1.5",
        "tail=",
        "head=18446744073709551616",
        "header",
        "header&head=1",
        "shard=1/2&header=yes",
        "head=1&tail=1",
        "shard=1/2&tail=1",
        "shard=1/2&head=1",
        "head=1&head=1",
        "shrad=1/2",
    ] {
        let reply = server.get(&format!("f?{query}"));
        assert_eq!(reply.status, 400, "{query}: {}", reply.summary());
    }
    assert_eq!(
        server
            .get("f?shard=18446744073709551615/18446744073709551615")
            .status,
        200
    );
    for query in ["shard=1/2", "head=1", "tail=1"] {
        assert_eq!(
            server.get(&format!("folder?{query}")).status,
            409,
            "{query}"
        );
        assert_eq!(server.get(&format!("none?{query}")).status, 404, "{query}");
        // They are parameters of a GET of a name, and of nothing else.
        for (method, target) in [
            ("POST", "f"),
            ("PUT", "f"),
            ("DELETE", "f"),
            ("GET", "f/wc"),
        ] {
            let reply = server.request(method, &format!("{target}?{query}"), &[], b"");
            assert_eq!(reply.status, 400, "{method} {target}?{query}");
        }
    }
}
