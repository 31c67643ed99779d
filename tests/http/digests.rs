//! `Content-Digest` and `Repr-Digest` of uploads (RFC 9530), `Want-Repr-Digest`, and `GET
//! NAME/sha256`.

use std::fs;

use testkit::digest::{base64, member, sha256_base64, sha256_hex};
use testkit::rows::each;
use testkit::{Client, Server, chunked, pattern};

const BODY: &[u8] = b"what is sent";
const OLD: &[u8] = b"what is there";

/// The values of digest fields for `BODY`, by name of what is to come of them.
fn values() -> (Vec<String>, Vec<String>) {
    let right = member(BODY);
    let wrong = member(b"what was meant");
    let digest = sha256_base64(BODY);
    let stored = vec![
        right.clone(),
        format!("  {right}\t"),
        // Parameters say nothing about the bytes.
        format!("{right};x"),
        format!("{right};x=1;y=\"a, b\";z=:AAAA:"),
        // What is not known is not looked at, be it right or wrong (section 2).
        format!("sha-512=:{}:", base64(&[7; 64])),
        format!("md5=:{}:", base64(&[7; 16])),
        "x=:AAAA:".to_string(),
        "unixsum=:AAAA:, adler=:AAAA:".to_string(),
        format!("sha-512=:{}:, {right}", base64(&[7; 64])),
        format!("{right}, sha-512=:{}:", base64(&[7; 64])),
        format!("{right}, x=\"a, sha-256=:AAAA:\""),
        format!("x=(1 2 \"sha-256=\");y, {right}"),
        // Of a key that comes twice the last counts (RFC 9651, section 4.2.2).
        format!("{wrong}, {right}"),
        format!("{right}, {right}"),
        format!("{wrong},{wrong},\t{right}"),
        // A reader of base64 need not insist on the padding (RFC 9651, section 4.2.7).
        format!("sha-256=:{}:", digest.trim_end_matches('=')),
    ];
    let refused = vec![
        wrong.clone(),
        member(b""),
        format!("{wrong};x=1"),
        format!("sha-512=:{}:, {wrong}", base64(&[7; 64])),
        format!("{wrong}, sha-512=:{}:", base64(&[7; 64])),
        format!("{right}, {wrong}"),
        format!("{right}, {right}, {wrong}"),
        format!("sha-256=:{}:", base64(&[7; 32])),
        // Other lengths.
        "sha-256=::".to_string(),
        format!("sha-256=:{}:", base64(&[7; 31])),
        format!("sha-256=:{}:", base64(&[7; 33])),
        format!("sha-256=:{}:", base64(&[7; 64])),
        format!("sha-256=:{}:", base64(sha256_hex(BODY).as_bytes())),
        // No base64, or not of this kind.
        format!("sha-256=:{}:", sha256_hex(BODY) + "!"),
        format!("sha-256=:*{}:", &digest[1..]),
        format!("sha-256=:{}-_=:", &digest[..41]),
        format!("sha-256=:{} {}:", &digest[..20], &digest[20..]),
        format!("sha-256=:{digest}=:"),
        format!("sha-256=:={digest}:"),
        // No byte sequence.
        format!("sha-256={digest}"),
        format!("sha-256=\"{digest}\""),
        format!("sha-256=:{digest}"),
        format!("sha-256={digest}:"),
        "sha-256".to_string(),
        "sha-256=".to_string(),
        "sha-256=1".to_string(),
        "sha-256=?1".to_string(),
        "sha-256=(:AAAA:)".to_string(),
    ];
    (stored, refused)
}

/// A body is POSTed or appended with digest fields, plain and chunked, and stored only where it is
/// `right`.
fn check(server: &Server, client: &mut Client, sent: &[(&str, &str)], right: bool) {
    for (method, is_chunked) in [
        ("POST", false),
        ("POST", true),
        ("PUT", false),
        ("PUT", true),
    ] {
        server.place("file", OLD);
        let tag = client.tag("file");
        let mut lines = sent.to_vec();
        let mut body = BODY.to_vec();
        if is_chunked {
            lines.push(("Transfer-Encoding", "chunked"));
            body = chunked(BODY, 5);
        }
        let reply = client.ask(method, "file", &lines, &body);
        let shown = format!("{method}, {lines:?}: {}", reply.summary());
        let content = match (right, method) {
            (true, "POST") => BODY.to_vec(),
            (true, _) => [OLD, BODY].concat(),
            (false, _) => OLD.to_vec(),
        };
        assert_eq!(reply.status, if right { 200 } else { 400 }, "{shown}");
        assert_eq!(server.content("file"), Some(content), "{shown}");
        if !right {
            assert!(reply.text().starts_with("400 Bad Request: "), "{shown}");
            assert_eq!(client.tag("file"), tag, "{shown}: it was written");
        }
    }
    // And where there is nothing yet.
    let reply = client.ask("POST", "new/file", sent, BODY);
    let shown = format!("POST of a new file, {sent:?}: {}", reply.summary());
    assert_eq!(reply.status, if right { 200 } else { 400 }, "{shown}");
    assert_eq!(server.content("new/file").is_some(), right, "{shown}");
    if right {
        client.ask("DELETE", "new", &[], b"");
    }
}

