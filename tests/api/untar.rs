//! Archives that become folders: what is in the folder then, and when nothing is.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use testkit::archives::{self, MIB, gzipped};
use testkit::digest::{member, sha256_hex};
use testkit::json;
use testkit::tarball::{END, Header, archive, file, folder, hard_link, link, preceding, sparse};
use testkit::{Reply, Server, attributes, eventually, pattern, skip, visible};

/// What is below a folder: names, kinds and lengths, and for a file whether it may be executed and a
/// digest of its content.
fn picture(dir: &Path) -> Vec<String> {
    let entries = visible(dir).into_iter();
    let with_content = |entry: String| {
        let name = entry.rsplit_once(' ').map_or(&entry[..], |(name, _)| name);
        let path = dir.join(name);
        match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_file() => {
                let digest = sha256_hex(&fs::read(&path).expect("readable"));
                format!("{entry} {} {digest}", meta.mode() & 0o100 != 0)
            }
            _ => entry,
        }
    };
    entries.map(with_content).collect()
}

/// What a program makes of a folder.
fn packed(program: &str, args: &[&str], dir: &Path) -> Vec<u8> {
    let output = Command::new(program)
        .args(args)
        .current_dir(dir)
        .stderr(Stdio::inherit())
        .output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {args:?}");
    output.stdout
}

fn untar(server: &Server, target: &str, archive: &[u8], fields: &[(&str, &str)]) -> Reply {
    server.request("POST", target, fields, archive)
}

/// A folder next to the storage with all that an archive has to get right.
fn tree(server: &Server) -> std::path::PathBuf {
    let dir = server.dir.outside().join("tree");
    fs::create_dir_all(dir.join("empty")).expect("made");
    for (name, length) in [
        ("nothing", 0),
        ("one", 1),
        ("511", 511),
        ("512", 512),
        ("513", 513),
    ] {
        fs::write(dir.join(name), pattern(1, length)).expect("written");
    }
    fs::write(dir.join("large"), pattern(2, 3_000_000)).expect("written");
    fs::write(dir.join("run.sh"), b"#!/bin/sh\n").expect("written");
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(dir.join("run.sh"), executable).expect("set");
    symlink("../large", dir.join("empty/link")).expect("linked");
    symlink("nowhere", dir.join("dangling")).expect("linked");
    fs::hard_link(dir.join("large"), dir.join("large again")).expect("linked");
    dir
}

/// Names that the oldest format cannot hold.
fn add_deep_names(dir: &Path) {
    let deep = dir.join("d".repeat(90)).join("e".repeat(50));
    fs::create_dir_all(&deep).expect("made");
    fs::write(deep.join("n".repeat(90)), b"deep").expect("written");
}

/// Names that only the newer formats can hold.
fn add_names(dir: &Path) {
    let long = dir.join("l".repeat(200));
    fs::create_dir(&long).expect("made");
    let names = [
        "日本語",
        "ünïcödé",
        " ",
        "-rf",
        "quote'\"",
        "a\\b",
        "C:\\x",
        "%2F",
        "*",
    ];
    for name in names {
        fs::write(long.join(name), name).expect("written");
    }
    fs::write(long.join("m".repeat(255)), b"255").expect("written");
    symlink("t".repeat(250), long.join("long link")).expect("linked");
}

/// A file with more holes than fit into one header.
fn add_holes(dir: &Path) {
    let holes = fs::File::create(dir.join("holes")).expect("made");
    for piece in 0..40_u64 {
        let at = piece * 100_000;
        std::os::unix::fs::FileExt::write_all_at(&holes, b"content", at).expect("written");
    }
    holes.set_len(5_000_000).expect("longer");
}

