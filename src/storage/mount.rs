//! Which mount a folder is on: nothing can be renamed from one to another, whether or not they are of one file system.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Mode, StatxFlags};

use super::Error;
use super::file_id::same_file;
use super::root::Root;
use super::walk::PATH_DIR;

/// A mount of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// The number of the file system.
    device: u64,
    /// The number of the mount; none before Linux 5.8.
    id: Option<u64>,
}

impl Mount {
    /// The number of the mount, where the system tells.
    pub(super) fn id(self) -> Option<u64> {
        self.id
    }

    /// The one that an open folder is on.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn of(dir: BorrowedFd<'_>) -> Result<Self, Error> {
        let flags = StatxFlags::MNT_ID;
        let Ok(stat) = rustix::fs::statx(dir, "", AtFlags::EMPTY_PATH, flags) else {
            // A filter, or a kernel, that does not know the call.
            let device = rustix::fs::fstat(dir)?.st_dev;
            return Ok(Self { device, id: None });
        };
        let has_id = stat.stx_mask & flags.bits() != 0;
        Ok(Self {
            device: rustix::fs::makedev(stat.stx_dev_major, stat.stx_dev_minor),
            id: has_id.then_some(stat.stx_mnt_id),
        })
    }

    /// Whether an open folder is the root of a mount: what is above it is on another, or is the folder itself.
    pub(super) fn begins_at(dir: BorrowedFd<'_>) -> bool {
        let Ok(above) = rustix::fs::openat(dir, "..", PATH_DIR, Mode::empty()) else {
            return false;
        };
        let above = above.as_fd();
        match (Self::of(dir), Self::of(above)) {
            (Ok(own), Ok(other)) if own == other => same_file(dir, above).unwrap_or(false),
            (Ok(_), Ok(_)) => true,
            _ => false,
        }
    }

    /// Refuses a folder on another one: nothing can be renamed into it from here.
    ///
    /// # Errors
    /// [`Error::MountPoint`].
    pub(super) fn check(&self, dir: BorrowedFd<'_>) -> Result<(), Error> {
        match Self::of(dir)? == *self {
            true => Ok(()),
            false => Err(Error::MountPoint),
        }
    }
}

impl Root {
    /// Refuses a folder on another mount than that of the staged bodies.
    ///
    /// # Errors
    /// [`Error::MountPoint`].
    pub(super) fn check_mount(&self, dir: BorrowedFd<'_>) -> Result<(), Error> {
        Mount::of(self.staged.as_fd())?.check(dir)
    }
}
