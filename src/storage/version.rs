//! What tells one state of a file from another, and conditions on it.
//!
//! Every write through a server gives a file a modification time of its own, to the nanosecond, so that two contents
//! of the same length under one name do not look alike, however fast one follows on the other: the kernel's own time
//! stamps are some milliseconds coarse, and inode numbers are used again.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, OFlags, Stat, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;

use super::Error;
use super::error::raced;
use super::snapshot::open_regular;
use super::store::Store;
use super::walk::kind;
use crate::time::Timestamp;

/// One state of a file. Every write changes it, and so does a `mv`. So does whatever another program does to the file, a
/// rename included, as far as the file system notes it in `changed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// The number of the file on its file system.
    pub inode: u64,
    /// Its length in bytes.
    pub length: u64,
    /// The time of its last change.
    pub modified: Timestamp,
    /// The time of the last change of its content or of anything else about it (`st_ctime`, inode(7)): only the kernel sets it, so that a program that writes into a file and sets its time back shows.
    pub changed: Timestamp,
}

impl Version {
    /// From what fstat(2) says; a noted length counts before that of the file.
    pub(super) fn new(stat: &Stat, noted: Option<u64>) -> Self {
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        Self {
            inode: stat.st_ino,
            length: noted.map_or(size, |noted| noted.min(size)),
            modified: Timestamp::new(stat.st_mtime, stat.st_mtime_nsec),
            changed: Timestamp::new(stat.st_ctime, stat.st_ctime_nsec),
        }
    }
}

/// What a write finds under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Current {
    /// A file.
    File(Version),
    /// Anything else.
    Other,
}

/// A condition of a write on what is under its name at the moment at which it takes place.
///
/// # Errors
/// [`Error::Unmet`] or [`Error::OtherLength`]; then nothing changes.
pub type Check<'c> = &'c dyn Fn(Option<&Current>) -> Result<(), Error>;

/// The condition of who has none.
pub const ANY: Check<'static> = &|_| Ok(());

impl Store {
    /// What is under a name, seen without a lock: good enough to refuse early.
    pub(super) fn current(
        &self,
        dir: BorrowedFd<'_>,
        file_name: &OsStr,
    ) -> Result<Option<Current>, Error> {
        match kind(dir, file_name) {
            Ok(FileType::RegularFile) => {
                let (file, _) = open_regular(dir, file_name, OFlags::RDONLY).map_err(raced)?;
                let snapshot = self.snapshot(file)?;
                Ok(Some(Current::File(snapshot.version)))
            }
            Ok(_) => Ok(Some(Current::Other)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Gives a file that has been written to a modification time of its own. One that belongs to somebody else keeps the
/// kernel's: its length has changed as well.
pub(super) fn stamp(file: &File) {
    let _ = rustix::fs::futimens(file, &now());
}

/// This moment, as the time of the last change alone.
fn now() -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: rustix::time::clock_gettime(rustix::time::ClockId::Realtime),
    }
}