#[test]
fn a_body_is_stored_only_if_its_digest_is_right() {
    let server = Server::start();
    let mut client = Client::of(&server);
    let (stored, refused) = values();
    for field in [
        "Content-Digest",
        "Repr-Digest",
        "content-digest",
        "REPR-DIGEST",
    ] {
        each(&stored, |value| {
            check(&server, &mut client, &[(field, value)], true);
        });
        each(&refused, |value| {
            check(&server, &mut client, &[(field, value)], false);
        });
    }
    server.assert_clean();
}

#[test]
fn both_fields_have_to_be_right() {
    let server = Server::start();
    let mut client = Client::of(&server);
    let (right, wrong) = (member(BODY), member(b"what was meant"));
    let other = format!("sha-512=:{}:", base64(&[7; 64]));
    let rows = [
        (&right, &right, true),
        (&right, &wrong, false),
        (&wrong, &right, false),
        (&wrong, &wrong, false),
        (&right, &other, true),
        (&wrong, &other, false),
        (&other, &right, true),
        (&other, &wrong, false),
    ];
    for (content, repr, is_right) in rows {
        let both = [
            ("Content-Digest", content.as_str()),
            ("Repr-Digest", repr.as_str()),
        ];
        check(&server, &mut client, &both, is_right);
    }
    // Lines of one name are one dictionary, of which the last counts.
    for field in ["Content-Digest", "Repr-Digest"] {
        let lines = [(field, wrong.as_str()), (field, right.as_str())];
        check(&server, &mut client, &lines, true);
        let lines = [(field, right.as_str()), (field, wrong.as_str())];
        check(&server, &mut client, &lines, false);
    }
}

#[test]
fn fields_of_other_names_are_not_looked_at() {
    let server = Server::start();
    let mut client = Client::of(&server);
    let wrong = sha256_base64(b"what was meant");
    check(
        &server,
        &mut client,
        &[("Digest", &format!("SHA-256={wrong}"))],
        true,
    );
    check(
        &server,
        &mut client,
        &[("Content-MD5", "Q2hlY2sgSW50ZWdyaXR5IQ==")],
        true,
    );
    check(
        &server,
        &mut client,
        &[("X-Content-Digest", &format!("sha-256=:{wrong}:"))],
        true,
    );
}

#[test]
fn large_and_empty_bodies_are_checked_too() {
    let server = Server::start();
    let mut client = Client::of(&server);
    let mut large = pattern(4, 5_000_000);
    let digest = member(&large);
    let sent = [("Content-Digest", digest.as_str())];
    assert_eq!(client.ask("POST", "large", &sent, &large).status, 200);
    let bit = large.len() - 1;
    large[bit] ^= 1;
    for (method, name) in [("POST", "large"), ("PUT", "large"), ("POST", "new")] {
        let reply = client.ask(method, name, &sent, &large);
        assert_eq!(reply.status, 400, "{method} {name}: {}", reply.summary());
    }
    assert_eq!(server.visible(), ["large 5000000"]);
    let empty = member(b"");
    for (method, name) in [("POST", "empty"), ("PUT", "empty")] {
        let reply = client.ask(method, name, &[("Content-Digest", &empty)], b"");
        assert_eq!(reply.status, 200, "{method} {name}: {}", reply.summary());
        let reply = client.ask(method, name, &sent, b"");
        assert_eq!(reply.status, 400, "{method} {name}: {}", reply.summary());
    }
    server.assert_clean();
}

#[test]
fn a_digest_that_can_not_be_right_is_refused_before_the_body_is_sent() {
    let server = Server::start();
    server.place("file", OLD);
    for value in ["sha-256=:AAAA:", "sha-256=:!!:", "sha-256=1", "sha-256"] {
        for (method, framing) in [
            ("POST", "Content-Length: 5"),
            ("PUT", "Transfer-Encoding: chunked"),
        ] {
            let lines = format!("Content-Digest: {value}\r\n{framing}");
            let (_, reply) = server.announce(method, "file", &lines);
            assert_eq!(reply.status, 400, "{method}, {value}");
        }
    }
    assert_eq!(server.content("file").as_deref(), Some(OLD));
}