#[test]
fn what_gnu_tar_packs_is_unpacked() {
    let server = Server::start();
    let dir = tree(&server);
    for (number, format) in ["v7", "ustar", "oldgnu", "gnu", "pax"].iter().enumerate() {
        match number {
            1 => add_deep_names(&dir),
            2 => {
                add_names(&dir);
                add_holes(&dir);
            }
            _ => {}
        }
        let expected = picture(&dir);
        let format = format!("--format={format}");
        for (way, args) in [
            ("dot", vec![&format[..], "-c", "."]),
            ("blocked", vec![&format, "-b", "1", "-c", "."]),
            ("sparse", vec![&format, "-S", "-c", "."]),
            ("attributes", vec![&format, "--xattrs", "--acls", "-c", "."]),
        ] {
            if number < 2 && matches!(way, "sparse" | "attributes") {
                continue;
            }
            let archive = packed("tar", &args, &dir);
            let name = format!("{way}{number}");
            let reply = untar(&server, &format!("{name}/untar"), &archive, &[]);
            assert_eq!(reply.text(), "OK", "{args:?}");
            assert_eq!(picture(&server.storage().join(&name)), expected, "{args:?}");
        }
    }
    for version in ["0.0", "0.1", "1.0"] {
        let version = format!("--sparse-version={version}");
        let args = ["--format=pax", "-S", &version, "-c", "."];
        let target = format!("{}/untar", &version[2..]);
        let reply = untar(&server, &target, &packed("tar", &args, &dir), &[]);
        assert_eq!(reply.text(), "OK", "{version}");
        let name = server.storage().join(&version[2..]);
        assert_eq!(picture(&name), picture(&dir), "{version}");
        let blocks = fs::metadata(name.join("holes")).expect("there").blocks();
        assert!(
            blocks * 512 < 1_000_000,
            "{blocks} blocks for a file with holes"
        );
    }
    server.assert_clean();
}

#[test]
fn what_python_packs_is_unpacked() {
    const SCRIPT: &str = "
import sys, tarfile
with tarfile.open(fileobj=sys.stdout.buffer, mode='w|', format=getattr(tarfile, sys.argv[1])) as tar:
    tar.add('.')
";
    let server = Server::start();
    if Command::new("python3").arg("-V").output().is_err() {
        skip("there is no python3");
        return;
    }
    let dir = tree(&server);
    add_deep_names(&dir);
    for format in ["USTAR_FORMAT", "GNU_FORMAT", "PAX_FORMAT"] {
        if format == "GNU_FORMAT" {
            add_names(&dir);
        }
        let archive = packed("python3", &["-c", SCRIPT, format], &dir);
        let reply = untar(&server, &format!("{format}/untar"), &archive, &[]);
        assert_eq!(reply.text(), "OK", "{format}");
        let found = picture(&server.storage().join(format));
        assert_eq!(found, picture(&dir), "{format}");
    }
}

#[test]
fn what_this_server_packs_is_unpacked() {
    let server = Server::start();
    let dir = tree(&server);
    add_deep_names(&dir);
    add_names(&dir);
    add_holes(&dir);
    fs::rename(&dir, server.storage().join("tree")).expect("renamed");
    server.place("tree/sub/.http-nas/f", b"of a folder further down");
    let packed = archives::archive(&server, "tree");
    assert_eq!(untar(&server, "again/untar", &packed, &[]).text(), "OK");
    let found = picture(&server.storage().join("again"));
    assert_eq!(found, picture(&server.storage().join("tree")));
    let packed = archives::archive(&server, "tree%2Fempty");
    assert_eq!(
        untar(&server, "x/untar", &packed, &[]).status,
        400,
        "a link out of the folder"
    );
    let packed = archives::archive(&server, "tree%2Fsub");
    assert_eq!(untar(&server, "sub/untar", &packed, &[]).status, 200);
}

