//! Removing files, links and directories.

use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::Error;
use super::error::retry_on_race;
use super::snapshot::Entry;
use super::store::{DIR_FLAGS, Store};
use super::target::{At, LockedEntry, Purpose, stat};
use super::version::{Check, Current};
use super::walk::{Place, Seen, kind};

/// The most times that a directory is emptied into which something is still being put.
const TRIES: usize = 100;

/// The most directories that wait to be taken apart, but for one a level where they are deep.
const MAX_PENDING: usize = 1024;

impl Store {
    /// Removes a file, a link (never what it leads to), or a directory with all in it.
    ///
    /// A directory is moved out of sight in one step, and then taken apart.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::IsRoot`], [`Error::Outside`], [`Error::Own`], those of `check`, or
    /// what the system says.
    pub fn remove(&self, components: &[String], check: Check<'_>) -> Result<(), Error> {
        retry_on_race(|| self.remove_once(components, check))
    }

    fn remove_once(&self, components: &[String], check: Check<'_>) -> Result<(), Error> {
        let Place::Entry(dir, file_name, _) = self.find_itself(components)? else {
            return Err(Error::IsRoot);
        };
        let at = (dir.as_fd(), file_name.as_os_str());
        // A client that reads a link sees what it leads to. That is looked at first: nothing is waited for under a lock.
        let behind = Cell::new(Current::Other);
        let look = |kind| {
            if kind == FileType::Symlink {
                behind.set(self.current_behind(components));
            }
            Ok(())
        };
        let locked = self.lock_entry((at, Seen::Unknown), Purpose::Replace, &look)?;
        match locked.ok_or(Error::NotFound)? {
            LockedEntry::File(file) => {
                self.check_locked(Some(&file), check)?;
                let parent = self.directory_sync(dir.as_fd())?;
                self.roll_back(Some(&file))?;
                rustix::fs::unlinkat(&dir, &file_name, AtFlags::empty())?;
                parent.sync()?;
                self.release_removed(Some(file));
                Ok(())
            }
            directory if directory.kind() == FileType::Directory => {
                check(Some(&Current::Other))?;
                let parent = self.directory_sync(dir.as_fd())?;
                let _counted = Counted::begin(&self.removals);
                let name = self.move_out_of_sight(at)?;
                drop(directory);
                parent.sync()?;
                if let Some(left) = self.take_apart(OsStr::new(&name)) {
                    // The name is gone, as promised.
                    log::warn!(name = components.join("/").as_str(), cause:% = left; "a folder is removed in part");
                }
                Ok(())
            }
            _other => {
                check(Some(&behind.get()))?;
                let parent = self.directory_sync(dir.as_fd())?;
                rustix::fs::unlinkat(&dir, &file_name, AtFlags::empty())?;
                parent.sync()
            }
        }
    }

    /// Moves a directory into that of the removed things, and says under which name.
    fn move_out_of_sight(&self, (dir, file_name): At<'_>) -> Result<String, Error> {
        let name = self.unique();
        match rustix::fs::renameat(dir, file_name, &self.removed, &name) {
            Ok(()) => Ok(name),
            // One of the two directories is gone; if what is to be removed is there, it is the server's own.
            Err(Errno::NOENT) => match stat((dir, file_name))? {
                Some(_) => Err(Error::in_own_directory(Errno::NOENT)),
                None => Err(Error::Raced),
            },
            Err(errno) => Err(errno.into()),
        }
    }

    /// What a reader sees at a link.
    fn current_behind(&self, components: &[String]) -> Current {
        match self.open_entry(components) {
            Ok(Entry::File(snapshot)) => Current::File(snapshot.version),
            _ => Current::Other,
        }
    }

    /// Removes an entry of the directory of removed things, with all that is in it, without following links; says what
    /// could not be removed, which keeps nothing else from it.
    ///
    /// Directories in it are moved beside it first, so that depth costs neither descriptors nor stack; only so many at a time,
    /// so that width costs no memory either.
    pub(super) fn take_apart(&self, name: &OsStr) -> Option<Leftovers> {
        let mut pending = vec![name.to_owned()];
        let mut left = Leftovers::default();
        while let Some(name) = pending.pop() {
            let room = MAX_PENDING.saturating_sub(pending.len()).max(1);
            match self.take_one_apart(&name, room, &mut left) {
                Ok(Pass { is_over, beside }) => {
                    if !is_over {
                        pending.push(name);
                    }
                    pending.extend(beside);
                }
                Err(error) => left.add(&name, error),
            }
        }
        left.first.is_some().then_some(left)
    }

