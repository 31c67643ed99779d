//! Staged directories: a directory with all that is in it, in the server's own directory, which no
//! client sees until it is given its name.
//!
//! Responsible for: making what is in it, its share of the free space, removing it where it is not
//! wanted. Not for: giving it a name (`ops/untar.rs`), and which names are accepted.
//!
//! Beside the directory `NAME.d` lies the file `NAME`, which its writer has locked: not all file
//! systems lock directories. The file is made first and removed last, so that a directory without
//! it, or with one that is not locked, is of a writer that was killed.
//!
//! Nothing in the directory is ever reached through a link: one that the directory holds is not
//! followed, wherever it leads.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::error::Error;
use super::guarded_name::GuardedName;
use super::mark::mark_written;
use super::provenance::Provenance;
use super::removal::{RunningRemoval, move_to_removed, remove_tree};
use super::space::with_figures;
use super::store::Store;
use super::sys::{EntryAt, kind, open_beneath, open_directory, open_searchable};
use super::upload::{Need, Staged, stage_marker};

/// What an entry counts as beside its content, in bytes: a block of a file system.
const PER_ENTRY: u64 = 4096;

/// What the name of a staged directory has behind that of its file.
const SUFFIX: &str = ".d";

/// The same for a directory that is about to be replaced, where the file system cannot exchange two.
const SUFFIX_OF_REPLACED: &str = ".replaced";

/// A staged directory. Dropped before it has its name, it leaves nothing.
#[derive(Debug)]
pub(crate) struct StagedTree<'s> {
    /// Its file, whose length stands for all that is in the directory.
    marker: Staged<'s>,
    name: OsString,
    top: OwnedFd,
    /// The name that it is to have.
    path: String,
    provenance: Provenance,
    /// Whether what has the name is to be removed.
    is_staged: bool,
}

/// A file that is being written into a staged directory.
#[derive(Debug)]
pub(crate) struct TreeFile(File);

/// The file beside a staged directory, for the name of the directory; `None` where it is none.
pub(super) fn marker_of(name: &OsStr) -> Option<&OsStr> {
    let suffixes = [SUFFIX, SUFFIX_OF_REPLACED];
    let name = name.to_str()?;
    let marker = suffixes.iter().find_map(|it| name.strip_suffix(it));
    marker.map(OsStr::new)
}

/// The name of a directory that is about to be replaced, beside this file.
pub(super) fn replaced_name(marker: &OsStr) -> OsString {
    let mut name = marker.to_owned();
    name.push(SUFFIX_OF_REPLACED);
    name
}

/// Whether the name of a staged directory is that of one that is about to be replaced.
pub(super) fn is_replaced(name: &OsStr) -> bool {
    name.to_str()
        .is_some_and(|name| name.ends_with(SUFFIX_OF_REPLACED))
}

/// Makes a directory, and finds space for what is to come.
///
/// # Errors
/// [`Error::NoSpace`]; those of system calls.
pub(crate) fn stage_tree<'s>(
    store: &'s Store,
    need: Need,
    path: GuardedName<'_>,
    provenance: Provenance,
) -> Result<StagedTree<'s>, Error> {
    let marker = stage_marker(store, need)?;
    let name = OsString::from(format!("{}{SUFFIX}", marker.name));
    let staged = &store.layout.staged;
    let mode = Mode::from_raw_mode(0o777);
    rustix::fs::mkdirat(staged, &name, mode).map_err(Error::in_own_directory)?;
    match open_directory(staged, &name) {
        Ok(top) => Ok(StagedTree {
            marker,
            name,
            top,
            path: path.to_string(),
            provenance,
            is_staged: true,
        }),
        Err(errno) => {
            let _ = rustix::fs::unlinkat(staged, &name, AtFlags::REMOVEDIR);
            Err(Error::in_own_directory(errno))
        }
    }
}