#[test]
fn folders_are_made_where_the_archive_has_none() {
    let server = Server::start();
    let made = archive(&[
        file(b"a/b/c", b"x"),
        folder(b"a/b/"),
        folder(b"./a"),
        folder(b"./"),
        link(b"e/f/l", b"../../a"),
        hard_link(b"g/h", b"a/b/c"),
    ]);
    assert_eq!(untar(&server, "new%2Fone/untar", &made, &[]).status, 200);
    let expected = [
        "new/",
        "new/one/",
        "new/one/a/",
        "new/one/a/b/",
        "new/one/a/b/c 1",
        "new/one/e/",
        "new/one/e/f/",
        "new/one/e/f/l -> ../../a",
        "new/one/g/",
        "new/one/g/h 1",
    ];
    assert_eq!(server.visible(), expected);
    let inode = |name: &str| {
        fs::metadata(server.storage().join(name))
            .expect("there")
            .ino()
    };
    assert_eq!(inode("new/one/g/h"), inode("new/one/a/b/c"), "a hard link");
    // An archive without entries is a folder without any.
    assert_eq!(untar(&server, "empty/untar", &END, &[]).status, 200);
    assert_eq!(
        untar(&server, "empty%2Ftoo/untar", &[0; 10_240], &[]).status,
        200
    );
    assert_eq!(visible(&server.storage().join("empty")), ["too/"]);
}

#[test]
fn of_modes_only_that_of_a_program_is_kept_and_times_are_those_of_now() {
    let server = Server::start();
    server.place("plain", b"x");
    server.post("folder/", b"");
    let mode_of = |name: &str| {
        let path = server.storage().join(name);
        fs::symlink_metadata(path).expect("there").mode() & 0o7777
    };
    let (plain, of_folder) = (mode_of("plain"), mode_of("folder"));
    let entry = |name: &[u8], letter, mode: &[u8]| {
        Header::new(name, letter, 0)
            .with((100, 8), mode)
            .with((136, 12), b"00000000001\0")
            .before(b"")
    };
    let made = archive(&[
        entry(b"none", b'0', b"0000000\0"),
        entry(b"all", b'0', b"0000777\0"),
        entry(b"setuid", b'0', b"0006755\0"),
        entry(b"others", b'0', b"0000055\0"),
        entry(b"d", b'5', b"0000000\0"),
        entry(b"sticky", b'5', b"0003777\0"),
    ]);
    let before = SystemTime::now() - Duration::from_secs(1);
    assert_eq!(untar(&server, "new/untar", &made, &[]).status, 200);
    for (name, expected) in [
        ("none", plain),
        ("others", plain),
        ("all", of_folder),
        ("setuid", of_folder),
        ("d", of_folder),
        ("sticky", of_folder),
        ("", of_folder),
    ] {
        let path = format!("new/{name}");
        assert_eq!(mode_of(&path), expected, "{name}: {:o}", mode_of(&path));
        let modified = fs::metadata(server.storage().join(&path))
            .expect("there")
            .modified();
        assert!(modified.expect("a time") >= before, "{name}");
    }
}

