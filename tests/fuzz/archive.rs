//! Archives: how their bytes come changes nothing, and one that is accepted has an end, before
//! which none of it is accepted, and behind which nothing is.
//!
//! An input is a description, which can be changed without breaking all of an archive. A line that
//! begins with `H` is a header, with a name, the letter of a type, a length, a target and a format
//! between bars; `R` are extended records, with bars between them; `Z` are two empty blocks; and any
//! other line is content, padded to whole blocks.

use std::io::{self, Read};

use http_nas::internals::{Member, members};

const BLOCK: usize = 512;

/// Whether the archive of a description is accepted.
pub fn check(input: &[u8]) -> bool {
    let archive = build(input);
    let whole = members(&archive[..]);
    for most in [1, 100, 513] {
        let in_parts = members(InParts(&archive, most)).map(joined);
        assert_eq!(in_parts, whole.clone().map(joined), "in parts of {most}");
    }
    let Some(found) = &whole else { return false };
    for (path, kind, content) in found {
        let mut end = 0;
        for (at, part) in content {
            assert!(*at >= end && !part.is_empty(), "{path:?} {kind}");
            end = at + part.len() as u64;
        }
    }
    let used = archive.iter().rposition(|byte| *byte != 0);
    let used = used.map_or(0, |last| (last + 1).next_multiple_of(BLOCK));
    assert_eq!(members(&archive[..used]), None, "without its end");
    let longer = [&archive[..], b"x"].concat();
    assert_eq!(members(&longer[..]), None, "with something behind it");
    true
}

/// The members with the pieces of their contents joined, as far as one follows another.
fn joined(members: Vec<Member>) -> Vec<Member> {
    let join = |(path, kind, pieces): Member| {
        let mut joined: Vec<(u64, Vec<u8>)> = Vec::new();
        for (at, part) in pieces {
            match joined.last_mut() {
                Some((start, last)) if *start + last.len() as u64 == at => last.extend(part),
                _ => joined.push((at, part)),
            }
        }
        (path, kind, joined)
    };
    members.into_iter().map(join).collect()
}

struct InParts<'a>(&'a [u8], usize);

impl Read for InParts<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.1);
        self.0.read(&mut buffer[..most])
    }
}

/// The archive of a description.
fn build(input: &[u8]) -> Vec<u8> {
    let mut archive = Vec::new();
    for line in input.split(|byte| *byte == b'\n') {
        let mut fields = line.split(|byte| *byte == b'|');
        match fields.next() {
            Some(b"H") => {
                let [name, letter, length, target, magic] =
                    std::array::from_fn(|_| fields.next().unwrap_or_default());
                archive.extend(header(name, letter, (length, target, magic)));
            }
            Some(b"R") => {
                let records: Vec<u8> = fields.flat_map(record).collect();
                let length = format!("{:o}", records.len());
                archive.extend(header(b"", b"x", (length.as_bytes(), b"", b"p")));
                archive.extend(padded(&records));
            }
            Some(b"Z") => archive.extend([0; 2 * BLOCK]),
            _ => archive.extend(padded(line)),
        }
    }
    archive
}

fn padded(content: &[u8]) -> Vec<u8> {
    let mut padded = content.to_vec();
    padded.resize(content.len().next_multiple_of(BLOCK), 0);
    padded
}

fn header(name: &[u8], letter: &[u8], (length, target, format): (&[u8], &[u8], &[u8])) -> Vec<u8> {
    let magic: &[u8] = match format {
        b"" | b"p" => b"ustar\x0000",
        b"g" => b"ustar  \0",
        b"o" => b"",
        other => other,
    };
    let mut block = vec![0; BLOCK];
    for (start, most, bytes) in [
        (0, 100, name),
        (100, 8, b"0000644"),
        (124, 12, length),
        (156, 1, letter),
        (157, 100, target),
        (257, 8, magic),
    ] {
        for (place, byte) in block[start..start + most].iter_mut().zip(bytes) {
            *place = *byte;
        }
    }
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// A record with its length, unless it begins with a digit: then it has one.
fn record(text: &[u8]) -> Vec<u8> {
    if text.first().is_some_and(u8::is_ascii_digit) {
        return [text, b"\n"].concat();
    }
    let rest = text.len() + 2;
    let length = (1..).find(|length| *length == rest + length.to_string().len());
    let start = format!("{} ", length.unwrap_or(0));
    [start.as_bytes(), text, b"\n"].concat()
}
