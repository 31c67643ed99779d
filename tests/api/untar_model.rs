//! Archives that are changed at random, held against GNU tar: what the server accepts, GNU tar
//! extracts without complaint, and to the same files.
//!
//! A run is the same each time. `UNTAR_SEED` chooses another one, `UNTAR_ROUNDS` how many archives
//! there are.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use testkit::random::Random;
use testkit::tarball::{
    Header, archive, file, folder, hard_link, link, preceding, record, records, sparse,
};
use testkit::{Server, visible};

const BLOCK: usize = 512;

/// Archives as programs make them, each as entries with what precedes them.
fn originals() -> Vec<Vec<u8>> {
    let long = [b'l'; 180];
    let newer: [(&str, &[u8]); 4] = [
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"newer"),
        ("GNU.sparse.realsize", b"3000"),
    ];
    let mut map = b"3\n100\n512\n700\n6\n3000\n0\n".to_vec();
    map.resize(BLOCK, 0);
    let content = [&[b'f'; BLOCK][..], b"second"].concat();
    let octal = |numbers: &[u64]| {
        let numbers = numbers.iter().map(|number| format!("{number:011o}\0"));
        numbers.collect::<String>().into_bytes()
    };
    let old_sparse = Header::new(b"old", b'S', 518)
        .with((257, 8), b"ustar  \0")
        .with((386, 96), &octal(&[100, 512, 700, 6, 3000, 0]))
        .with((483, 12), &octal(&[3000]))
        .before(&content);
    vec![
        archive(&[
            folder(b"d/"),
            file(b"d/one", &[b'1'; 700]),
            file(b"d/two", b"2"),
            link(b"d/link", b"one"),
            hard_link(b"again", b"d/one"),
            file(b"empty", b""),
        ]),
        archive(&[
            preceding(b'L', &[&long[..], b"\0"].concat()),
            file(b"short", b"long name"),
            preceding(b'K', &[&long[..], b"\0"].concat()),
            link(b"l", b"short"),
            records(&[("path", &long[..100]), ("size", b"9")]),
            Header::new(b"x", b'0', 0).before(b"by record"),
            preceding(b'g', &record("comment", b"for all")),
            file(b"last", b"x"),
        ]),
        archive(&[
            sparse(b"sparse", 3000, &[100, 512, 700, 6, 3000, 0], &content),
            records(&newer),
            file(b"GNUSparseFile.1/newer", &[&map[..], &content].concat()),
            old_sparse,
            file(b"last", b"x"),
        ]),
        archive(&[
            Header::new(b"name", b'0', 3)
                .with((345, 155), b"pre/fix")
                .before(b"abc"),
            Header::new(b"old-dir/", 0, 0)
                .with((257, 8), &[0; 8])
                .before(b""),
            Header::new(b"old", 0, 4)
                .with((257, 8), &[0; 8])
                .before(b"abcd"),
            file(b"last", b"x"),
        ]),
    ]
}

/// The fields that mean something to the server.
const FIELDS: [(usize, usize); 8] = [
    (0, 100),
    (100, 8),
    (124, 12),
    (156, 1),
    (157, 100),
    (257, 8),
    (345, 155),
    (386, 110),
];

