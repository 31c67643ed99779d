//! Renaming a file or folder.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::Error;
use super::error::again;
use super::mount::Mount;
use super::replace::{Held, Purpose, rename_onto};
use super::root::Root;
use super::snapshot::same_file;
use super::version::{Check, stamp_at};
use super::walk::{Place, kind};

impl Root {
    /// Refuses early to rename what is not there.
    ///
    /// # Errors
    /// As of [`Root::rename`].
    pub fn check_exists(&self, from: &[String]) -> Result<(), Error> {
        let (dir, leaf) = self.find_itself(from)?.entry().ok_or(Error::IsRoot)?;
        kind(dir.as_fd(), &leaf)?;
        Ok(())
    }

    /// Gives a file, link or folder another name; a file that has that name already is replaced in the same moment.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::IsRoot`], [`Error::IntoItself`], [`Error::NotEmpty`], [`Error::IsFolder`] for a
    /// file onto a folder, [`Error::IsFile`] for a folder onto a file, [`Error::Outside`], [`Error::Own`],
    /// those of `check`, which is about the new name.
    pub fn rename(&self, from: &[String], to: &[String], check: Check<'_>) -> Result<(), Error> {
        again(|| self.rename_once(from, to, check))
    }

    fn rename_once(&self, from: &[String], to: &[String], check: Check<'_>) -> Result<(), Error> {
        let Place::Entry(from_dir, from_leaf) = self.find_itself(from)? else {
            return Err(Error::IsRoot);
        };
        let moved = kind(from_dir.as_fd(), &from_leaf)?;
        let inode = inode_at(&from_dir, &from_leaf)?;
        // No parent is to be made inside of a folder that is then found not to fit into itself.
        let avoid = (moved == FileType::Directory).then_some(inode);
        let mount = Mount::of(from_dir.as_fd())?;
        let check_new = |dir: BorrowedFd<'_>| {
            mount.check(dir)?;
            check(None)
        };
        let Place::Entry(to_dir, to_leaf) = self.make_way(to, avoid, &check_new)? else {
            return Err(Error::IsFolder);
        };
        let to = (to_dir.as_fd(), to_leaf.as_os_str());
        if moved == FileType::Directory {
            let current = self.current(to.0, to.1)?;
            check(current.as_ref())?;
            rename_to((from_dir.as_fd(), &from_leaf), to, current.is_some())?;
            self.sync_folder(to_dir.as_fd())?;
            return self.sync_folder(from_dir.as_fd());
        }
        let held = self.hold(to.0, to.1, Purpose::Replace)?;
        self.check_held(held.as_ref(), check)?;
        if moved == FileType::Symlink && self.leads_to(from, held.as_ref()) {
            return Err(Error::IntoItself);
        }
        if held.as_ref().is_some_and(|held| held.inode == inode) {
            // rename(2) leaves two names of one file alone.
            let same_folder = same_file(from_dir.as_fd(), to_dir.as_fd())?;
            if !(same_folder && from_leaf == to_leaf) {
                rustix::fs::unlinkat(&from_dir, &from_leaf, AtFlags::empty())?;
            }
            return self.sync_folder(from_dir.as_fd());
        }
        self.settle(held.as_ref());
        if moved == FileType::RegularFile {
            // Newer than whatever it takes the place of: who asks by date must be told.
            stamp_at(from_dir.as_fd(), &from_leaf);
        }
        rename_to((from_dir.as_fd(), &from_leaf), to, held.is_some())?;
        self.let_go(held);
        self.sync_folder(to_dir.as_fd())?;
        self.sync_folder(from_dir.as_fd())
    }
}

impl Root {
    /// Whether a link leads to the very file that it would replace, and would lead to itself then.
    fn leads_to(&self, link: &[String], held: Option<&Held>) -> bool {
        let Some(held) = held else {
            return false;
        };
        let target = self.find(link).ok().and_then(Place::entry);
        target.is_some_and(|(dir, leaf)| inode_at(&dir, &leaf) == Ok(held.inode))
    }
}

/// Renames onto a name that leads to something, or to nothing; then it must lead to nothing still.
fn rename_to(
    from: (BorrowedFd<'_>, &OsStr),
    to: (BorrowedFd<'_>, &OsStr),
    is_there: bool,
) -> Result<(), Error> {
    rename_onto(from, to, is_there).map_err(|errno| match errno {
        // Somebody else has just put something there.
        Errno::EXIST if !is_there => Error::Moved,
        Errno::INVAL => Error::IntoItself,
        Errno::NOTDIR => Error::IsFile,
        other => other.into(),
    })
}

fn inode_at(dir: &impl AsFd, leaf: &OsStr) -> Result<u64, Errno> {
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    Ok(rustix::fs::statat(dir, leaf, flags)?.st_ino)
}
