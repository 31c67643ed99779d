use super::*;
use crate::tar::{END, LINK_NAME, MAGIC_AND_VERSION, MODE, SIZE};
use testkit::tarball::{Header as Made, file, preceding as special, record, records};

/// What is read, in parts of this length at most.
struct InParts<'b>(&'b [u8], usize);

impl Read for InParts<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(self.1);
        self.0.read(&mut buffer[..most])
    }
}

/// An entry with its content: that of a file has zeros where there are holes.
type Read1 = (Vec<u8>, Kind, Vec<u8>);

fn read_in_parts(archive: &[u8], most: usize) -> Result<Vec<Read1>, Fault> {
    let fault = |error| match error {
        Error::Fault(fault) => fault,
        Error::Io(error) => panic!("{error}"),
    };
    let mut reader = Reader::new(InParts(archive, most));
    let mut entries = Vec::new();
    while let Some(Entry { path, kind }) = reader.next().map_err(fault)? {
        let mut content = Vec::new();
        if let Kind::File { length, .. } = kind {
            while let Some((at, part)) = reader.content().map_err(fault)? {
                content.resize(at as usize, 0);
                content.extend_from_slice(part);
            }
            assert!(content.len() as u64 <= length);
            content.resize(length as usize, 0);
        }
        entries.push((path, kind, content));
    }
    Ok(entries)
}

fn read(archive: &[u8]) -> Result<Vec<Read1>, Fault> {
    let whole = read_in_parts(archive, usize::MAX);
    for most in [1, 511, 513] {
        assert_eq!(read_in_parts(archive, most), whole, "in parts of {most}");
    }
    whole
}

/// The only entry before the end.
fn one(entry: &[u8]) -> Result<Read1, Fault> {
    let entries = read(&[entry, &END].concat())?;
    assert_eq!(entries.len(), 1);
    entries.into_iter().next().ok_or(Fault::Cut)
}

fn plain(length: u64) -> Kind {
    Kind::File {
        length,
        holes: 0,
        is_executable: false,
    }
}

#[test]
fn entries_are_what_their_types_say() {
    for (letter, target, expected) in [
        (b'0', &b""[..], Some(plain(0))),
        (0, b"", Some(plain(0))),
        (b'7', b"", Some(plain(0))),
        (b'1', b"a/b", Some(Kind::HardLink(b"a/b".to_vec()))),
        (b'2', b"../c", Some(Kind::Link(b"../c".to_vec()))),
        (b'3', b"", Some(Kind::Special)),
        (b'4', b"", Some(Kind::Special)),
        (b'5', b"", Some(Kind::Directory)),
        (b'6', b"", Some(Kind::Special)),
        (b'8', b"", None),
        (b'D', b"", None),
        (b'M', b"", None),
        (b'N', b"", None),
        (b'A', b"", None),
        (b'z', b"", None),
        (0xff, b"", None),
    ] {
        let entry = Made::new(b"name", letter, 0).with(LINK_NAME, target);
        let found = one(&entry.before(b"")).map(|(path, kind, _)| (path, kind));
        let expected = expected.map(|kind| (b"name".to_vec(), kind));
        assert_eq!(found, expected.ok_or(Fault::Type(letter)), "{letter}");
        let with_content = Made::new(b"name", letter, 1).with(LINK_NAME, target);
        match letter {
            b'0' | b'7' | 0 => {}
            b'1'..=b'6' => {
                let found = one(&with_content.before(b"x"));
                assert_eq!(found, Err(Fault::Content), "{letter}");
            }
            _ => assert_eq!(one(&with_content.before(b"x")), Err(Fault::Type(letter))),
        }
    }
}

