//! Putting a staged body under a name, in place of what is there.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{Access, AtFlags, RenameFlags};
use rustix::io::Errno;
use rustix::path::Arg;

use super::Error;
use super::error::retry_on_race;
use super::staged::Staged;
use super::store::Store;
use super::target::{At, LockedFile, Purpose, replaceable};
use super::version::{ANY, Check, stamp};
use super::walk::{Last, Missing, Place};

impl Store {
    /// Refuses early what cannot become a file under this name, before its body is read. Nothing is made.
    ///
    /// # Errors
    /// As of [`Staged::commit`].
    pub fn check_replace(
        &self,
        components: &[String],
        check: Option<Check<'_>>,
    ) -> Result<(), Error> {
        retry_on_race(|| self.check_replace_once(components, check))
    }

    pub(super) fn check_replace_once(
        &self,
        components: &[String],
        check: Option<Check<'_>>,
    ) -> Result<(), Error> {
        let at_missing = |dir: BorrowedFd<'_>| {
            self.check_entries(dir)?;
            self.check_new(dir, check.unwrap_or(ANY))?;
            // It is not to be made yet.
            Err(Error::NotFound)
        };
        let missing = Missing::Make(&at_missing);
        let (dir, file_name, seen) = match self.resolve(components, Last::Follow, missing, None) {
            Ok(Place::Entry(dir, file_name, seen)) => (dir, file_name, seen),
            Ok(Place::Directory(_)) => return Err(Error::IsDirectory),
            Err(Error::NotFound) => return Ok(()),
            Err(error) => return Err(error),
        };
        self.check_mount(dir.as_fd())?;
        match seen.kind(dir.as_fd(), &file_name) {
            Ok(kind) => {
                replaceable(kind)?;
                // To be locked, it has to be opened.
                check_access(dir.as_fd(), &file_name, Access::READ_OK)?;
            }
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        self.check_entries(dir.as_fd())?;
        match check {
            None => Ok(()),
            Some(check) => check(self.current(dir.as_fd(), &file_name)?.as_ref()),
        }
    }

    /// Refuses early what takes the right to change a directory's entries, where the server's user does not have it.
    pub(super) fn check_entries(&self, dir: BorrowedFd<'_>) -> Result<(), Error> {
        let mut access = Access::WRITE_OK | Access::EXEC_OK;
        // To be synced, it has to be opened.
        access.set(Access::READ_OK, self.options.sync);
        check_access(dir, ".", access)
    }

    /// Refuses early to put something into a directory, or into one that is yet to be made in it, where nothing has its name.
    pub(super) fn check_new(&self, dir: BorrowedFd<'_>, check: Check<'_>) -> Result<(), Error> {
        self.check_mount(dir)?;
        check(None)
    }
}

impl Staged<'_> {
    /// Puts the body under the name, in place of a file that is there, and makes missing parents: from one moment to
    /// the next, the name leads to the new content, whole.
    ///
    /// # Errors
    /// [`Error::IsDirectory`], [`Error::NotRegular`], [`Error::ParentIsFile`], [`Error::Outside`], [`Error::Own`], those
    /// of `check`, or what the system says. Nothing has changed then, but that parents may have been made.
    pub fn commit(mut self, components: &[String], check: Check<'_>) -> Result<(), Error> {
        self.check_fits()?;
        self.store.sync_file(&self.file)?;
        retry_on_race(|| self.put(components, check))
    }

    fn put(&mut self, components: &[String], check: Check<'_>) -> Result<(), Error> {
        let store = self.store;
        let check_new = |dir: BorrowedFd<'_>| store.check_new(dir, check);
        let Place::Entry(dir, file_name, seen) = store.make_way(components, None, &check_new)?
        else {
            return Err(Error::IsDirectory);
        };
        let at = (dir.as_fd(), file_name.as_os_str());
        let replaced = store.lock_file((at, seen), Purpose::Replace)?;
        store.check_locked(replaced.as_ref(), check)?;
        self.put_at(at, replaced)
    }

    /// Puts the body at a place, where there is this file, or none.
    ///
    /// # Errors
    /// [`Error::Raced`] where there is one by now.
    pub(super) fn put_at(&mut self, at: At<'_>, replaced: Option<LockedFile>) -> Result<(), Error> {
        let store = self.store;
        let directory = store.directory_sync(at.0)?;
        store.roll_back(replaced.as_ref())?;
        // Only now: it is to be newer than what it waited for.
        stamp(&self.file);
        let from = (store.staged.as_fd(), self.name.as_ref());
        match rename_onto(from, at, replaced.is_some()) {
            Ok(()) => {}
            // Another writer has just made one.
            Err(Errno::EXIST) => return Err(Error::Raced),
            // The directory has been removed; or the staged body, which nobody but an operator can do.
            Err(Errno::NOENT) => {
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                rustix::fs::statat(&store.staged, &self.name, flags)
                    .map_err(Error::in_own_directory)?;
                return Err(Error::Raced);
            }
            Err(errno) => return Err(errno.into()),
        }
        self.moved = true;
        directory.sync()?;
        store.release_removed(replaced);
        Ok(())
    }
}

/// Renames onto a name that leads to something, or to nothing; then it must lead to nothing still.
///
/// # Errors
/// `EEXIST` where there is something by now. Where the file system cannot tell (`EINVAL`), a hard link can; where it has
/// no hard links, or what is renamed is a directory, nothing can. What is renamed is under a lock, or known to nobody else: so
/// the old name still leads to it when it is unlinked. A kill in between leaves both names, which the same request ends.
pub(super) fn rename_onto(
    (from_dir, from): (BorrowedFd<'_>, &OsStr),
    (to_dir, to): (BorrowedFd<'_>, &OsStr),
    is_there: bool,
) -> Result<(), Errno> {
    if is_there {
        return rustix::fs::renameat(from_dir, from, to_dir, to);
    }
    match rustix::fs::renameat_with(from_dir, from, to_dir, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => {
            match rustix::fs::linkat(from_dir, from, to_dir, to, AtFlags::empty()) {
                Ok(()) => {
                    let unlinked = rustix::fs::unlinkat(from_dir, from, AtFlags::empty());
                    if unlinked.is_err() {
                        // One file under two names would be a change.
                        let _ = rustix::fs::unlinkat(to_dir, to, AtFlags::empty());
                    }
                    unlinked
                }
                Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) => {
                    rustix::fs::renameat(from_dir, from, to_dir, to)
                }
                Err(errno) => Err(errno),
            }
        }
        other => other,
    }
}

/// Refuses early what the server's user may not do. What the system does not tell beforehand, or what a filter says that
/// does not know the call (`EPERM`), is found out when it is done.
pub(super) fn check_access(
    dir: BorrowedFd<'_>,
    name: impl Arg,
    access: Access,
) -> Result<(), Error> {
    let flags = AtFlags::EACCESS | AtFlags::SYMLINK_NOFOLLOW;
    match rustix::fs::accessat(dir, name, access, flags) {
        Err(errno @ (Errno::ACCESS | Errno::ROFS)) => Err(errno.into()),
        _ => Ok(()),
    }
}
