//! Which file an open one is, whatever it is called, and which mount it is on.

use std::ffi::OsStr;
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, FileType, Stat, StatxFlags, makedev};
use rustix::io::Errno;

use super::error::Error;

/// The numbers of a file system and of an inode there. As long as a file is open, no other file has
/// the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FileId {
    device: u64,
    pub(super) inode: u64,
}

impl FileId {
    /// That of an open file or directory.
    ///
    /// # Errors
    /// Those of fstat(2).
    pub(super) fn of(file: impl AsFd) -> Result<Self, Errno> {
        Ok(Self::from(&rustix::fs::fstat(file)?))
    }

    /// That of an entry of an open directory; a link is not followed.
    ///
    /// # Errors
    /// Those of fstatat(2).
    pub(super) fn at(dir: impl AsFd, name: &OsStr) -> Result<Self, Errno> {
        let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(Self::from(&stat))
    }
}

impl From<&Stat> for FileId {
    fn from(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
        }
    }
}

/// Whether two descriptors are of the same file.
///
/// # Errors
/// Those of fstat(2).
pub(super) fn same_file(a: impl AsFd, b: impl AsFd) -> Result<bool, Errno> {
    Ok(FileId::of(a)? == FileId::of(b)?)
}

/// A mount of a file system. Nothing can be renamed from one mount to another, even if both are of
/// one file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// The number of the file system.
    device: u64,
    /// The number of the mount; none before Linux 5.8.
    pub(super) id: Option<u64>,
}

impl Mount {
    /// The one that an open file or directory is on.
    ///
    /// # Errors
    /// Those of [`Identity::of`].
    pub(super) fn of(file: impl AsFd) -> Result<Self, Error> {
        Ok(Identity::of(file)?.mount)
    }

    /// Refuses another mount: nothing can be renamed from there to here.
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

/// What an open file or directory is, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    pub(super) kind: FileType,
    pub(super) id: FileId,
    pub(super) mount: Mount,
}

impl Identity {
    /// That of an open file or directory, by one system call.
    ///
    /// # Errors
    /// Those of fstat(2).
    pub(super) fn of(file: impl AsFd) -> Result<Self, Error> {
        let wanted = StatxFlags::TYPE | StatxFlags::INO | StatxFlags::MNT_ID;
        let Ok(stat) = rustix::fs::statx(file.as_fd(), "", AtFlags::EMPTY_PATH, wanted) else {
            // A filter, or a kernel, that does not know the call.
            let stat = rustix::fs::fstat(file)?;
            let id = FileId::from(&stat);
            return Ok(Self {
                kind: FileType::from_raw_mode(stat.st_mode),
                id,
                mount: Mount {
                    device: id.device,
                    id: None,
                },
            });
        };
        let device = makedev(stat.stx_dev_major, stat.stx_dev_minor);
        let has_mount_id = stat.stx_mask & StatxFlags::MNT_ID.bits() != 0;
        Ok(Self {
            kind: FileType::from_raw_mode(stat.stx_mode.into()),
            id: FileId {
                device,
                inode: stat.stx_ino,
            },
            mount: Mount {
                device,
                id: has_mount_id.then_some(stat.stx_mnt_id),
            },
        })
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
