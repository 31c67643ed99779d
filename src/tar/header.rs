//! The header of an entry.

use super::block::{
    BLOCK, CHECKSUM, Field, LINK_NAME, MAGIC_AND_VERSION, MODE, NAME, PREFIX, SIZE, TYPE, checksum,
    signed_checksum,
};
use super::fault::Fault;

/// The largest length of a file, in bytes, as the system has it.
const MAX_LENGTH: u64 = i64::MAX as u64;

/// A header whose checksum is right.
#[derive(Debug)]
pub(super) struct Header<'b> {
    block: &'b [u8; BLOCK],
    pub(super) format: Format,
}

/// The format of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Version 7 of Unix.
    Old,
    /// POSIX: ustar, and pax.
    Posix,
    /// GNU tar, before it had pax.
    Gnu,
}

impl<'b> Header<'b> {
    /// That of a block.
    ///
    /// # Errors
    /// [`Fault::Checksum`], [`Fault::Format`].
    pub(super) fn new(block: &'b [u8; BLOCK]) -> Result<Self, Fault> {
        let found = number(field(block, CHECKSUM)).ok_or(Fault::Checksum)?;
        let is_signed = || i64::try_from(found) == Ok(signed_checksum(block));
        if found != checksum(block) && !is_signed() {
            return Err(Fault::Checksum);
        }
        let format = match field(block, MAGIC_AND_VERSION) {
            [0, 0, 0, 0, 0, 0, 0, 0] => Format::Old,
            b"ustar  \0" => Format::Gnu,
            magic if magic.starts_with(b"ustar\0") => Format::Posix,
            _ => return Err(Fault::Format),
        };
        Ok(Self { block, format })
    }

    /// The letter for the type of the entry.
    pub(super) fn letter(&self) -> u8 {
        self.block[TYPE.0]
    }

    /// The length of what follows, in bytes.
    ///
    /// # Errors
    /// [`Fault::Number`].
    pub(super) fn length(&self) -> Result<u64, Fault> {
        self.length_in(SIZE)
    }

    /// A length in another field.
    ///
    /// # Errors
    /// [`Fault::Number`].
    pub(super) fn length_in(&self, at: Field) -> Result<u64, Fault> {
        length(field(self.block, at))
    }

    /// Whether the owner may execute it.
    ///
    /// # Errors
    /// [`Fault::Number`].
    pub(super) fn is_executable(&self) -> Result<bool, Fault> {
        let mode = number(field(self.block, MODE)).ok_or(Fault::Number)?;
        Ok(mode & 0o100 != 0)
    }

    /// The path.
    pub(super) fn path(&self) -> Vec<u8> {
        let name = text(field(self.block, NAME));
        // The others have other things in its place.
        let prefix = match self.format {
            Format::Posix => text(field(self.block, PREFIX)),
            Format::Old | Format::Gnu => &[],
        };
        match prefix.is_empty() {
            true => name.to_vec(),
            false => [prefix, b"/", name].concat(),
        }
    }

    /// The target of a link.
    pub(super) fn target(&self) -> Vec<u8> {
        text(field(self.block, LINK_NAME)).to_vec()
    }

    /// The bytes of the block.
    pub(super) fn bytes(&self) -> &'b [u8; BLOCK] {
        self.block
    }
}

pub(super) fn field(block: &[u8; BLOCK], (start, length): Field) -> &[u8] {
    &block[start..start + length]
}

/// The bytes up to a NUL.
fn text(field: &[u8]) -> &[u8] {
    let length = memchr::memchr(0, field).unwrap_or(field.len());
    &field[..length]
}

/// A length in the form of [`number`].
///
/// # Errors
/// [`Fault::Number`].
pub(super) fn length(field: &[u8]) -> Result<u64, Fault> {
    let length = number(field).filter(|length| *length <= MAX_LENGTH);
    length.ok_or(Fault::Number)
}

