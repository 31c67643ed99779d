//! Putting a staged body under a name, in place of what is there.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{Access, AtFlags, FileType, OFlags, RenameFlags};
use rustix::io::Errno;
use rustix::path::Arg;

use super::Error;
use super::error::again;
use super::root::Root;
use super::snapshot::open_regular;
use super::staged::Staged;
use super::turn::Turn;
use super::version::{ANY, Check, stamp};
use super::walk::{Last, Missing, Place, kind};

/// What a file is held for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To take its place or its name away, for which it need not be writable.
    Replace,
    /// To write into it.
    Write,
}

/// The regular file that a name leads to, exclusively locked: as long as it is held, no other server or worker joins
/// to it, replaces or removes it.
pub(super) struct Held {
    pub(super) file: File,
    pub(super) inode: u64,
    /// Ends after the lock, which goes with the file.
    _turn: Turn,
}

impl Root {
    /// Refuses early what cannot become a file under this name, before its body is read. Nothing is made.
    ///
    /// # Errors
    /// As of [`Staged::commit`].
    pub fn check_replace(&self, pieces: &[String], check: Option<Check<'_>>) -> Result<(), Error> {
        again(|| self.check_replace_once(pieces, check))
    }

    fn check_replace_once(&self, pieces: &[String], check: Option<Check<'_>>) -> Result<(), Error> {
        let at_missing = |dir: BorrowedFd<'_>| {
            check_access(dir, ".", ENTRIES)?;
            self.check_new(dir, check.unwrap_or(ANY))?;
            // It is not to be made yet.
            Err(Error::NotFound)
        };
        let missing = Missing::Make(&at_missing);
        let (dir, leaf) = match self.resolve(pieces, Last::Follow, missing, None) {
            Ok(place) => place.entry().ok_or(Error::IsFolder)?,
            Err(Error::NotFound) => return Ok(()),
            Err(error) => return Err(error),
        };
        self.check_mount(dir.as_fd())?;
        match kind(dir.as_fd(), &leaf) {
            Ok(kind) => {
                replaceable(kind)?;
                // To be locked, it has to be opened.
                check_access(dir.as_fd(), &leaf, Access::READ_OK)?;
            }
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        check_access(dir.as_fd(), ".", ENTRIES)?;
        match check {
            None => Ok(()),
            Some(check) => check(self.current(dir.as_fd(), &leaf)?.as_ref()),
        }
    }

    /// Refuses early to put something into a folder, or into one that is yet to be made in it, where nothing has its name.
    pub(super) fn check_new(&self, dir: BorrowedFd<'_>, check: Check<'_>) -> Result<(), Error> {
        self.check_mount(dir)?;
        check(None)
    }

    /// Locks the regular file at a place, or finds that there is none.
    ///
    /// The lock is taken on the file and the name looked at again: where it leads to another file by then, the wait
    /// was for one that is gone, and it starts over.
    ///
    /// # Errors
    /// [`Error::IsFolder`] or [`Error::NotRegular`] where something else is there, [`Error::Locked`].
    pub(super) fn hold(
        &self,
        dir: BorrowedFd<'_>,
        leaf: &OsStr,
        purpose: Purpose,
    ) -> Result<Option<Held>, Error> {
        loop {
            match kind(dir, leaf) {
                // Swapped in since the name was resolved.
                Ok(FileType::Symlink) => return Err(Error::Moved),
                Ok(kind) => replaceable(kind)?,
                Err(Errno::NOENT) => return Ok(None),
                Err(errno) => return Err(errno.into()),
            }
            let opened = match open_regular(dir, leaf, OFlags::RDWR) {
                // A file may be replaced and removed without the right to write into it.
                Err(Error::Denied) if purpose == Purpose::Replace => {
                    open_regular(dir, leaf, OFlags::RDONLY)
                }
                other => other,
            };
            let file = match opened {
                Ok(file) => file,
                // Removed or swapped since it was looked at.
                Err(Error::NotFound | Error::Outside) => return Err(Error::Moved),
                Err(error) => return Err(error),
            };
            let inode = rustix::fs::fstat(&file)?.st_ino;
            let turn = self.lock(&file, inode)?;
            let there = rustix::fs::statat(dir, leaf, AtFlags::SYMLINK_NOFOLLOW);
            if there.is_ok_and(|stat| stat.st_ino == inode) {
                return Ok(Some(Held {
                    file,
                    inode,
                    _turn: turn,
                }));
            }
        }
    }

