//! Writing a directory's entries to the disk, before a change of them is reported.

use std::fs::File;
use std::os::fd::BorrowedFd;

use rustix::fs::Mode;
use rustix::io::Errno;

use super::Error;
use super::store::{DIR_FLAGS, Store};

/// A directory in which a name is about to be changed, and which is then to be on the disk.
///
/// What that takes is there before the change: a change that has been made cannot be refused any more for want of a
/// descriptor, or of the right to read the directory.
#[must_use = "the change is on the disk only once the folder has been synced"]
pub(super) struct DirectorySync(Option<File>);

impl Store {
    /// Makes ready to sync a directory, if writes are to be on the disk.
    ///
    /// # Errors
    /// [`Error::Raced`] where the directory has been removed, or what the system says.
    pub(super) fn directory_sync(&self, dir: BorrowedFd<'_>) -> Result<DirectorySync, Error> {
        if !self.options.sync {
            return Ok(DirectorySync(None));
        }
        // A directory opened with O_PATH cannot be synced.
        match rustix::fs::openat(dir, ".", DIR_FLAGS, Mode::empty()) {
            Ok(readable) => Ok(DirectorySync(Some(File::from(readable)))),
            Err(Errno::NOENT) => Err(Error::Raced),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl DirectorySync {
    /// Writes the directory's entries to the disk, once they have been changed.
    ///
    /// # Errors
    /// [`Error::System`]: see [`Error::unconfirmed`].
    pub(super) fn sync(self) -> Result<(), Error> {
        match self.0 {
            Some(dir) => dir.sync_all().map_err(Error::unconfirmed),
            None => Ok(()),
        }
    }
}