#[test]
fn a_file_is_executable_if_its_owner_may_execute_it() {
    for (mode, expected) in [
        (&b"0000644\0"[..], Ok(false)),
        (b"0000755\0", Ok(true)),
        (b"0004711\0", Ok(true)),
        (b"0000611\0", Ok(false)),
        (b"0100744 ", Ok(true)),
        (b"        ", Ok(false)),
        (b"rwxrwxrw", Err(Fault::Number)),
    ] {
        let found = one(&Made::new(b"f", b'0', 0).with(MODE, mode).before(b""));
        let found = found
            .map(|(_, kind, _)| matches!(kind, Kind::File { is_executable, .. } if is_executable));
        assert_eq!(found, expected, "{mode:?}");
    }
}

#[test]
fn a_slash_at_the_end_is_one_of_a_directory() {
    for (letter, length, expected) in [
        (0, 0, Ok(Kind::Directory)),
        (b'5', 0, Ok(Kind::Directory)),
        (b'0', 0, Err(Fault::SlashedFile)),
        (0, 1, Err(Fault::SlashedFile)),
        (b'7', 1, Err(Fault::SlashedFile)),
    ] {
        let content = vec![b'x'; length];
        let found = one(&Made::new(b"d/", letter, length as u64).before(&content));
        assert_eq!(
            found.map(|(_, kind, _)| kind),
            expected,
            "{letter} {length}"
        );
    }
}

#[test]
fn content_of_all_lengths_is_read_and_may_be_passed_over() {
    let mut archive = Vec::new();
    let mut expected = Vec::new();
    for length in [0, 1, 511, 512, 513, 8191, 8192, 8193, 100_000] {
        let content: Vec<u8> = (0..length).map(|at| (at % 251) as u8 + 1).collect();
        let name = length.to_string().into_bytes();
        archive.extend(file(&name, &content));
        expected.push((name, plain(length as u64), content));
    }
    archive.extend(END);
    assert_eq!(read(&archive), Ok(expected));
    let mut reader = Reader::new(&archive[..]);
    let mut names = 0;
    while let Ok(Some(_)) = reader.next() {
        names += 1;
        if names % 2 == 0 {
            assert!(matches!(reader.content(), Ok(Some((0, _)) | None)));
        }
    }
    assert_eq!(names, 9);
}

#[test]
fn lengths_are_octal_or_in_base_256_or_in_records() {
    let length = |field: &[u8]| Made::new(b"f", b'0', 0).with(SIZE, field).before(b"abc");
    let expected = || Ok((b"f".to_vec(), plain(3), b"abc".to_vec()));
    assert_eq!(one(&length(b"\x80\0\0\0\0\0\0\0\0\0\0\x03")), expected());
    assert_eq!(one(&length(b"          3\0")), expected());
    for bad in [
        &b"0000000000x\0"[..],
        b"-0000000003\0",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfd",
        b"\x80\0\0\0\x80\0\0\0\0\0\0\0",
    ] {
        assert_eq!(one(&length(bad)), Err(Fault::Number), "{bad:?}");
    }
    // Records count, whatever the header says: of two lengths, one would hide entries in content.
    for (header, expected) in [
        (&b"00000000000\0"[..], expected()),
        (b"00000001000\0", expected()),
        (b"77777777777\0", expected()),
        (b"garbage.....", Err(Fault::Number)),
    ] {
        let archive = [records(&[("size", b"3")]), length(header)].concat();
        assert_eq!(one(&archive), expected, "{header:?}");
    }
}

