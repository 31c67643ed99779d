//! Removing files, links and folders.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::Error;
use super::root::{DIR_FLAGS, Root};
use super::walk::{Place, kind};

impl Root {
    /// Removes a file, a link (never what it leads to), or a folder with all in it.
    ///
    /// A folder is moved out of sight in one step, and then taken apart.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::IsRoot`], [`Error::Outside`], [`Error::Own`], or what the system says.
    pub fn remove(&self, pieces: &[String]) -> Result<(), Error> {
        let Place::Entry(dir, leaf) = self.find_itself(pieces)? else {
            return Err(Error::IsRoot);
        };
        match kind(dir.as_fd(), &leaf)? {
            FileType::Directory => {
                let name = self.unique();
                rustix::fs::renameat(&dir, &leaf, &self.removed, &name)?;
                self.sync_folder(dir.as_fd())?;
                if let Err(error) = remove_tree(self.removed.as_fd(), OsStr::new(&name)) {
                    // The name is gone, as promised; what is left of it is tried again at the next start.
                    log::warn!("a removed folder could not be taken apart: {error}");
                }
                Ok(())
            }
            FileType::RegularFile => {
                let held = self.hold(dir.as_fd(), &leaf)?.ok_or(Error::NotFound)?;
                self.forget_note(held.inode);
                rustix::fs::unlinkat(&dir, &leaf, AtFlags::empty())?;
                self.sync_folder(dir.as_fd())
            }
            _ => {
                rustix::fs::unlinkat(&dir, &leaf, AtFlags::empty())?;
                self.sync_folder(dir.as_fd())
            }
        }
    }
}

/// Removes an entry of a folder with all that is in it, without following links. What vanishes meanwhile is fine.
///
/// The folders that are open at a time are kept in a list, not on the stack: depth costs no stack. Only one
/// descriptor for each level of depth is open, and a level that has no descriptor left is an error, not a loop.
pub(super) fn remove_tree(dir: BorrowedFd<'_>, name: &OsStr) -> Result<(), Error> {
    if unlink(dir, name, AtFlags::empty())? {
        return Ok(());
    }
    // Folders entered, with the names in each that are still to be removed.
    let mut open = vec![(enter(dir, name)?, name.to_owned())];
    let mut pending = vec![super::list::names(open[0].0.as_fd())?];
    while let (Some((here, _)), Some(names)) = (open.last(), pending.last_mut()) {
        if let Some(name) = names.pop() {
            let name = OsStr::from_bytes(&name);
            if !unlink(here.as_fd(), name, AtFlags::empty())? {
                let below = enter(here.as_fd(), name)?;
                pending.push(super::list::names(below.as_fd())?);
                open.push((below, name.to_owned()));
            }
            continue;
        }
        pending.pop();
        if let Some((_, name)) = open.pop() {
            let parent = open.last().map_or(dir, |(fd, _)| fd.as_fd());
            unlink(parent, &name, AtFlags::REMOVEDIR)?;
        }
    }
    Ok(())
}

/// Unlinks an entry; `false` says that it is a folder.
fn unlink(dir: BorrowedFd<'_>, name: &OsStr, flags: AtFlags) -> Result<bool, Error> {
    match rustix::fs::unlinkat(dir, name, flags) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        // unlink(2) of a folder is EISDIR on Linux, EPERM by POSIX.
        Err(Errno::ISDIR) => Ok(false),
        Err(Errno::PERM) if matches!(kind(dir, name), Ok(FileType::Directory)) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

fn enter(dir: BorrowedFd<'_>, name: &OsStr) -> Result<std::os::fd::OwnedFd, Error> {
    let flags = DIR_FLAGS | OFlags::NOFOLLOW;
    Ok(rustix::fs::openat(dir, name, flags, Mode::empty())?)
}
