//! Request targets: which bytes they may have, query parameters, and which last part is an action.
//! Names are in api/names.rs.

use testkit::{Conn, Reply, Server};

/// Sends a target byte for byte.
fn ask(server: &Server, method: &str, target: &str, body: &str) -> Reply {
    let mut conn = Conn::open(server.addr);
    let length = body.len();
    conn.send(
        format!(
            "{method} {target} HTTP/1.1\r\nHost: nas\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .as_bytes(),
    );
    conn.reply_to(method)
        .unwrap_or_else(|error| panic!("{method} {target}: {error}"))
}

// symptom: DELETE /file/report#2.csv, as Python's http.client sends it, deletes the file report.
// cause:   the target was cut at "#", which RFC 9112, section 3.2, does not have in a target.
// fix:     400, and the connection is closed.
#[test]
fn a_target_with_a_number_sign_is_refused() {
    let server = Server::start();
    server.place("report", b"content");
    for target in [
        "/file/report#2.csv",
        "/file/report#",
        "/file/report?#x",
        "http://nas/file/report#2",
        "#/file/report",
    ] {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            let reply = ask(&server, method, target, "");
            let shown = format!("{method} {target}: {}", reply.summary());
            assert_eq!(reply.status, 400, "{shown}");
            assert!(reply.closes(), "{shown}");
        }
    }
    assert!(
        ask(&server, "GET", "/file/a#b", "").text().contains("%23"),
        "the reply says how it is written"
    );
    assert_eq!(server.visible(), ["report 7"]);
    assert_eq!(server.post("report%232.csv", b"x").status, 200);
    assert_eq!(server.visible(), ["report 7", "report#2.csv 1"]);
}

#[test]
fn other_bytes_that_curl_sends_as_they_are_stand_for_themselves() {
    let server = Server::start();
    for byte in "!\"$&'()*+,-.:;<=>@[\\]^_`{|}~".chars() {
        let name = format!("a{byte}b");
        let reply = ask(&server, "POST", &format!("/file/{name}"), "content");
        assert_eq!(reply.status, 200, "{name}: {}", reply.summary());
        assert_eq!(
            server.content(&name).as_deref(),
            Some(&b"content"[..]),
            "{name}"
        );
        let encoded = format!("a%{:02X}b", u32::from(byte));
        assert_eq!(server.delete(&encoded).status, 200, "{encoded}");
    }
    assert!(server.visible().is_empty());
}

