//! Reading: what a name leads to, and a file at the length that it has at this moment.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::fs::{FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::Error;
use super::error::retry_on_race;
use super::file_id::same_file;
use super::mount::Identity;
use super::store::{DIR_FLAGS, Store};
use super::version::Version;
use super::walk::Place;

/// How long a reader waits for the length of a file that somebody has locked without saying for how long, and a writer
/// for a lock under which nothing happens.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// What a name leads to.
#[derive(Debug)]
pub enum Entry {
    /// A regular file.
    File(Snapshot),
    /// A directory.
    Directory(Directory),
}

/// A file as it was when it was opened: later appends and replacements do not change what is read from it.
#[derive(Debug)]
pub struct Snapshot {
    /// Positioned at the start.
    pub file: File,
    /// What it was then; its length is where the snapshot ends.
    pub version: Version,
}

/// An open directory.
#[derive(Debug)]
pub struct Directory {
    dir: OwnedFd,
    pub(super) is_root: bool,
}

impl Directory {
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }
}

impl Store {
    /// Opens the file or directory that a name leads to.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Outside`], [`Error::Own`]; [`Error::NotRegular`] at once, without opening it,
    /// for a FIFO, socket or device.
    pub fn open_entry(&self, components: &[String]) -> Result<Entry, Error> {
        retry_on_race(|| self.open_entry_once(components))
    }

    fn open_entry_once(&self, components: &[String]) -> Result<Entry, Error> {
        let (dir, file_name, seen) = match self.find(components)? {
            Place::Entry(dir, file_name, seen) => (dir, file_name, seen),
            Place::Directory(dir) => {
                let dir = rustix::fs::openat(&dir, ".", DIR_FLAGS, Mode::empty())?;
                let is_root = same_file(dir.as_fd(), self.dir.as_fd())?;
                return Ok(Entry::Directory(Directory { dir, is_root }));
            }
        };
        match seen.kind(dir.as_fd(), &file_name)? {
            FileType::RegularFile => {}
            FileType::Directory => {
                let flags = DIR_FLAGS | OFlags::NOFOLLOW;
                let dir = rustix::fs::openat(&dir, &file_name, flags, Mode::empty())?;
                let is_root = false;
                return Ok(Entry::Directory(Directory { dir, is_root }));
            }
            // A link here has been swapped in since the name was resolved.
            FileType::Symlink => return Err(Error::Raced),
            _ => return Err(Error::NotRegular),
        }
        let fd = rustix::fs::openat(&dir, &file_name, OFlags::RDONLY | PLAIN, Mode::empty())?;
        Ok(Entry::File(self.snapshot(File::from(fd))?))
    }

    /// Fixes the length of an open file.
    ///
    /// While a join is under way, the length is the one from before it, which its note tells; so is it after a join
    /// that was killed. The shared lock tells the two cases from a file at rest, and is held only while looking.
    ///
    /// Without the lock, a size is worth something only if it was taken after the note was read. While there is a note,
    /// its length is what all whole appends come to, and no file ever shrinks below that: a later size is no less. An
    /// earlier one may be from the middle of the append before, all of which the note lets count. The time stays the
    /// earlier one, so that no content bears the time of what came after it.
    pub(super) fn snapshot(&self, file: File) -> Result<Snapshot, Error> {
        let deadline = Instant::now() + LOCK_TIMEOUT;
        loop {
            let locked = rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared);
            let mut stat = rustix::fs::fstat(&file)?;
            regular(FileType::from_raw_mode(stat.st_mode))?;
            let noted = self.note(&file, stat.st_ino)?.length();
            let is_known = match locked {
                Ok(()) => {
                    rustix::fs::flock(&file, FlockOperation::Unlock)?;
                    true
                }
                Err(Errno::WOULDBLOCK | Errno::INTR) if noted.is_some() => {
                    stat.st_size = rustix::fs::fstat(&file)?.st_size;
                    true
                }
                Err(Errno::WOULDBLOCK | Errno::INTR) => false,
                Err(errno) => return Err(errno.into()),
            };
            if is_known {
                let version = Version::new(&stat, noted);
                return Ok(Snapshot { file, version });
            }
            // Locked without a note: a writer between lock and note, one that needs none, or one that is about to rename.
            if Instant::now() > deadline {
                return Err(Error::Locked);
            }
            std::thread::sleep(Duration::from_micros(100));
        }
    }
}

/// How an entry is opened: O_NONBLOCK keeps a FIFO that has been swapped in from blocking; for a regular file it has no
/// effect.
const PLAIN: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// Opens a regular file of a directory, and nothing else.
pub(super) fn open_regular(
    dir: BorrowedFd<'_>,
    file_name: &std::ffi::OsStr,
    access: OFlags,
) -> Result<(File, Identity), Error> {
    let fd = rustix::fs::openat(dir, file_name, access | PLAIN, Mode::empty())?;
    let identity = Identity::of(&fd)?;
    regular(identity.kind)?;
    Ok((File::from(fd), identity))
}

/// Refuses what is no regular file.
fn regular(kind: FileType) -> Result<(), Error> {
    match kind {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(Error::IsDirectory),
        _ => Err(Error::NotRegular),
    }
}
