//! Archives that would write elsewhere, or be read in two ways: each is refused with 400, and leaves
//! nothing. Many retell a public advisory on another program, which is named.

use std::fs;
use std::os::unix::fs::symlink;

use testkit::tarball::{
    END, Header, archive, entry, file, folder, hard_link, link, preceding, record, records, sparse,
};
use testkit::{Server, visible};

/// What is wrong, and the archive.
type Hostile = (&'static str, Vec<u8>);

fn long_name(letter: u8, name: &[u8]) -> Vec<u8> {
    preceding(letter, &[name, b"\0"].concat())
}

/// Names that lead out.
fn names() -> Vec<Hostile> {
    let named = |what, name: &[u8]| (what, archive(&[file(name, b"x")]));
    vec![
        named("CVE-2001-1267, CVE-2007-4559: ..", b"../outside/x"),
        named("CVE-2016-6321: .. behind a name", b"a/../../outside/x"),
        named(".. at the end", b"a/.."),
        named("CVE-2021-32804: an absolute name", b"/tmp/x"),
        named("CVE-2021-32804: a doubled slash", b"//tmp/x"),
        named("a control character", b"a\nb"),
        named("DEL", b"a\x7fb"),
        named("not UTF-8", b"\xff"),
        named("an overlong encoding of ..", b"\xc0\xae\xc0\xae/x"),
        named("no name", b""),
        named("the folder itself as a file", b"."),
        named("a file that is called a folder", b"a/"),
        (
            ".. as a folder",
            archive(&[folder(b"a/"), folder(b"a/../../outside")]),
        ),
        (
            "an absolute name in extended records",
            archive(&[records(&[("path", b"/tmp/x")]), file(b"x", b"")]),
        ),
        (
            ".. in GNU's long name",
            archive(&[long_name(b'L', b"../outside/x"), file(b"x", b"")]),
        ),
        (
            ".. by the prefix of ustar",
            archive(&[Header::new(b"x", b'0', 0)
                .with((345, 155), b"../outside")
                .before(b"")]),
        ),
        (
            "a NUL within a long name, behind which another part is hidden",
            archive(&[long_name(b'L', b"good\0/../../outside"), file(b"x", b"")]),
        ),
        (
            "a component of 256 bytes",
            archive(&[long_name(b'L', &[b'n'; 256]), file(b"x", b"")]),
        ),
        (
            "a name of 100,000 bytes",
            archive(&[records(&[("path", &[b'n'; 100_000])]), file(b"x", b"")]),
        ),
        (
            "a name of 100,000 bytes in GNU's way",
            archive(&[long_name(b'L', &[b'n'; 100_000]), file(b"x", b"")]),
        ),
        (
            "a name that is too long with that of the folder",
            archive(&[long_name(b'L', "d/".repeat(2048).as_bytes()), folder(b"x")]),
        ),
    ]
}

/// Links that lead out, or through which something would be written.
fn links() -> Vec<Hostile> {
    let linked = |what, target: &[u8]| (what, archive(&[folder(b"d"), link(b"d/l", target)]));
    vec![
        linked("CVE-2026-23745: an absolute target", b"/etc/passwd"),
        linked("a target outside", b"../../outside"),
        linked("CVE-2025-4138: .. behind a name", b"../d/../../outside"),
        linked(
            "CVE-2026-31802: a target with a drive",
            b"C:../../../outside",
        ),
        linked("no target", b""),
        linked("a target with a control character", b"a\nb"),
        linked("a target that is not UTF-8", b"\xff"),
        (
            "CVE-2025-4330: links that lead out only together",
            archive(&[folder(b"a"), link(b"a/b", b".."), link(b"c", b"a/b/../..")]),
        ),
        (
            "CVE-2025-4517: a long chain of links",
            archive(&[
                folder(&[b'd'; 90]),
                link(b"a", &[b'd'; 90]),
                link(b"out", b"a/a/a/a/../../../../../../outside"),
            ]),
        ),
        (
            "CVE-2025-45582: a file through a link",
            archive(&[folder(b"d"), link(b"l", b"d"), file(b"l/x", b"x")]),
        ),
        (
            "RUSTSEC-2021-0080: folders through a link",
            archive(&[link(b"l", b"nowhere"), folder(b"l/a/b")]),
        ),
        (
            "CVE-2021-32803: a folder, then a link of its name, then a file",
            archive(&[folder(b"d"), link(b"d", b"e"), file(b"d/x", b"x")]),
        ),
        (
            "CVE-2026-33056: a link, then a folder of its name",
            archive(&[folder(b"d"), link(b"l", b"d"), folder(b"l")]),
        ),
        (
            "the same with a dot",
            archive(&[folder(b"d"), link(b"l", b"d"), folder(b"l/.")]),
        ),
        (
            "CVE-2021-37701: a link whose name ends in a slash, then a file through it",
            archive(&[folder(b"d"), link(b"l/", b"d"), file(b"l/x", b"x")]),
        ),
        (
            "RUSTSEC-2018-0002: a link, then a file of its name",
            archive(&[file(b"x", b"1"), link(b"l", b"x"), file(b"l", b"2")]),
        ),
        (
            "a link in place of a file",
            archive(&[file(b"x", b"1"), link(b"x", b"y")]),
        ),
        ("a link without a name", archive(&[link(b"", b"x")])),
        (
            "a target of 100,000 bytes",
            archive(&[records(&[("linkpath", &[b't'; 100_000])]), link(b"l", b"x")]),
        ),
    ]
}

/// Other names for files.
fn hard_links() -> Vec<Hostile> {
    let linked =
        |what, target: &[u8]| (what, archive(&[file(b"x", b"x"), hard_link(b"l", target)]));
    vec![
        linked("CVE-2018-20834: an absolute one", b"/etc/passwd"),
        linked("CVE-2026-24842: one outside", b"../outside/file"),
        linked("one to what is not there", b"y"),
        linked("one to itself", b"l"),
        linked("one to nothing", b""),
        linked("one to the folder itself", b"."),
        (
            "one before its file",
            archive(&[hard_link(b"l", b"x"), file(b"x", b"x")]),
        ),
        (
            "one to a folder",
            archive(&[folder(b"d"), hard_link(b"l", b"d")]),
        ),
        (
            "one to a link",
            archive(&[link(b"a", b"b"), hard_link(b"l", b"a")]),
        ),
        (
            "one through a link",
            archive(&[
                file(b"d/x", b"x"),
                link(b"a", b"d"),
                hard_link(b"l", b"a/x"),
            ]),
        ),
        (
            "one below a file",
            archive(&[file(b"x", b"x"), hard_link(b"l", b"x/y")]),
        ),
        (
            "RUSTSEC-2018-0002: one, then a file of its name",
            archive(&[file(b"x", b"1"), hard_link(b"l", b"x"), file(b"l", b"2")]),
        ),
        (
            "one with content, which some programs read and some do not",
            archive(&[
                file(b"x", b"x"),
                Header::new(b"l", b'1', 600).to(b"x").before(&[b'x'; 600]),
            ]),
        ),
    ]
}

/// What is not there twice, and what is none of a store.
fn entries() -> Vec<Hostile> {
    let special = |what, letter| (what, archive(&[entry(b"x", letter, b"")]));
    vec![
        special("a character device", b'3'),
        special("a block device", b'4'),
        special("a FIFO", b'6'),
        special("CVE-2006-6097: names to be made", b'N'),
        special("the list of an incremental archive", b'D'),
        special("a part of a file from another volume", b'M'),
        special("a type that is not known", b'Z'),
        (
            "a name that is there twice",
            archive(&[file(b"x", b"1"), file(b"x", b"2")]),
        ),
        (
            "a name that is there twice, in two spellings",
            archive(&[file(b"x", b"1"), file(b"./x", b"2")]),
        ),
        (
            "a folder in place of a file",
            archive(&[file(b"x", b"1"), folder(b"x")]),
        ),
        (
            "a file in place of a folder",
            archive(&[folder(b"x"), file(b"x", b"1")]),
        ),
        (
            "a file below a file",
            archive(&[file(b"x", b"1"), file(b"x/y", b"2")]),
        ),
        (
            "a folder with content",
            archive(&[Header::new(b"d", b'5', 5).before(b"abcde")]),
        ),
    ]
}

/// Archives that two programs read in two ways.
fn forms() -> Vec<Hostile> {
    let hidden = file(b"hidden", b"x");
    let negative = Header::new(b"x", b'0', 0).with((124, 12), &[0xff; 12]);
    let huge =
        Header::new(b"x", b'0', 0).with((124, 12), b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff");
    vec![
        ("an empty body", Vec::new()),
        ("text", b"hello".to_vec()),
        ("zeros that are no two blocks", vec![0; 1023]),
        ("no end", file(b"x", b"x")),
        ("half an end", [file(b"x", b"x"), vec![0; 512]].concat()),
        (
            "entries behind the end",
            [archive(&[file(b"x", b"x")]), hidden.clone(), END.to_vec()].concat(),
        ),
        (
            "entries behind half an end",
            [file(b"x", b"x"), vec![0; 512], hidden.clone(), END.to_vec()].concat(),
        ),
        ("garbage behind the end", [&END[..], b"x"].concat()),
        (
            "CVE-2025-8194: a negative length",
            archive(&[negative.before(b"")]),
        ),
        ("a length that is not there", archive(&[huge.before(b"")])),
        (
            "a length of 8 EiB in extended records",
            archive(&[records(&[("size", b"9223372036854775807")]), hidden.clone()]),
        ),
        (
            "a length that is a little more than there is",
            archive(&[
                records(&[("size", b"1024")]),
                Header::new(b"x", b'0', 0).before(b""),
            ]),
        ),
        (
            "GHSA-3pv8-6f4r-ffg2: a length before a long name",
            archive(&[
                records(&[("size", b"1024")]),
                long_name(b'L', b"name"),
                Header::new(b"x", b'5', 0).before(b""),
            ]),
        ),
        (
            "malformed records, which some programs pass over",
            archive(&[preceding(b'x', b"9 path=ab\n"), hidden.clone()]),
        ),
        (
            "a path that is there twice in records",
            archive(&[
                preceding(b'x', &[record("path", b"a"), record("path", b"b")].concat()),
                hidden.clone(),
            ]),
        ),
        (
            "two long names",
            archive(&[long_name(b'L', b"a"), long_name(b'L', b"b"), hidden.clone()]),
        ),
        (
            "a long name before the end",
            archive(&[long_name(b'L', b"a")]),
        ),
        (
            "a path for all entries",
            archive(&[preceding(b'g', &record("path", b"a")), hidden.clone()]),
        ),
        (
            "records of 2 MiB",
            archive(&[
                preceding(b'x', &record("comment", &vec![b'c'; 2 << 20])),
                hidden,
            ]),
        ),
        (
            "a sparse file whose pieces overlap",
            archive(&[sparse(b"x", 900, &[0, 512, 500, 3], &[b'x'; 515])]),
        ),
        (
            "a sparse file whose second piece begins in the middle of a block",
            archive(&[sparse(b"x", 9, &[0, 3, 5, 3], b"abcdef")]),
        ),
        (
            "a sparse file with a piece behind its end",
            archive(&[sparse(b"x", 9, &[8, 6], b"abcdef")]),
        ),
    ]
}

fn assert_refused(hostile: Vec<Hostile>) {
    let server = Server::start();
    server.place("elsewhere/file", b"precious");
    let outside = server.dir.outside().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), b"precious").unwrap();
    let pictures = || (visible(&server.dir.storage()), visible(&outside));
    let before = pictures();
    for (what, archive) in hostile {
        for target in [
            "new/untar",
            "elsewhere/untar?replace",
            "elsewhere%2Fnew/untar",
        ] {
            let reply = server.post(target, &archive);
            assert_eq!(reply.status, 400, "{what}: {}", reply.summary());
            assert!(
                reply.text().ends_with("; nothing was stored\n"),
                "{what}: {}",
                reply.text()
            );
            assert_eq!(pictures(), before, "{what}");
        }
        let own = visible(&server.storage().join(".http-nas"));
        assert_eq!(own, ["joins/", "removed/", "staged/"], "{what}");
    }
    assert_eq!(fs::read(outside.join("file")).unwrap(), b"precious");
}

