//! Writing a directory's entries to the disk, before a change of them is reported.

use std::fs::File;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;

use super::error::Error;
use super::store::Store;
use super::sys::open_directory;

/// A directory in which a name is about to be changed, and which is then to be on the disk.
///
/// What that takes is there before the change: once the change has been made, the operation must
/// not fail for want of a descriptor, or of the right to read the directory.
#[must_use = "the change is on the disk only once the directory has been synced"]
pub(super) struct DirectorySync(Option<File>);

impl DirectorySync {
    /// Prepares to sync a directory, if writes are to be on the disk.
    ///
    /// # Errors
    /// [`Error::Raced`] where the directory has been removed; those of openat(2).
    pub(super) fn prepare(store: &Store, dir: BorrowedFd<'_>) -> Result<Self, Error> {
        if !store.options.sync {
            return Ok(Self(None));
        }
        // The directory may be open with O_PATH, and cannot be synced then.
        match open_directory(dir, ".") {
            Ok(readable) => Ok(Self(Some(File::from(readable)))),
            Err(Errno::NOENT) => Err(Error::Raced),
            Err(errno) => Err(errno.into()),
        }
    }

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
