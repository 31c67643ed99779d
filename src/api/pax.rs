//! The headers of an archive that is written: ustar, and extended records for what ustar cannot
//! express (POSIX.1-2017, pax, "pax Interchange Format").
//!
//! Responsible for: the metadata of an entry as bytes. Not for: content, and where it is written.

use crate::storage::{Kind, Metadata};
use crate::tar::{
    BLOCK, CHECKSUM, DEVICE_MAJOR, DEVICE_MINOR, Field, GID, LINK_NAME, MAGIC_AND_VERSION,
    MAX_TEXT, MODE, MTIME, NAME, SIZE, TYPE, UID, checksum, padding,
};
use crate::time::Timestamp;

/// The name of records, under which a reader that does not know them extracts them.
const RECORDS_NAME: &[u8] = b"././@PaxHeader";

/// What precedes the content of an entry: records, if they are needed, and the header. `None` for a
/// FIFO, socket or device, which are not archived.
///
/// Owner and group are kept as numbers, since their names may mean others elsewhere. If root
/// restores the archive, each file gets its owner back, so that set-user-ID bits mean what they
/// did. If another user does, the files are that user's.
pub(super) fn header(path: &[u8], metadata: &Metadata, target: &[u8]) -> Option<Vec<u8>> {
    let mut header = Header::of_type(match metadata.kind {
        Kind::File => b"0",
        Kind::Link => b"2",
        Kind::Directory => b"5",
        Kind::Other => return None,
    });
    let mut records = Records::default();
    records.texts(&[("path", path), ("linkpath", target)]);
    header.text(NAME, path);
    header.text(LINK_NAME, target);
    header.number(MODE, u64::from(metadata.permissions));
    for (key, field, value) in [
        ("uid", UID, u64::from(metadata.owner)),
        ("gid", GID, u64::from(metadata.group)),
        ("size", SIZE, metadata.length),
    ] {
        if !header.number(field, value) {
            records.push(key, value.to_string().as_bytes());
        }
    }
    let seconds = metadata.modified.seconds();
    let fits = header.number(MTIME, u64::try_from(seconds).unwrap_or(0));
    if !fits || metadata.modified != Timestamp::new(seconds.max(0), 0) {
        records.push("mtime", decimal(metadata.modified).as_bytes());
    }
    let mut bytes = records.into_bytes();
    bytes.extend_from_slice(&header.into_block());
    Some(bytes)
}

/// A time in seconds since 1970, with nanoseconds as decimals.
fn decimal(time: Timestamp) -> String {
    let nanoseconds = time.nanoseconds();
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let (seconds, nanos) = (
        nanoseconds.unsigned_abs() / 1_000_000_000,
        nanoseconds.unsigned_abs() % 1_000_000_000,
    );
    format!("{sign}{seconds}.{nanos:09}")
}

/// A ustar header.
struct Header([u8; BLOCK]);

impl Header {
    fn of_type(letter: &[u8; 1]) -> Self {
        let mut header = Self([0; BLOCK]);
        header.text(TYPE, letter);
        header.text(MAGIC_AND_VERSION, b"ustar\x0000");
        for field in [UID, GID, SIZE, MTIME, DEVICE_MAJOR, DEVICE_MINOR] {
            header.number(field, 0);
        }
        header
    }

    /// Writes a text, cut to the length of the field.
    fn text(&mut self, (start, length): Field, text: &[u8]) {
        let text = &text[..text.len().min(length)];
        self.0[start..start + text.len()].copy_from_slice(text);
    }

    /// Writes a number in octal with a final NUL. If it does not fit, writes 0 and returns `false`.
    fn number(&mut self, (start, length): Field, number: u64) -> bool {
        let width = length - 1;
        let digits = format!("{number:0width$o}");
        let fits = digits.len() == width;
        let digits = if fits { digits } else { "0".repeat(width) };
        self.text((start, length), format!("{digits}\0").as_bytes());
        fits
    }

    /// The header with its checksum.
    fn into_block(mut self) -> [u8; BLOCK] {
        self.text(CHECKSUM, &[b' '; 8]);
        // Six digits, a NUL, and the last of these blanks.
        self.number((CHECKSUM.0, 7), checksum(&self.0));
        self.0
    }
}