/// Sets the checksum of a header.
fn sum(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

fn is_header(block: &[u8]) -> bool {
    let mut summed = block.to_vec();
    sum(&mut summed);
    summed == block
}

fn below(random: &mut Random, limit: usize) -> usize {
    usize::try_from(random.number() % limit.max(1) as u64).expect("small")
}

/// Bytes that are likely to mean something there.
fn bytes(random: &mut Random) -> Vec<u8> {
    let known: [&[u8]; 24] = [
        b"0",
        b"1",
        b"2",
        b"5",
        b"7",
        b"x",
        b"L",
        b"K",
        b"S",
        b"g",
        b"\0",
        b"/",
        b"..",
        b"../",
        b"./",
        b"d",
        b"one",
        b"777",
        b"00000000003\0",
        b"\x80\0\0\0\0\0\0\0\0\0\0\x03",
        b"\xff",
        b" ",
        b"ustar\x0000",
        b"ustar  \0",
    ];
    match below(random, 4) {
        0 => vec![(random.number() % 256) as u8],
        _ => known[below(random, known.len())].to_vec(),
    }
}

/// Changes an archive in one place.
fn change(random: &mut Random, archive: &mut Vec<u8>) {
    let blocks = archive.len() / BLOCK;
    let at = below(random, blocks) * BLOCK;
    let block = at..(at + BLOCK).min(archive.len());
    match below(random, 10) {
        0 => drop(archive.drain(block)),
        1 => {
            let copy = archive[block].to_vec();
            let to = below(random, blocks + 1) * BLOCK;
            archive.splice(to..to, copy);
        }
        2 => archive.truncate(at),
        3 => archive.extend_from_slice(&bytes(random)),
        // Anywhere, as in the content, in records, and in maps.
        4 | 5 => {
            let start = (at + below(random, 40)).min(archive.len());
            for (place, byte) in archive[start..].iter_mut().zip(bytes(random)) {
                *place = byte;
            }
        }
        _ if block.len() == BLOCK && is_header(&archive[block.clone()]) => {
            let (start, length) = FIELDS[below(random, FIELDS.len())];
            let start = start + below(random, length.min(14));
            let header = &mut archive[block];
            for (place, byte) in header[start..].iter_mut().zip(bytes(random)) {
                *place = byte;
            }
            sum(header);
        }
        _ => {}
    }
}

/// Names, kinds and content below a folder, and which files may be executed.
fn picture(dir: &Path) -> Vec<String> {
    let entries = visible(dir).into_iter();
    let with_content = |entry: String| {
        let name = entry.rsplit_once(' ').map_or(&entry[..], |(name, _)| name);
        match fs::symlink_metadata(dir.join(name)) {
            Ok(meta) if meta.is_file() => {
                let content = fs::read(dir.join(name)).expect("readable");
                let sum = content.iter().fold(0, |sum: u64, byte| {
                    sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
                });
                format!("{entry} {} {sum:x}", meta.mode() & 0o100)
            }
            _ => entry,
        }
    };
    entries.map(with_content).collect()
}

/// What GNU tar extracts; its complaint, if it has any.
fn extracted(dir: &Path, archive: &[u8]) -> Result<Vec<String>, String> {
    let _ = fs::remove_dir_all(dir);
    fs::create_dir(dir).expect("made");
    let packed = dir.with_extension("tar");
    fs::write(&packed, archive).expect("written");
    let output = Command::new("tar")
        .args(["-x", "--no-same-owner", "-f"])
        .arg(&packed)
        .current_dir(dir)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .expect("there is tar");
    match output.status.success() {
        true => Ok(picture(dir)),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn number(variable: &str, default: u64) -> u64 {
    let set = std::env::var(variable).ok();
    set.map_or(default, |set| set.parse().expect("a number"))
}

#[test]
fn what_is_accepted_is_what_gnu_tar_extracts() {
    let server = Server::start();
    let dir = server.dir.outside().join("extracted");
    let mut random = Random::new(number("UNTAR_SEED", 7));
    let originals = originals();
    for original in &originals {
        assert_eq!(server.post("new/untar?replace", original).status, 200);
        let found = picture(&server.storage().join("new"));
        assert_eq!(Ok(found), extracted(&dir, original));
    }
    let mut accepted = 0;
    let rounds = number("UNTAR_ROUNDS", 1500);
    for round in 0..rounds {
        let mut archive = originals[below(&mut random, originals.len())].clone();
        for _ in 0..=below(&mut random, 3) {
            change(&mut random, &mut archive);
        }
        let reply = server.post("new/untar?replace", &archive);
        assert!(
            matches!(reply.status, 200 | 400),
            "{round}: {}",
            reply.summary()
        );
        if reply.status == 400 {
            continue;
        }
        accepted += 1;
        let found = picture(&server.storage().join("new"));
        let expected = extracted(&dir, &archive);
        if Ok(&found) != expected.as_ref() {
            let kept = std::env::temp_dir().join("http-nas-untar-model.tar");
            fs::write(&kept, &archive).expect("written");
            panic!(
                "round {round}, kept as {}: {found:#?} and {expected:#?}",
                kept.display()
            );
        }
    }
    // If nearly all were refused, or nearly none, this would show little.
    let is_mixed = accepted * 20 > rounds && accepted * 20 < rounds * 19;
    assert!(is_mixed, "{accepted} of {rounds} were accepted");
}
