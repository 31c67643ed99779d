//! Which file an open one is, and which mount it is on: nothing can be renamed from one mount to another, whether or not they
//! are of one file system.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, FileType, Mode, StatxFlags, makedev};

use super::Error;
use super::file_id::{FileId, same_file};
use super::store::Store;
use super::walk::PATH_DIR;

/// A mount of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// The number of the file system.
    device: u64,
    /// The number of the mount; none before Linux 5.8.
    id: Option<u64>,
}

/// What an open file or directory is, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    pub(super) kind: FileType,
    pub(super) id: FileId,
    pub(super) mount: Mount,
}

impl Identity {
    /// That of an open file or directory. One system call.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn of(file: impl AsFd) -> Result<Self, Error> {
        let wanted = StatxFlags::TYPE | StatxFlags::INO | StatxFlags::MNT_ID;
        let Ok(stat) = rustix::fs::statx(file.as_fd(), "", AtFlags::EMPTY_PATH, wanted) else {
            // A filter, or a kernel, that does not know the call.
            let stat = rustix::fs::fstat(file)?;
            return Ok(Self {
                kind: FileType::from_raw_mode(stat.st_mode),
                id: FileId::from(&stat),
                mount: Mount {
                    device: stat.st_dev,
                    id: None,
                },
            });
        };
        let device = makedev(stat.stx_dev_major, stat.stx_dev_minor);
        let has_id = stat.stx_mask & StatxFlags::MNT_ID.bits() != 0;
        Ok(Self {
            kind: FileType::from_raw_mode(stat.stx_mode.into()),
            id: FileId::new(device, stat.stx_ino),
            mount: Mount {
                device,
                id: has_id.then_some(stat.stx_mnt_id),
            },
        })
    }
}

impl Mount {
    /// The number of the mount, where the system tells.
    pub(super) fn id(self) -> Option<u64> {
        self.id
    }

    /// The one that an open file or directory is on.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn of(file: impl AsFd) -> Result<Self, Error> {
        Ok(Identity::of(file)?.mount)
    }

    /// Whether an open directory is the root of a mount: what is above it is on another, or is the directory itself.
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

    /// Refuses what is on another one: nothing can be renamed from there to here.
    ///
    /// # Errors
    /// [`Error::MountPoint`].
    pub(super) fn check(self, other: Self) -> Result<(), Error> {
        match other == self {
            true => Ok(()),
            false => Err(Error::MountPoint),
        }
    }
}

impl Store {
    /// Refuses a directory on another mount than that of the staged bodies.
    ///
    /// # Errors
    /// [`Error::MountPoint`].
    pub(super) fn check_mount(&self, dir: BorrowedFd<'_>) -> Result<(), Error> {
        self.mount.check(Mount::of(dir)?)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn one_call_says_what_two_say() -> Result<(), Box<dyn std::error::Error>> {
        for path in ["/", "/proc", "/proc/self/stat", "/dev/null", "."] {
            let file = File::open(path)?;
            let (identity, stat) = (Identity::of(&file)?, rustix::fs::fstat(&file)?);
            assert_eq!(identity.id, FileId::from(&stat), "{path}");
            let kind = FileType::from_raw_mode(stat.st_mode);
            assert_eq!(identity.kind, kind, "{path}");
        }
        Ok(())
    }
}
