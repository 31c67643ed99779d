//! Removing the content of directories that were moved to the server's own directory, where no
//! client sees it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::error::Error;
use super::layout::Layout;
use super::store::Store;
use super::sys::{EntryAt, kind, names, open_directory, stat};

/// The maximum attempts to empty a directory into which another request still puts something.
const MAX_ATTEMPTS: usize = 100;

/// The maximum number of directories that wait to be removed, except that each pass may add one.
const MAX_PENDING: usize = 1024;

/// A removal that is counted until this is dropped.
pub(super) struct RunningRemoval<'s>(&'s AtomicUsize);

impl<'s> RunningRemoval<'s> {
    pub(super) fn start(store: &'s Store) -> Self {
        store.removals.fetch_add(1, Ordering::Relaxed);
        Self(&store.removals)
    }
}

impl Drop for RunningRemoval<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Moves an entry to the server's own directory of removed ones, and returns its name there.
///
/// # Errors
/// [`Error::Raced`] where it is not there; those of renameat(2).
pub(super) fn move_to_removed(layout: &Layout, at: EntryAt<'_>) -> Result<String, Error> {
    let name = layout.unique_name();
    match rustix::fs::renameat(at.0, at.1, &layout.removed, &name) {
        Ok(()) => Ok(name),
        // One of the two directories is gone: the server's own, if what is to be removed is there.
        Err(Errno::NOENT) => match stat(at)? {
            Some(_) => Err(Error::in_own_directory(Errno::NOENT)),
            None => Err(Error::Raced),
        },
        Err(errno) => Err(errno.into()),
    }
}

/// Removes an entry of `.http-nas/removed`, with all that is in it, without following links. If
/// something cannot be removed, the rest is, and what is left is returned.
///
/// Directories in it are moved to `.http-nas/removed` first, so that depth costs neither
/// descriptors nor stack; at most [`MAX_PENDING`] at a time, so that width costs no memory either.
pub(super) fn remove_tree(layout: &Layout, name: &OsStr) -> Option<Leftovers> {
    let mut pending = vec![name.to_owned()];
    let mut left = Leftovers::default();
    while let Some(name) = pending.pop() {
        let room = MAX_PENDING.saturating_sub(pending.len()).max(1);
        match remove_or_flatten(layout, &name, room, &mut left) {
            Ok(Pass { is_over, moved }) => {
                if !is_over {
                    pending.push(name);
                }
                pending.extend(moved);
            }
            Err(error) => left.add(&name, error),
        }
    }
    left.first.is_some().then_some(left)
}

/// Removes a directory, or moves up to `room` directories out of it.
fn remove_or_flatten(
    layout: &Layout,
    name: &OsStr,
    room: usize,
    left: &mut Leftovers,
) -> Result<Pass, Error> {
    if unlink(layout.removed.as_fd(), name)? {
        return Ok(Pass::over(Vec::new()));
    }
    let dir = match open_directory(&layout.removed, name) {
        Err(Errno::NOENT) => return Ok(Pass::over(Vec::new())),
        other => other?,
    };
    let mut moved = Vec::new();
    for _ in 0..MAX_ATTEMPTS {
        let mut stays = Leftovers::default();
        empty((layout, dir.as_fd()), name, room, &mut moved, &mut stays)?;
        if moved.len() >= room {
            let is_over = false;
            return Ok(Pass { is_over, moved });
        }
        match rustix::fs::unlinkat(&layout.removed, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => return Ok(Pass::over(moved)),
            // What could not be removed is in it.
            Err(Errno::NOTEMPTY) if stays.first.is_some() => {
                left.merge(stays);
                return Ok(Pass::over(moved));
            }
            // Another request had the directory open and has put something into it, or readdir(3)
            // has left an entry out.
            Err(Errno::NOTEMPTY) => std::thread::yield_now(),
            Err(errno) => {
                left.add(name, errno.into());
                return Ok(Pass::over(moved));
            }
        }
    }
    left.add(name, Error::NotEmpty);
    Ok(Pass::over(moved))
}

/// Removes the entries of a directory, and moves up to `room` directories out of it.
fn empty(
    (layout, dir): (&Layout, BorrowedFd<'_>),
    name: &OsStr,
    room: usize,
    moved: &mut Vec<OsString>,
    stays: &mut Leftovers,
) -> Result<(), Error> {
    for entry in names(dir)? {
        match entry {
            Ok(entry) => match remove_entry(layout, (dir, &entry)) {
                Ok(directory) => moved.extend(directory),
                Err(error) => stays.add(&entry, error),
            },
            Err(error) => {
                stays.add(name, error);
                break;
            }
        }
        if moved.len() >= room {
            break;
        }
    }
    Ok(())
}

/// Removes an entry of a directory. If it is a directory itself, moves it to `.http-nas/removed`,
/// and returns its name there.
fn remove_entry(
    layout: &Layout,
    (dir, entry): (BorrowedFd<'_>, &OsStr),
) -> Result<Option<OsString>, Error> {
    if unlink(dir, entry)? {
        return Ok(None);
    }
    let moved = layout.unique_name();
    match rustix::fs::renameat(dir, entry, &layout.removed, &moved) {
        Ok(()) => Ok(Some(moved.into())),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// The result of a pass through a directory.
struct Pass {
    /// Whether nothing more is to be done about the directory itself.
    is_over: bool,
    /// The names in `.http-nas/removed` of the directories that were in it.
    moved: Vec<OsString>,
}

impl Pass {
    fn over(moved: Vec<OsString>) -> Self {
        let is_over = true;
        Self { is_over, moved }
    }
}

/// What is left of a removed directory.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    /// How many entries could not be removed. A directory among them counts as one.
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

/// Unlinks an entry; `false` if it is a directory, and still there.
fn unlink(dir: BorrowedFd<'_>, name: &OsStr) -> Result<bool, Error> {
    match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        // unlink(2) of a directory fails with EISDIR on Linux, and with EPERM by POSIX.
        Err(Errno::ISDIR) => Ok(false),
        Err(Errno::PERM) if matches!(kind((dir, name)), Ok(FileType::Directory)) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}
