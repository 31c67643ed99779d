//! What can be told of an entry of a directory without reading it.

use std::ffi::OsStr;
use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, FileType, Stat};
use rustix::io::Errno;

use super::Error;
use super::snapshot::Directory;
use super::store::Store;
use crate::time::Timestamp;

/// How often an entry is looked at that is being written to.
const MAX_STAT_RETRIES: usize = 32;

/// What an entry is. A link is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
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
pub struct Metadata {
    /// What it is.
    pub kind: Kind,
    /// The length of a file in bytes; 0 of anything else.
    pub length: u64,
    /// The time of its last change.
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

impl Store {
    /// What an entry of an open directory is; `None` where there is none of that name any more.
    ///
    /// While a join to a file is under way, and after one that was killed, its length is the one from before it.
    ///
    /// # Errors
    /// What the system says.
    pub fn metadata(&self, directory: &Directory, name: &OsStr) -> Result<Option<Metadata>, Error> {
        match self.look(directory.fd(), name) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Looks without opening the file. A join ends by the removal of its note: that there is none shows the length to
    /// be that of a file at rest only where the file is, after that, what it was before. A noted length is held against
    /// a size from after the note was read, as in [`Store::snapshot`]; one from before may be from the middle of the
    /// join before, all of which the note lets count.
    fn look(&self, dir: BorrowedFd<'_>, name: &OsStr) -> Result<Metadata, Error> {
        let mut seen = stat(dir, name)?;
        for _ in 0..MAX_STAT_RETRIES {
            let mut metadata = Metadata::from(&seen);
            if metadata.kind != Kind::File {
                return Ok(metadata);
            }
            let noted = self.note_at(dir, name, seen.st_ino)?.length();
            let seen_again = stat(dir, name)?;
            match noted {
                Some(noted) if seen.st_ino == seen_again.st_ino => {
                    metadata.length = noted.min(Metadata::from(&seen_again).length);
                    return Ok(metadata);
                }
                None if is_same(&seen, &seen_again) => return Ok(metadata),
                _ => seen = seen_again,
            }
        }
        // Another program keeps writing to it; no join would.
        Ok(Metadata::from(&seen))
    }
}

fn stat(dir: BorrowedFd<'_>, name: &OsStr) -> Result<Stat, Errno> {
    rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)
}

fn is_same(a: &Stat, b: &Stat) -> bool {
    let key = |stat: &Stat| (stat.st_ino, stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
    key(a) == key(b)
}
