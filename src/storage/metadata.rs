//! The metadata of an entry of a directory.

use std::ffi::OsStr;
use std::os::fd::AsFd;

use rustix::fs::{FileType, Stat};

use super::directory::Directory;
use super::error::Error;
use super::journal;
use super::store::Store;
use super::sys::stat;
use crate::time::Timestamp;

/// The maximum attempts to read the metadata of a file that changes during each of them.
const MAX_ATTEMPTS: usize = 32;

/// What an entry is. A link is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A FIFO, socket or device.
    Other,
}

/// An entry of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// What it is.
    pub kind: Kind,
    /// The length of a file in bytes; 0 of anything else.
    pub length: u64,
    /// The time of its last modification.
    pub modified: Timestamp,
    /// Its permissions: the lower twelve bits of its mode.
    pub permissions: u32,
    /// The number of the user that owns it.
    pub owner: u32,
    /// The number of its group.
    pub group: u32,
}

impl From<&Stat> for Metadata {
    fn from(stat: &Stat) -> Self {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Link,
            _ => Kind::Other,
        };
        let length = match kind {
            Kind::File => u64::try_from(stat.st_size).unwrap_or(0),
            Kind::Directory | Kind::Link | Kind::Other => 0,
        };
        Self {
            kind,
            length,
            modified: Timestamp::new(stat.st_mtime, stat.st_mtime_nsec),
            permissions: stat.st_mode & 0o7777,
            owner: stat.st_uid,
            group: stat.st_gid,
        }
    }
}

/// The metadata of an entry of an open directory, without opening it; `None` where the entry does
/// not exist.
///
/// While an append to a file is under way, and after one that was killed, its length is the one
/// from before the append.
///
/// Without an intent, the size is that of a file to which nothing is being appended only if the
/// file is unchanged after the intent was looked for: an append may have begun or been committed in
/// between. With an intent, the size is read once more, as in `Snapshot::take`: the first size may
/// be from the middle of the previous append, which the intent counts as committed.
///
/// # Errors
/// Those of fstatat(2), and those of reading the intent.
pub(super) fn metadata(
    store: &Store,
    directory: &Directory,
    name: &OsStr,
) -> Result<Option<Metadata>, Error> {
    let at = (directory.as_fd(), name);
    let Some(mut seen) = stat(at)? else {
        return Ok(None);
    };
    for _ in 0..MAX_ATTEMPTS {
        let mut metadata = Metadata::from(&seen);
        if metadata.kind != Kind::File {
            return Ok(Some(metadata));
        }
        let intent = match journal::read_at(store, at, seen.st_ino) {
            Err(Error::NotFound) => return Ok(None),
            intent => intent?.length(),
        };
        let Some(seen_again) = stat(at)? else {
            return Ok(None);
        };
        match intent {
            Some(before) if seen.st_ino == seen_again.st_ino => {
                metadata.length = before.min(Metadata::from(&seen_again).length);
                return Ok(Some(metadata));
            }
            None if is_same(&seen, &seen_again) => return Ok(Some(metadata)),
            _ => seen = seen_again,
        }
    }
    // Another program keeps writing to it: between the appends of servers the file is unchanged.
    Ok(Some(Metadata::from(&seen)))
}

fn is_same(a: &Stat, b: &Stat) -> bool {
    let key = |stat: &Stat| (stat.st_ino, stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
    key(a) == key(b)
}
