//! Reading: what a name leads to, and a file at the length that it has at this moment.

use std::fs::File;
use std::time::{Duration, Instant};

use rustix::fs::{FileType, FlockOperation, OFlags};
use rustix::io::Errno;

use super::directory::Directory;
use super::error::{Error, raced, retry_on_race};
use super::guarded_name::GuardedName;
use super::identity::same_file;
use super::journal;
use super::lock::LOCK_TIMEOUT;
use super::resolve::resolve;
use super::resolved::{ResolveOptions, Resolved};
use super::store::Store;
use super::sys::{EntryAt, kind, open_directory, open_file, open_regular, require_regular};
use super::version::{Current, Version};

/// The pause between two attempts to fix the length of a file that is locked.
const PAUSE: Duration = Duration::from_micros(100);

/// What a name leads to.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A regular file.
    File(Snapshot),
    /// A directory.
    Directory(Directory),
}

/// A file as it was when it was opened: later appends and replacements do not change what is read
/// from it.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// Positioned at the start.
    pub file: File,
    /// Its version when it was opened; the length in it is where the snapshot ends.
    pub version: Version,
}

/// Opens the file or directory that a name leads to.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Outside`], [`Error::Own`]; [`Error::NotRegular`] at once, without
/// opening it, for a FIFO, socket or device.
pub(crate) fn open_entry(store: &Store, name: GuardedName<'_>) -> Result<Entry, Error> {
    retry_on_race(|| open_entry_once(store, name))
}

fn open_entry_once(store: &Store, name: GuardedName<'_>) -> Result<Entry, Error> {
    let entry = match resolve(store, name, ResolveOptions::FOLLOW)? {
        Resolved::Entry(entry) => entry,
        Resolved::Directory(dir) => {
            let dir = open_directory(&dir, ".")?;
            let is_root = same_file(&dir, &store.layout.root)?;
            return Ok(Entry::Directory(Directory::new(dir, is_root)));
        }
    };
    match entry.kind()? {
        FileType::RegularFile => {
            let file = open_file(entry.at(), OFlags::RDONLY)?;
            Ok(Entry::File(Snapshot::take(store, file)?))
        }
        FileType::Directory => {
            let dir = open_directory(&entry.dir, &entry.file_name)?;
            Ok(Entry::Directory(Directory::new(dir, false)))
        }
        // A link here has been swapped in since the name was resolved.
        FileType::Symlink => Err(Error::Raced),
        _ => Err(Error::NotRegular),
    }
}

/// What a write would find at a place, seen without a lock: good enough to refuse early.
///
/// # Errors
/// Those of [`Snapshot::take`].
pub(super) fn current(store: &Store, at: EntryAt<'_>) -> Result<Option<Current>, Error> {
    match kind(at) {
        Ok(FileType::RegularFile) => {
            let (file, _) = open_regular(at, OFlags::RDONLY).map_err(raced)?;
            let snapshot = Snapshot::take(store, file)?;
            Ok(Some(Current::File(snapshot.version)))
        }
        Ok(_) => Ok(Some(Current::Other)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

impl Snapshot {
    /// Fixes the length of an open file.
    ///
    /// While an append is under way, and after one that was killed, the length is the one in its
    /// intent. A shared lock, held only for this check, shows that no append is under way.
    ///
    /// Without the lock, only a size that was read after the intent can be used.
    /// While there is an intent, its length is that of all committed appends, and no file ever
    /// shrinks below it: a later size is no less. An earlier size may be from the middle of the
    /// previous append, all of which the intent counts as committed. The time stays the earlier
    /// one, so that no content has the time of what came after it.
    ///
    /// # Errors
    /// [`Error::IsDirectory`] or [`Error::NotRegular`] where it is no regular file;
    /// [`Error::Locked`] where it stays locked for [`LOCK_TIMEOUT`] without an intent; those of
    /// flock(2), fstat(2) and reading the intent.
    pub(super) fn take(store: &Store, file: File) -> Result<Self, Error> {
        let deadline = Instant::now() + LOCK_TIMEOUT;
        loop {
            let locked = rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared);
            let mut stat = rustix::fs::fstat(&file)?;
            require_regular(FileType::from_raw_mode(stat.st_mode))?;
            let before_append = journal::read(store, (&file, stat.st_ino))?.length();
            let is_known = match locked {
                Ok(()) => {
                    rustix::fs::flock(&file, FlockOperation::Unlock)?;
                    true
                }
                Err(Errno::WOULDBLOCK | Errno::INTR) if before_append.is_some() => {
                    stat.st_size = rustix::fs::fstat(&file)?.st_size;
                    true
                }
                Err(Errno::WOULDBLOCK | Errno::INTR) => false,
                Err(errno) => return Err(errno.into()),
            };
            if is_known {
                let version = Version::new(&stat, before_append);
                return Ok(Self { file, version });
            }
            // Locked without an intent: its writer has not written it yet, needs none, or is about
            // to replace or rename the file.
            if Instant::now() > deadline {
                return Err(Error::Locked);
            }
            std::thread::sleep(PAUSE);
        }
    }
}
