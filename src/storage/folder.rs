//! Making folders.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{FileType, Mode};
use rustix::io::Errno;

use super::Error;
use super::error::again;
use super::store::Store;
use super::version::{Check, Current};
use super::walk::{Place, kind};

impl Store {
    /// Makes a folder and its missing parents; one that is there already is fine.
    ///
    /// # Errors
    /// [`Error::IsFile`] where something else has the name, [`Error::ParentIsFile`], [`Error::Outside`],
    /// [`Error::Own`], those of `check`, or what the system says.
    pub fn make_folder(&self, pieces: &[String], check: Check<'_>) -> Result<(), Error> {
        again(|| self.make_folder_once(pieces, check))
    }

    fn make_folder_once(&self, pieces: &[String], check: Check<'_>) -> Result<(), Error> {
        let check_new = |dir: BorrowedFd<'_>| self.check_new(dir, check);
        let Place::Entry(dir, leaf, _) = self.make_way(pieces, None, &check_new)? else {
            return check(Some(&Current::Other));
        };
        match self.current(dir.as_fd(), &leaf)? {
            Some(Current::File(_)) => return Err(Error::IsFile),
            None => check_new(dir.as_fd())?,
            other => check(other.as_ref())?,
        }
        let parent = self.folder_sync(dir.as_fd())?;
        match rustix::fs::mkdirat(&dir, &leaf, Mode::from_raw_mode(0o777)) {
            Ok(()) => parent.sync(),
            Err(Errno::EXIST) => match kind(dir.as_fd(), &leaf) {
                Ok(FileType::Directory) => check(Some(&Current::Other)),
                Ok(_) => Err(Error::IsFile),
                // Removed since.
                Err(Errno::NOENT) => Err(Error::Moved),
                Err(errno) => Err(errno.into()),
            },
            // The parent has been removed.
            Err(Errno::NOENT) => Err(Error::Moved),
            Err(errno) => Err(errno.into()),
        }
    }
}
