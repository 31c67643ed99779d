//! Which file or directory it is, whatever it is called.

use std::ffi::OsStr;
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, Stat};
use rustix::io::Errno;

/// The numbers of a file system and of an inode there. They are a file's own for as long as it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FileId {
    device: u64,
    pub(super) inode: u64,
}

impl FileId {
    pub(super) fn new(device: u64, inode: u64) -> Self {
        Self { device, inode }
    }

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

/// Whether two descriptors are of one and the same file.
///
/// # Errors
/// Those of fstat(2).
pub(super) fn same_file(a: impl AsFd, b: impl AsFd) -> Result<bool, Errno> {
    Ok(FileId::of(a)? == FileId::of(b)?)
}
