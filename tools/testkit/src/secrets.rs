//! A storage with secrets next to it and in the server's own folder, and what must hold of them
//! whatever is asked.

use std::fs;
use std::path::Path;

use crate::{Reply, Server, visible};

pub const SECRET: &str = "TOP-SECRET-5f3a9c01";

/// A server with a secret next to its storage, and one in its own folder.
/// A file in the storage root, by which a listing of the root is known.
const ROOT_MARK: &str = "mark-of-the-root";

pub fn server_beside_secrets() -> Server {
    let server = Server::with(&[], &[("RUST_LOG", "warn")]);
    let outside = server.dir.outside();
    fs::write(outside.join("secret"), SECRET).expect("written");
    fs::create_dir(outside.join("a")).expect("made");
    fs::write(outside.join("a/a"), SECRET).expect("written");
    server.place(".http-nas/planted", SECRET.as_bytes());
    server.place(ROOT_MARK, b"");
    server
}

pub fn assert_secrets_untouched(server: &Server, what: &str) {
    let outside = server.dir.outside();
    let mut seen = visible(outside);
    seen.retain(|entry| !entry.starts_with("storage/"));
    assert_eq!(
        seen,
        ["a/", "a/a 19", "secret 19"],
        "outside the storage after {what}"
    );
    let planted = server.storage().join(".http-nas/planted");
    for path in [outside.join("secret"), outside.join("a/a"), planted] {
        assert_eq!(read(&path), SECRET, "{path:?} after {what}");
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| error.to_string())
}

/// What every reply must be, whatever the name was.
pub fn assert_proper(reply: &Reply, what: &str) {
    assert!(
        (200..500).contains(&reply.status),
        "{what}: {}",
        reply.summary()
    );
    assert!(
        !reply.head.contains(SECRET) && !reply.text().contains(SECRET),
        "{what} gave the secret"
    );
    // A folder further down may have an entry of that name; it is not the server's.
    let text = reply.text();
    let lists = |name: &str| text.lines().any(|line| line == name);
    if reply.status == 200 && lists(ROOT_MARK) {
        assert!(!lists(".http-nas"), "{what} shows .http-nas");
    }
}