/// Extended records, which precede the header of their entry.
#[derive(Default)]
struct Records(Vec<u8>);

impl Records {
    /// Adds the texts that the header cannot hold: those that are too long, and those with
    /// characters beyond ASCII, whose encoding is defined only in records. Short texts that are not
    /// UTF-8 are left to the header, which may have any bytes.
    fn texts(&mut self, texts: &[(&str, &[u8])]) {
        let needs_record = |text: &[u8]| {
            text.len() > MAX_TEXT || !text.is_ascii() && std::str::from_utf8(text).is_ok()
        };
        let texts = || texts.iter().filter(|(_, text)| needs_record(text));
        if texts().any(|(_, text)| std::str::from_utf8(text).is_err()) {
            self.push("hdrcharset", b"BINARY");
        }
        texts().for_each(|(key, text)| self.push(key, text));
    }

    /// Adds a record: `LENGTH KEY=VALUE` and a newline. The length includes its own digits.
    fn push(&mut self, key: &str, value: &[u8]) {
        let rest = " =\n".len() + key.len() + value.len();
        let mut length = rest + 1;
        while length != rest + length.to_string().len() {
            length = rest + length.to_string().len();
        }
        self.0
            .extend_from_slice(format!("{length} {key}=").as_bytes());
        self.0.extend_from_slice(value);
        self.0.push(b'\n');
    }

    /// The records, padded and with a header of their own; empty if there are none.
    fn into_bytes(self) -> Vec<u8> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let length = self.0.len() as u64;
        let mut header = Header::of_type(b"x");
        header.text(NAME, RECORDS_NAME);
        header.number(MODE, 0o644);
        header.number(SIZE, length);
        let mut bytes = header.into_block().to_vec();
        bytes.extend_from_slice(&self.0);
        bytes.resize(bytes.len() + padding(length), 0);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(length: u64, modified: Timestamp) -> Metadata {
        Metadata {
            kind: Kind::File,
            length,
            modified,
            permissions: 0o644,
            owner: 1000,
            group: 100,
        }
    }

    fn bytes_of(path: &[u8], metadata: &Metadata, target: &[u8]) -> Vec<u8> {
        header(path, metadata, target).unwrap_or_default()
    }

    fn after(seconds: i64) -> Timestamp {
        Timestamp::new(seconds, 0)
    }

    /// The records of a header, each without its length, which is checked.
    fn records(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        if bytes[TYPE.0] != b'x' {
            return found;
        }
        let size = String::from_utf8_lossy(&bytes[SIZE.0..SIZE.0 + 11]).into_owned();
        let size = usize::from_str_radix(&size, 8).unwrap_or(0);
        let mut left = &bytes[BLOCK..BLOCK + size];
        while !left.is_empty() {
            let blank = left.iter().position(|&byte| byte == b' ').unwrap_or(0);
            let length = String::from_utf8_lossy(&left[..blank]).parse().unwrap_or(0);
            let (record, rest) = left.split_at(length);
            assert_eq!(record.last(), Some(&b'\n'), "{record:?}");
            found.push(record[blank + 1..length - 1].to_vec());
            left = rest;
        }
        found
    }

    #[test]
    fn a_plain_file_is_one_block_of_ustar() {
        let bytes = bytes_of(b"a/b.csv", &file(0o1234, after(0o777)), b"");
        assert_eq!(bytes.len(), BLOCK);
        for (at, expected) in [
            (0, &b"a/b.csv\0"[..]),
            (100, b"0000644\x000001750\x000000144\0"),
            (124, b"00000001234\x0000000000777\0"),
            (156, b"0\0"),
            (257, b"ustar\x0000\0"),
            (329, b"0000000\x000000000\0\0"),
        ] {
            let found = &bytes[at..at + expected.len()];
            assert_eq!(found, expected, "at {at}");
        }
        let mut blanked = bytes.clone();
        blanked[148..156].fill(b' ');
        let sum: u32 = blanked.iter().map(|&byte| u32::from(byte)).sum();
        assert_eq!(bytes[148..156], *format!("{sum:06o}\0 ").as_bytes());
    }

