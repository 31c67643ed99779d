//! Removing files, links and directories.

use std::cell::Cell;
use std::ffi::OsStr;

use rustix::fs::{AtFlags, FileType};

use crate::storage::directory_sync::DirectorySync;
use crate::storage::error::{Error, retry_on_race};
use crate::storage::guarded_name::GuardedName;
use crate::storage::locked::{LockedEntry, LockedFile, check_locked};
use crate::storage::removal::{RunningRemoval, move_to_removed, remove_tree};
use crate::storage::resolve::resolve;
use crate::storage::resolved::{ResolveOptions, Resolved, Seen};
use crate::storage::snapshot::{Entry, open_entry};
use crate::storage::store::Store;
use crate::storage::sys::EntryAt;
use crate::storage::target::{Purpose, lock_entry};
use crate::storage::version::{Check, Current};

/// Removes a file, a link (never what it leads to), or a directory with all in it.
///
/// A directory is moved to the server's own directory in one step, and its content is removed
/// there.
///
/// # Errors
/// [`Error::NotFound`], [`Error::IsRoot`], [`Error::Outside`], [`Error::Own`], those of `check`,
/// and those of system calls.
pub(crate) fn remove(store: &Store, name: GuardedName<'_>, check: Check<'_>) -> Result<(), Error> {
    retry_on_race(|| remove_once(store, name, check))
}

fn remove_once(store: &Store, name: GuardedName<'_>, check: Check<'_>) -> Result<(), Error> {
    let Resolved::Entry(entry) = resolve(store, name, ResolveOptions::NO_FOLLOW)? else {
        return Err(Error::IsRoot);
    };
    let at = entry.at();
    // The condition on a link is evaluated on its target, which is what a reader sees. The target
    // is opened before the link is locked, since opening it may have to wait for a writer.
    let target = Cell::new(Current::Other);
    let open_target = |kind| {
        if kind == FileType::Symlink {
            target.set(current_target(store, name));
        }
        Ok(())
    };
    let locked = lock_entry(store, (at, Seen::Unknown), Purpose::Replace, &open_target)?;
    match locked.ok_or(Error::NotFound)? {
        LockedEntry::File(file) => {
            check_locked(store, Some(&file), check)?;
            remove_file(store, at, file)
        }
        directory if directory.kind() == FileType::Directory => {
            check(Some(&Current::Other))?;
            remove_directory(store, at, directory, name)
        }
        _link_or_special => {
            check(Some(&target.get()))?;
            let sync = DirectorySync::prepare(store, at.0)?;
            rustix::fs::unlinkat(at.0, at.1, AtFlags::empty())?;
            sync.sync()
        }
    }
}

fn remove_file(store: &Store, at: EntryAt<'_>, file: LockedFile) -> Result<(), Error> {
    let sync = DirectorySync::prepare(store, at.0)?;
    file.prepare_removal(store)?;
    rustix::fs::unlinkat(at.0, at.1, AtFlags::empty())?;
    sync.sync()?;
    file.release_removed(store);
    Ok(())
}

fn remove_directory(
    store: &Store,
    at: EntryAt<'_>,
    locked: LockedEntry,
    name: GuardedName<'_>,
) -> Result<(), Error> {
    let sync = DirectorySync::prepare(store, at.0)?;
    let _running = RunningRemoval::start(store);
    let removed = move_to_removed(&store.layout, at)?;
    drop(locked);
    sync.sync()?;
    if let Some(left) = remove_tree(&store.layout, OsStr::new(&removed)) {
        // The name is gone, as promised.
        log::warn!(name:% = name, cause:% = left; "a folder is removed in part");
    }
    Ok(())
}

/// The target of a link, as a condition sees it.
fn current_target(store: &Store, name: GuardedName<'_>) -> Current {
    match open_entry(store, name) {
        Ok(Entry::File(snapshot)) => Current::File(snapshot.version),
        _ => Current::Other,
    }
}
