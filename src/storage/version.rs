//! Versions of a file, by which its states are distinguished, and conditions on them.
//!
//! Every write through a server gives a file a modification time of its own, to the nanosecond. So
//! two contents of the same length under one name differ in their versions, however fast one
//! follows the other: the kernel's own timestamps are some milliseconds coarse, and inode numbers
//! are used again.

use std::fs::File;

use rustix::fs::{Stat, Timespec, Timestamps, UTIME_OMIT};
use rustix::time::{ClockId, clock_gettime};

use super::error::Error;
use crate::time::Timestamp;

/// One state of a file. Every write changes it, and so does a rename; so does whatever another
/// program does to the file, as far as the file system records it in `changed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// The number of the file on its file system.
    pub inode: u64,
    /// Its length in bytes.
    pub length: u64,
    /// The time of its last modification.
    pub modified: Timestamp,
    /// The time of the last change of its content or of anything else about it (`st_ctime`,
    /// inode(7)). Only the kernel sets it: it shows that a program has written into the file even
    /// where that program has set the modification time back.
    pub changed: Timestamp,
}

impl Version {
    /// That of a file by its metadata; a length before an append that is not committed, where there
    /// is one, takes the place of the file's own.
    pub(super) fn new(stat: &Stat, before_append: Option<u64>) -> Self {
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        Self {
            inode: stat.st_ino,
            length: before_append.map_or(size, |length| length.min(size)),
            modified: Timestamp::new(stat.st_mtime, stat.st_mtime_nsec),
            changed: Timestamp::new(stat.st_ctime, stat.st_ctime_nsec),
        }
    }
}

/// What a write finds under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Current {
    /// A file.
    File(Version),
    /// Anything else.
    Other,
}

/// A condition of a write on what is under its name at the moment at which the write takes place.
///
/// # Errors
/// [`Error::Unmet`] or [`Error::OtherLength`]; then nothing changes.
pub(crate) type Check<'c> = &'c dyn Fn(Option<&Current>) -> Result<(), Error>;

/// The condition that always holds.
pub(super) const ANY: Check<'static> = &|_| Ok(());

/// Gives a file that has been written to a modification time of its own, and returns it.
///
/// It may be refused for a file of another owner, which then keeps the kernel's time. That is
/// enough to distinguish its versions: only an append changes such a file in place, and it changes
/// its length as well.
pub(super) fn stamp(file: &File) -> Option<Timestamp> {
    let now = clock_gettime(ClockId::Realtime);
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: now,
    };
    rustix::fs::futimens(file, &times).ok()?;
    Some(Timestamp::new(now.tv_sec, now.tv_nsec.unsigned_abs()))
}