#[test]
fn a_name_that_is_taken_is_refused_unless_a_folder_is_to_be_replaced() {
    let server = Server::start();
    server.place("folder/old/file", b"old");
    server.place("file", b"old");
    let made = Command::new("mkfifo")
        .arg(server.storage().join("fifo"))
        .status();
    assert!(made.is_ok_and(|status| status.success()));
    let new = archive(&[file(b"new", b"new")]);
    let before = server.visible();
    for (target, status, text) in [
        (
            "folder/untar",
            409,
            "there is a \"folder\" already; ?replace replaces a folder",
        ),
        (
            "file/untar",
            409,
            "there is a \"file\" already; ?replace replaces a folder",
        ),
        ("file/untar?replace", 409, "\"file\" is a file"),
        (
            "fifo/untar",
            409,
            "there is a \"fifo\" already; ?replace replaces a folder",
        ),
        (
            "fifo/untar?replace",
            409,
            "\"fifo\" is neither a file nor a folder",
        ),
        (
            "file%2Fbelow/untar",
            409,
            "a parent of \"file/below\" is a file",
        ),
        (
            "%2F/untar",
            403,
            "the storage folder itself cannot be replaced",
        ),
        (
            "%2F/untar?replace",
            403,
            "the storage folder itself cannot be replaced",
        ),
        (
            ".http-nas/untar?replace",
            403,
            "\".http-nas\" is the server's own",
        ),
        (
            ".http-nas%2Fnew/untar",
            403,
            "\".http-nas/new\" is the server's own",
        ),
        ("..%2Fx/untar", 400, "the name holds \"..\""),
        (
            "folder/untar?replace=yes",
            400,
            "the parameter \"replace\" takes no value",
        ),
        (
            "folder/untar?overwrite",
            400,
            "there is no parameter \"overwrite\" here; a \"?\" in a name is written %3F",
        ),
    ] {
        // Also without the body.
        let (_, early) = server.announce("POST", target, "Transfer-Encoding: chunked");
        assert_eq!(early.status, status, "{target}");
        let reply = server.post(target, &new);
        assert_eq!(reply.status, status, "{target}");
        assert!(
            reply.text().ends_with(&format!(": {text}\n")),
            "{target}: {}",
            reply.text()
        );
        assert_eq!(server.visible(), before, "{target}");
    }
    assert_eq!(server.post("folder/untar?replace", &new).status, 200);
    assert_eq!(server.post("another/untar?replace", &new).status, 200);
    let expected = [
        "another/",
        "another/new 3",
        "fifo |",
        "file 3",
        "folder/",
        "folder/new 3",
    ];
    assert_eq!(server.visible(), expected);
    server.assert_clean();
}

#[test]
fn other_methods_have_no_such_action() {
    let server = Server::start();
    server.place("folder/untar", b"a file of that name");
    assert_eq!(server.get("folder/untar").text(), "a file of that name");
    for method in ["PUT", "DELETE", "PATCH"] {
        let reply = server.request(method, "folder/untar", &[], b"x");
        assert_eq!(reply.status, 405, "{method}");
        assert_eq!(reply.header("Allow"), Some("GET, HEAD, POST"), "{method}");
    }
    assert_eq!(server.post("folder%2Funtar", b"new").status, 200);
    assert_eq!(server.get("folder/untar").text(), "new");
}

#[test]
fn conditions_hold_at_the_moment_of_the_change() {
    let server = Server::start();
    let new = archive(&[file(b"new", b"new")]);
    server.place("old/file", b"old");
    for (target, field, value, status) in [
        ("none/untar", "If-Match", "*", 412),
        ("none/untar", "If-Match", "\"tag\"", 412),
        ("old/untar?replace", "If-None-Match", "*", 412),
        ("old/untar?replace", "If-Match", "\"tag\"", 412),
        ("old/untar", "If-None-Match", "*", 409),
        ("old/untar?replace", "If-Match", "tag", 400),
        ("old/untar?replace", "Content-Range", "bytes 0-1/2", 400),
        ("none/untar", "If-None-Match", "*", 200),
        ("old/untar?replace", "If-Match", "*", 200),
    ] {
        let before = server.visible();
        let reply = untar(&server, target, &new, &[(field, value)]);
        assert_eq!(
            reply.status,
            status,
            "{target} {field}: {}",
            reply.summary()
        );
        assert_eq!(
            server.visible() == before,
            status != 200,
            "{target} {field}"
        );
    }
    // Something gets the name while the archive is coming.
    let mut conn = server.begin("POST", "late/untar", "Transfer-Encoding: chunked");
    assert_eq!(server.post("late", b"a file").status, 200);
    conn.send(&testkit::chunked(&new, 100));
    let reply = conn.reply_to("POST").expect("a reply");
    assert_eq!(reply.status, 409, "{}", reply.summary());
    assert_eq!(server.get("late").text(), "a file");
    server.assert_clean();
}

