//! The ETag is strong, differs after every write, and stays the same while the file does, whichever
//! server is asked.

use std::collections::HashMap;
use std::thread;

use testkit::{Client, Server, eventually, pattern};

/// Fails where `tag` is no strong entity tag (RFC 9110, section 8.8.3).
fn assert_strong(tag: &str) {
    let opaque = tag
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let is_tag = |c: char| c == '!' || ('#'..='~').contains(&c);
    assert!(
        opaque.is_some_and(|opaque| !opaque.is_empty() && opaque.chars().all(is_tag)),
        "no strong tag: {tag}"
    );
}

/// The tags that a file has had, each with what was done to it before.
#[derive(Default)]
struct Seen(HashMap<String, String>);

impl Seen {
    fn add(&mut self, tag: String, after: String) {
        assert_strong(&tag);
        if let Some(before) = self.0.insert(tag.clone(), after.clone()) {
            panic!("{tag} stands for the file after {before} and after {after}");
        }
    }
}

#[test]
fn ten_thousand_quick_replacements_by_equal_lengths_have_as_many_tags() {
    let server = Server::start();
    let mut client = Client::of(&server);
    let mut seen = Seen::default();
    for round in 0..10_000 {
        let body: &[u8] = if round % 2 == 0 {
            b"this one"
        } else {
            b"that one"
        };
        let reply = client.ask("POST", "file", &[], body);
        assert_eq!(reply.status, 200, "round {round}");
        seen.add(client.tag("file"), format!("POST {round}"));
    }
}

#[test]
fn quick_replacements_by_two_servers_have_tags_of_their_own() {
    let one = Server::start();
    let two = one.sibling();
    let mut clients = [Client::of(&one), Client::of(&two)];
    let mut seen = Seen::default();
    for round in 0..4000 {
        let (writer, reader) = (round % 2, round / 2 % 2);
        let reply = clients[writer].ask("POST", "file", &[], b"the same");
        assert_eq!(reply.status, 200, "round {round}");
        seen.add(clients[reader].tag("file"), format!("POST {round}"));
    }
}

#[test]
fn each_append_makes_another_tag() {
    let server = Server::start();
    let mut client = Client::of(&server);
    let mut seen = Seen::default();
    client.ask("POST", "file", &[], b"");
    for round in 0..3000 {
        seen.add(client.tag("file"), format!("{round} appends"));
        let reply = client.ask("PUT", "file", &[], b"x");
        assert_eq!(reply.status, 200, "round {round}");
    }
}

/// Lengths come back here, so they tell nothing.
#[test]
fn all_ways_to_write_in_turn_make_other_tags() {
    let server = Server::start();
    let mut client = Client::of(&server);
    let mut seen = Seen::default();
    server.place("template", b"same length");
    for round in 0..600 {
        let mut write = |what: &str, method: &str, target: &str, body: &[u8]| {
            let reply = client.ask(method, target, &[], body);
            assert_eq!(reply.status, 200, "{what} {round}: {}", reply.summary());
            if target != "other" {
                seen.add(client.tag("file"), format!("{what} {round}"));
            }
        };
        write("POST", "POST", "file", b"same length");
        write("cp", "PUT", "template/cp", b"{\"path\": \"file\"}");
        write("cp again", "PUT", "template/cp", b"{\"path\": \"file\"}");
        write("POST of other", "POST", "other", b"same length");
        write("mv", "PUT", "other/mv", b"{\"path\": \"file\"}");
        write("short POST", "POST", "file", b"same ");
        write("PUT", "PUT", "file", b"length");
        let gone = client.ask("DELETE", "file", &[], b"");
        assert_eq!(gone.status, 200, "DELETE {round}");
    }
}