impl<'s> StagedTree<'s> {
    pub(super) fn store(&self) -> &'s Store {
        self.marker.store
    }

    /// Its place in the server's own directory.
    pub(super) fn at(&self) -> EntryAt<'_> {
        (self.store().layout.staged.as_fd(), &self.name)
    }

    /// Records that it has been given its name.
    pub(super) fn has_left(&mut self) {
        self.is_staged = false;
    }

    /// The name in the server's own directory for a directory that it replaces in two steps. The
    /// name that both have is written into the file beside it: a server that finds it after a kill
    /// puts the old directory back.
    ///
    /// # Errors
    /// Those of writing.
    pub(super) fn record_replaced(&self) -> Result<OsString, Error> {
        let file = &self.marker.file;
        file.set_len(0)?;
        file.write_all_at(self.path.as_bytes(), 0)?;
        self.store().sync_file(file)?;
        Ok(replaced_name(OsStr::new(&self.marker.name)))
    }

    /// Removes one of its directories in the server's own. What cannot be removed is removed later, as
    /// what killed servers have left is.
    pub(super) fn remove_staged(&self, name: &OsStr) {
        let layout = &self.store().layout;
        let _running = RunningRemoval::start(self.store());
        let left = match move_to_removed(layout, (layout.staged.as_fd(), name)) {
            Ok(removed) => remove_tree(layout, OsStr::new(&removed)).map(|left| left.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(cause) = left {
            log::warn!(name = self.path, cause; "a folder is removed in part");
        }
    }

    /// Makes a directory and its missing parents. One that is there already is no error.
    ///
    /// # Errors
    /// [`Error::Occupied`] where something else has the name, [`Error::ParentIsFile`],
    /// [`Error::NoSpace`]; those of system calls.
    pub(crate) fn make_directory(&mut self, path: &[String]) -> Result<(), Error> {
        let Some((name, parents)) = path.split_last() else {
            return Ok(());
        };
        let (parent, made) = self.parent(parents)?;
        let at = (parent.as_fd(), OsStr::new(name));
        match make_directory(at) {
            Ok(()) => self.grow(made + 1, 0),
            Err(Errno::EXIST) if matches!(kind(at), Ok(FileType::Directory)) => Ok(()),
            Err(errno) => Err(self.failed(errno)),
        }
    }

    /// Creates a file.
    ///
    /// # Errors
    /// [`Error::Occupied`] where something has the name, [`Error::ParentIsFile`],
    /// [`Error::NoSpace`]; those of system calls.
    pub(crate) fn create_file(
        &mut self,
        path: &[String],
        is_executable: bool,
    ) -> Result<TreeFile, Error> {
        const FLAGS: OFlags = OFlags::WRONLY
            .union(OFlags::CREATE)
            .union(OFlags::EXCL)
            .union(OFlags::NOFOLLOW)
            .union(OFlags::CLOEXEC);
        let mode = Mode::from_raw_mode(if is_executable { 0o777 } else { 0o666 });
        let (name, parents) = path.split_last().ok_or(Error::Occupied)?;
        let (parent, made) = self.parent(parents)?;
        let opened = rustix::fs::openat(parent, name, FLAGS, mode);
        let file = opened.map_err(|errno| self.failed(errno))?;
        self.grow(made + 1, 0)?;
        Ok(TreeFile(File::from(file)))
    }

    /// Writes into a file that was created here.
    ///
    /// # Errors
    /// [`Error::NoSpace`]; those of pwrite(2).
    pub(crate) fn write(
        &mut self,
        TreeFile(file): &TreeFile,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), Error> {
        let length = self.marker.length + bytes.len() as u64;
        let written = file.write_all_at(bytes, offset);
        written.map_err(|error| with_figures(self.store(), error, length))?;
        self.grow(0, bytes.len() as u64)
    }

    /// Refuses holes of this length in a file that would not leave the space to be kept free if they
    /// were content, as which they are read and copied.
    ///
    /// # Errors
    /// [`Error::NoSpace`].
    pub(crate) fn check_holes(&self, length: u64) -> Result<(), Error> {
        match length {
            0 => Ok(()),
            _ => self.marker.check_room(length),
        }
    }

    /// Completes a file that has this length, with holes where nothing was written.
    ///
    /// # Errors
    /// [`Error::NoSpace`] where the file system has no files of that length; those of ftruncate(2).
    pub(crate) fn complete(
        &self,
        TreeFile(file): TreeFile,
        (length, holes): (u64, u64),
    ) -> Result<(), Error> {
        if holes > 0 {
            file.set_len(length)?;
        }
        mark_written(self.store(), &file, length, self.provenance.clone());
        Ok(())
    }

    /// Makes a symbolic link.
    ///
    /// # Errors
    /// [`Error::Occupied`], [`Error::ParentIsFile`], [`Error::NoLinks`], [`Error::NoSpace`]; those
    /// of symlinkat(2).
    pub(crate) fn make_link(&mut self, path: &[String], target: &[u8]) -> Result<(), Error> {
        let (name, parents) = path.split_last().ok_or(Error::Occupied)?;
        let (parent, made) = self.parent(parents)?;
        match rustix::fs::symlinkat(target, parent, name) {
            Ok(()) => self.grow(made + 1, 0),
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS) => Err(Error::NoLinks),
            Err(errno) => Err(self.failed(errno)),
        }
    }

    /// Gives a file that was made here another name.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none of the name `existing`, [`Error::NotRegular`] where
    /// that is no file, and those of [`StagedTree::make_link`].
    pub(crate) fn make_hard_link(
        &mut self,
        path: &[String],
        existing: &[String],
    ) -> Result<(), Error> {
        let (name, parents) = path.split_last().ok_or(Error::Occupied)?;
        let (old_name, old_parents) = existing.split_last().ok_or(Error::NotRegular)?;
        let old_parent = match self.open(old_parents) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Err(Error::NotFound),
            opened => opened?,
        };
        let old = (old_parent.as_fd(), OsStr::new(old_name));
        match kind(old) {
            Ok(FileType::RegularFile) => {}
            Ok(_) => return Err(Error::NotRegular),
            Err(errno) => return Err(errno.into()),
        }
        let (parent, made) = self.parent(parents)?;
        match rustix::fs::linkat(old.0, old.1, parent, name, AtFlags::empty()) {
            Ok(()) => self.grow(made + 1, 0),
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) => {
                Err(Error::NoLinks)
            }
            Err(errno) => Err(self.failed(errno)),
        }
    }

    /// Writes all of it to the disk, if writes are to be on the disk, and checks that it leaves the
    /// space to be kept free.
    ///
    /// # Errors
    /// [`Error::NoSpace`]; those of syncfs(2).
    pub(super) fn settle(&self) -> Result<(), Error> {
        self.marker.check_fits()?;
        if self.store().options.sync {
            // It also writes links and the entries of all directories.
            rustix::fs::syncfs(&self.top)?;
        }
        Ok(())
    }

    /// Records that this many entries and bytes of content have been made.
    fn grow(&mut self, entries: u64, bytes: u64) -> Result<(), Error> {
        let length = self.marker.length + entries * PER_ENTRY + bytes;
        self.marker.has_grown(length)
    }

    /// The error of making an entry.
    fn failed(&self, errno: Errno) -> Error {
        match errno {
            Errno::EXIST => Error::Occupied,
            errno => with_figures(self.store(), errno.into(), PER_ENTRY).into(),
        }
    }

    /// Opens a directory by its path.
    fn open(&self, path: &[String]) -> Result<OwnedFd, Errno> {
        match path.is_empty() {
            true => open_searchable(&self.top, "."),
            false => open_beneath(self.top.as_fd(), path.join("/").as_ref()),
        }
    }

    /// Opens a directory by its path, and makes it and its parents where they are missing; also
    /// returns how many that were.
    fn parent(&self, path: &[String]) -> Result<(OwnedFd, u64), Error> {
        match self.open(path) {
            Ok(opened) => return Ok((opened, 0)),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(of_parent(errno)),
        }
        let (mut at, mut made) = (self.open(&[])?, 0);
        for name in path {
            let opened = match open_searchable(&at, name.as_str()) {
                Err(Errno::NOENT) => {
                    let place = (at.as_fd(), name.as_ref());
                    make_directory(place).map_err(|errno| self.failed(errno))?;
                    made += 1;
                    open_searchable(&at, name.as_str())
                }
                opened => opened,
            };
            at = opened.map_err(of_parent)?;
        }
        Ok((at, made))
    }
}

fn make_directory((dir, name): EntryAt<'_>) -> Result<(), Errno> {
    rustix::fs::mkdirat(dir, name, Mode::from_raw_mode(0o777))
}

/// The error of opening a directory on the way to an entry, for which no link is followed.
fn of_parent(errno: Errno) -> Error {
    match errno {
        Errno::NOTDIR | Errno::LOOP => Error::ParentIsFile,
        errno => errno.into(),
    }
}

impl Drop for StagedTree<'_> {
    fn drop(&mut self) {
        if self.is_staged {
            self.remove_staged(&self.name);
        }
    }
}
