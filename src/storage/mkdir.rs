//! Making directories.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{FileType, Mode};
use rustix::io::Errno;

use super::Error;
use super::error::retry_on_race;
use super::store::Store;
use super::version::{Check, Current};
use super::walk::{Place, kind};

impl Store {
    /// Makes a directory and its missing parents; one that is there already is fine.
    ///
    /// # Errors
    /// [`Error::IsFile`] where something else has the name, [`Error::ParentIsFile`], [`Error::Outside`],
    /// [`Error::Own`], those of `check`, or what the system says.
    pub fn make_directory(&self, components: &[String], check: Check<'_>) -> Result<(), Error> {
        retry_on_race(|| self.make_directory_once(components, check))
    }

    fn make_directory_once(&self, components: &[String], check: Check<'_>) -> Result<(), Error> {
        let check_new = |dir: BorrowedFd<'_>| self.check_new(dir, check);
        let Place::Entry(dir, file_name, _) = self.make_way(components, None, &check_new)? else {
            return check(Some(&Current::Other));
        };
        match self.current(dir.as_fd(), &file_name)? {
            Some(Current::File(_)) => return Err(Error::IsFile),
            None => check_new(dir.as_fd())?,
            other => check(other.as_ref())?,
        }
        let parent = self.directory_sync(dir.as_fd())?;
        match rustix::fs::mkdirat(&dir, &file_name, Mode::from_raw_mode(0o777)) {
            Ok(()) => parent.sync(),
            Err(Errno::EXIST) => match kind(dir.as_fd(), &file_name) {
                Ok(FileType::Directory) => check(Some(&Current::Other)),
                Ok(_) => Err(Error::IsFile),
                // Removed since.
                Err(Errno::NOENT) => Err(Error::Raced),
                Err(errno) => Err(errno.into()),
            },
            // The parent has been removed.
            Err(Errno::NOENT) => Err(Error::Raced),
            Err(errno) => Err(errno.into()),
        }
    }
}
