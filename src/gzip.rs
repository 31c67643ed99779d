//! Gzip (RFC 1952), decompressed while it is read, in memory that does not grow with it.
//!
//! Responsible for: the members of a file, their headers, checksums and lengths. Not for: the
//! compressed data in them (RFC 1951, the crate `miniz_oxide`).

use std::fmt;
use std::io::{self, ErrorKind, Read};

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

/// The size of the buffer of compressed bytes.
const BUFFER: usize = 8 * 1024;

/// Bits of the flags in the header of a member.
const HEADER_CRC: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;

/// Why it cannot be decompressed: what an error of reading holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does not begin like gzip.
    NotGzip,
    /// It ends before its end is marked.
    Cut,
    /// The compressed data are malformed.
    Data,
    /// What comes out has another checksum, or another length.
    Checksum,
    /// Something else follows its end.
    Trailing,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotGzip => "it is said to be gzip, and is not",
            Self::Cut => "the gzip ends early",
            Self::Data => "the gzip is malformed",
            Self::Checksum => "the gzip does not have its checksum or length",
            Self::Trailing => "something follows the end of the gzip",
        })
    }
}

impl std::error::Error for Fault {}

/// What is read decompressed.
pub(crate) struct Decompressed<R> {
    source: R,
    buffer: Box<[u8]>,
    /// Which part of the buffer has not been used.
    start: usize,
    end: usize,
    state: Box<InflateState>,
    place: Place,
    checksum: Crc32,
    /// The length of the member so far, of which only the lower 32 bits are kept.
    length: u32,
}

/// Where reading has come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first member.
    Start,
    /// In the data of a member.
    Data,
    /// Behind a member.
    Behind,
    End,
}

impl<R: Read> Decompressed<R> {
    pub(crate) fn new(source: R) -> Self {
        Self {
            source,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            start: 0,
            end: 0,
            state: InflateState::new_boxed(DataFormat::Raw),
            place: Place::Start,
            checksum: Crc32::default(),
            length: 0,
        }
    }

    /// What is read.
    pub(crate) fn source(&mut self) -> &mut R {
        &mut self.source
    }

    /// What has been read.
    pub(crate) fn into_source(self) -> R {
        self.source
    }

    /// Reads compressed bytes, where none are left; `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        while self.start == self.end {
            match self.source.read(&mut self.buffer) {
                Ok(0) => return Ok(false),
                Ok(read) => (self.start, self.end) = (0, read),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn byte(&mut self) -> io::Result<u8> {
        if !self.fill()? {
            return Err(io::Error::other(Fault::Cut));
        }
        let byte = self.buffer[self.start];
        self.start += 1;
        Ok(byte)
    }

    fn number(&mut self) -> io::Result<u32> {
        let bytes = [self.byte()?, self.byte()?, self.byte()?, self.byte()?];
        Ok(u32::from_le_bytes(bytes))
    }

    /// Reads the header of a member, whose first byte has been read.
    fn read_header(&mut self, first: u8, fault: Fault) -> io::Result<()> {
        let [second, method, flags] = [self.byte()?, self.byte()?, self.byte()?];
        if (first, second) != (0x1f, 0x8b) || method != 8 || flags & RESERVED != 0 {
            return Err(io::Error::other(fault));
        }
        // A time and what the compressor was.
        for _ in 0..6 {
            self.byte()?;
        }
        if flags & EXTRA != 0 {
            let length = u16::from_le_bytes([self.byte()?, self.byte()?]);
            for _ in 0..length {
                self.byte()?;
            }
        }
        for flag in [NAME, COMMENT] {
            while flags & flag != 0 && self.byte()? != 0 {}
        }
        if flags & HEADER_CRC != 0 {
            self.byte()?;
            self.byte()?;
        }
        self.state.reset(DataFormat::Raw);
        self.checksum = Crc32::default();
        self.length = 0;
        self.place = Place::Data;
        Ok(())
    }

    /// Reads what is behind a member: zeros that fill a block, or another member.
    fn read_behind(&mut self) -> io::Result<()> {
        loop {
            if !self.fill()? {
                self.place = Place::End;
                return Ok(());
            }
            match self.byte()? {
                0 => {}
                first => return self.read_header(first, Fault::Trailing),
            }
        }
    }

    /// Decompresses into a buffer that is not empty; 0 where nothing has come out yet.
    fn decompress(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let has_input = self.fill()?;
        let input = &self.buffer[self.start..self.end];
        let result = inflate(&mut self.state, input, out, MZFlush::None);
        self.start += result.bytes_consumed;
        let written = result.bytes_written;
        self.checksum.update(&out[..written]);
        self.length = self.length.wrapping_add(written as u32);
        let goes_on = result.bytes_consumed > 0 || written > 0;
        match result.status {
            Ok(MZStatus::StreamEnd) => self.read_trailer()?,
            Ok(_) | Err(MZError::Buf) if goes_on => {}
            Ok(_) | Err(MZError::Buf) if !has_input => return Err(io::Error::other(Fault::Cut)),
            _ => return Err(io::Error::other(Fault::Data)),
        }
        Ok(written)
    }

    fn read_trailer(&mut self) -> io::Result<()> {
        let (checksum, length) = (self.number()?, self.number()?);
        if checksum != self.checksum.finish() || length != self.length {
            return Err(io::Error::other(Fault::Checksum));
        }
        self.place = Place::Behind;
        Ok(())
    }
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            match self.place {
                Place::Start => {
                    let first = self.byte()?;
                    self.read_header(first, Fault::NotGzip)?;
                }
                Place::Data => match self.decompress(out)? {
                    0 => {}
                    written => return Ok(written),
                },
                Place::Behind => self.read_behind()?,
                Place::End => return Ok(0),
            }
        }
    }
}