#[test]
fn a_file_is_not_allocated_before_it_comes() {
    for letter in *b"0LKxgS" {
        let huge =
            Made::new(b"f", letter, 0).with(SIZE, b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff");
        let found = read(&[huge.before(b""), END.to_vec()].concat());
        let expected = match letter {
            b'0' => Fault::Cut,
            b'S' => Fault::Sparse,
            b'L' | b'K' => Fault::LongText,
            _ => Fault::Records,
        };
        assert_eq!(found, Err(expected), "{}", char::from(letter));
    }
}

#[test]
fn long_names_come_before_the_entry_in_either_way() {
    let long = [b'n'; 300];
    let target = [b't'; 300];
    let link = Made::new(b"short", b'2', 0).with(LINK_NAME, b"short target");
    let expected = || Ok((long.to_vec(), Kind::Link(target.to_vec()), Vec::new()));
    let gnu = |letter, text: &[u8]| special(letter, &[text, b"\0"].concat());
    let pax = |key, text: &[u8]| records(&[(key, text)]);
    for preceding in [
        vec![gnu(b'L', &long), gnu(b'K', &target)],
        vec![gnu(b'K', &target), gnu(b'L', &long)],
        vec![records(&[("path", &long), ("linkpath", &target)])],
        vec![gnu(b'K', &target), pax("path", &long)],
        vec![pax("path", &long), gnu(b'K', &target)],
        // Without a NUL.
        vec![special(b'L', &long), special(b'K', &target)],
    ] {
        let archive = [preceding.concat(), link.before(b"")].concat();
        assert_eq!(one(&archive), expected());
        // They are about one entry alone.
        let archive = [archive, file(b"f", b"x"), END.to_vec()].concat();
        let paths = read(&archive).map(|it| it.into_iter().map(|(path, ..)| path).collect());
        assert_eq!(paths, Ok(vec![long.to_vec(), b"f".to_vec()]));
    }
    for (preceding, fault) in [
        (vec![gnu(b'L', b"a"), gnu(b'L', b"b")], Fault::Dangling),
        (vec![gnu(b'K', b"a"), gnu(b'K', b"b")], Fault::Dangling),
        (vec![pax("path", b"a"), pax("path", b"b")], Fault::Dangling),
        (vec![gnu(b'L', b"a"), pax("path", b"b")], Fault::Records),
        (vec![pax("linkpath", b"a"), gnu(b'K', b"b")], Fault::Records),
    ] {
        let archive = [preceding.concat(), link.before(b"")].concat();
        assert_eq!(one(&archive), Err(fault));
    }
    for preceding in [gnu(b'L', b"a"), gnu(b'K', b"a"), pax("path", b"a")] {
        let found = read(&[preceding, END.to_vec()].concat());
        assert_eq!(found, Err(Fault::Dangling));
    }
}

#[test]
fn names_have_4096_bytes_at_most() {
    let longest = [b'n'; 4096];
    let longer = [b'n'; 4097];
    for key in ["path", "linkpath", "GNU.sparse.name"] {
        let at = |text: &[u8]| read(&records(&[(key, text)])).err();
        assert_eq!(at(&longest), Some(Fault::Cut), "{key}");
        assert_eq!(at(&longer), Some(Fault::LongText), "{key}");
        assert_eq!(at(b""), Some(Fault::Records), "{key}");
    }
    for letter in *b"LK" {
        let at = |text: &[u8]| read(&special(letter, &[text, b"\0"].concat())).err();
        assert_eq!(at(&longest), Some(Fault::Cut));
        assert_eq!(at(&longer), Some(Fault::LongText));
        assert_eq!(at(&[b'n'; 100_000]), Some(Fault::LongText));
    }
}

#[test]
fn records_are_read_as_posix_has_them() {
    let with = |records: &[u8]| one(&[special(b'x', records), file(b"f", b"")].concat());
    for (records, expected) in [
        (&b""[..], &b"f"[..]),
        (b"8 path=\n", b""),
        (b"9 path=a\n", b"a"),
        (b"12 path=a=b\n", b"a=b"),
        (b"10 path=\n\n", b"\n"),
        (b"10 path=\0\n", b"\0"),
        (b"011 path=a\n", b"a"),
        (b"6 a=b\n9 path=a\n", b"a"),
        (b"4 =\n9 path=a\n", b"a"),
        (b"30 mtime=1350244992.023960108\n9 path=a\n", b"a"),
        (b"11 Path=ab\n", b"f"),
        (b"12 path =ab\n", b"f"),
    ] {
        let found = with(records).map(|(path, ..)| path);
        let shown = String::from_utf8_lossy(records).into_owned();
        match expected {
            b"" => assert_eq!(found, Err(Fault::Records), "{shown}"),
            _ => assert_eq!(found, Ok(expected.to_vec()), "{shown}"),
        }
    }
    let huge = format!("{} path=a\n", u64::MAX);
    let wide = format!("{}9 path=a\n", "0".repeat(40));
    for bad in [
        &b"x"[..],
        b"9",
        b" 9 path=a\n",
        b"-9 path=a\n",
        b"+9 path=a\n",
        b"9\tpath=a\n",
        b"9  path=a\n",
        b"8 path=a\n",
        b"11 path=a\n",
        b"99 path=a\n",
        b"0 path=a\n",
        b"1 path=a\n",
        b"2 path=a\n",
        b"7 path\n",
        b"7 path=",
        b"9 path=a ",
        b"9 path=a\n9 path=b\n",
        b"8 size=\n",
        b"9 size=x\n",
        b"10 size=-1\n",
        b"10 size=+1\n",
        b"11 size=0x1\n",
        b"10 size=1 \n",
        b"28 size=9223372036854775808\n",
        b"32 size=99999999999999999999999\n",
        huge.as_bytes(),
    ] {
        let shown = String::from_utf8_lossy(bad).into_owned();
        assert_eq!(with(bad), Err(Fault::Records), "{shown:?}");
    }
    // Zeros before a length are digits of it, too.
    assert_eq!(with(wide.as_bytes()), Err(Fault::Records));
    let attribute = record("SCHILY.xattr.user.large", &[0; 70_000]);
    let found = with(&[attribute, record("path", b"a")].concat());
    assert_eq!(found.map(|(path, ..)| path), Ok(b"a".to_vec()));
    let long_key = record(&"k".repeat(1000), b"v");
    let found = with(&[long_key, record("path", b"a")].concat());
    assert_eq!(found.map(|(path, ..)| path), Ok(b"a".to_vec()));
    // A long key is not taken for its beginning.
    let key = format!("{:k<64}", "path");
    assert_eq!(
        with(&record(&key, b"a")).map(|(path, ..)| path),
        Ok(b"f".to_vec())
    );
    let too_long = record("comment", &vec![b'c'; 1 << 20]);
    assert_eq!(with(&too_long), Err(Fault::Records));
}

#[test]
fn global_records_name_nothing() {
    let with = |records: &[u8]| one(&[special(b'g', records), file(b"f", b"x")].concat());
    let expected = || Ok((b"f".to_vec(), plain(1), b"x".to_vec()));
    let commit = [b'c'; 40];
    assert_eq!(with(&record("comment", &commit)), expected());
    assert_eq!(with(&record("mtime", b"1.5")), expected());
    assert_eq!(with(b""), expected());
    for key in [
        "path",
        "linkpath",
        "size",
        "GNU.sparse.map",
        "SCHILY.realsize",
    ] {
        assert_eq!(with(&record(key, b"1")), Err(Fault::Global), "{key}");
    }
    // git archive has one, and other programs one more for each volume.
    let label = special(b'V', b"");
    assert_eq!(
        one(&[label.clone(), label, file(b"f", b"x")].concat()),
        expected()
    );
    assert_eq!(one(&special(b'V', b"x")), Err(Fault::Content));
}

/// What a sparse file has: zeros, a block of `f` at 100, zeros, `second` at 700, and zeros.
fn holes() -> Read1 {
    let mut content = vec![0; 900];
    content[100..612].fill(b'f');
    content[700..706].copy_from_slice(b"second");
    let kind = Kind::File {
        length: 900,
        holes: 382,
        is_executable: false,
    };
    (b"real".to_vec(), kind, content)
}

/// What is in the archive of it.
fn content_of_holes() -> Vec<u8> {
    [&[b'f'; BLOCK][..], b"second"].concat()
}

/// Numbers in the form of GNU tar.
fn octal(numbers: &[u64]) -> Vec<u8> {
    let numbers = numbers.iter().map(|number| format!("{number:011o}\0"));
    numbers.collect::<String>().into_bytes()
}

fn old_sparse(map: &[u64], more: &[&[u64]], content: &[u8]) -> Vec<u8> {
    let extended = |is: bool| vec![u8::from(is)];
    let header = Made::new(b"real", b'S', content.len() as u64)
        .with(MAGIC_AND_VERSION, b"ustar  \0")
        .with((386, 96), &octal(map))
        .with((482, 1), &extended(!more.is_empty()))
        .with((483, 12), &octal(&[900]));
    let mut archive = header.before(b"");
    for (number, map) in more.iter().enumerate() {
        let mut block = [0; BLOCK];
        let map = octal(map);
        block[..map.len()].copy_from_slice(&map);
        block[504] = u8::from(number + 1 < more.len());
        archive.extend(block);
    }
    archive.extend(content);
    archive.resize(archive.len() + padding(content.len() as u64), 0);
    archive
}

#[test]
fn sparse_files_have_holes_in_all_formats() {
    let map = [100, 512, 700, 6, 900, 0];
    let content = &content_of_holes()[..];
    let pax = |keys: &[(&str, &[u8])], content: &[u8]| {
        let entry = file(b"GNUSparseFile.0/real", content);
        one(&[records(keys), entry].concat())
    };
    assert_eq!(one(&old_sparse(&map, &[], content)), Ok(holes()));
    let more = [&map[..], &[900, 0, 900, 0, 900, 0]].concat();
    let (first, second) = more.split_at(8);
    assert_eq!(one(&old_sparse(first, &[second], content)), Ok(holes()));
    let many = [&more[..], &[900, 0].repeat(40)].concat();
    let blocks: Vec<&[u64]> = many[8..].chunks(42).collect();
    assert_eq!(one(&old_sparse(first, &blocks, content)), Ok(holes()));
    let early = one(&old_sparse(&map[..4], &[&map[4..]], content));
    assert_eq!(early, Err(Fault::Sparse));
    let version_0_0: [(&str, &[u8]); 7] = [
        ("path", b"real"),
        ("GNU.sparse.size", b"900"),
        ("GNU.sparse.numblocks", b"2"),
        ("GNU.sparse.offset", b"100"),
        ("GNU.sparse.numbytes", b"512"),
        ("GNU.sparse.offset", b"700"),
        ("GNU.sparse.numbytes", b"6"),
    ];
    assert_eq!(pax(&version_0_0, content), Ok(holes()));
    let version_0_1: [(&str, &[u8]); 4] = [
        ("GNU.sparse.size", b"900"),
        ("GNU.sparse.numblocks", b"2"),
        ("GNU.sparse.map", b"100,512,700,6"),
        ("GNU.sparse.name", b"real"),
    ];
    assert_eq!(pax(&version_0_1, content), Ok(holes()));
    let version_1_0: [(&str, &[u8]); 4] = [
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"real"),
        ("GNU.sparse.realsize", b"900"),
    ];
    let with_map = |map: &[u8]| {
        let mut block = [0; BLOCK];
        block[..map.len()].copy_from_slice(map);
        [&block[..], content].concat()
    };
    let map = with_map(b"3\n100\n512\n700\n6\n900\n0\n");
    assert_eq!(pax(&version_1_0, &map), Ok(holes()));
    // A file that is one hole.
    let (path, kind, content) = one(&old_sparse(&[900, 0], &[], b"")).unwrap_or(holes());
    assert_eq!((path, content.len()), (b"real".to_vec(), 900));
    assert!(matches!(kind, Kind::File { holes: 900, .. }));

    for bad in [
        &b"2\n100\n512\n700\n5\n"[..],
        b"2\n100\n512\n611\n6\n",
        b"2\n700\n512\n100\n6\n",
        b"2\n100\n512\n895\n6\n",
        // Some programs read the second piece from the next block.
        b"2\n100\n6\n300\n512\n",
        b"3\n100\n512\n700\n6\n901\n0\n",
        b"1\n100\n11",
        b"4\n100\n512\n700\n6\n",
        b"9223372036854775807\n100\n512\n700\n6\n",
        b"",
        b"2\n100\n512\n700\n-6\n",
        b"2\n9223372036854775807\n512\n700\n6\n",
    ] {
        let found = pax(&version_1_0, &with_map(bad));
        let shown = String::from_utf8_lossy(bad).into_owned();
        assert!(
            matches!(found, Err(Fault::Sparse | Fault::Records)),
            "{shown}: {found:?}"
        );
    }
    for bad in [
        "100,512,700",
        "100,512,700,5",
        "100,512,,6",
        "700,512,100,6",
        "a",
        "100,512,895,6",
        "100,6,300,512",
        "100,512,700,6,900,0",
        "100,518",
    ] {
        let keys: [(&str, &[u8]); 3] = [
            ("GNU.sparse.size", b"900"),
            ("GNU.sparse.numblocks", b"2"),
            ("GNU.sparse.map", bad.as_bytes()),
        ];
        let found = pax(&keys, &content_of_holes());
        assert!(
            matches!(found, Err(Fault::Sparse | Fault::Records)),
            "{bad}: {found:?}"
        );
    }
    for keys in [
        &version_1_0[..3],
        &version_1_0[1..],
        &version_0_1[2..],
        &version_0_0[..3],
        &version_0_0[1..4],
        &[("GNU.sparse.major", b"2"), ("GNU.sparse.minor", b"0")],
        &[("GNU.sparse.offset", b"1"), ("GNU.sparse.offset", b"2")],
        &[("GNU.sparse.numbytes", b"1")],
        &[("GNU.sparse.new", b"1")],
        &[("SCHILY.realsize", b"900")],
    ] {
        let found = pax(keys, &map);
        assert_eq!(found, Err(Fault::Sparse), "{keys:?}");
    }
    // Of something else than a file.
    let link = Made::new(b"l", b'2', 0).with(LINK_NAME, b"t").before(b"");
    assert_eq!(
        one(&[records(&version_1_0), link].concat()),
        Err(Fault::Sparse)
    );
}

