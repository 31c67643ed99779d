//! Locking what a name leads to, against other writers.
//!
//! Responsible for: locking an entry, and checking under the lock that the name still leads to it.
//! Not for: resolving the name (see `resolve`), nor for locking two at once (see `pair`).
//!
//! Before a name is given to something or taken away, what the name leads to is locked by flock(2):
//! a regular file or a directory itself; for a link or a special file, which cannot be locked, the
//! directory that it lies in, since nothing but a rename or a removal of it changes what its name
//! leads to. Then the name is checked once more: if it leads to something else, locking starts
//! over.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;

use super::error::{Error, raced};
use super::identity::{FileId, Identity};
use super::lock::LockGuard;
use super::locked::{LockedEntry, LockedFile, LockedOther};
use super::resolved::Seen;
use super::store::Store;
use super::sys::{EntryAt, open_directory, open_regular, stat};

/// The reason for which an entry is locked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To take its place or its name away, for which it need not be writable.
    Replace,
    /// To write into it.
    Write,
}

/// An entry that has been found, and what is to be locked for it.
pub(super) struct Candidate {
    pub(super) kind: FileType,
    pub(super) id: FileId,
    pub(super) lock: Option<(File, Identity)>,
}

/// Locks the regular file at a place, or finds that there is nothing.
///
/// # Errors
/// [`Error::IsDirectory`] or [`Error::NotRegular`] where something else is there; [`Error::Raced`]
/// where it was replaced meanwhile; [`Error::Locked`].
pub(super) fn lock_file(
    store: &Store,
    at: (EntryAt<'_>, Seen),
    purpose: Purpose,
) -> Result<Option<LockedFile>, Error> {
    match lock_entry(store, at, purpose, &check_replaceable)? {
        None => Ok(None),
        Some(LockedEntry::File(file)) => Ok(Some(file)),
        // A link that has been swapped in since the name was resolved.
        Some(LockedEntry::Other(_)) => Err(Error::Raced),
    }
}

/// Locks what is at a place, if its type passes `check`.
///
/// # Errors
/// Those of `check`; [`Error::Raced`], [`Error::Locked`].
pub(super) fn lock_entry(
    store: &Store,
    (at, mut seen): (EntryAt<'_>, Seen),
    purpose: Purpose,
    check: &dyn Fn(FileType) -> Result<(), Error>,
) -> Result<Option<LockedEntry>, Error> {
    // Without a limit: each time, another writer has completed its operation.
    while let Some(candidate) = find((at, seen), purpose, check)? {
        seen = Seen::Unknown;
        let id = candidate.id;
        let locked = candidate.lock(store)?;
        if is_at(at, Some(id))? {
            return Ok(Some(locked));
        }
    }
    Ok(None)
}

/// Finds the entry at a place, and opens what is to be locked for it.
///
/// # Errors
/// Those of `check`, which is given the type; [`Error::Raced`]; those of opening it.
pub(super) fn find(
    (at, seen): (EntryAt<'_>, Seen),
    purpose: Purpose,
    check: &dyn Fn(FileType) -> Result<(), Error>,
) -> Result<Option<Candidate>, Error> {
    let stat = match seen {
        Seen::Unknown => stat(at)?,
        Seen::Nothing => None,
        Seen::Something(stat) => Some(stat),
    };
    let Some(stat) = stat else { return Ok(None) };
    let kind = FileType::from_raw_mode(stat.st_mode);
    check(kind)?;
    let id = FileId::from(&stat);
    let lock = match kind {
        FileType::RegularFile => Some(open_to_lock(at, purpose)?),
        FileType::Directory => open_directory_to_lock(at.0, at.1)?,
        _ => open_directory_to_lock(at.0, OsStr::new("."))?,
    };
    let is_locked_itself = matches!(kind, FileType::RegularFile | FileType::Directory);
    match &lock {
        // It was replaced before it was opened.
        Some((_, identity)) if is_locked_itself && identity.id != id => Err(Error::Raced),
        _ => Ok(Some(Candidate { kind, id, lock })),
    }
}

impl Candidate {
    /// Identifies its lock; none where there is no lock for it.
    pub(super) fn lock_id(&self) -> Option<FileId> {
        self.lock.as_ref().map(|(_, identity)| identity.id)
    }

    /// Locks it, as far as there is a lock for it.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Raced`], or those of flock(2).
    pub(super) fn lock(self, store: &Store) -> Result<LockedEntry, Error> {
        let locked = self.lock_by(|file, id| store.locks.acquire(file, id).map(Some))?;
        locked.ok_or(Error::Locked)
    }

    /// Locks it, but waits for this long at most; `None` where that was not enough.
    pub(super) fn lock_within(
        self,
        store: &Store,
        limit: Duration,
    ) -> Result<Option<LockedEntry>, Error> {
        self.lock_by(|file, id| store.locks.acquire_within(file, id, limit))
    }

    /// Locks it by `acquire`; `None` where that gives no lock.
    fn lock_by(
        mut self,
        acquire: impl FnOnce(File, FileId) -> Result<Option<LockGuard>, Error>,
    ) -> Result<Option<LockedEntry>, Error> {
        let guard = match self.lock.take() {
            None => None,
            Some((file, identity)) => match acquire(file, identity.id) {
                Ok(None) => return Ok(None),
                // Some network file systems have no locks for directories: the rename alone has to
                // do.
                Err(Error::System(_)) if self.kind != FileType::RegularFile => None,
                guard => guard?.map(|guard| (guard, identity)),
            },
        };
        self.locked(guard).map(Some)
    }

    /// The entry under the lock of another that stands for both.
    ///
    /// # Errors
    /// [`Error::Raced`] for a regular file, which has a lock of its own: it has been swapped in.
    pub(super) fn locked_by_other(self) -> Result<LockedEntry, Error> {
        self.locked(None)
    }

    fn locked(self, guard: Option<(LockGuard, Identity)>) -> Result<LockedEntry, Error> {
        match (self.kind, guard) {
            (FileType::RegularFile, Some((guard, identity))) => {
                Ok(LockedEntry::File(LockedFile::new(guard, identity)))
            }
            (FileType::RegularFile, None) => Err(Error::Raced),
            (kind, guard) => Ok(LockedEntry::Other(LockedOther {
                kind,
                id: self.id,
                _guard: guard.map(|(guard, _)| guard),
            })),
        }
    }
}

fn open_to_lock(at: EntryAt<'_>, purpose: Purpose) -> Result<(File, Identity), Error> {
    let opened = match open_regular(at, OFlags::RDWR) {
        // A file may be replaced and removed that may not be written into.
        Err(Error::Denied | Error::ReadOnly | Error::Locked) if purpose == Purpose::Replace => {
            open_regular(at, OFlags::RDONLY)
        }
        other => other,
    };
    opened.map_err(raced)
}

fn open_directory_to_lock(
    dir: BorrowedFd<'_>,
    name: &OsStr,
) -> Result<Option<(File, Identity)>, Error> {
    match open_directory(dir, name) {
        Ok(opened) => {
            let identity = Identity::of(&opened)?;
            Ok(Some((File::from(opened), identity)))
        }
        Err(Errno::ACCESS | Errno::PERM) => Ok(None),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Err(Error::Raced),
        Err(errno) => Err(errno.into()),
    }
}

/// Refuses an entry of a type whose place a file may not take.
///
/// # Errors
/// [`Error::IsDirectory`], [`Error::NotRegular`].
pub(super) fn check_replaceable(kind: FileType) -> Result<(), Error> {
    match kind {
        FileType::RegularFile | FileType::Symlink => Ok(()),
        FileType::Directory => Err(Error::IsDirectory),
        _ => Err(Error::NotRegular),
    }
}

/// Whether a place holds this entry, or nothing.
pub(super) fn is_at(at: EntryAt<'_>, id: Option<FileId>) -> Result<bool, Error> {
    Ok(stat(at)?.as_ref().map(FileId::from) == id)
}
