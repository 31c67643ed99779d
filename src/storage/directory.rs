//! An open directory of the storage.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::Dir;
use rustix::io::Errno;

use super::error::Error;
use super::layout::Layout;
use super::sys::entries;
use crate::time::Timestamp;

/// An open directory.
#[derive(Debug)]
pub(crate) struct Directory {
    fd: OwnedFd,
    pub(super) is_root: bool,
}

impl Directory {
    pub(super) fn new(fd: OwnedFd, is_root: bool) -> Self {
        Self { fd, is_root }
    }

    /// Reads its entries, those among them that are not listed.
    ///
    /// # Errors
    /// Those of openat(2) and fstat(2).
    pub(super) fn entries(&self) -> Result<Dir, Errno> {
        entries(&self.fd)
    }

    /// The time of its last modification.
    ///
    /// # Errors
    /// Those of fstat(2).
    pub(crate) fn modified(&self) -> Result<Timestamp, Error> {
        let stat = rustix::fs::fstat(&self.fd)?;
        Ok(Timestamp::new(stat.st_mtime, stat.st_mtime_nsec))
    }

    /// Whether an entry is listed for clients.
    pub(super) fn lists(&self, name: &[u8], layout: &Layout) -> bool {
        let is_hidden = self.is_root && layout.is_hidden(OsStr::from_bytes(name));
        !is_hidden && !matches!(name, b"." | b"..")
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