#[test]
fn digests_are_those_of_the_body_and_are_checked_before_anything_is_there() {
    let server = Server::start();
    let plain = archive(&[file(b"f", &pattern(1, 100_000))]);
    let compressed = gzipped(&plain);
    for (number, (body, fields)) in [
        (&plain, vec![]),
        (&compressed, vec![("Content-Encoding", "gzip")]),
        (&compressed, vec![("Content-Type", "application/gzip")]),
    ]
    .into_iter()
    .enumerate()
    {
        let digest = member(body);
        let other = member(b"other");
        for name in ["Content-Digest", "Repr-Digest"] {
            let with = |digest| [&fields[..], &[(name, digest)]].concat();
            let reply = untar(&server, "wrong/untar", body, &with(&other));
            assert_eq!(reply.status, 400, "{number} {name}");
            assert!(reply.text().contains("digest"), "{}", reply.text());
            assert!(!server.storage().join("wrong").exists());
            let mut with = with(&digest);
            with.push(("Want-Repr-Digest", "sha-256=1"));
            let target = format!("{number}{name}/untar");
            let reply = untar(&server, &target, body, &with);
            assert_eq!(reply.text(), "OK", "{number} {name}");
            assert_eq!(reply.header("Repr-Digest"), Some(&digest[..]));
        }
    }
    server.assert_clean();
}

#[test]
fn an_archive_may_be_compressed_by_gzip_where_it_says_so() {
    let server = Server::start();
    let plain = archive(&[
        file(b"f", &pattern(1, 300_000)),
        file(b"zeros", &[0; 1_000_000]),
    ]);
    let gzip = gzipped(&plain);
    let two_members = [gzipped(&plain[..5000]), gzipped(&plain[5000..])].concat();
    let type_of = |value| ("Content-Type", value);
    let encoded = |value| ("Content-Encoding", value);
    let cut = &gzip[..gzip.len() - 1];
    let damaged = {
        let mut damaged = gzip.clone();
        let end = damaged.len() - 6;
        damaged[end] ^= 1;
        damaged
    };
    let trailing = [&gzip[..], b"garbage that follows"].concat();
    for (body, fields, status, text) in [
        (&gzip[..], vec![encoded("gzip")], 200, ""),
        (&gzip, vec![encoded("x-gzip")], 200, ""),
        (&gzip, vec![encoded("GZip, identity")], 200, ""),
        (&gzip, vec![type_of("application/gzip")], 200, ""),
        (&gzip, vec![type_of("Application/X-Gzip; v=1")], 200, ""),
        (
            &gzip,
            vec![encoded("gzip"), type_of("application/x-tar")],
            200,
            "",
        ),
        (&two_members, vec![encoded("gzip")], 200, ""),
        (&plain, vec![encoded("identity")], 200, ""),
        (&plain, vec![type_of("application/x-tar")], 200, ""),
        (
            &plain,
            vec![type_of("application/x-www-form-urlencoded")],
            200,
            "",
        ),
        (&gzip, vec![], 400, "Content-Type: application/gzip"),
        (
            &plain,
            vec![encoded("gzip")],
            400,
            "it is said to be gzip, and is not",
        ),
        (cut, vec![encoded("gzip")], 400, "the gzip ends early"),
        (
            &gzip[..1000],
            vec![encoded("gzip")],
            400,
            "the gzip ends early",
        ),
        (&damaged, vec![encoded("gzip")], 400, "checksum"),
        (&trailing, vec![encoded("gzip")], 400, "something follows"),
        (&gzip, vec![encoded("br")], 415, "by gzip, once"),
        (&gzip, vec![encoded("gzip, gzip")], 415, "by gzip, once"),
        (
            &gzip,
            vec![encoded("gzip"), type_of("application/gzip")],
            415,
            "by gzip, once",
        ),
        (
            &plain,
            vec![type_of("multipart/form-data; boundary=x")],
            415,
            "form",
        ),
    ] {
        let reply = untar(&server, "new/untar", body, &fields);
        assert_eq!(reply.status, status, "{fields:?}: {}", reply.summary());
        assert!(reply.text().contains(text), "{fields:?}: {}", reply.text());
        assert_eq!(
            server.storage().join("new").exists(),
            status == 200,
            "{fields:?}"
        );
        if status == 200 {
            assert!(
                server.get("new/f").body == pattern(1, 300_000),
                "{fields:?}"
            );
            assert_eq!(server.delete("new").status, 200);
        } else if text.starts_with("by gzip") {
            assert_eq!(reply.header("Accept-Encoding"), Some("gzip, identity"));
        }
    }
    // A file with a content coding is refused as ever.
    assert_eq!(untar(&server, "new", &gzip, &[encoded("gzip")]).status, 415);
    server.assert_clean();
}