#[test]
fn names_that_lead_out_are_refused() {
    assert_refused(names());
}

#[test]
fn links_that_lead_out_are_refused_and_none_is_followed() {
    assert_refused(links());
}

#[test]
fn hard_links_are_to_files_of_the_archive_alone() {
    assert_refused(hard_links());
}

#[test]
fn each_name_is_there_once_and_is_a_file_a_folder_or_a_link() {
    assert_refused(entries());
}

#[test]
fn what_is_read_in_two_ways_is_refused() {
    assert_refused(forms());
}

#[test]
fn an_archive_that_is_cut_at_any_block_is_refused() {
    let whole = archive(&[
        folder(b"d"),
        records(&[("path", &[b'n'; 200]), ("size", b"1500")]),
        Header::new(b"short", b'0', 0).before(&[b'x'; 1500]),
        link(b"d/l", b"../d"),
        file(b"d/f", b"content"),
    ]);
    let cuts = (0..whole.len()).step_by(512);
    let cut = cuts.map(|cut| ("cut", whole[..cut].to_vec())).collect();
    assert_refused(cut);
    let server = Server::start();
    assert_eq!(server.post("new/untar", &whole).status, 200);
}

// The name of the folder may lead through links of the storage; nothing else does.
#[test]
fn links_of_the_storage_are_followed_on_the_way_to_the_folder_alone() {
    let server = Server::start();
    server.place("real/file", b"x");
    symlink("real", server.storage().join("link")).unwrap();
    symlink("real/gone", server.storage().join("to-gone")).unwrap();
    symlink("..", server.storage().join("real/up")).unwrap();
    symlink("../..", server.storage().join("out")).unwrap();
    let good = archive(&[file(b"f", b"x")]);
    for (target, status) in [
        ("link%2Fnew/untar", 200),
        ("to-gone/untar", 200),
        ("link/untar", 409),
        ("link/untar?replace", 200),
        ("out/untar", 403),
        ("out%2Fnew/untar", 403),
    ] {
        assert_eq!(server.post(target, &good).status, status, "{target}");
    }
    let expected = [
        "link -> real",
        "out -> ../..",
        "real/",
        "real/f 1",
        "to-gone -> real/gone",
    ];
    assert_eq!(server.visible(), expected);
}