/// The checksum of gzip (RFC 1952, section 8).
struct Crc32(u32);

/// What each value of a byte does to the checksum.
const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = match value & 1 {
                0 => value >> 1,
                _ => value >> 1 ^ 0xedb8_8320,
            };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
}

impl Default for Crc32 {
    fn default() -> Self {
        Self(!0)
    }
}

impl Crc32 {
    fn update(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |value, byte| {
            let index = (value as u8 ^ byte) as usize;
            value >> 8 ^ TABLE[index]
        });
    }

    fn finish(&self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::deflate::compress_to_vec;

    /// A member with this in its header behind the flags, the time and the system.
    fn member(content: &[u8], (flags, fields): (u8, &[u8]), level: u8) -> Vec<u8> {
        let mut checksum = Crc32::default();
        checksum.update(content);
        let mut member = vec![0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3];
        member.extend(fields);
        member.extend(compress_to_vec(content, level));
        member.extend(checksum.finish().to_le_bytes());
        member.extend((content.len() as u32).to_le_bytes());
        member
    }

    fn plain(content: &[u8]) -> Vec<u8> {
        member(content, (0, b""), 6)
    }

    /// What is read, in parts of this length at most.
    struct InParts<'b>(&'b [u8], usize);

    impl Read for InParts<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(self.1);
            self.0.read(&mut buffer[..most])
        }
    }

    fn decompressed(gzip: &[u8], most: usize) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::new();
        let mut reader = Decompressed::new(InParts(gzip, most));
        let mut room = vec![0; 1000.min(most)];
        loop {
            match reader.read(&mut room) {
                Ok(0) => return Ok(out),
                Ok(read) => out.extend_from_slice(&room[..read]),
                Err(error) => match error.downcast::<Fault>() {
                    Ok(fault) => return Err(fault),
                    Err(error) => panic!("{error}"),
                },
            }
        }
    }

    fn read(gzip: &[u8]) -> Result<Vec<u8>, Fault> {
        let whole = decompressed(gzip, usize::MAX);
        for most in [1, 7, 8191] {
            assert_eq!(decompressed(gzip, most), whole, "in parts of {most}");
        }
        whole
    }

    /// Text that repeats itself in part, so that it can be compressed, but not to nothing.
    fn text(length: usize) -> Vec<u8> {
        let words = (0..).map(|at: u64| (at.wrapping_mul(0x9e37_79b9) >> 20) % 5000);
        let bytes = words.flat_map(|word| format!("{word} ").into_bytes());
        bytes.take(length).collect()
    }

    #[test]
    fn what_was_compressed_comes_out() {
        for length in [0, 1, 100, 32_768, 100_000] {
            for level in [0, 1, 6, 9] {
                let text = text(length);
                let found = read(&member(&text, (0, b""), level));
                assert!(found == Ok(text), "{length} at level {level}");
            }
        }
        let zeros = vec![0; 1 << 20];
        let gzip = plain(&zeros);
        assert!(gzip.len() < 2000);
        assert!(decompressed(&gzip, usize::MAX) == Ok(zeros));
    }

    #[test]
    fn headers_may_have_fields() {
        for (flags, fields) in [
            (0, &b""[..]),
            (1, b""),
            (NAME, b"a.tar\0"),
            (COMMENT, b"\0"),
            (EXTRA, b"\x03\0abc"),
            (HEADER_CRC, b"xy"),
            (
                EXTRA | NAME | COMMENT | HEADER_CRC,
                b"\0\0name\0comment\0xy",
            ),
        ] {
            let gzip = member(b"content", (flags, fields), 6);
            assert_eq!(read(&gzip), Ok(b"content".to_vec()), "{flags}");
        }
        let endless = [
            &[0x1f, 0x8b, 8, NAME, 0, 0, 0, 0, 0, 3][..],
            &[b'n'; 50_000],
        ]
        .concat();
        assert_eq!(read(&endless), Err(Fault::Cut));
    }

    #[test]
    fn members_and_zeros_may_follow() {
        let (one, other) = (plain(b"one"), plain(b"other"));
        for (gzip, expected) in [
            (one.clone(), Ok(&b"one"[..])),
            ([&one[..], &other].concat(), Ok(b"oneother")),
            (
                [&plain(b"")[..], &plain(b""), &other].concat(),
                Ok(b"other"),
            ),
            ([&one[..], &[0; 600]].concat(), Ok(b"one")),
            ([&one[..], &[0; 3], &other].concat(), Ok(b"oneother")),
            ([&one[..], b"x"].concat(), Err(Fault::Cut)),
            ([&one[..], b"something"].concat(), Err(Fault::Trailing)),
            (
                [&one[..], &[0, 0, 1, 2, 3, 4]].concat(),
                Err(Fault::Trailing),
            ),
        ] {
            assert_eq!(read(&gzip), expected.map(<[u8]>::to_vec));
        }
    }

    #[test]
    fn what_is_not_gzip_is_refused() {
        let gzip = plain(b"content");
        let with = |at: usize, byte: u8| {
            let mut changed = gzip.clone();
            changed[at] = byte;
            read(&changed)
        };
        assert_eq!(read(b"hello"), Err(Fault::NotGzip));
        assert_eq!(read(&[0; 1000]), Err(Fault::NotGzip));
        assert_eq!(read(b""), Err(Fault::Cut));
        assert_eq!(with(0, 0x1e), Err(Fault::NotGzip));
        assert_eq!(with(1, 0x8c), Err(Fault::NotGzip));
        assert_eq!(with(2, 7), Err(Fault::NotGzip));
        assert_eq!(with(3, 0x20), Err(Fault::NotGzip));
        // A block of a type that there is not.
        assert_eq!(with(10, 0xff), Err(Fault::Data));
        for (at, byte) in gzip.iter().enumerate().skip(gzip.len() - 8) {
            assert_eq!(with(at, byte ^ 1), Err(Fault::Checksum), "at {at}");
        }
    }

    #[test]
    fn gzip_that_is_cut_anywhere_is_refused() {
        let gzip = plain(&text(3000));
        for cut in 0..gzip.len() {
            let found = decompressed(&gzip[..cut], usize::MAX);
            assert_eq!(found, Err(Fault::Cut), "cut at {cut}");
        }
        assert!(decompressed(&gzip, usize::MAX).is_ok());
    }

    #[test]
    fn the_checksum_is_that_of_gzip() {
        for (bytes, expected) in [
            (&b""[..], 0),
            (b"123456789", 0xcbf4_3926),
            (b"The quick brown fox jumps over the lazy dog", 0x414f_a339),
        ] {
            let mut checksum = Crc32::default();
            checksum.update(bytes);
            assert_eq!(checksum.finish(), expected);
        }
    }
}