#[test]
fn the_digest_of_what_was_received_is_told_where_it_is_wanted() {
    let server = Server::start();
    let mut client = Client::of(&server);
    let digest = member(BODY);
    let rows = [
        ("sha-256=1", true),
        ("sha-256=10", true),
        ("sha-256=3;x=y", true),
        ("sha-512=10, sha-256=1", true),
        ("sha-256=1, sha-512=10", true),
        ("sha-512=0, sha-256=5", true),
        ("sha-256=0, sha-256=2", true),
        ("sha-256=0", false),
        ("sha-256=2, sha-256=0", false),
        ("sha-512=10", false),
        ("sha-512=10, sha-256=0", false),
        ("md5=1", false),
        ("", false),
        ("sha-256=-1", false),
        ("sha-256=x=", false),
        ("=1", false),
    ];
    each(rows, |(value, told)| {
        for (method, is_chunked) in [
            ("POST", false),
            ("POST", true),
            ("PUT", false),
            ("PUT", true),
        ] {
            server.place("file", OLD);
            let mut lines = vec![("Want-Repr-Digest", value)];
            let mut body = BODY.to_vec();
            if is_chunked {
                lines.push(("Transfer-Encoding", "chunked"));
                body = chunked(BODY, 5);
            }
            let reply = client.ask(method, "file", &lines, &body);
            assert_eq!(
                (reply.status, reply.text().as_str()),
                (200, "OK"),
                "{method}, {lines:?}"
            );
            let wanted = told.then_some(digest.as_str());
            assert_eq!(reply.header("Repr-Digest"), wanted, "{method}, {lines:?}");
        }
    });
    let reply = client.ask("POST", "file", &[], BODY);
    assert_eq!(reply.header("Repr-Digest"), None, "it was not asked for");
    // With a digest to be checked.
    let both = [
        ("Want-Repr-Digest", "sha-256=1"),
        ("Content-Digest", digest.as_str()),
    ];
    let reply = client.ask("POST", "file", &both, BODY);
    assert_eq!(reply.header("Repr-Digest"), Some(digest.as_str()));
    let reply = client.ask("POST", "file", &both, b"another body");
    assert_eq!(reply.status, 400);
    for (name, size) in [("empty", 0), ("large", 3_000_000)] {
        let body = pattern(1, size);
        let reply = client.ask("POST", name, &[("Want-Repr-Digest", "sha-256=1")], &body);
        assert_eq!(
            reply.header("Repr-Digest"),
            Some(member(&body).as_str()),
            "{name}"
        );
    }
}

#[test]
fn sha256_of_a_file_is_what_sha256sum_says() {
    let server = Server::start();
    let mut client = Client::of(&server);
    for size in [0, 1, 55, 56, 63, 64, 65, 4096, 65_536, 262_145, 9_000_001] {
        let content = pattern(2, size);
        server.place("in/file", &content);
        let wanted = sha256_hex(&content);
        for target in ["in/file/sha256", "in%2Ffile/sha256"] {
            let reply = client.ask("GET", target, &[], b"");
            let text = reply.text();
            assert_eq!(
                (reply.status, text.as_str()),
                (200, wanted.as_str()),
                "{size}, {target}"
            );
        }
        let head = client.ask("HEAD", "in/file/sha256", &[], b"");
        assert_eq!(head.header("Content-Length"), Some("64"), "{size}");
    }
    server.place("sha256", b"a file of that name");
    server.place("in/sha256", b"another");
    fs::create_dir(server.storage().join("empty")).expect("made");
    let rows = [
        ("GET", "in/sha256", 409),
        ("HEAD", "in/sha256", 409),
        ("GET", "empty/sha256", 409),
        ("GET", "%2F/sha256", 409),
        ("GET", "missing/sha256", 404),
        ("GET", "in/missing/sha256", 404),
        ("GET", "in/file/below/sha256", 404),
        ("GET", "../sha256", 400),
        ("GET", ".http-nas/sha256", 403),
        ("GET", "in%2Fsha256", 200),
        ("GET", "sha256", 200),
        ("GET", "sha256/sha256", 200),
    ];
    for (method, target, status) in rows {
        let reply = client.ask(method, target, &[], b"");
        assert_eq!(
            reply.status,
            status,
            "{method} {target}: {}",
            reply.summary()
        );
    }
}
