//! Names: what they decode to, which are refused, and that no spelling leads out of the storage or
//! into the server's own folder. Made-up combinations are in traversal.rs, links in links.rs.

use testkit::Server;
use testkit::secrets::{assert_proper, assert_secrets_untouched, server_beside_secrets};

#[test]
fn every_spelling_of_a_name_is_the_same_file() {
    let server = Server::start();
    server.place("a/b.csv", b"content");
    let spellings = [
        "a/b.csv",
        "a%2Fb.csv",
        "a%2fb.csv",
        "/a/b.csv",
        "//a//b.csv",
        "./a/./b.csv",
        "a/%2Fb.csv",
        "%2Fa%2Fb.csv",
        "a%2F%2Fb.csv",
        "a%2F.%2Fb.csv",
        "%2e/a/%2E/b.csv",
        "%61/%62%2Ecsv",
        "a/b%2Ecsv",
        "././/a%2F/./b.csv",
    ];
    for spelling in spellings {
        let reply = server.get(&format!("/file/{spelling}"));
        assert_eq!(
            (reply.status, reply.text().as_str()),
            (200, "content"),
            "GET {spelling}"
        );
    }
    for spelling in spellings {
        assert_eq!(
            server
                .post(&format!("/file/{spelling}"), spelling.as_bytes())
                .status,
            200,
            "POST {spelling}"
        );
        assert_eq!(
            server.get("a/b.csv").text(),
            spelling,
            "after POST {spelling}"
        );
        assert_eq!(
            server.visible().len(),
            2,
            "POST {spelling} made something else: {:?}",
            server.visible()
        );
    }
}

#[test]
fn a_name_is_decoded_once_and_a_plus_is_a_plus() {
    let server = Server::start();
    let cases = [
        ("a+b", "a+b"),
        ("a%20b", "a b"),
        ("a%2Bb", "a+b"),
        ("a%252Fb", "a%2Fb"),
        ("%252e%252e", "%2e%2e"),
        ("%25", "%"),
        ("%2525", "%25"),
        ("a%3Fb", "a?b"),
        ("a%23b", "a#b"),
        ("%C3%A9", "\u{e9}"),
        ("%F0%9F%98%80", "\u{1f600}"),
        ("a%5Cb", "a\\b"),
        ("a%22b", "a\"b"),
        ("...", "..."),
        ("..a", "..a"),
        ("a..", "a.."),
        ("a..b", "a..b"),
        (".hidden", ".hidden"),
        (".http-nasty", ".http-nasty"),
        (".HTTP-NAS", ".HTTP-NAS"),
        ("http-nas", "http-nas"),
        ("-", "-"),
        ("~", "~"),
        ("a:b;c,d=e&f@g!$'()*", "a:b;c,d=e&f@g!$'()*"),
        ("con", "con"),
        ("a.", "a."),
        ("%E2%80%AE", "\u{202e}"),
    ];
    for (target, name) in cases {
        assert_eq!(
            server.post(target, name.as_bytes()).status,
            200,
            "POST {target}"
        );
        assert_eq!(
            server.content(name),
            Some(name.as_bytes().to_vec()),
            "{target} is {name:?} on the disk"
        );
        assert_eq!(server.get(target).text(), name, "GET {target}");
        assert_eq!(server.delete(target).status, 200, "DELETE {target}");
    }
    assert!(server.visible().is_empty(), "{:?}", server.visible());
}

