//! Taking apart what has been removed, below the server's own directory, where no client sees it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::error::Error;
use super::layout::Layout;
use super::store::Store;
use super::sys::{kind, names, open_directory};

/// How often a directory is emptied into which something is still being put, before it is left.
const MAX_ATTEMPTS: usize = 100;

/// The most directories that wait to be taken apart, except that there is always room for one more
/// at each depth.
const MAX_PENDING: usize = 1024;

/// Counts a removal while it goes on.
pub(super) struct Counted<'s>(&'s AtomicUsize);

impl<'s> Counted<'s> {
    pub(super) fn start(store: &'s Store) -> Self {
        store.removals.fetch_add(1, Ordering::Relaxed);
        Self(&store.removals)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Removes an entry of the directory of removed things, with all that is in it, without following
/// links. What cannot be removed does not keep the rest from being removed, and is returned.
///
/// A directory in it is first moved beside it, so that depth costs neither descriptors nor stack;
/// at most [`MAX_PENDING`] at a time, so that width costs no memory either.
pub(super) fn take_apart(layout: &Layout, name: &OsStr) -> Option<Leftovers> {
    let mut pending = vec![name.to_owned()];
    let mut left = Leftovers::default();
    while let Some(name) = pending.pop() {
        let room = MAX_PENDING.saturating_sub(pending.len()).max(1);
        match take_one_apart(layout, &name, room, &mut left) {
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
    let mut beside = Vec::new();
    for _ in 0..MAX_ATTEMPTS {
        let mut stays = Leftovers::default();
        empty((layout, dir.as_fd()), name, room, &mut beside, &mut stays)?;
        if beside.len() >= room {
            let is_over = false;
            return Ok(Pass { is_over, beside });
        }
        match rustix::fs::unlinkat(&layout.removed, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => return Ok(Pass::over(beside)),
            // What could not be removed is in it.
            Err(Errno::NOTEMPTY) if stays.first.is_some() => {
                left.merge(stays);
                return Ok(Pass::over(beside));
            }
            // Another request had the directory open and has put something into it, or readdir(3)
            // has left an entry out.
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

/// Removes the entries of a removed directory, or moves them beside it, until there are `room` of
/// those.
fn empty(
    (layout, dir): (&Layout, BorrowedFd<'_>),
    name: &OsStr,
    room: usize,
    beside: &mut Vec<OsString>,
    stays: &mut Leftovers,
) -> Result<(), Error> {
    for entry in names(dir)? {
        match entry {
            Ok(entry) => match take_out(layout, (dir, &entry)) {
                Ok(directory) => beside.extend(directory),
                Err(error) => stays.add(&entry, error),
            },
            Err(error) => {
                stays.add(name, error);
                break;
            }
        }
        if beside.len() >= room {
            break;
        }
    }
    Ok(())
}

/// Removes an entry of a removed directory. If it is a directory, moves it beside that, and returns
/// its name there.
fn take_out(
    layout: &Layout,
    (dir, entry): (BorrowedFd<'_>, &OsStr),
) -> Result<Option<OsString>, Error> {
    if unlink(dir, entry)? {
        return Ok(None);
    }
    let beside = layout.unique_name();
    match rustix::fs::renameat(dir, entry, &layout.removed, &beside) {
        Ok(()) => Ok(Some(beside.into())),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// What a pass through a removed directory has come to.
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