#[test]
fn a_file_that_is_left_alone_keeps_its_tag() {
    let mut one = Server::start();
    let two = one.sibling();
    let files = [("empty", 0), ("small", 11), ("large", 3_000_000)];
    for (name, size) in files {
        assert_eq!(one.post(name, &pattern(1, size)).status, 200, "{name}");
    }
    one.put("small", b"+");
    one.mv("small", "moved");
    one.mv("moved", "small");
    let tags = |server: &Server| {
        let mut client = Client::of(server);
        files.map(|(name, _)| client.tag(name))
    };
    let before = tags(&one);
    // Reading it in any way is no change, and neither is what happens beside it.
    for (name, _) in files {
        for target in [
            name.to_string(),
            format!("{name}/wc"),
            format!("{name}/sha256"),
            format!("{name}/info"),
        ] {
            assert_eq!(one.get(&target).status, 200, "{target}");
        }
        let body = format!("{{\"path\": \"copies/{name}\"}}");
        one.request("PUT", &format!("{name}/cp"), &[], body.as_bytes());
        let failed = one.request("POST", name, &[("If-None-Match", "*")], b"other");
        assert_eq!(failed.status, 412, "{name}");
    }
    assert_eq!(tags(&one), before, "after reading");
    assert_eq!(tags(&two), before, "as another server sees it");
    one.stop();
    one.restart();
    assert_eq!(tags(&one), before, "after a restart");
    one.kill();
    one.restart();
    assert_eq!(tags(&one), before, "after a kill and a restart");
    let get = one.get("small");
    assert_eq!(get.header("ETag"), Some(before[1].as_str()), "of a GET");
}

/// A client that reads a body with the tag of another would later overwrite what it has never seen.
#[test]
fn no_tag_stands_for_two_bodies() {
    let server = Server::start();
    let mut writer = Client::of(&server);
    writer.ask("POST", "file", &[], b"0");
    let mut seen = vec![(writer.tag("file"), b"0".to_vec())];
    thread::scope(|scope| {
        let readers = [(); 2].map(|()| {
            scope.spawn(|| {
                let mut reader = Client::of(&server);
                let read = |_| {
                    let reply = reader.ask("GET", "file", &[], b"");
                    let tag = reply.header("ETag").expect("an ETag").to_string();
                    (tag, reply.body)
                };
                (0..3000).map(read).collect::<Vec<_>>()
            })
        });
        for round in 0..1500 {
            let body = format!("{round:05}").into_bytes();
            assert_eq!(writer.ask("POST", "file", &[], &body).status, 200);
            seen.push((writer.tag("file"), body.clone()));
            assert_eq!(writer.ask("PUT", "file", &[], b"+").status, 200);
            seen.push((writer.tag("file"), [body.as_slice(), b"+"].concat()));
        }
        for reader in readers {
            seen.extend(reader.join().expect("a reader failed"));
        }
    });
    let mut bodies: HashMap<String, Vec<u8>> = HashMap::new();
    for (tag, body) in seen {
        let known = bodies.entry(tag.clone()).or_insert_with(|| body.clone());
        let texts = [
            known.escape_ascii().to_string(),
            body.escape_ascii().to_string(),
        ];
        assert_eq!(texts[0], texts[1], "{tag}");
    }
}

// symptom: a file that a program rewrote in place, with as many bytes, and whose time it set back
//          kept its tag.
// cause:   a tag was made of what a program can set: the time, beside the length and the number of
//          the file.
// fix:     the kernel's own time of change is part of it.
#[test]
fn a_file_that_another_program_rewrites_has_another_tag_though_its_time_is_set_back() {
    let server = Server::start();
    server.post("file", b"this one");
    let before = server.get("file");
    let path = server.storage().join("file");
    let modified = std::fs::metadata(&path).and_then(|it| it.modified());
    let modified = modified.expect("a file has a time");
    // Longer than the clock of the kernel takes for a step, on kernels where it has steps.
    eventually("the clock has gone on", || {
        modified.elapsed().is_ok_and(|age| age.as_millis() > 50)
    });
    let file = std::fs::OpenOptions::new().write(true).open(&path);
    let mut file = file.expect("it can be opened");
    std::io::Write::write_all(&mut file, b"that one").expect("written");
    file.set_modified(modified).expect("the time can be set");
    let after = server.get("file");
    assert_eq!(after.text(), "that one");
    assert_eq!(
        after.header("Last-Modified"),
        before.header("Last-Modified")
    );
    assert_ne!(after.header("ETag"), before.header("ETag"));
}
