//! What a killed append leaves beside its file counts for that file alone, and only while that file
//! is there.

use std::fs;

use testkit::{Server, eventually, pattern, visible};

const MIB: usize = 1024 * 1024;

/// What takes the place of a file, and the status that it got.
type Change = fn(&Server) -> u16;

// symptom: a file that was given the inode number of a removed one was cut off, and cut short by
//          the next append.
// cause:   the intent of a killed append stayed, without its hard link, and was applied to any
//          file with the same inode number.
// fix:     an intent has the birth time of its file, and applies to no other.
#[test]
fn the_intent_of_a_file_that_is_gone_applies_to_no_other() {
    use std::os::unix::fs::MetadataExt;
    let server = Server::start();
    assert_eq!(server.post("file", b"whole content").status, 200);
    let inode = std::fs::metadata(server.storage().join("file"))
        .expect("there")
        .ino();
    server.place(&format!(".http-nas/joins/{inode}"), b"3 1000000000 0\n");
    assert_eq!(server.get("file").text(), "whole content");
    assert_eq!(server.put("file", b" and more").status, 200);
    assert_eq!(server.get("file").text(), "whole content and more");
    server.assert_clean();
}

#[test]
fn what_a_killed_append_left_does_not_outlive_its_file() {
    let mut server = Server::start();
    let other = server.sibling();
    let old = pattern(1, 50_000);
    let block = pattern(2, 64 * MIB);
    // Of the appends one may be through before the kill comes.
    let changes: [(&str, Change, &[u8]); 3] = [
        (
            "replaced",
            |other| other.post("file", b"new").status,
            b"new",
        ),
        ("deleted", |other| other.delete("file").status, b""),
        (
            "mv onto it",
            |other| other.mv("other", "file").status,
            b"moved",
        ),
    ];
    for (what, change, content) in changes {
        assert_eq!(other.post("file", &old).status, 200);
        assert_eq!(other.post("other", b"moved").status, 200);
        server.kill_in_an_append(&block);
        assert_eq!(change(&other), 200, "{what}");
        let left = visible(&other.storage().join(".http-nas/joins"));
        assert!(left.is_empty(), "{what}: {left:?}");
        for name in ["file", "file/wc"] {
            let status = if content.is_empty() { 404 } else { 200 };
            assert_eq!(other.get(name).status, status, "{what}: GET {name}");
        }
        if !content.is_empty() {
            assert_eq!(other.get("file").body, content, "{what}");
        }
        server.restart();
        server.assert_clean();
        let there = server.content("file").unwrap_or_default();
        assert_eq!(there, content, "{what}: after the restart");
    }
}

// symptom: of a file with a killed append the torn end was served, once a server had started
//          meanwhile.
// cause:   a start that found the hard link of an intent to lead to another file took the intent
//          for one that counts for nothing, and removed it without the lock of its file.
// fix:     it removes the link alone; an intent is removed only under the lock of its file.
#[test]
fn an_intent_whose_link_is_to_another_file_keeps_its_length() {
    let mut server = Server::start();
    server.place("file", b"content and a torn end");
    server.place("other", b"other");
    let intents = server.storage().join(".http-nas/joins");
    let file = fs::metadata(server.storage().join("file")).expect("it is there");
    let number = std::os::unix::fs::MetadataExt::ino(&file);
    let born = file
        .created()
        .map(|born| born.duration_since(std::time::UNIX_EPOCH));
    // A file system without birth times has none in its intents.
    let born = born
        .map(|born| born.expect("after 1970"))
        .unwrap_or_default();
    let intent = format!("7 {} {}\n", born.as_secs(), born.subsec_nanos());
    fs::write(intents.join(number.to_string()), intent).expect("written");
    let link = intents.join(format!("{number}.file"));
    fs::hard_link(server.storage().join("other"), &link).expect("linked");
    assert_eq!(server.get("file").text(), "content");
    server.kill();
    server.restart();
    eventually("the link is cleared", || !link.exists());
    assert_eq!(server.get("file").text(), "content");
    assert_eq!(server.put("file", b", more").status, 200);
    assert_eq!(server.get("file").text(), "content, more");
    assert_eq!(server.get("other").text(), "other");
    server.assert_clean();
}
