//! `PUT NAME/cp` with `{"path": "NEW"}`: what may be copied where, and what the copy is. Copies
//! while others write are in durability/copies_in_progress.rs, conditions in http/preconditions,
//! the JSON body in json_bodies.rs.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{FileType, Mode, mknodat};

use testkit::rows::each;
use testkit::{Client, LIMIT, Server, pattern};

#[test]
fn a_copy_is_the_file_again_under_another_name() {
    let server = Server::start();
    let content = pattern(1, 3_000_000);
    server.place("folder/source", &content);
    server.place("old", b"what was there, and longer than nothing");
    server.place("empty", b"");
    let rows = [
        ("folder/source", "new", "new"),
        ("folder/source", "old", "old"),
        ("folder%2Fsource", "a/b/c/new", "a/b/c/new"),
        ("folder/source", "folder/beside", "folder/beside"),
        ("folder/source", "%2Fd%20e%2Ff", "d e/f"),
        ("folder/source", "+%2Bg", "++g"),
        ("folder/source", "%C3%A9.csv", "\u{e9}.csv"),
        ("folder/source", "./h//i/./j", "h/i/j"),
    ];
    each(rows, |(from, to, name)| {
        let reply = server.cp(from, to);
        let shown = format!("cp {from} {to}: {}", reply.summary());
        assert_eq!(
            (reply.status, reply.text().as_str()),
            (200, "OK"),
            "{shown}"
        );
        assert!(server.content(name).as_ref() == Some(&content), "{shown}");
        let source = server.content("folder/source");
        assert!(source.as_ref() == Some(&content), "{shown}: the source");
    });
    assert_eq!(server.cp("empty", "old").status, 200);
    assert_eq!(server.content("old").as_deref(), Some(&b""[..]));
    // They are two files from then on.
    assert_eq!(server.put("new", b"+").status, 200);
    assert_eq!(server.post("folder/source", b"other").status, 200);
    assert!(server.content("new") == Some([content, b"+".to_vec()].concat()));
    server.assert_clean();
}

#[test]
fn a_copy_is_new() {
    let server = Server::start();
    let before = SystemTime::now() - Duration::from_secs(1);
    server.place_at("source", b"content", 784_111_777);
    server.place_at("old", b"content", 784_111_777);
    let was = server.get("old");
    for to in ["new", "old"] {
        assert_eq!(server.cp("source", to).status, 200, "{to}");
        let (copy, source) = (server.get(to), server.get("source"));
        let modified = copy.header("Last-Modified").expect("a Last-Modified");
        let modified = httpdate::parse_http_date(modified).expect("a date");
        assert!(
            modified + Duration::from_secs(1) > before,
            "{to}: {modified:?}"
        );
        let tag = copy.header("ETag").expect("an ETag");
        for other in [&source, &was] {
            assert_ne!(Some(tag), other.header("ETag"), "the tag of {to}");
        }
        let kept = source.header("Last-Modified");
        assert_eq!(kept, Some("Sun, 06 Nov 1994 08:49:37 GMT"), "of the source");
    }
}

#[test]
fn a_copy_to_itself_changes_nothing() {
    let server = Server::start();
    server.place("a", b"content");
    server.place("folder/b", b"b");
    symlink("a", server.storage().join("link")).expect("linked");
    let before = server.visible();
    let rows = [
        ("a", "a"),
        ("a", "/a"),
        ("a", "./a"),
        ("folder/b", "folder%2Fb"),
        ("a", "link"),
        ("link", "a"),
        ("link", "link"),
    ];
    each(rows, |(from, to)| {
        let tags = ["a", "folder/b"].map(|name| Client::of(&server).tag(name));
        let reply = server.cp(from, to);
        assert_eq!(reply.status, 200, "cp {from} {to}: {}", reply.summary());
        assert_eq!(server.visible(), before, "cp {from} {to}");
        let content = server.content("a");
        assert_eq!(content.as_deref(), Some(&b"content"[..]), "cp {from} {to}");
        let now = ["a", "folder/b"].map(|name| Client::of(&server).tag(name));
        assert_eq!(now, tags, "cp {from} {to}");
    });
    server.assert_clean();
}