#[test]
fn a_host_that_is_none_is_refused() {
    let server = Server::start();
    server.place("a", b"content");
    for (target, host) in [
        ("http:///file/a", "nas"),
        ("http://user@nas/file/a", "nas"),
        ("http://nas:x/file/a", "nas"),
        ("/file/a", "nas/file"),
        ("/file/a", "a b"),
        ("/file/a", "user@nas"),
        ("/file/a", "nas:99999"),
        ("/file/a", "\u{e4}"),
        ("/file/a", "http://nas"),
    ] {
        let mut conn = Conn::open(server.addr);
        conn.send(format!("DELETE {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        let reply = conn.reply_to("DELETE").expect("a reply");
        assert_eq!(reply.status, 400, "{target} {host}: {}", reply.summary());
        assert!(reply.closes(), "{target} {host}");
    }
    assert_eq!(server.visible(), ["a 7"]);
}

// symptom: a misspelt parameter is without effect, and the reply is 200 all the same.
// cause:   the query was ignored.
// fix:     a parameter that an operation does not know is 400; health has none and takes any.
#[test]
fn a_parameter_that_is_not_known_is_refused() {
    let server = Server::start();
    server.place("a", b"content");
    server.place("folder/x", b"x");
    for (method, target) in [
        ("GET", "a?wiat=60s"),
        ("HEAD", "a?x"),
        ("GET", "a/wc?x"),
        ("GET", "a/sha256?x=1"),
        ("GET", "a/info?x"),
        ("GET", "folder?x"),
        ("GET", "folder/tar?x"),
        ("POST", "new?overwrite=false"),
        ("POST", "new/?x"),
        ("POST", "a?_method=DELETE"),
        ("PUT", "a?x"),
        ("PUT", "a/mv?x"),
        ("PUT", "a/cp?x"),
        ("DELETE", "a?x"),
        ("DELETE", "a?%zz"),
    ] {
        let body: &[u8] = match target {
            "a/mv?x" | "a/cp?x" => b"{\"path\": \"b\"}",
            _ => b"",
        };
        let reply = server.request(method, target, &[], body);
        assert_eq!(reply.status, 400, "{method} {target}: {}", reply.summary());
        assert_eq!(
            server.visible(),
            ["a 7", "folder/", "folder/x 1"],
            "{target}"
        );
    }
    let text = server.get("a?wiat=60s").text();
    assert!(text.contains("\"wiat\""), "{text}");
    assert_eq!(server.get("/file?probe=1").status, 200);
}

// symptom: POST /file/folder/wc stores a file, with OK, that a GET of the same address does not
//          read back.
// cause:   wc and the like were actions for GET alone, and names for POST, PUT and DELETE.
// fix:     405; a file of that name is written %2Fwc.
#[test]
fn an_action_is_not_written_to_nor_deleted() {
    let server = Server::start();
    server.place("a", b"content");
    server.place("folder/wc", b"a file called wc");
    server.place("folder/mv", b"a file called mv");
    let before = server.visible();
    let reading = "GET, HEAD";
    let changing = "GET, HEAD, PUT";
    for (method, target, allow) in [
        ("POST", "folder/wc", reading),
        ("POST", "folder/new/tar", reading),
        ("POST", "a/sha256", reading),
        ("PUT", "folder/info", reading),
        ("PUT", "folder/wc", reading),
        ("PUT", "a/tar", reading),
        ("DELETE", "folder/wc", reading),
        ("DELETE", "a/wc", reading),
        ("POST", "a/mv", changing),
        ("POST", "folder/mv", changing),
        ("POST", "a/cp", changing),
        ("DELETE", "folder/mv", changing),
        ("PATCH", "folder/mv", changing),
    ] {
        let reply = server.request(method, target, &[], b"body");
        let shown = format!("{method} {target}: {}", reply.summary());
        assert_eq!(reply.status, 405, "{shown}");
        assert_eq!(reply.header("Allow"), Some(allow), "{shown}");
        let word = target.rsplit('/').next().unwrap_or_default();
        assert!(reply.text().contains(&format!("%2F{word}")), "{shown}");
        assert_eq!(server.visible(), before, "{shown}");
    }
    assert_eq!(server.post("folder%2Ftar", b"x").status, 200);
    assert_eq!(server.get("folder%2Ftar").text(), "x");
    assert_eq!(server.delete("folder%2Fwc").status, 200);
    assert_eq!(server.get("folder/mv").text(), "a file called mv");
    // Where nothing stands before it, it is a name.
    assert_eq!(server.post("wc", b"x").status, 200);
    assert_eq!(server.delete("wc").status, 200);
}

#[test]
fn only_the_last_raw_piece_after_another_is_an_action() {
    let server = Server::start();
    server.place("wc", b"root wc");
    server.place("a/wc", b"lines\n\n");
    server.place("a/mv", b"a file called mv");
    let cases = [
        ("wc", 200, "root wc"),
        ("a%2Fwc", 200, "lines\n\n"),
        ("a/%77c", 200, "lines\n\n"),
        ("a/wc/wc", 200, "2"),
        ("a%2Fwc/wc", 200, "2"),
        ("wc/wc", 200, "0"),
        ("a/mv", 200, "a file called mv"),
    ];
    for (target, status, text) in cases {
        let reply = server.get(target);
        assert_eq!(
            (reply.status, reply.text().as_str()),
            (status, text),
            "GET {target}"
        );
    }
    assert_eq!(
        server.put("mv", b"x").status,
        404,
        "PUT mv appends to the file mv of the root"
    );
}

#[test]
fn an_empty_query_is_none_and_an_absolute_target_is_understood() {
    let server = Server::start();
    assert_eq!(server.post("a/b?", b"content").status, 200);
    assert_eq!(server.visible(), ["a/", "a/b 7"]);
    for target in [
        "/file/a/b?",
        "http://nas.example:3000/file/a/b",
        "http://x/file/a/b?",
    ] {
        assert_eq!(server.get(target).text(), "content", "GET {target}");
    }
    assert_eq!(
        server.get("/file/a%3Fb").status,
        404,
        "an encoded ? belongs to the name"
    );
}
