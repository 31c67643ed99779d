//! Tar archives made byte by byte, also such as no program makes.

const BLOCK: usize = 512;

/// The end of an archive.
pub const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// An archive without entries, as a text.
pub const NO_ENTRIES: &str = match std::str::from_utf8(&END) {
    Ok(text) => text,
    Err(_) => panic!("NUL is UTF-8"),
};

/// A header with its checksum.
#[derive(Clone)]
pub struct Header([u8; BLOCK]);

impl Header {
    /// A header of ustar: a name of 100 bytes at most, the letter of a type, and a length.
    pub fn new(name: &[u8], letter: u8, length: u64) -> Self {
        Self([0; BLOCK])
            .with((0, 100), name)
            .with((100, 8), b"0000644\0")
            .with((124, 12), format!("{length:011o}\0").as_bytes())
            .with((156, 1), &[letter])
            .with((257, 8), b"ustar\x0000")
    }

    /// The same with these bytes at the beginning of a field, which is given as in `src/tar`.
    pub fn with(mut self, (start, length): (usize, usize), bytes: &[u8]) -> Self {
        assert!(bytes.len() <= length, "a field of {length} bytes");
        self.0[start..start + bytes.len()].copy_from_slice(bytes);
        self.summed()
    }

    /// The same as what has the name of another file: of a link.
    pub fn to(self, target: &[u8]) -> Self {
        self.with((157, 100), target)
    }

    fn summed(mut self) -> Self {
        self.0[148..156].fill(b' ');
        let sum: u32 = self.0.iter().map(|byte| u32::from(*byte)).sum();
        self.0[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self
    }

    /// The header and this content, padded.
    pub fn before(&self, content: &[u8]) -> Vec<u8> {
        [&self.0[..], &padded(content)].concat()
    }
}

fn padded(content: &[u8]) -> Vec<u8> {
    let mut padded = content.to_vec();
    padded.resize(content.len().next_multiple_of(BLOCK), 0);
    padded
}

/// Whole entries with the end behind them.
pub fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), END.to_vec()].concat()
}

pub fn file(name: &[u8], content: &[u8]) -> Vec<u8> {
    Header::new(name, b'0', content.len() as u64).before(content)
}

/// An entry without content.
pub fn entry(name: &[u8], letter: u8, target: &[u8]) -> Vec<u8> {
    Header::new(name, letter, 0).to(target).before(b"")
}

pub fn folder(name: &[u8]) -> Vec<u8> {
    entry(name, b'5', b"")
}

pub fn link(name: &[u8], target: &[u8]) -> Vec<u8> {
    entry(name, b'2', target)
}

pub fn hard_link(name: &[u8], target: &[u8]) -> Vec<u8> {
    entry(name, b'1', target)
}

/// A file with holes, in version 0.1 of GNU tar's records: its length, and offsets and lengths of
/// what it has as content.
pub fn sparse(name: &[u8], length: u64, map: &[u64], content: &[u8]) -> Vec<u8> {
    let numbers: Vec<_> = map.iter().map(u64::to_string).collect();
    let records = records(&[
        ("GNU.sparse.size", length.to_string().as_bytes()),
        (
            "GNU.sparse.numblocks",
            (map.len() / 2).to_string().as_bytes(),
        ),
        ("GNU.sparse.map", numbers.join(",").as_bytes()),
    ]);
    [records, file(name, content)].concat()
}

/// What precedes an entry: extended records (`x`, `g`), or a long name (`L`) or target (`K`).
pub fn preceding(letter: u8, content: &[u8]) -> Vec<u8> {
    Header::new(b"././@X", letter, content.len() as u64).before(content)
}

/// An extended record.
pub fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let length = (1..).find(|length| *length == rest + length.to_string().len());
    let start = format!("{} {key}=", length.expect("a length"));
    [start.as_bytes(), value, b"\n"].concat()
}

/// Extended records before their entry.
pub fn records(records: &[(&str, &[u8])]) -> Vec<u8> {
    let records: Vec<_> = records
        .iter()
        .map(|(key, value)| record(key, value))
        .collect();
    preceding(b'x', &records.concat())
}