#[test]
fn what_can_not_be_copied_is_refused() {
    let server = Server::start();
    server.place("file", b"file");
    server.place("folder/x", b"x");
    fs::create_dir(server.storage().join("empty")).expect("made");
    let fifo = server.storage().join("fifo");
    mknodat(
        rustix::fs::CWD,
        &fifo,
        FileType::Fifo,
        Mode::RUSR | Mode::WUSR,
        0,
    )
    .expect("made");
    let before = server.visible();
    let (piece, path) = ("n".repeat(256), "d/".repeat(2049));
    let rows = [
        ("missing", "new", 404),
        ("missing/deep", "new/deep", 404),
        ("missing", "missing", 404),
        ("file/below", "new", 404),
        ("folder", "new", 409),
        ("folder", "new/deep", 409),
        ("empty", "new", 409),
        ("folder", "folder", 409),
        ("folder", "folder/x/below", 409),
        ("%2F", "new", 409),
        ("file", "folder", 409),
        ("file", "empty", 409),
        ("file", "%2Ffolder", 409),
        ("file", "/", 409),
        ("file", ".", 409),
        ("file", "%2F", 409),
        ("file", "file/below", 409),
        ("file", "folder/x/below/deep", 409),
        ("fifo", "new", 409),
        ("file", "fifo", 409),
        ("file", ".http-nas", 403),
        ("file", ".http-nas/x", 403),
        ("file", "./.http-nas/x", 403),
        ("file", "%2Ehttp-nas/x/y", 403),
        (".http-nas", "mine", 403),
        (".http-nas/x", "mine", 403),
        ("file", "", 400),
        ("file", "..", 400),
        ("file", "../file", 400),
        ("file", "a/../b", 400),
        ("file", "%2e%2e/file", 400),
        ("file", "..%2Ffile", 400),
        ("file", "a%00b", 400),
        ("file", "a\\u0000b", 400),
        ("file", "a%0Ab", 400),
        ("file", "a\\nb", 400),
        ("file", "a%zz", 400),
        ("file", "a%", 400),
        ("file", "%ff", 400),
        ("file", &piece, 400),
        ("file", &path, 400),
        ("..", "new", 400),
        ("a%00b", "new", 400),
    ];
    each(rows, |(from, to, status)| {
        let reply = server.cp(from, to);
        assert_eq!(
            reply.status,
            status,
            "cp {from} {to:.80}: {}",
            reply.summary()
        );
        assert_eq!(server.visible(), before, "cp {from} {to:.80}");
    });
    // Where the name ends in a slash it is that of a folder, and a copy is a file; the contract
    // does not say more.
    assert!((200..500).contains(&server.cp("file", "slash/").status));
    server.assert_clean();
}

#[test]
fn links_are_followed_inside_and_lead_nowhere_outside() {
    let server = Server::start();
    let root = server.storage();
    let outside = server.dir.outside().join("secret");
    fs::write(&outside, "secret").expect("written");
    server.place("source", b"source");
    server.place("target", b"target");
    server.place("folder/x", b"x");
    for (name, target) in [
        ("to-source", "source"),
        ("to-target", "target"),
        ("to-folder", "folder"),
        ("out", "../secret"),
        ("out-folder", ".."),
        ("dangling", "nowhere"),
        ("loop", "loop"),
        ("own", ".http-nas"),
    ] {
        symlink(target, root.join(name)).expect("linked");
    }
    let before = server.visible();
    let rows = [
        ("out", "new", &[404][..]),
        ("out-folder/secret", "new", &[404]),
        ("dangling", "new", &[404]),
        ("loop", "new", &[404]),
        ("to-folder", "new", &[409]),
        ("own/x", "new", &[403, 404]),
        ("source", "out", &[403]),
        ("source", "out-folder/secret", &[403]),
        ("source", "out-folder/new", &[403]),
        ("source", "to-folder", &[409]),
        ("source", "own/x", &[403]),
    ];
    each(rows, |(from, to, statuses)| {
        let reply = server.cp(from, to);
        assert!(
            statuses.contains(&reply.status),
            "cp {from} {to}: {}",
            reply.summary()
        );
        assert_eq!(server.visible(), before, "cp {from} {to}");
        assert_eq!(
            fs::read(&outside).expect("it is there"),
            b"secret",
            "cp {from} {to}"
        );
    });
    assert_eq!(server.cp("to-source", "new").status, 200);
    let new = fs::symlink_metadata(root.join("new")).expect("it is there");
    assert!(new.is_file(), "a copy is no link");
    assert_eq!(server.content("new").as_deref(), Some(&b"source"[..]));
    assert_eq!(server.cp("source", "to-folder/y").status, 200);
    assert_eq!(server.content("folder/y").as_deref(), Some(&b"source"[..]));
    // As a POST does, it writes what the link stands for.
    assert_eq!(server.cp("source", "to-target").status, 200);
    let link = fs::symlink_metadata(root.join("to-target")).expect("it is there");
    assert!(link.is_symlink(), "the link is gone");
    assert_eq!(server.content("target").as_deref(), Some(&b"source"[..]));
    server.assert_clean();
}

#[test]
fn a_copy_of_a_file_from_another_time_is_of_now() {
    let server = Server::start();
    server.place("source", b"content");
    let file = File::options()
        .append(true)
        .open(server.storage().join("source"))
        .expect("placed");
    for seconds in [0, 1, 4_000_000_000] {
        file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds))
            .expect("the time can be set");
        assert_eq!(server.cp("source", "copy").status, 200, "{seconds}");
        let meta = fs::metadata(server.storage().join("copy")).expect("it is there");
        let age = SystemTime::now().duration_since(meta.modified().expect("a time"));
        assert!(age.is_ok_and(|age| age < LIMIT), "{seconds}");
    }
}
