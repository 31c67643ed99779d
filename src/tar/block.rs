//! The blocks of which an archive consists, and the fields of a ustar header.

/// The length of a block in bytes. Content is padded to whole blocks.
pub(crate) const BLOCK: usize = 512;

/// The end of an archive.
pub(crate) const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// The longest path and the longest target of a link in the fields of ustar, in bytes.
pub(crate) const MAX_TEXT: usize = 100;

/// A field of a header: where it begins, and how long it is.
pub(crate) type Field = (usize, usize);
pub(crate) const NAME: Field = (0, MAX_TEXT);
pub(crate) const MODE: Field = (100, 8);
pub(crate) const UID: Field = (108, 8);
pub(crate) const GID: Field = (116, 8);
pub(crate) const SIZE: Field = (124, 12);
pub(crate) const MTIME: Field = (136, 12);
pub(crate) const CHECKSUM: Field = (148, 8);
pub(crate) const TYPE: Field = (156, 1);
pub(crate) const LINK_NAME: Field = (157, MAX_TEXT);
pub(crate) const MAGIC_AND_VERSION: Field = (257, 8);
pub(crate) const DEVICE_MAJOR: Field = (329, 8);
pub(crate) const DEVICE_MINOR: Field = (337, 8);
/// What precedes [`NAME`], with a slash between them.
pub(super) const PREFIX: Field = (345, 155);

/// The sum of the bytes of a header, for which the field of the sum itself counts as blanks.
pub(crate) fn checksum(block: &[u8; BLOCK]) -> u64 {
    sum_of(block, u64::from)
}

/// The same as some old programs compute it, for which bytes are signed.
pub(super) fn signed_checksum(block: &[u8; BLOCK]) -> i64 {
    sum_of(block, |byte| i64::from(byte.cast_signed()))
}

fn sum_of<N: std::iter::Sum>(block: &[u8; BLOCK], number: impl Fn(u8) -> N) -> N {
    let is_sum = |at: usize| (CHECKSUM.0..CHECKSUM.0 + CHECKSUM.1).contains(&at);
    let bytes = block.iter().enumerate();
    bytes
        .map(|(at, byte)| number(if is_sum(at) { b' ' } else { *byte }))
        .sum()
}

/// How many zeros pad the last block of content.
pub(crate) fn padding(length: u64) -> usize {
    let used = usize::try_from(length % BLOCK as u64).unwrap_or(0);
    (BLOCK - used) % BLOCK
}
