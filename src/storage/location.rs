//! Where the root directory of the storage is: its path, making and opening it at the start, and
//! whether the path still leads to it.

use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode};
use rustix::io::Errno;

use super::error::Error;
use super::identity::FileId;
use super::sys::DIRECTORY;

/// The path of the root, absolute: the working directory may change or be removed.
#[derive(Debug)]
pub(super) struct Location {
    path: PathBuf,
}

impl Location {
    /// That of a path, which may be relative to the working directory.
    ///
    /// # Errors
    /// A sentence, where the working directory cannot be found.
    pub(super) fn new(path: &Path) -> Result<Self, String> {
        match std::path::absolute(path) {
            Ok(path) => Ok(Self { path }),
            Err(error) => {
                let path = path.to_owned();
                let why = format!("the working directory cannot be found: {error}");
                Err(Self { path }.unusable(why))
            }
        }
    }

    /// The sentence for what keeps the directory from being used.
    pub(super) fn unusable(&self, why: String) -> String {
        let shown = self.path.display();
        format!("cannot use the storage folder {shown}: {why} (choose another with --storage)")
    }

    /// Opens the directory. Where there is none it is made, its parents only with `create_parents`:
    /// a path that is mistyped, or whose volume is not mounted, must not become an empty storage on
    /// another disk.
    ///
    /// # Errors
    /// What is wrong with the directory, as a part of a sentence.
    pub(super) fn open(&self, create_parents: bool) -> Result<OwnedFd, String> {
        match self.open_existing() {
            Err(Errno::NOENT) => {
                self.make(create_parents)?;
                self.open_existing()
            }
            opened => opened,
        }
        .map_err(|errno| self.unreadable(errno))
    }

    /// Checks that the path, with the links in it, still leads to the directory that is open: it
    /// may have been renamed, removed or unmounted, and another may have been put or mounted in its
    /// place.
    ///
    /// # Errors
    /// [`Error::Displaced`].
    pub(super) fn check(&self, open: FileId) -> Result<(), Error> {
        let path = self.path.display();
        match rustix::fs::stat(&self.path) {
            Ok(stat) if FileId::from(&stat) == open => Ok(()),
            Ok(_) => Err(Error::Displaced(format!(
                "{path} leads to another folder than the one that was opened at the start"
            ))),
            Err(errno) => Err(Error::Displaced(format!(
                "{path} leads no longer to the folder that was opened at the start: {errno}"
            ))),
        }
    }

    fn open_existing(&self) -> Result<OwnedFd, Errno> {
        rustix::fs::openat(CWD, &self.path, DIRECTORY, Mode::empty())
    }

    fn make(&self, create_parents: bool) -> Result<(), String> {
        let made = match create_parents {
            true => std::fs::create_dir_all(&self.path),
            false => std::fs::create_dir(&self.path),
        };
        match made {
            Err(error) if error.kind() == ErrorKind::NotFound && !create_parents => {
                Err(self.without_parent())
            }
            // Another server has just made it, or it is a dangling link: opening it shows which.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            made => made.map_err(|error: io::Error| format!("it cannot be made: {error}")),
        }
    }

    /// The text where not even the parent is there, with the last directory of the path that is.
    fn without_parent(&self) -> String {
        let there = self.path.ancestors().skip(1).find(|path| path.exists());
        let there = there.unwrap_or(Path::new("/")).display();
        format!(
            "neither it nor its parent is there, only {there} is; check the path and its mount, or have all of it made \
             with --create-parents"
        )
    }

    fn unreadable(&self, errno: Errno) -> String {
        match errno {
            Errno::NOTDIR if self.path.symlink_metadata().is_ok() => {
                "it is not a folder".to_owned()
            }
            Errno::NOTDIR => "a part of its path is not a folder".to_owned(),
            Errno::NOENT if self.path.is_symlink() => "it is a link that leads nowhere".to_owned(),
            _ => format!("it cannot be read: {errno}"),
        }
    }
}
