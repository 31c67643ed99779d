//! What the files hold: lines that look like no other, a MiB of them, repeated.

use std::fs::File;
use std::io::{self, Error, Read, Write};
use std::path::Path;

use testkit::random::Random;

/// The length of the piece that large files are made of.
pub const PIECE: usize = 1 << 20;

/// A MiB of lines of letters and digits, 40 to 103 long, ending with a line's end.
pub fn piece() -> Vec<u8> {
    let mut random = Random::new(1);
    let mut next = || random.number() >> 32;
    let letters = b"abcdefghijklmnopqrstuvwxyz0123456789,;.-";
    let mut bytes = Vec::with_capacity(PIECE + 128);
    while bytes.len() < PIECE {
        for _ in 0..40 + next() % 64 {
            let place = usize::try_from(next()).unwrap_or(0) % letters.len();
            bytes.push(letters[place]);
        }
        bytes.push(b'\n');
    }
    bytes.truncate(PIECE);
    bytes[PIECE - 1] = b'\n';
    bytes
}

/// Writes a file of this length.
pub fn write(path: &Path, length: u64, piece: &[u8]) -> io::Result<File> {
    let mut file = File::create(path)?;
    let mut left = length;
    while left > 0 {
        let now = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        file.write_all(&piece[..now])?;
        left -= now as u64;
    }
    Ok(file)
}

/// The number of lines in a file of this length, which is one of whole pieces.
pub fn lines(length: u64, piece: &[u8]) -> u64 {
    let ends = piece.iter().filter(|byte| **byte == b'\n').count();
    length / PIECE as u64 * ends as u64
}

/// Whether a file has this length and, if asked for, whether it is the piece, repeated.
pub fn check(path: &Path, length: u64, piece: Option<&[u8]>) -> io::Result<()> {
    let mut file =
        File::open(path).map_err(|_| Error::other("what was sent has not been stored"))?;
    let stored = file.metadata()?.len();
    if stored != length {
        return Err(Error::other(format!(
            "{stored} bytes are stored, not {length}"
        )));
    }
    let Some(piece) = piece else { return Ok(()) };
    let mut buffer = vec![0; piece.len()];
    let mut left = length;
    while left > 0 {
        let now = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        file.read_exact(&mut buffer[..now])?;
        if buffer[..now] != piece[..now] {
            return Err(Error::other("other bytes are stored than were sent"));
        }
        left -= now as u64;
    }
    Ok(())
}
