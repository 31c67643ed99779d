//! Renaming a file, link or directory.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{Access, AtFlags, FileType};
use rustix::io::Errno;

use crate::storage::directory_sync::DirectorySync;
use crate::storage::early_checks::check_entries;
use crate::storage::error::{Error, retry_on_race};
use crate::storage::guarded_name::GuardedName;
use crate::storage::identity::{FileId, Mount, same_file};
use crate::storage::locked::LockedEntry;
use crate::storage::mark::mark_moved;
use crate::storage::pair::{Destination, lock_both};
use crate::storage::resolve::{has_links, resolve};
use crate::storage::resolved::{ResolveOptions, Resolved, ResolvedEntry};
use crate::storage::store::Store;
use crate::storage::sys::{EntryAt, check_access, entries, kind, rename_onto, stat};
use crate::storage::target::check_replaceable;
use crate::storage::version::Check;

/// Refuses early to rename what does not exist or may not be removed from its directory. Returns
/// whether it is a directory.
///
/// # Errors
/// Those of [`rename`] that are about the old name.
pub(crate) fn check_rename(store: &Store, from: GuardedName<'_>) -> Result<bool, Error> {
    let resolved = resolve(store, from, ResolveOptions::NO_FOLLOW)?;
    let entry = resolved.entry().ok_or(Error::IsRoot)?;
    let (dir, name) = entry.at();
    let kind = kind(entry.at())?;
    if kind == FileType::RegularFile {
        // It is opened to be locked: without its lock, what others write at the same time could be
        // lost.
        check_access(dir, name, Access::READ_OK)?;
    }
    check_entries(store, dir)?;
    Ok(kind == FileType::Directory)
}

/// Gives a file, link or directory, whose name is the first, another name; a file that has that
/// name already is replaced at the same moment.
///
/// # Errors
/// [`Error::NotFound`], [`Error::IsRoot`], [`Error::IntoItself`] (also where a link makes both
/// names the same), [`Error::NotEmpty`], [`Error::IsDirectory`] for a file onto a directory,
/// [`Error::IsFile`] for a directory onto a file, [`Error::Outside`], [`Error::Own`], and those of
/// `check`, which is about the new name.
pub(crate) fn rename(
    store: &Store,
    names: (GuardedName<'_>, GuardedName<'_>),
    check: Check<'_>,
) -> Result<(), Error> {
    retry_on_race(|| rename_once(store, names, (None, check)))
}

/// Gives a regular file, whose name is the first, a name that leads to nothing.
///
/// # Errors
/// [`Error::NotFound`] where there is no regular file, [`Error::Occupied`] where there is something
/// under the new name, and those of [`rename`].
pub(crate) fn rename_file(
    store: &Store,
    names: (GuardedName<'_>, GuardedName<'_>),
) -> Result<(), Error> {
    let check: Check<'_> = &|current| match current {
        None => Ok(()),
        Some(_) => Err(Error::Occupied),
    };
    let only = Some(FileType::RegularFile);
    retry_on_race(|| rename_once(store, names, (only, check)))
}

/// `only`: the type that the entry has to have.
fn rename_once(
    store: &Store,
    (from, to): (GuardedName<'_>, GuardedName<'_>),
    (only, check): (Option<FileType>, Check<'_>),
) -> Result<(), Error> {
    let Resolved::Entry(source_entry) = resolve(store, from, ResolveOptions::NO_FOLLOW)? else {
        return Err(Error::IsRoot);
    };
    let source_at = source_entry.at();
    let seen = stat(source_at)?.ok_or(Error::NotFound)?;
    let (seen_id, seen_kind) = (FileId::from(&seen), FileType::from_raw_mode(seen.st_mode));
    if only.is_some_and(|only| only != seen_kind) {
        return Err(Error::NotFound);
    }
    // The target of a link is resolved before the new name, which may lead through it, and once
    // more under the locks: a directory on the way may be moved in between.
    let seen_target = match seen_kind {
        FileType::Symlink => id_behind(store, from),
        _ => None,
    };
    // No parent is to be made in a directory that cannot be moved into itself.
    let avoid = (seen_kind == FileType::Directory).then_some(seen_id);
    let entry = resolve_new(store, (&source_entry, avoid), to, check)?;
    let (source, destination) = lock_both(store, source_at, entry.at(), &check_types)?;
    if source.kind() == FileType::Directory && source.id() != seen_id {
        // It may be one of the parents that have just been made for the new name.
        return Err(Error::Raced);
    }
    if only.is_some_and(|only| only != source.kind()) {
        return Err(Error::NotFound);
    }
    destination.check(store, &source, check)?;
    if source.kind() == FileType::Symlink
        && let Some(replaced) = destination.entry()
        && [seen_target, id_behind(store, from)].contains(&Some(replaced.id()))
    {
        // The link would replace its own target, and lead to itself.
        return Err(Error::IntoItself);
    }
    let is_onto_itself =
        matches!(destination, Destination::Source) && from.components != to.components;
    if is_onto_itself
        && is_same_place(source_at, entry.at())?
        && [from, to].iter().any(|name| has_links(store, *name))
    {
        // A link makes both names one: the old name would still be there.
        return Err(Error::IntoItself);
    }
    rename_locked(store, (source_at, source), (entry.at(), destination))
}

/// Resolves the new name of an entry, and creates missing parents, but not in the directory
/// `avoid`.
fn resolve_new<'s>(
    store: &'s Store,
    (source, avoid): (&ResolvedEntry<'_>, Option<FileId>),
    to: GuardedName<'_>,
    check: Check<'_>,
) -> Result<ResolvedEntry<'s>, Error> {
    let mount = Mount::of(&source.dir)?;
    let check_new = |dir: BorrowedFd<'_>| {
        mount.check(Mount::of(dir)?)?;
        check(None)
    };
    let options = ResolveOptions {
        avoid,
        ..ResolveOptions::create_parents(&check_new)
    };
    resolve(store, to, options)?
        .entry()
        .ok_or(Error::IsDirectory)
}

