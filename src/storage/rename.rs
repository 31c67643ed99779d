//! Renaming a file or folder.

use std::os::fd::AsFd;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::Error;
use super::replace::Purpose;
use super::root::Root;
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
        let Place::Entry(from_dir, from_leaf) = self.find_itself(from)? else {
            return Err(Error::IsRoot);
        };
        let moved = kind(from_dir.as_fd(), &from_leaf)?;
        if moved == FileType::Directory && to.len() > from.len() && to.starts_with(from) {
            // Before its parents are made inside of it.
            return Err(Error::IntoItself);
        }
        let Place::Entry(to_dir, to_leaf) = self.make_way(to)? else {
            return Err(Error::IsFolder);
        };
        if moved != FileType::Directory
            && let Some(held) = self.hold(to_dir.as_fd(), &to_leaf, Purpose::Replace)?
        {
            // The two names may be of one file.
            if inode_at(&from_dir, &from_leaf)? != held.inode {
                self.forget_note(held.inode);
            }
            // Held until the name leads to the new file.
            rustix::fs::renameat(&from_dir, &from_leaf, &to_dir, &to_leaf)?;
            drop(held);
        } else {
            rustix::fs::renameat(&from_dir, &from_leaf, &to_dir, &to_leaf).map_err(|errno| {
                match errno {
                    Errno::INVAL => Error::IntoItself,
                    Errno::NOTDIR => Error::IsFile,
                    other => other.into(),
                }
            })?;
        }
        self.sync_folder(to_dir.as_fd())?;
        self.sync_folder(from_dir.as_fd())
    }
}

fn inode_at(dir: &impl AsFd, leaf: &std::ffi::OsStr) -> Result<u64, Errno> {
    let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
    Ok(rustix::fs::statat(dir, leaf, flags)?.st_ino)
}
