//! What a name leads to, under the locks that keep other writers from changing it.
//!
//! Responsible for: locking the entry at a place; looking at its name again under the lock; holding conditions against what
//! is locked. Not for: finding the place, nor what is then done with it, nor the locks of two (see `pair`).
//!
//! Whoever gives a name to something, or takes one away, first holds `flock` on what the name leads to: a regular file or
//! a directory itself; for a link or a special file, which cannot be locked, the directory that it lies in, since nothing
//! but a rename or a removal of it changes what its name leads to. Only then is the name looked at once more: where it
//! leads elsewhere by now, it starts over.

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::Error;
use super::error::raced;
use super::file_id::FileId;
use super::mount::{Identity, Mount};
use super::note::Note;
use super::snapshot::open_regular;
use super::store::{DIR_FLAGS, Store};
use super::turn::Turn;
use super::version::{Check, Current, Version};
use super::walk::Seen;

/// The name of an entry in an open directory.
pub(super) type At<'d> = (BorrowedFd<'d>, &'d OsStr);

/// What a file is locked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To take its place or its name away, for which it need not be writable.
    Replace,
    /// To write into it.
    Write,
}

/// A regular file, exclusively locked: as long as this lives, no other writer appends to it, replaces or removes it.
pub(super) struct LockedFile {
    pub(super) file: File,
    pub(super) id: FileId,
    pub(super) mount: Mount,
    /// Its note, once it has been looked for: only who has the lock writes or removes one.
    note: Cell<Option<Note>>,
    /// Ends after the lock, which goes with the file.
    _turn: Turn,
}

/// An entry of a directory, exclusively locked.
pub(super) enum LockedEntry {
    File(LockedFile),
    /// A directory, a link or a special file.
    Other(LockedOther),
}

/// An entry that is no regular file. Without a lock where the file system has none for directories, or the server's user
/// may not read the directory.
pub(super) struct LockedOther {
    kind: FileType,
    id: FileId,
    _lock: Option<(File, Turn)>,
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
}

/// An entry that has been found, and what is to be locked for it.
pub(super) struct Candidate {
    pub(super) kind: FileType,
    pub(super) id: FileId,
    pub(super) lock: Option<(File, Identity)>,
}

