//! The storage: its directories, and what the operations on it share.
//!
//! The operations are functions in files above this one (`ops`, `snapshot`, `listing`, `tree`,
//! `upload`).

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};

use super::error::Error;
use super::layout::Layout;
use super::lock::LockQueues;
use super::promises::Promises;

/// How the storage is to be used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Bytes that uploads leave free on the file system.
    pub min_free: u64,
    /// Whether a write is on the disk (`fdatasync`, and `fsync` of its directory) before it is
    /// reported as done.
    pub sync: bool,
    /// Whether missing parents of the root are made at the start.
    pub create_parents: bool,
}

/// The storage. All names are resolved beneath its root directory, which is held open.
#[derive(Debug)]
pub(crate) struct Store {
    pub(super) layout: Layout,
    pub(super) options: Options,
    pub(super) locks: Arc<LockQueues>,
    pub(super) promises: Mutex<Promises>,
    /// Held while blocks are reserved for a body.
    pub(super) reserving: Mutex<()>,
    /// How many requests are taking removed directories apart.
    pub(super) removals: AtomicUsize,
    /// Whether the file system has been found to have no extended attributes.
    pub(super) has_no_attributes: AtomicBool,
}

impl Store {
    /// Opens the storage, and makes its directories if they are missing; for the parents of the
    /// root see [`Options::create_parents`]. `recover` clears what killed servers have left.
    ///
    /// # Errors
    /// A sentence that says what to do, where the root cannot be used.
    pub(crate) fn open(path: &Path, options: Options) -> Result<Self, String> {
        Ok(Self {
            layout: Layout::open(path, options.create_parents)?,
            options,
            locks: Arc::default(),
            promises: Mutex::default(),
            reserving: Mutex::new(()),
            removals: AtomicUsize::new(0),
            has_no_attributes: AtomicBool::new(false),
        })
    }

    /// Whether a directory, by its path, is the root or lies below it.
    #[must_use]
    pub(crate) fn contains(&self, directory: &Path) -> bool {
        self.layout.contains(directory)
    }

    /// Checks that the path of the root still leads to it, by one system call.
    ///
    /// # Errors
    /// [`Error::Displaced`].
    pub(crate) fn check_location(&self) -> Result<(), Error> {
        self.layout.check_location()
    }

    /// Checks that the root can still be opened and read, and is where it was.
    ///
    /// # Errors
    /// [`Error::Displaced`], or those of openat(2) and fstat(2).
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.layout.check()
    }

    /// How many requests wait for the lock of a file, which another request or another program has.
    pub(crate) fn lock_waits(&self) -> usize {
        self.locks.waiting()
    }

    /// Checks that files can be made in the storage.
    ///
    /// # Errors
    /// What is wrong, for the log.
    pub(crate) fn probe(&self) -> Result<(), String> {
        self.check().map_err(|error| error.to_string())?;
        self.layout.probe()
    }

    /// Writes a file's content to the disk, if writes are to be on the disk.
    ///
    /// # Errors
    /// Those of fdatasync(2).
    pub(super) fn sync_file(&self, file: &File) -> Result<(), Error> {
        if self.options.sync {
            file.sync_data()?;
        }
        Ok(())
    }
}
