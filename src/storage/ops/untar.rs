//! Putting a staged directory under a name, in place of a directory that is there if that is wanted.
//!
//! From one moment to the next the name leads to all of it: `rename` gives it a name that leads to
//! nothing, and `RENAME_EXCHANGE` that of another directory, which is then removed. Where a file
//! system cannot exchange two, the old directory is renamed away first; in between, the name leads
//! to nothing, and a server that is killed there leaves a record by which the old one is put back
//! (see `recover`).

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{FileType, RenameFlags};
use rustix::io::Errno;

use crate::storage::directory_sync::DirectorySync;
use crate::storage::early_checks::check_entries;
use crate::storage::error::{Error, retry_on_race};
use crate::storage::guarded_name::GuardedName;
use crate::storage::identity::same_file;
use crate::storage::locked::LockedEntry;
use crate::storage::resolve::{check_new, resolve, resolve_for_write};
use crate::storage::resolved::{ParentDirectory, ResolveOptions, Resolved};
use crate::storage::staged_tree::StagedTree;
use crate::storage::store::Store;
use crate::storage::sys::{EntryAt, kind, rename_onto};
use crate::storage::target::{Purpose, lock_entry};
use crate::storage::version::{Check, Current};

/// Where a directory is to be put.
#[derive(Clone, Copy)]
pub(crate) struct Place<'p> {
    pub name: GuardedName<'p>,
    /// Whether a directory of that name is replaced.
    pub replaces: bool,
    pub check: Check<'p>,
}

/// Refuses early what cannot become a directory under this name, before its content comes.
///
/// # Errors
/// Those of [`put_tree`], as far as they are known beforehand.
pub(crate) fn check_untar(store: &Store, place: Place<'_>) -> Result<(), Error> {
    retry_on_race(|| check_once(store, place))
}

fn check_once(store: &Store, place: Place<'_>) -> Result<(), Error> {
    let at_missing = |dir: BorrowedFd<'_>| {
        check_entries(store, dir)?;
        check_new(store, dir, place.check)?;
        // It is not to be made yet.
        Err(Error::NotFound)
    };
    let options = ResolveOptions::create_parents(&at_missing);
    let entry = match resolve(store, place.name, options) {
        Ok(Resolved::Entry(entry)) => entry,
        Ok(Resolved::Directory(dir)) => return Err(of_directory(store, &dir)),
        Err(Error::NotFound) => return Ok(()),
        Err(error) => return Err(error),
    };
    let dir = entry.at().0;
    store.layout.check_mount(dir)?;
    let found = match entry.kind() {
        Ok(found) => {
            place.check_kind(found)?;
            Some(Current::Other)
        }
        Err(Errno::NOENT) => None,
        Err(errno) => return Err(errno.into()),
    };
    check_entries(store, dir)?;
    (place.check)(found.as_ref())
}

/// Puts a directory under the name, and makes missing parents.
///
/// # Errors
/// [`Error::Occupied`] where something is there that is not to be replaced, [`Error::IsFile`],
/// [`Error::NotRegular`], [`Error::IsRoot`], [`Error::ParentIsFile`], [`Error::Outside`],
/// [`Error::Own`], those of `check`, and those of system calls. Nothing has changed then, except
/// that parents may have been made.
pub(crate) fn put_tree(mut tree: StagedTree<'_>, place: Place<'_>) -> Result<(), Error> {
    tree.settle()?;
    retry_on_race(|| put_once(&mut tree, place))
}

fn put_once(tree: &mut StagedTree<'_>, place: Place<'_>) -> Result<(), Error> {
    let store = tree.store();
    let entry = match resolve_for_write(store, place.name, place.check)? {
        Resolved::Entry(entry) => entry,
        Resolved::Directory(dir) => return Err(of_directory(store, &dir)),
    };
    let at = entry.at();
    let check_kind = |kind| place.check_kind(kind);
    match lock_entry(store, (at, entry.seen), Purpose::Replace, &check_kind)? {
        None => {
            check_new(store, at.0, place.check)?;
            put_new(tree, at)
        }
        Some(replaced) => {
            (place.check)(Some(&Current::Other))?;
            exchange(tree, at, replaced)
        }
    }
}

