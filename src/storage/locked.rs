//! What is locked: an entry of a directory, and what is known of it under its lock.
//!
//! Responsible for: its version, its append intent, conditions on it. Not for: finding and locking
//! it (see `target`), nor what is then done with it.

use std::cell::Cell;
use std::fs::File;

use rustix::fs::FileType;

use super::error::Error;
use super::identity::{FileId, Identity, Mount};
use super::journal::{self, Intent};
use super::lock::LockGuard;
use super::store::Store;
use super::version::{Check, Current, Version};

/// A regular file, exclusively locked: as long as this lives, no other writer appends to it,
/// replaces or removes it.
pub(super) struct LockedFile {
    guard: LockGuard,
    pub(super) id: FileId,
    pub(super) mount: Mount,
    /// Its append intent, once it has been read: only the holder of the lock writes or removes one.
    intent: Cell<Option<Intent>>,
}

/// An entry of a directory, exclusively locked.
pub(super) enum LockedEntry {
    File(LockedFile),
    /// A directory, a link or a special file.
    Other(LockedOther),
}

/// An entry that is no regular file. Without a lock where the file system has none for directories,
/// or the server's user may not read the directory.
pub(super) struct LockedOther {
    pub(super) kind: FileType,
    pub(super) id: FileId,
    pub(super) _guard: Option<LockGuard>,
}

impl LockedEntry {
    pub(super) fn kind(&self) -> FileType {
        match self {
            Self::File(_) => FileType::RegularFile,
            Self::Other(other) => other.kind,
        }
    }

    pub(super) fn id(&self) -> FileId {
        match self {
            Self::File(file) => file.id,
            Self::Other(other) => other.id,
        }
    }

    pub(super) fn file(&self) -> Option<&LockedFile> {
        match self {
            Self::File(file) => Some(file),
            Self::Other(_) => None,
        }
    }

    /// What a condition is evaluated on.
    pub(super) fn current(&self, store: &Store) -> Result<Current, Error> {
        match self {
            Self::File(file) => Ok(Current::File(file.version(store)?)),
            Self::Other(_) => Ok(Current::Other),
        }
    }
}

impl LockedFile {
    pub(super) fn new(guard: LockGuard, identity: Identity) -> Self {
        Self {
            guard,
            id: identity.id,
            mount: identity.mount,
            intent: Cell::new(None),
        }
    }

    pub(super) fn file(&self) -> &File {
        &self.guard.file
    }

    /// The file with the number by which its intent is named.
    pub(super) fn numbered(&self) -> (&File, u64) {
        (self.file(), self.id.inode)
    }

    pub(super) fn version(&self, store: &Store) -> Result<Version, Error> {
        let stat = rustix::fs::fstat(self.file())?;
        let before_append = self.intent(store)?.length();
        Ok(Version::new(&stat, before_append))
    }

    /// The append intent that a killed writer has left, if any.
    pub(super) fn intent(&self, store: &Store) -> Result<Intent, Error> {
        if let Some(intent) = self.intent.get() {
            return Ok(intent);
        }
        let intent = journal::read(store, self.numbered())?;
        self.intent.set(Some(intent));
        Ok(intent)
    }

    /// Rolls back an append that was killed.
    ///
    /// # Errors
    /// Those of [`journal::roll_back`]; then the intent stays.
    pub(super) fn roll_back_append(&self, store: &Store) -> Result<(), Error> {
        if let Some(length) = self.intent(store)?.length() {
            journal::roll_back(store, self.numbered(), length)?;
            self.intent.set(None);
        }
        Ok(())
    }

    /// Rolls back an append that was killed, before the file is replaced or removed: programs that
    /// have it open must not see its torn end when the intent goes. A file that cannot be written
    /// to keeps it.
    ///
    /// # Errors
    /// [`Error::Exhausted`] alone.
    pub(super) fn prepare_removal(&self, store: &Store) -> Result<(), Error> {
        match self.roll_back_append(store) {
            Err(Error::Exhausted) => Err(Error::Exhausted),
            _ => Ok(()),
        }
    }

    /// Unlocks a file whose name is gone, and discards what is left of its intent. The removal of
    /// the name is on the disk, if writes are to be: otherwise a power cut could bring the file
    /// back without its intent.
    pub(super) fn release_removed(self, store: &Store) {
        if self.intent.get() != Some(Intent::Missing) {
            journal::discard(store, self.id.inode);
        }
    }
}

/// Evaluates a condition on the regular file that is locked, or on there being none.
///
/// # Errors
/// Those of the condition; those of fstat(2) and of reading the intent.
pub(super) fn check_locked(
    store: &Store,
    locked: Option<&LockedFile>,
    check: Check<'_>,
) -> Result<(), Error> {
    let version = locked.map(|locked| locked.version(store)).transpose()?;
    check(version.map(Current::File).as_ref())
}
