//! Removing files, links and folders.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::Error;
use super::replace::Purpose;
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
                let held = self
                    .hold(dir.as_fd(), &leaf, Purpose::Replace)?
                    .ok_or(Error::NotFound)?;
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
/// The folders that are open at a time are kept in a list, so that depth costs descriptors, but no stack; a depth for
/// which there are none left is an error.
pub(super) fn remove_tree(dir: BorrowedFd<'_>, name: &OsStr) -> Result<(), Error> {
    if unlink(dir, name, AtFlags::empty())? {
        return Ok(());
    }
    let mut open = vec![Entered::new(dir, name)?];
    while let Some(here) = open.last_mut() {
        if let Some(name) = here.left.pop() {
            let name = OsStr::from_bytes(&name);
            if !unlink(here.fd.as_fd(), name, AtFlags::empty())? {
                let below = Entered::new(here.fd.as_fd(), name)?;
                open.push(below);
            }
        } else if let Some(emptied) = open.pop() {
            let parent = open.last().map_or(dir, |parent| parent.fd.as_fd());
            unlink(parent, &emptied.name, AtFlags::REMOVEDIR)?;
        }
    }
    Ok(())
}

/// A folder that is being emptied.
struct Entered {
    fd: OwnedFd,
    name: OsString,
    /// The names in it that are still to be removed.
    left: Vec<Vec<u8>>,
}

impl Entered {
    fn new(dir: BorrowedFd<'_>, name: &OsStr) -> Result<Self, Error> {
        let flags = DIR_FLAGS | OFlags::NOFOLLOW;
        let fd = rustix::fs::openat(dir, name, flags, Mode::empty())?;
        let left = super::list::names(fd.as_fd())?;
        let name = name.to_owned();
        Ok(Self { fd, name, left })
    }
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