/// What a name leads to, links followed; none where it leads to nothing.
fn id_behind(store: &Store, name: GuardedName<'_>) -> Option<FileId> {
    let resolved = resolve(store, name.without_guard(), ResolveOptions::FOLLOW).ok()?;
    let stat = stat(resolved.entry()?.at()).ok()??;
    Some(FileId::from(&stat))
}

/// Refuses what may not take the place of what is there.
fn check_types(source: FileType, destination: Option<FileType>) -> Result<(), Error> {
    match (source, destination) {
        // Put there since the new name was resolved: a link is followed, and not replaced.
        (_, Some(FileType::Symlink)) => Err(Error::Raced),
        (_, None) | (FileType::Directory, Some(FileType::Directory)) => Ok(()),
        (FileType::Directory, Some(_)) => Err(Error::IsFile),
        (_, Some(there)) => check_replaceable(there),
    }
}

/// Renames what is locked.
fn rename_locked(
    store: &Store,
    (from, source): (EntryAt<'_>, LockedEntry),
    (to, destination): (EntryAt<'_>, Destination),
) -> Result<(), Error> {
    let syncs = [
        DirectorySync::prepare(store, to.0)?,
        DirectorySync::prepare(store, from.0)?,
    ];
    if matches!(destination, Destination::Source) {
        rename_onto_itself(from, to)?;
    } else {
        let replaced = destination.entry();
        if let Some(file) = replaced.and_then(LockedEntry::file) {
            file.prepare_removal(store)?;
        }
        rename_onto_other(from, to, replaced.is_some())?;
        if let Some(locked) = source.file() {
            // A client that sends the time of the replaced file in `If-Modified-Since` must get
            // this one. Only after the rename: a file that could not be renamed stays as it was.
            // Readers do not see the old time, since they wait for the lock.
            mark_moved(store, locked);
        }
    }
    // Readers do not wait for the disk.
    drop(source);
    syncs.into_iter().try_for_each(DirectorySync::sync)?;
    if let Destination::Entry(LockedEntry::File(file)) = destination {
        file.release_removed(store);
    }
    Ok(())
}

/// Renames onto a name that leads to something, or to nothing; then it must lead to nothing still.
fn rename_onto_other(from: EntryAt<'_>, to: EntryAt<'_>, is_there: bool) -> Result<(), Error> {
    rename_onto(from, to, is_there).map_err(|errno| match errno {
        // Another program has just put something there.
        Errno::EXIST if !is_there => Error::Raced,
        Errno::INVAL => Error::IntoItself,
        Errno::NOTDIR => Error::IsFile,
        other => other.into(),
    })
}

/// Renames a file onto a name that leads to the same file.
fn rename_onto_itself(from: EntryAt<'_>, to: EntryAt<'_>) -> Result<(), Error> {
    if is_same_place(from, to)? {
        return Ok(());
    }
    // Where case is folded, the file may have one name, written in two ways.
    if same_file(from.0, to.0)? && !has_both(from.0, from.1, to.1)? {
        return Ok(rustix::fs::renameat(from.0, from.1, to.0, to.1)?);
    }
    // rename(2) does nothing where both names are of one file.
    Ok(rustix::fs::unlinkat(from.0, from.1, AtFlags::empty())?)
}

/// Whether two places are one.
fn is_same_place(one: EntryAt<'_>, other: EntryAt<'_>) -> Result<bool, Error> {
    Ok(one.1 == other.1 && same_file(one.0, other.0)?)
}

/// Whether a directory has an entry of each of two names, written as they are: a file system that
/// folds case finds one entry under many names.
fn has_both(dir: impl AsFd, one: &OsStr, other: &OsStr) -> Result<bool, Error> {
    let (mut has_one, mut has_other) = (false, false);
    for entry in entries(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        has_one |= name == one.as_bytes();
        has_other |= name == other.as_bytes();
        if has_one && has_other {
            return Ok(true);
        }
    }
    Ok(false)
}