#[test]
fn a_body_that_does_not_come_whole_leaves_nothing() {
    let server = Server::start();
    let whole = archive(&[file(b"f", &pattern(1, 300_000)), file(b"g", b"x")]);
    for sent in [0, 1, 511, 512, 600, 200_000, whole.len() - 1] {
        let framing = format!("Content-Length: {}", whole.len());
        let mut conn = server.begin("POST", "new/untar", &framing);
        conn.send(&whole[..sent]);
        conn.finish();
        let reply = conn.reply_to("POST").expect("a reply");
        assert_eq!(reply.status, 400, "{sent}: {}", reply.summary());
        let mut conn = server.begin("POST", "new/untar", "Transfer-Encoding: chunked");
        conn.send(format!("{:x}\r\n", whole.len()).as_bytes());
        conn.send(&whole[..sent]);
        drop(conn);
        // All of the archive, but not the last chunk.
        let mut conn = server.begin("POST", "new/untar", "Transfer-Encoding: chunked");
        conn.send(format!("{:x}\r\n", whole.len()).as_bytes());
        conn.send(&whole);
        conn.send(b"\r\n");
        drop(conn);
    }
    server.assert_clean();
    assert!(server.visible().is_empty());
    eventually("all have ended", || {
        server.log().matches(" op=untar ").count() == 21
    });
    assert!(server.visible().is_empty());
}

#[test]
fn each_file_tells_where_it_comes_from() {
    let server = Server::start();
    if !attributes::are_kept(&server.storage()) {
        skip("the file system of the tests has no extended attributes");
        return;
    }
    let long = pattern(1, 2 * MIB as usize);
    let holes = pattern(2, 515);
    let made = archive(&[
        file(b"d/f", b"x"),
        file(b"long", &long),
        sparse(b"holes", 1009, &[0, 512, 1005, 3], &holes),
    ]);
    let reply = untar(&server, "new/untar", &made, &[]);
    assert_eq!(reply.status, 200);
    let id = reply.header("X-Request-Id").expect("an id");
    for (name, length) in [("d/f", 1.0), ("long", long.len() as f64), ("holes", 1009.0)] {
        let info = json::parse(&server.get(&format!("new/{name}/info")).text());
        assert_eq!(info.get("request_id").text(), id, "{name}");
        assert_eq!(info.get("client").text(), "127.0.0.1", "{name}");
        assert_eq!(info.get("size").number(), length, "{name}");
        assert_eq!(info.get("at").text(), info.get("modified").text(), "{name}");
        let tag = info.get("etag").text().to_owned();
        assert_eq!(
            server.get(&format!("new/{name}")).header("ETag"),
            Some(&tag[..])
        );
    }
    let expected = [&holes[..512], &[0; 493], &holes[512..], &[0]].concat();
    assert_eq!(server.get("new/holes").body, expected);
}

// GNU tar writes a label before the entries, and git a comment for all of them.
#[test]
fn headers_of_no_entry_are_passed_over() {
    let server = Server::start();
    let comment = testkit::tarball::record("comment", &[b'c'; 40]);
    let label = Header::new(b"label", b'V', 0).before(b"");
    let made = archive(&[preceding(b'g', &comment), label, file(b"f", b"x")]);
    assert_eq!(untar(&server, "new/untar", &made, &[]).status, 200);
    assert_eq!(server.visible(), ["new/", "new/f 1"]);
}