    #[test]
    fn directories_and_links_say_what_they_are() {
        for (kind, letter, target) in [
            (Kind::File, b'0', &b""[..]),
            (Kind::Directory, b'5', b""),
            (Kind::Link, b'2', b"../elsewhere"),
        ] {
            let metadata = Metadata {
                kind,
                ..file(0, after(1))
            };
            let bytes = bytes_of(b"name", &metadata, target);
            assert_eq!(bytes[156], letter, "{kind:?}");
            assert_eq!(&bytes[157..157 + target.len()], target, "{kind:?}");
            assert_eq!(bytes[157 + target.len()], 0, "{kind:?}");
        }
        let other = Metadata {
            kind: Kind::Other,
            ..file(0, after(1))
        };
        assert_eq!(header(b"name", &other, b""), None);
    }

    #[test]
    fn what_ustar_cannot_say_is_in_records() {
        let path = |length: usize| vec![b'p'; length];
        let bytes = |length: usize| vec![0xff; length];
        let record = |key: &str, value: &[u8]| [key.as_bytes(), b"=", value].concat();
        let ustar = file(5, after(5));
        for (path, metadata, target, expected) in [
            (path(100), ustar, path(100), vec![]),
            (path(101), ustar, vec![], vec![record("path", &path(101))]),
            (
                path(4000),
                ustar,
                path(101),
                vec![record("path", &path(4000)), record("linkpath", &path(101))],
            ),
            (
                "é/".into(),
                ustar,
                "ü".into(),
                vec![
                    record("path", "é/".as_bytes()),
                    record("linkpath", "ü".as_bytes()),
                ],
            ),
            (bytes(100), ustar, bytes(100), vec![]),
            (
                bytes(101),
                ustar,
                "ü".into(),
                vec![
                    b"hdrcharset=BINARY".to_vec(),
                    record("path", &bytes(101)),
                    record("linkpath", "ü".as_bytes()),
                ],
            ),
            (path(1), file(0o77_777_777_777, after(5)), vec![], vec![]),
            (
                path(1),
                file(1 << 33, after(5)),
                vec![],
                vec![b"size=8589934592".to_vec()],
            ),
            (path(1), file(0, after(0o77_777_777_777)), vec![], vec![]),
            (
                path(1),
                file(0, after(1 << 33)),
                vec![],
                vec![b"mtime=8589934592.000000000".to_vec()],
            ),
            (
                path(1),
                file(0, Timestamp::new(1, 1)),
                vec![],
                vec![b"mtime=1.000000001".to_vec()],
            ),
            (
                path(1),
                file(0, Timestamp::new(-2, 500_000_000)),
                vec![],
                vec![b"mtime=-1.500000000".to_vec()],
            ),
            (
                path(1),
                file(0, after(-1)),
                vec![],
                vec![b"mtime=-1.000000000".to_vec()],
            ),
            (
                path(1),
                Metadata {
                    owner: 0o7_777_777,
                    group: 0o10_000_000,
                    ..ustar
                },
                vec![],
                vec![b"gid=2097152".to_vec()],
            ),
        ] {
            let bytes = bytes_of(&path, &metadata, &target);
            assert_eq!(bytes.len() % BLOCK, 0);
            assert_eq!(records(&bytes), expected, "{metadata:?} {path:?}");
        }
    }

    #[test]
    fn the_length_of_a_record_counts_itself() {
        for (value, length) in [
            (1, 6),
            (4, 9),
            (5, 11),
            (93, 99),
            (94, 101),
            (992, 999),
            (993, 1001),
        ] {
            let mut records = Records::default();
            records.push("k", &vec![b'v'; value]);
            assert_eq!(records.0.len(), length, "{value}");
            let digits = length.to_string();
            assert!(records.0.starts_with(digits.as_bytes()), "{value}");
        }
    }

    #[test]
    fn content_is_padded_to_whole_blocks() {
        for (length, zeros) in [
            (0, 0),
            (1, 511),
            (511, 1),
            (512, 0),
            (513, 511),
            (1 << 40, 0),
        ] {
            assert_eq!(padding(length), zeros, "{length}");
        }
    }
}