#[test]
fn a_map_has_so_many_pieces_at_most() {
    for (pieces, expected) in [(4096_u64, Ok(())), (4097, Err(Fault::Pieces(4096)))] {
        let map: Vec<_> = (0..pieces).map(|at| format!("{},512", 1024 * at)).collect();
        let real = (1024 * pieces).to_string();
        let records = records(&[
            ("GNU.sparse.size", real.as_bytes()),
            ("GNU.sparse.numblocks", pieces.to_string().as_bytes()),
            ("GNU.sparse.map", map.join(",").as_bytes()),
        ]);
        let content = vec![b'x'; 512 * pieces as usize];
        let found = one(&[records, file(b"f", &content)].concat());
        assert_eq!(found.map(drop), expected);
    }
}

#[test]
fn the_end_is_marked_and_nothing_follows_it() {
    let entry = file(b"f", b"x");
    let ends = |end: &[u8]| read(&[&entry, end].concat()).map(|entries| entries.len());
    assert_eq!(ends(&END), Ok(1));
    assert_eq!(ends(&[0; 20 * BLOCK]), Ok(1));
    assert_eq!(ends(&[0; 2 * BLOCK + 1]), Ok(1));
    assert_eq!(ends(b""), Err(Fault::Cut));
    assert_eq!(ends(&[0; BLOCK]), Err(Fault::Cut));
    assert_eq!(ends(&[0; 2 * BLOCK - 1]), Err(Fault::Cut));
    assert_eq!(ends(&[0; BLOCK - 1]), Err(Fault::Cut));
    assert_eq!(ends(&[&END[..], &[1]].concat()), Err(Fault::Trailing));
    assert_eq!(
        ends(&[&END[..], &entry, &END].concat()),
        Err(Fault::Trailing)
    );
    assert_eq!(
        ends(&[&END[..BLOCK], &entry, &END].concat()),
        Err(Fault::Trailing)
    );
    assert_eq!(read(&END).map(|entries| entries.len()), Ok(0));
    assert_eq!(read(&[0; 10_240]).map(|entries| entries.len()), Ok(0));
    assert_eq!(read(b""), Err(Fault::Cut));
}