impl Place<'_> {
    /// Refuses to replace something of this type.
    fn check_kind(self, kind: FileType) -> Result<(), Error> {
        match kind {
            // It has been swapped in since the name was resolved: a link is followed.
            FileType::Symlink => Err(Error::Raced),
            _ if !self.replaces => Err(Error::Occupied),
            FileType::Directory => Ok(()),
            FileType::RegularFile => Err(Error::IsFile),
            _ => Err(Error::NotRegular),
        }
    }
}

/// The error for a name that leads to an open directory, and not to an entry of one.
fn of_directory(store: &Store, dir: &ParentDirectory<'_>) -> Error {
    match same_file(dir, &store.layout.root) {
        Ok(false) => Error::Occupied,
        _ => Error::IsRoot,
    }
}

/// Gives the directory a name that leads to nothing.
fn put_new(tree: &mut StagedTree<'_>, at: EntryAt<'_>) -> Result<(), Error> {
    let sync = DirectorySync::prepare(tree.store(), at.0)?;
    rename_onto(tree.at(), at, false).map_err(|errno| of_rename(tree.at(), errno))?;
    tree.has_left();
    sync.sync()
}

/// The error of a rename to a name that led to nothing a moment ago.
fn of_rename(from: EntryAt<'_>, errno: Errno) -> Error {
    match errno {
        // Something has been put there. Without RENAME_NOREPLACE the error says what that is.
        Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR => Error::Raced,
        Errno::NOENT => match kind(from) {
            // The directory in which the name is has been removed.
            Ok(_) => Error::Raced,
            Err(errno) => Error::in_own_directory(errno),
        },
        errno => errno.into(),
    }
}

/// Takes the place of a directory, which is then removed.
fn exchange(
    tree: &mut StagedTree<'_>,
    at: EntryAt<'_>,
    replaced: LockedEntry,
) -> Result<(), Error> {
    let store = tree.store();
    let sync = DirectorySync::prepare(store, at.0)?;
    let staged = tree.at();
    let flags = RenameFlags::EXCHANGE;
    match rustix::fs::renameat_with(staged.0, staged.1, at.0, at.1, flags) {
        // The staged name leads to the old directory, and is removed with the tree.
        Ok(()) => sync.sync(),
        Err(Errno::INVAL | Errno::NOSYS) => exchange_in_steps(tree, at, sync),
        Err(Errno::NOENT) => Err(of_rename(staged, Errno::NOENT)),
        Err(errno) => Err(errno.into()),
    }?;
    // Its content is removed without a lock.
    drop(replaced);
    Ok(())
}

/// The same by two renames.
fn exchange_in_steps(
    tree: &mut StagedTree<'_>,
    at: EntryAt<'_>,
    sync: DirectorySync,
) -> Result<(), Error> {
    let store = tree.store();
    let staged = store.layout.staged.as_fd();
    let aside = tree.record_replaced()?;
    let old: EntryAt<'_> = (staged, &aside);
    rustix::fs::renameat(at.0, at.1, old.0, old.1).map_err(|errno| match errno {
        Errno::NOENT => Error::Raced,
        errno => errno.into(),
    })?;
    let renamed = rename_onto(tree.at(), at, false);
    let failure = match renamed {
        Ok(()) => {
            tree.has_left();
            sync.sync().err()
        }
        Err(errno) => Some(of_rename(tree.at(), errno)),
    };
    if renamed.is_ok() || rename_onto(old, at, false).is_err() {
        // It is replaced, or something else has taken its name.
        tree.remove_staged(&aside);
    }
    failure.map_or(Ok(()), Err)
}
