//! Renaming a file or folder.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::Error;
use super::error::again;
use super::replace::Purpose;
use super::root::Root;
use super::snapshot::same_file;
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
    /// file onto a folder, [`Error::IsFile`] for a folder onto a file, [`Error::Outside`], [`Error::Own`].
    pub fn rename(&self, from: &[String], to: &[String]) -> Result<(), Error> {
        again(|| self.rename_once(from, to))
    }

    fn rename_once(&self, from: &[String], to: &[String]) -> Result<(), Error> {
        let Place::Entry(from_dir, from_leaf) = self.find_itself(from)? else {
            return Err(Error::IsRoot);
        };
        let moved = kind(from_dir.as_fd(), &from_leaf)?;
        let inode = inode_at(&from_dir, &from_leaf)?;
        // No parent is to be made inside of a folder that is then found not to fit into itself.
        let avoid = (moved == FileType::Directory).then_some(inode);
        let Place::Entry(to_dir, to_leaf) = self.make_way(to, avoid)? else {
            return Err(Error::IsFolder);
        };
        let held = match moved {
            FileType::Directory => None,
            _ => self.hold(to_dir.as_fd(), &to_leaf, Purpose::Replace)?,
        };
        if held.as_ref().is_some_and(|held| held.inode == inode) {
            // rename(2) leaves two names of one file alone.
            let same_folder = same_file(from_dir.as_fd(), to_dir.as_fd())?;
            if !(same_folder && from_leaf == to_leaf) {
                rustix::fs::unlinkat(&from_dir, &from_leaf, AtFlags::empty())?;
            }
            return self.sync_folder(from_dir.as_fd());
        }
        self.settle(held.as_ref());
        rustix::fs::renameat(&from_dir, &from_leaf, &to_dir, &to_leaf).map_err(
            |errno| match errno {
                Errno::INVAL => Error::IntoItself,
                Errno::NOTDIR => Error::IsFile,
                other => other.into(),
            },
        )?;
        self.let_go(held);
        self.sync_folder(to_dir.as_fd())?;
        self.sync_folder(from_dir.as_fd())
    }
}

fn inode_at(dir: &impl AsFd, leaf: &std::ffi::OsStr) -> Result<u64, Errno> {
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    Ok(rustix::fs::statat(dir, leaf, flags)?.st_ino)
}