    /// Goes once through a directory, or until `room` directories in it have been moved beside it.
    fn take_one_apart(
        &self,
        name: &OsStr,
        room: usize,
        left: &mut Leftovers,
    ) -> Result<Pass, Error> {
        if unlink(self.removed.as_fd(), name)? {
            return Ok(Pass::over(Vec::new()));
        }
        let flags = DIR_FLAGS | OFlags::NOFOLLOW;
        let dir = match rustix::fs::openat(&self.removed, name, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(Pass::over(Vec::new())),
            other => other?,
        };
        let mut beside = Vec::new();
        for _ in 0..TRIES {
            let mut stays = Leftovers::default();
            for entry in super::list::names(dir.as_fd())? {
                let entry = match entry {
                    Ok(entry) => entry,
                    Err(error) => {
                        stays.add(name, error);
                        break;
                    }
                };
                match self.take_out(dir.as_fd(), &entry) {
                    Ok(directory) => beside.extend(directory),
                    Err(error) => stays.add(&entry, error),
                }
                if beside.len() >= room {
                    let is_over = false;
                    return Ok(Pass { is_over, beside });
                }
            }
            match rustix::fs::unlinkat(&self.removed, name, AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT) => return Ok(Pass::over(beside)),
                // What could not be removed is in it.
                Err(Errno::NOTEMPTY) if stays.first.is_some() => {
                    left.merge(stays);
                    return Ok(Pass::over(beside));
                }
                // A request that was under way has put something into it, or an entry was left out.
                Err(Errno::NOTEMPTY) => std::thread::yield_now(),
                Err(errno) => {
                    left.add(name, errno.into());
                    return Ok(Pass::over(beside));
                }
            }
        }
        left.add(name, Error::NotEmpty);
        Ok(Pass::over(beside))
    }

    /// Removes an entry of a removed directory; a directory is moved beside it, under the name that is told.
    fn take_out(&self, dir: BorrowedFd<'_>, entry: &OsStr) -> Result<Option<OsString>, Error> {
        if unlink(dir, entry)? {
            return Ok(None);
        }
        let beside = self.unique();
        match rustix::fs::renameat(dir, entry, &self.removed, &beside) {
            Ok(()) => Ok(Some(beside.into())),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Counts a removal while it goes on.
struct Counted<'r>(&'r AtomicUsize);

impl<'r> Counted<'r> {
    fn begin(removals: &'r AtomicUsize) -> Self {
        removals.fetch_add(1, Ordering::Relaxed);
        Self(removals)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A pass through a removed directory.
struct Pass {
    /// Whether nothing more is to be done about the directory itself.
    is_over: bool,
    /// The directories that were in it, by their names beside it.
    beside: Vec<OsString>,
}

impl Pass {
    fn over(beside: Vec<OsString>) -> Self {
        let is_over = true;
        Self { is_over, beside }
    }
}

/// What is left of a removed directory.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    /// How many entries could not be removed; what is in a directory among them is not counted.
    count: usize,
    /// The first of them, and why.
    first: Option<(OsString, Error)>,
}

impl Leftovers {
    fn add(&mut self, name: &OsStr, error: Error) {
        self.count += 1;
        self.first.get_or_insert_with(|| (name.to_owned(), error));
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.first = self.first.take().or(other.first);
    }
}

impl fmt::Display for Leftovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = match self.count {
            1 => "1 entry".to_owned(),
            count => format!("{count} entries"),
        };
        write!(f, "{entries} could not be removed, to be tried again later")?;
        match &self.first {
            Some((name, error)) => write!(f, "; the first is {name:?}: {error}"),
            None => Ok(()),
        }
    }
}

/// Unlinks an entry; `false` says that it is a directory.
fn unlink(dir: BorrowedFd<'_>, name: &OsStr) -> Result<bool, Error> {
    match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        // unlink(2) of a directory is EISDIR on Linux, EPERM by POSIX.
        Err(Errno::ISDIR) => Ok(false),
        Err(Errno::PERM) if matches!(kind(dir, name), Ok(FileType::Directory)) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}