impl Store {
    /// Locks the regular file at a place, or finds that there is nothing.
    ///
    /// # Errors
    /// [`Error::IsDirectory`] or [`Error::NotRegular`] where something else is there; [`Error::Raced`] where it was swapped
    /// while it was looked at; [`Error::Locked`].
    pub(super) fn lock_file(
        &self,
        at: (At<'_>, Seen),
        purpose: Purpose,
    ) -> Result<Option<LockedFile>, Error> {
        match self.lock_entry(at, purpose, &replaceable)? {
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
        &self,
        (at, mut seen): (At<'_>, Seen),
        purpose: Purpose,
        check: &dyn Fn(FileType) -> Result<(), Error>,
    ) -> Result<Option<LockedEntry>, Error> {
        // However many others are faster: each of them has done what it came for.
        while let Some(candidate) = candidate((at, seen), purpose, check)? {
            seen = Seen::Unknown;
            let id = candidate.id;
            let locked = self.lock_candidate(candidate)?;
            if is_at(at, Some(id))? {
                return Ok(Some(locked));
            }
        }
        Ok(None)
    }

    /// Locks an entry, as far as there is a lock for it.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Raced`], or what the system says.
    pub(super) fn lock_candidate(&self, candidate: Candidate) -> Result<LockedEntry, Error> {
        let locked = candidate.locked(|file, id| self.lock(file, id).map(Some))?;
        locked.ok_or(Error::Locked)
    }

    /// The same, but waits for as long as this at most; `None` where that was not enough.
    pub(super) fn lock_candidate_within(
        &self,
        candidate: Candidate,
        patience: Duration,
    ) -> Result<Option<LockedEntry>, Error> {
        candidate.locked(|file, id| self.lock_within(file, id, patience))
    }

    /// The version of a file that is locked.
    pub(super) fn version(&self, locked: &LockedFile) -> Result<Version, Error> {
        let stat = rustix::fs::fstat(&locked.file)?;
        let noted = self.note_of(locked)?.length();
        Ok(Version::new(&stat, noted))
    }

    /// The note of a file that is locked.
    pub(super) fn note_of(&self, locked: &LockedFile) -> Result<Note, Error> {
        if let Some(note) = locked.note.get() {
            return Ok(note);
        }
        let note = self.note(&locked.file, locked.id.inode)?;
        locked.note.set(Some(note));
        Ok(note)
    }

    /// Rolls back an append that was killed.
    ///
    /// # Errors
    /// What the system says; then the note stays.
    pub(super) fn undo_killed_join(&self, locked: &LockedFile) -> Result<(), Error> {
        if let Some(length) = self.note_of(locked)?.length() {
            self.undo_join(&locked.file, locked.id.inode, length)?;
            locked.note.set(None);
        }
        Ok(())
    }

    /// What a condition is held against.
    pub(super) fn current_of(&self, entry: &LockedEntry) -> Result<Current, Error> {
        match entry {
            LockedEntry::File(file) => Ok(Current::File(self.version(file)?)),
            LockedEntry::Other(_) => Ok(Current::Other),
        }
    }

    /// Holds a condition against the regular file that is locked, or that there is none.
    pub(super) fn check_locked(
        &self,
        locked: Option<&LockedFile>,
        check: Check<'_>,
    ) -> Result<(), Error> {
        let version = locked.map(|locked| self.version(locked)).transpose()?;
        check(version.map(Current::File).as_ref())
    }

    /// Rolls back an append that was killed before the file is replaced or removed: those who have it open must not see
    /// its torn end when the note goes. A file that cannot be written to keeps it.
    ///
    /// # Errors
    /// [`Error::Exhausted`] alone.
    pub(super) fn roll_back(&self, locked: Option<&LockedFile>) -> Result<(), Error> {
        match locked.map(|locked| self.undo_killed_join(locked)) {
            Some(Err(Error::Exhausted)) => Err(Error::Exhausted),
            _ => Ok(()),
        }
    }

    /// Releases a file whose name is gone, on the disk, too, if it is to be; and what is left of its note. Before that, a
    /// power cut could bring the file back without the note.
    pub(super) fn release_removed(&self, locked: Option<LockedFile>) {
        if let Some(locked) = locked.filter(|locked| locked.note.get() != Some(Note::Missing)) {
            self.forget_note(locked.id.inode);
        }
    }
}

impl Candidate {
    pub(super) fn lock_id(&self) -> Option<FileId> {
        self.lock.as_ref().map(|(_, identity)| identity.id)
    }

    /// Locks it by `lock`, as far as there is a lock for it; `None` where `lock` gives none.
    fn locked(
        self,
        lock: impl FnOnce(&File, FileId) -> Result<Option<Turn>, Error>,
    ) -> Result<Option<LockedEntry>, Error> {
        let turn = match &self.lock {
            None => None,
            Some((file, identity)) => match lock(file, identity.id) {
                Ok(None) => return Ok(None),
                // Some network file systems have no lock for a directory: then the rename alone has to do.
                Err(Error::System(_)) if self.kind != FileType::RegularFile => None,
                turn => turn?,
            },
        };
        self.locked_by(turn).map(Some)
    }

    /// The entry, once it is locked; without a turn where it cannot be, which no regular file may be.
    pub(super) fn locked_by(self, turn: Option<Turn>) -> Result<LockedEntry, Error> {
        let lock = self.lock.zip(turn);
        match (self.kind, lock) {
            (FileType::RegularFile, Some(((file, identity), turn))) => {
                Ok(LockedEntry::File(LockedFile {
                    file,
                    id: self.id,
                    mount: identity.mount,
                    note: Cell::new(None),
                    _turn: turn,
                }))
            }
            // A file under a lock that is taken for another: it has been swapped in.
            (FileType::RegularFile, None) => Err(Error::Raced),
            (kind, lock) => Ok(LockedEntry::Other(LockedOther {
                kind,
                id: self.id,
                _lock: lock.map(|((file, _), turn)| (file, turn)),
            })),
        }
    }
}

/// Looks at what is at a place, and opens what is to be locked for it.
pub(super) fn candidate(
    (at, seen): (At<'_>, Seen),
    purpose: Purpose,
    check: &dyn Fn(FileType) -> Result<(), Error>,
) -> Result<Option<Candidate>, Error> {
    let (dir, name) = at;
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
        FileType::RegularFile => Some(open_file(at, purpose)?),
        FileType::Directory => open_directory(dir, name)?,
        _ => open_directory(dir, OsStr::new("."))?,
    };
    let lies_in_itself = matches!(kind, FileType::RegularFile | FileType::Directory);
    match &lock {
        // Swapped since it was looked at.
        Some((_, identity)) if lies_in_itself && identity.id != id => Err(Error::Raced),
        _ => Ok(Some(Candidate { kind, id, lock })),
    }
}

fn open_file((dir, name): At<'_>, purpose: Purpose) -> Result<(File, Identity), Error> {
    let opened = match open_regular(dir, name, OFlags::RDWR) {
        // A file may be replaced and removed that may not be written into.
        Err(Error::Denied | Error::ReadOnly | Error::Locked) if purpose == Purpose::Replace => {
            open_regular(dir, name, OFlags::RDONLY)
        }
        other => other,
    };
    opened.map_err(raced)
}

fn open_directory(dir: BorrowedFd<'_>, name: &OsStr) -> Result<Option<(File, Identity)>, Error> {
    let flags = DIR_FLAGS | OFlags::NOFOLLOW;
    match rustix::fs::openat(dir, name, flags, Mode::empty()) {
        Ok(opened) => {
            let identity = Identity::of(&opened)?;
            Ok(Some((File::from(opened), identity)))
        }
        Err(Errno::ACCESS | Errno::PERM) => Ok(None),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Err(Error::Raced),
        Err(errno) => Err(errno.into()),
    }
}

/// Whether a file may take the place of an entry of this type.
pub(super) fn replaceable(kind: FileType) -> Result<(), Error> {
    match kind {
        FileType::RegularFile | FileType::Symlink => Ok(()),
        FileType::Directory => Err(Error::IsDirectory),
        _ => Err(Error::NotRegular),
    }
}

/// The entry at a place, if there is one, without following it.
pub(super) fn stat((dir, name): At<'_>) -> Result<Option<Stat>, Error> {
    match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Whether a place holds this entry, or nothing.
pub(super) fn is_at(at: At<'_>, id: Option<FileId>) -> Result<bool, Error> {
    Ok(stat(at)?.as_ref().map(FileId::from) == id)
}
