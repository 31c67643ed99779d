//! Removing files, links and folders.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::Error;
use super::error::again;
use super::replace::Purpose;
use super::root::{DIR_FLAGS, Root};
use super::snapshot::Entry;
use super::version::{Check, Current};
use super::walk::{Place, kind};

/// How often a folder is emptied into which something is still being put.
const TRIES: usize = 100;

impl Root {
    /// Removes a file, a link (never what it leads to), or a folder with all in it.
    ///
    /// A folder is moved out of sight in one step, and then taken apart.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::IsRoot`], [`Error::Outside`], [`Error::Own`], those of `check`, or
    /// what the system says.
    pub fn remove(&self, pieces: &[String], check: Check<'_>) -> Result<(), Error> {
        again(|| self.remove_once(pieces, check))
    }

    fn remove_once(&self, pieces: &[String], check: Check<'_>) -> Result<(), Error> {
        let Place::Entry(dir, leaf) = self.find_itself(pieces)? else {
            return Err(Error::IsRoot);
        };
        match kind(dir.as_fd(), &leaf)? {
            FileType::Directory => {
                check(Some(&Current::Other))?;
                let name = self.unique();
                rustix::fs::renameat(&dir, &leaf, &self.removed, &name)?;
                self.sync_folder(dir.as_fd())?;
                if let Err(error) = self.take_apart(OsStr::new(&name)) {
                    // The name is gone, as promised; what is left of it is tried again at the next start.
                    log::warn!("a removed folder could not be taken apart: {error}");
                }
                Ok(())
            }
            FileType::RegularFile => {
                let held = self.hold(dir.as_fd(), &leaf, Purpose::Replace)?;
                self.settle(held.as_ref());
                self.check_held(held.as_ref(), check)?;
                rustix::fs::unlinkat(&dir, &leaf, AtFlags::empty())?;
                self.let_go(held);
                self.sync_folder(dir.as_fd())
            }
            _ => {
                // Who reads a link sees what it leads to.
                check(Some(&self.current_behind(pieces)))?;
                rustix::fs::unlinkat(&dir, &leaf, AtFlags::empty())?;
                self.sync_folder(dir.as_fd())
            }
        }
    }

    /// What a reader sees at a link.
    fn current_behind(&self, pieces: &[String]) -> Current {
        match self.open_entry(pieces) {
            Ok(Entry::File(snapshot)) => Current::File(snapshot.version),
            _ => Current::Other,
        }
    }

    /// Removes an entry of the folder of removed things, with all that is in it, without following links.
    ///
    /// Folders in it are moved beside it first, so that depth costs neither descriptors nor stack.
    ///
    /// # Errors
    /// The first thing that the system said; what could be removed is removed all the same.
    pub(super) fn take_apart(&self, name: &OsStr) -> Result<(), Error> {
        let mut left = vec![name.to_owned()];
        let mut outcome = Ok(());
        while let Some(name) = left.pop() {
            if let Err(error) = self.take_one_apart(&name, &mut left) {
                outcome = outcome.and(Err(error));
            }
        }
        outcome
    }

    fn take_one_apart(&self, name: &OsStr, left: &mut Vec<OsString>) -> Result<(), Error> {
        if unlink(self.removed.as_fd(), name)? {
            return Ok(());
        }
        let flags = DIR_FLAGS | OFlags::NOFOLLOW;
        let dir = match rustix::fs::openat(&self.removed, name, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(()),
            other => other?,
        };
        for _ in 0..TRIES {
            for entry in super::list::names(dir.as_fd())?.iter() {
                if !unlink(dir.as_fd(), entry)? {
                    let beside = self.unique();
                    match rustix::fs::renameat(&dir, entry, &self.removed, &beside) {
                        Ok(()) => left.push(beside.into()),
                        Err(Errno::NOENT) => {}
                        Err(errno) => return Err(errno.into()),
                    }
                }
            }
            match rustix::fs::unlinkat(&self.removed, name, AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT) => return Ok(()),
                // A request that was under way has put something into it.
                Err(Errno::NOTEMPTY) => std::thread::yield_now(),
                Err(errno) => return Err(errno.into()),
            }
        }
        Err(Error::NotEmpty)
    }
}

/// Unlinks an entry; `false` says that it is a folder.
fn unlink(dir: BorrowedFd<'_>, name: &OsStr) -> Result<bool, Error> {
    match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        // unlink(2) of a folder is EISDIR on Linux, EPERM by POSIX.
        Err(Errno::ISDIR) => Ok(false),
        Err(Errno::PERM) if matches!(kind(dir, name), Ok(FileType::Directory)) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}