/// A number that is not negative: octal digits between blanks and NULs; or, behind a byte of which
/// only the first bit is set, in base 256. A field of blanks and NULs alone is 0.
fn number(field: &[u8]) -> Option<u64> {
    let (&first, rest) = field.split_first()?;
    if first == 0x80 {
        return rest.iter().try_fold(0_u64, |number, &byte| {
            Some(number.checked_mul(256)? + u64::from(byte))
        });
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field.iter().position(|byte| *byte != b' ');
    let field = start.map_or(&[][..], |start| &field[start..]);
    let end = field.iter().position(is_blank).unwrap_or(field.len());
    let (digits, blanks) = field.split_at(end);
    if !blanks.iter().all(is_blank) {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, &byte| match byte {
        b'0'..=b'7' => number.checked_mul(8)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_in_base_256() {
        for (field, expected) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b"0000644 ", Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"644\0\0\0\0\0", Some(0o644)),
            (b"00006440", Some(0o6440)),
            (b"777777777777", Some((1 << 36) - 1)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"        ", Some(0)),
            (b"\x80\0\0\0\0\0\0\0\0\0\x01\x02", Some(0x102)),
            (
                b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
                Some(u64::MAX),
            ),
            (b"\x80\0\0\x01\0\0\0\0\0\0\0\0", None),
            (b"\x81\0\0\0\0\0\0\0\0\0\0\0", None),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"\xc0\0\0\0\0\0\0\x01", None),
            (b"\xbf\xff\xff\xff\xff\xff\xff\xff", None),
            (b"\x80\xff\xff\xff\xff\xff\xff\xff", Some((1 << 56) - 1)),
            (b"0000648\0", None),
            (b"-000644\0", None),
            (b"+000644\0", None),
            (b"0x00644\0", None),
            (b"644 644\0", None),
            (b"644\x00644\0", None),
            (b"\t644\0\0\0\0", None),
            (b"", None),
        ] {
            assert_eq!(number(field), expected, "{field:?}");
        }
        assert_eq!(
            length(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"),
            Ok(MAX_LENGTH)
        );
        let above = length(b"\x80\0\0\0\x80\0\0\0\0\0\0\0");
        assert_eq!(above, Err(Fault::Number));
    }

    #[test]
    fn a_prefix_is_one_of_posix_alone() {
        for (magic, expected) in [
            (&b"ustar\x0000"[..], &b"dir/name"[..]),
            (b"ustar  \0", b"name"),
            (b"\0\0\0\0\0\0\0\0", b"name"),
        ] {
            let mut block = [0; BLOCK];
            block[..4].copy_from_slice(b"name");
            block[PREFIX.0..PREFIX.0 + 3].copy_from_slice(b"dir");
            block[257..265].copy_from_slice(magic);
            let sum = format!("{:06o}\0 ", checksum(&block));
            block[CHECKSUM.0..CHECKSUM.0 + 8].copy_from_slice(sum.as_bytes());
            let path = Header::new(&block).map(|header| header.path());
            assert_eq!(path.as_deref(), Ok(expected), "{magic:?}");
        }
    }

    #[test]
    fn each_byte_is_in_the_checksum() {
        let mut block = [0x81; BLOCK];
        block[257..265].fill(0);
        let signed = format!("{:06o}\0 ", signed_checksum(&block).max(0));
        let unsigned = format!("{:06o}\0 ", checksum(&block));
        block[CHECKSUM.0..CHECKSUM.0 + 8].copy_from_slice(unsigned.as_bytes());
        assert!(Header::new(&block).is_ok());
        for at in (0..BLOCK).filter(|at| !(CHECKSUM.0..CHECKSUM.0 + 8).contains(at)) {
            let mut damaged = block;
            damaged[at] ^= 1;
            assert!(Header::new(&damaged).is_err(), "at {at}");
        }
        block[CHECKSUM.0..CHECKSUM.0 + 8].copy_from_slice(signed.as_bytes());
        assert!(Header::new(&block).is_err());
        // Bytes above 127, of which there are few enough for the sum to be positive.
        let mut block = [1; BLOCK];
        block[257..265].fill(0);
        block[..3].fill(0xe9);
        let signed = format!("{:06o}\0 ", signed_checksum(&block));
        block[CHECKSUM.0..CHECKSUM.0 + 8].copy_from_slice(signed.as_bytes());
        assert!(Header::new(&block).is_ok());
    }
}