    /// Undoes a killed join before a file is replaced or removed: those who have it open must not see its torn end when
    /// the note goes. A file that cannot be written to keeps it.
    pub(super) fn settle(&self, held: Option<&Held>) {
        if let Some(held) = held {
            let _ = self.undo_killed_join(&held.file, held.inode);
        }
    }

    /// Lets go of a file whose name is gone, and of what is left of its note.
    pub(super) fn let_go(&self, held: Option<Held>) {
        if let Some(held) = held {
            self.forget_note(held.inode);
        }
    }
}

impl Staged<'_> {
    /// Puts the body under the name, in place of a file that is there, and makes missing parents: from one moment to
    /// the next, the name leads to the new content, whole.
    ///
    /// # Errors
    /// [`Error::IsFolder`], [`Error::NotRegular`], [`Error::ParentIsFile`], [`Error::Outside`], [`Error::Own`], those
    /// of `check`, or what the system says. Nothing has changed then, but that parents may have been made.
    pub fn commit(mut self, pieces: &[String], check: Check<'_>) -> Result<(), Error> {
        self.check_fits()?;
        self.root.sync_file(&self.file)?;
        again(|| self.put(pieces, check))
    }

    fn put(&mut self, pieces: &[String], check: Check<'_>) -> Result<(), Error> {
        let root = self.root;
        let check_new = |dir: BorrowedFd<'_>| root.check_new(dir, check);
        let Place::Entry(dir, leaf) = root.make_way(pieces, None, &check_new)? else {
            return Err(Error::IsFolder);
        };
        let held = root.hold(dir.as_fd(), &leaf, Purpose::Replace)?;
        root.settle(held.as_ref());
        root.check_held(held.as_ref(), check)?;
        // Only now: it is to be newer than what it waited for.
        stamp(&self.file);
        let from = (root.staged.as_fd(), self.name.as_ref());
        match rename_onto(from, (dir.as_fd(), &leaf), held.is_some()) {
            Ok(()) => {}
            // Somebody else has just made one.
            Err(Errno::EXIST) => return Err(Error::Moved),
            // The folder has been removed; or the staged body, which nobody but an operator can do.
            Err(Errno::NOENT) => {
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                rustix::fs::statat(&root.staged, &self.name, flags)
                    .map_err(Error::in_own_folder)?;
                return Err(Error::Moved);
            }
            Err(errno) => return Err(errno.into()),
        }
        self.moved = true;
        root.let_go(held);
        root.sync_folder(dir.as_fd())
    }
}

/// Renames onto a name that leads to something, or to nothing; then it must lead to nothing still.
///
/// # Errors
/// `EEXIST` where there is something by now. Where the file system cannot tell (`EINVAL`), a hard link can; where it has
/// no hard links, or what is renamed is a folder, nothing can.
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
                Ok(()) => rustix::fs::unlinkat(from_dir, from, AtFlags::empty()),
                Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) => {
                    rustix::fs::renameat(from_dir, from, to_dir, to)
                }
                Err(errno) => Err(errno),
            }
        }
        other => other,
    }
}

/// What it takes to make or replace something in a folder.
const ENTRIES: Access = Access::WRITE_OK.union(Access::EXEC_OK);

/// Refuses early what the server's user may not do. What the system does not tell beforehand, or what a filter says that
/// does not know the call (`EPERM`), is found out when it is done.
fn check_access(dir: BorrowedFd<'_>, name: impl Arg, access: Access) -> Result<(), Error> {
    let flags = AtFlags::EACCESS | AtFlags::SYMLINK_NOFOLLOW;
    match rustix::fs::accessat(dir, name, access, flags) {
        Err(errno @ (Errno::ACCESS | Errno::ROFS)) => Err(errno.into()),
        _ => Ok(()),
    }
}

/// Whether a file may take the place of an entry of this type.
pub(super) fn replaceable(kind: FileType) -> Result<(), Error> {
    match kind {
        FileType::RegularFile | FileType::Symlink => Ok(()),
        FileType::Directory => Err(Error::IsFolder),
        _ => Err(Error::NotRegular),
    }
}