#[test]
fn bad_names_get_400_and_do_nothing() {
    let server = server_beside_secrets();
    server.place("a/b", b"b");
    let before = server.visible();
    let long_piece = "n".repeat(256);
    let long_piece_encoded = "%C3%A9".repeat(128);
    let long_name = ["d".repeat(240).as_str(); 17].join("/") + "x";
    let names = [
        // up and out, in every encoding
        "..",
        "../",
        "../secret",
        "../../etc/passwd",
        "a/..",
        "a/../b",
        "a/../../secret",
        "./../secret",
        "//../secret",
        "%2e%2e",
        "%2E%2E/secret",
        "%2e%2E/secret",
        ".%2e/secret",
        "%2e./secret",
        "..%2Fsecret",
        "..%2fsecret",
        "%2e%2e%2fsecret",
        "%2F..%2Fsecret",
        "a%2F..%2F..%2Fsecret",
        "a/%2e%2e",
        "a/b/../..",
        "..?x",
        "a%2F..",
        "..%2F..%2F..%2Fetc%2Fpasswd",
        // control characters
        "%00",
        "a%00",
        "a%00b",
        "secret%00.csv",
        "../secret%00.csv",
        "%01",
        "a%09b",
        "a%0Ab",
        "a%0Db",
        "a%0D%0Ab",
        "a%1Bb",
        "a%1Fb",
        "a%7Fb",
        "a%C2%85b",
        "a/%00/b",
        "%2F%00",
        // bad percent-encoding
        "%",
        "a%",
        "a%2",
        "%2",
        "%zz",
        "%2x",
        "%x2",
        "a%%20b",
        "%-1",
        "%+1",
        "% 2",
        "a/%/b",
        "%u002e",
        "%25%",
        // not UTF-8
        "%ff",
        "%FE",
        "a%80b",
        "%C3",
        "%C3/%A9",
        "%C0%AE%C0%AE/secret",
        "%C0%AF",
        "%E0%80%AF",
        "%ED%A0%80",
        "%F5%80%80%80",
        // too long
        long_piece.as_str(),
        long_piece_encoded.as_str(),
        long_name.as_str(),
    ];
    for name in names {
        // A space cannot stand in a request line; every other name goes as it is.
        let target = format!("/file/{}", name.replace(' ', "%"));
        for (method, target) in [
            ("GET", target.clone()),
            ("HEAD", target.clone()),
            ("GET", format!("{target}/wc")),
            ("POST", target.clone()),
            ("POST", format!("{target}/")),
            ("PUT", target.clone()),
            ("PUT", format!("{target}/mv")),
            ("DELETE", target.clone()),
        ] {
            if name.contains('?') && target != format!("/file/{name}") {
                continue;
            }
            let body: &[u8] = if target.ends_with("/mv") {
                b"{\"path\": \"moved\"}"
            } else {
                b""
            };
            let reply = server.request(method, &target, &[], body);
            assert_eq!(reply.status, 400, "{method} {target}: {}", reply.summary());
            assert_proper(&reply, &target);
        }
        assert_eq!(server.visible(), before, "{name}");
    }
    assert_secrets_untouched(&server, "bad names");
}

#[test]
fn the_longest_names_are_served() {
    let server = Server::start();
    let piece = "p".repeat(255);
    let encoded = "%C3%A9".repeat(127) + "x";
    let total = ["d".repeat(240).as_str(); 17].join("/");
    assert_eq!(total.len(), 4096);
    for name in [piece.as_str(), encoded.as_str(), total.as_str()] {
        assert_eq!(server.get(name).status, 404, "GET of {} bytes", name.len());
        let reply = server.post(name, b"content");
        assert_eq!(
            reply.status,
            200,
            "POST of {} bytes: {}",
            name.len(),
            reply.summary()
        );
        assert_eq!(
            server.get(name).text(),
            "content",
            "GET of {} bytes",
            name.len()
        );
        assert_eq!(
            server.put(name, b"+").status,
            200,
            "PUT of {} bytes",
            name.len()
        );
        assert_eq!(
            server.get(&format!("{name}/wc")).text(),
            "0",
            "wc of {} bytes",
            name.len()
        );
        assert_eq!(
            server.delete(name).status,
            200,
            "DELETE of {} bytes",
            name.len()
        );
        assert_eq!(server.get(name).status, 404, "GET of {} bytes", name.len());
    }
    server.assert_clean();
}

#[test]
fn the_servers_own_folder_is_forbidden_in_every_spelling() {
    let server = server_beside_secrets();
    server.place("a", b"content");
    let names = [
        ".http-nas",
        ".http-nas/",
        ".http-nas/planted",
        ".http-nas/new",
        ".http-nas/a/b",
        "/.http-nas/planted",
        "./.http-nas/planted",
        "%2Ehttp-nas/planted",
        "%2ehttp%2Dnas%2Fplanted",
        ".http-nas%2Fplanted",
        "%2F.http-nas",
        ".%2F.http-nas",
        "//.http-nas//planted",
        ".http-nas/.",
        "%2e%68ttp-nas",
    ];
    for name in names {
        let target = format!("/file/{name}");
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE"] {
            let reply = server.request(method, &target, &[], b"");
            assert_eq!(reply.status, 403, "{method} {target}: {}", reply.summary());
            assert_proper(&reply, &target);
        }
        assert_eq!(
            server.get(&format!("{target}/wc")).status,
            403,
            "GET {target}/wc"
        );
        assert_eq!(server.mv(&target, "taken").status, 403, "mv {target} taken");
        assert_eq!(server.mv("a", name).status, 403, "mv a {name}");
    }
    assert_eq!(server.visible(), ["a 7", "mark-of-the-root 0"]);
    assert_secrets_untouched(&server, "requests for .http-nas");
    // Deeper down the name means nothing.
    assert_eq!(server.post("b/.http-nas", b"plain").status, 200);
    assert_eq!(server.get("b/.http-nas").text(), "plain");
}
