//! No name leads out of the storage: a list of absolute and foreign spellings, and all combinations
//! of a small alphabet.

use testkit::secrets::{assert_proper, assert_secrets_untouched, server_beside_secrets};
use testkit::{Conn, Reply, Server};

/// One connection, opened again when the server has ended it.
struct Session<'a> {
    server: &'a Server,
    conn: Conn,
}

impl Session<'_> {
    fn request(&mut self, method: &str, target: &str, body: &[u8]) -> Reply {
        let reply = self.conn.request(method, target, &[], body).or_else(|_| {
            self.conn = self.server.open();
            self.conn.request(method, target, &[], body)
        });
        let reply = reply.unwrap_or_else(|error| panic!("no reply to {method} {target}: {error}"));
        if reply.closes() {
            self.conn = self.server.open();
        }
        reply
    }
}

#[test]
fn spellings_that_look_absolute_or_foreign_stay_inside() {
    let server = server_beside_secrets();
    let names = [
        "/etc/passwd",
        "//etc/passwd",
        "%2Fetc%2Fpasswd",
        "%2F%2Fetc/passwd",
        "./etc/passwd",
        "..%5csecret",
        "..%5C..%5Csecret",
        "%5c..%5csecret",
        "%252e%252e/secret",
        "%252e%252e%252fsecret",
        "..%252fsecret",
        "%25252e%25252e/secret",
        "...%2Fsecret",
        "..../secret",
        "C:%5Csecret",
        "file:%2F%2F/etc/passwd",
        "%E2%80%A5/secret",
        "%EF%BC%8E%EF%BC%8E/secret",
        "..%EF%BC%8Fsecret",
        "~root/secret",
        "$HOME/secret",
        "proc/self/cwd/secret",
    ];
    for name in names {
        let target = format!("/file/{name}");
        let reply = server.get(&target);
        assert!(
            matches!(reply.status, 400 | 404),
            "GET {target}: {}",
            reply.summary()
        );
        let reply = server.post(&target, b"posted");
        assert_proper(&reply, &target);
        if reply.status == 200 {
            assert_eq!(server.get(&target).text(), "posted", "GET {target}");
            assert_eq!(server.put(&target, b"+").status, 200, "PUT {target}");
            assert_eq!(server.delete(&target).status, 200, "DELETE {target}");
        }
        assert_secrets_untouched(&server, &target);
    }
}

/// All names of up to six tokens are too many: all of up to four, and an even choice of the longer
/// ones.
#[test]
fn no_combination_of_tokens_leads_out() {
    const TOKENS: [&str; 10] = [
        "..",
        "%2e%2e",
        ".",
        "/",
        "%2F",
        "a",
        "%5c",
        "%00",
        "%25",
        ".http-nas",
    ];
    let server = server_beside_secrets();
    let mut session = Session {
        conn: server.open(),
        server: &server,
    };
    let mut count = 0;
    for length in 1..=6u32 {
        let step = [1, 1, 1, 1, 37, 337][length as usize - 1];
        for number in (0..10usize.pow(length)).step_by(step) {
            let name: String = (0..length)
                .map(|digit| TOKENS[number / 10usize.pow(digit) % 10])
                .collect();
            let target = format!("/file/{name}");
            let what = format!("GET {target}");
            let reply = session.request("GET", &target, b"");
            assert_proper(&reply, &what);
            let raw_up = name
                .split('/')
                .any(|piece| matches!(piece, ".." | "%2e%2e"));
            if raw_up || name.contains("%00") {
                assert_eq!(reply.status, 400, "{what}");
            }
            count += 1;
            for (method, every) in [("POST", 7), ("PUT", 11), ("DELETE", 5)] {
                if count % every == 0 {
                    let reply = session.request(method, &target, b"");
                    assert_proper(&reply, &format!("{method} {target}"));
                }
            }
            if count % 500 == 0 {
                assert_secrets_untouched(&server, &target);
            }
        }
    }
    assert!(count > 15_000, "{count}");
    assert_secrets_untouched(&server, "all of them");
    let root = server.get("/file/%2F");
    assert_proper(&root, "the listing of the root");
}