#[test]
fn what_is_no_archive_is_recognised() {
    for (body, expected) in [
        (&b"hello"[..], Fault::NotTar),
        (&[b'x'; 5000], Fault::NotTar),
        (b"\x1f\x8b\x08\0\0\0\0\0", Fault::Compressed("gzip")),
        (b"BZh91AY&SY", Fault::Compressed("bzip2")),
        (b"\xfd7zXZ\0", Fault::Compressed("xz")),
        (b"\x28\xb5\x2f\xfd", Fault::Compressed("zstd")),
        (b"PK\x03\x04", Fault::Compressed("zip")),
        (&[0; 100], Fault::NotTar),
    ] {
        assert_eq!(read(body), Err(expected), "{body:?}");
        let longer = [body, &[7; 2000]].concat();
        let found = read(&longer);
        match body {
            [0, ..] => assert_eq!(found, Err(Fault::NotTar)),
            _ => assert_eq!(found, Err(expected)),
        }
    }
    let damaged = [file(b"f", b"x"), vec![7; 2000]].concat();
    assert_eq!(read(&damaged), Err(Fault::Checksum));
}

#[test]
fn an_archive_that_is_cut_anywhere_is_refused() {
    let target = [b't'; 200];
    let archive = [
        special(b'g', &record("comment", b"x")),
        file(b"a", &[b'x'; 700]),
        records(&[("path", &[b'n'; 200]), ("size", b"3")]),
        file(b"b", b"abc"),
        special(b'K', &target),
        Made::new(b"l", b'2', 0).before(b""),
        old_sparse(
            &[100, 512, 700, 6, 900, 0, 900, 0],
            &[&[900, 0]],
            &content_of_holes(),
        ),
        Made::new(b"d/", b'5', 0).before(b""),
    ]
    .concat();
    let whole = [&archive[..], &END].concat();
    assert_eq!(read(&whole).map(|entries| entries.len()), Ok(5));
    for cut in 0..whole.len() {
        let found = read_in_parts(&whole[..cut], usize::MAX);
        let expected = match cut {
            1..BLOCK => Fault::NotTar,
            _ => Fault::Cut,
        };
        assert_eq!(found, Err(expected), "cut at {cut}");
    }
}

#[test]
fn an_archive_that_is_damaged_anywhere_in_a_header_is_refused() {
    let archive = [file(b"a", b"content"), file(b"b", b""), END.to_vec()].concat();
    for at in (0..BLOCK).chain(2 * BLOCK..3 * BLOCK) {
        for bit in [1, 0x80] {
            let mut damaged = archive.clone();
            damaged[at] ^= bit;
            let expected = if at < BLOCK {
                Fault::NotTar
            } else {
                Fault::Checksum
            };
            let found = read_in_parts(&damaged, usize::MAX);
            // The blank and the NUL behind the checksum are not looked at as long as they end it.
            let is_end_of_sum = matches!(at % BLOCK, 154 | 155);
            assert!(
                found == Err(expected) || is_end_of_sum,
                "{bit} at {at}: {found:?}"
            );
        }
    }
}
