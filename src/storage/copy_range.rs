//! Copying a part of one open file into another.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::io::Errno;

use super::sys::read_at;

/// How much is copied at a time where it passes through the process, in bytes. It is held while a
/// computation waits to go on, and so is part of the memory that each transfer takes.
const BUFFER: usize = 32 * 1024;

/// An open file and an offset in it.
type FileOffset<'f> = (&'f File, u64);

/// Copies up to this many bytes from one file to another, and returns how many; 0 at the end of the
/// source.
///
/// The kernel copies where the file system can, and may share blocks (copy_file_range(2)).
///
/// # Errors
/// Those of copy_file_range(2), pread(2) and pwrite(2).
pub(super) fn copy_range(
    (source, from): FileOffset<'_>,
    (target, to): FileOffset<'_>,
    limit: u64,
) -> io::Result<u64> {
    let (mut source_at, mut target_at) = (from, to);
    let length = usize::try_from(limit).unwrap_or(usize::MAX);
    let copied = rustix::io::retry_on_intr(|| {
        let (from, to) = (Some(&mut source_at), Some(&mut target_at));
        rustix::fs::copy_file_range(source, from, target, to, length)
    });
    match copied {
        // Some file systems copy nothing instead of failing, and a filter may deny the call.
        Ok(0) | Err(Errno::XDEV | Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS | Errno::PERM) => {
            read_and_write((source, from), (target, to), limit)
        }
        copied => Ok(copied? as u64),
    }
}

fn read_and_write(
    (source, from): FileOffset<'_>,
    (target, to): FileOffset<'_>,
    limit: u64,
) -> io::Result<u64> {
    let mut buffer = vec![0; BUFFER];
    let mut copied = 0;
    while copied < limit {
        let room = (limit - copied).min(BUFFER as u64) as usize;
        let read = read_at(source, &mut buffer[..room], from + copied)?;
        if read == 0 {
            break;
        }
        target.write_all_at(&buffer[..read], to + copied)?;
        copied += read as u64;
    }
    Ok(copied)
}
