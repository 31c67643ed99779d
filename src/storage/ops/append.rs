//! Appending: a body is put behind the content of a file in one step.
//!
//! The order: lock the file, roll back an append that was killed, write the intent, copy, commit. A
//! reader sees the file at the length in the intent until the commit; a kill at any point leaves
//! that length to be found. A body in memory that fits into the last write unit of the file takes
//! no intent: a single write is one step.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::OFlags;

use crate::storage::body::Body;
use crate::storage::copy_range::copy_range;
use crate::storage::early_checks::check_replace;
use crate::storage::error::{Error, retry_on_race};
use crate::storage::guarded_name::GuardedName;
use crate::storage::journal::{self, Intent};
use crate::storage::locked::LockedFile;
use crate::storage::mark::mark_written;
use crate::storage::provenance::Provenance;
use crate::storage::publish::publish;
use crate::storage::resolve::{resolve, resolve_for_write};
use crate::storage::resolved::{ResolveOptions, Resolved};
use crate::storage::snapshot::current;
use crate::storage::space::with_figures;
use crate::storage::store::Store;
use crate::storage::sys::{EntryAt, open_regular};
use crate::storage::target::{Purpose, check_replaceable, lock_file};
use crate::storage::upload::Staged;
use crate::storage::version::{Check, Current};

/// What an append does where there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfMissing {
    /// It fails.
    Fail,
    /// It creates the file, with its missing parents.
    Create,
}

/// Refuses early an append to what is no file, before its body is read.
///
/// # Errors
/// Those of [`append`], as far as they are known beforehand.
pub(crate) fn check_append(
    store: &Store,
    name: GuardedName<'_>,
    if_missing: IfMissing,
    check: Option<Check<'_>>,
) -> Result<(), Error> {
    retry_on_race(|| match check_append_once(store, name, check) {
        Err(Error::NotFound) if if_missing == IfMissing::Create => {
            check_replace(store, name, check)
        }
        other => other,
    })
}

fn check_append_once(
    store: &Store,
    name: GuardedName<'_>,
    check: Option<Check<'_>>,
) -> Result<(), Error> {
    let Resolved::Entry(entry) = resolve(store, name, ResolveOptions::FOLLOW)? else {
        return Err(Error::IsDirectory);
    };
    check_replaceable(entry.kind()?)?;
    // As it is opened to be locked.
    let (_, identity) = open_regular(entry.at(), OFlags::RDWR)?;
    store.layout.mount.check(identity.mount)?;
    match check {
        None => Ok(()),
        Some(check) => check(current(store, entry.at())?.as_ref()),
    }
}

/// Puts a body behind the content of a file, as one unit among all appends to it.
///
/// # Errors
/// [`Error::NotFound`] where there is no file and none is to be created, [`Error::IsDirectory`],
/// [`Error::NotRegular`], [`Error::MountPoint`], [`Error::NoSpace`], those of `check`, and those of
/// system calls. The file is as it was then.
pub(crate) fn append<'s>(
    store: &'s Store,
    (mut body, provenance): (Body<'s>, &Provenance),
    name: GuardedName<'_>,
    if_missing: IfMissing,
    check: Check<'_>,
) -> Result<(), Error> {
    retry_on_race(|| {
        let appended = append_to_file(store, (&body, provenance), name, check);
        match appended {
            Err(Error::NotFound) if if_missing == IfMissing::Create => {
                create(store, (&mut body, provenance), name, check)
            }
            other => other,
        }
    })
}

/// Puts the body under a name that leads to nothing.
///
/// # Errors
/// [`Error::Raced`] where something has got the name meanwhile; otherwise those of `put`.
fn create<'s>(
    store: &'s Store,
    (body, provenance): (&mut Body<'s>, &Provenance),
    name: GuardedName<'_>,
    check: Check<'_>,
) -> Result<(), Error> {
    if matches!(body, Body::Bytes(_)) {
        // Nothing was refused early, and no parents are to be made for what does not fit.
        check_replace(store, name, Some(check))?;
    }
    let staged = body.stage(store)?;
    let Resolved::Entry(entry) = resolve_for_write(store, name, check)? else {
        return Err(Error::IsDirectory);
    };
    check(None)?;
    staged.check_fits()?;
    store.sync_file(&staged.file)?;
    publish(staged, entry.at(), None, provenance)
}

fn append_to_file(
    store: &Store,
    (body, provenance): (&Body<'_>, &Provenance),
    name: GuardedName<'_>,
    check: Check<'_>,
) -> Result<(), Error> {
    let Resolved::Entry(entry) = resolve(store, name, ResolveOptions::FOLLOW)? else {
        return Err(Error::IsDirectory);
    };
    let locked = lock_file(store, (entry.at(), entry.seen), Purpose::Write)?;
    let locked = locked.ok_or(Error::NotFound)?;
    store.layout.mount.check(locked.mount)?;
    locked.roll_back_append(store)?;
    let version = locked.version(store)?;
    check(Some(&Current::File(version)))?;
    // Before the file is written to: cutting it back would change its modification time.
    body.check_room(store)?;
    if body.length() == 0 {
        return Ok(());
    }
    let appended = (body, provenance);
    append_to_locked(store, appended, (&locked, entry.at()), version.length)
}

/// Appends to a locked file, whose entry is `at` and whose length is `before`.
fn append_to_locked(
    store: &Store,
    (body, provenance): (&Body<'_>, &Provenance),
    (locked, at): (&LockedFile, EntryAt<'_>),
    before: u64,
) -> Result<(), Error> {
    let inode = locked.id.inode;
    let is_one_step = matches!(body, Body::Bytes(_))
        && is_in_one_unit(before, body.length(), store.layout.write_unit)
        && !store.options.sync
        // An intent that does not count is replaced and removed by a new one.
        && locked.intent(store)? == Intent::Missing;
    if !is_one_step {
        journal::write(store, locked.numbered(), before, at)?;
    }
    let written = write_behind(store, (body, provenance), locked, before);
    match (&written, is_one_step) {
        (Ok(()), true) => Ok(()),
        (Ok(()), false) => journal::commit(store, inode),
        (Err(_), _) => {
            let cut = locked.file().set_len(before);
            // Where it cannot be cut back, the intent stays and keeps the length.
            if cut.is_ok() && !is_one_step {
                journal::discard(store, inode);
            }
            written
        }
    }
}

fn write_behind(
    store: &Store,
    (body, provenance): (&Body<'_>, &Provenance),
    locked: &LockedFile,
    before: u64,
) -> Result<(), Error> {
    let file = locked.file();
    let written = match body {
        Body::Bytes(bytes) => file.write_all_at(bytes, before),
        Body::Staged(staged) => copy_whole(staged, file, before),
    };
    written.map_err(|error| with_figures(store, error, body.length()))?;
    let mut provenance = provenance.clone();
    // It is the digest of the body alone.
    provenance.sha256 = provenance.sha256.filter(|_| before == 0);
    mark_written(store, file, before + body.length(), provenance);
    store.sync_file(file)
}

/// Whether a write behind this many bytes does not pass the end of a write unit. Then it takes
/// place in one step, both for a reader of the file's length and for a signal that kills the
/// writer.
fn is_in_one_unit(before: u64, length: u64, unit: u64) -> bool {
    before % unit + length <= unit
}

fn copy_whole(staged: &Staged<'_>, file: &File, before: u64) -> io::Result<()> {
    let mut copied = 0;
    while copied < staged.length {
        let (from, to) = ((&staged.file, copied), (file, before + copied));
        copied += match copy_range(from, to, staged.length - copied)? {
            0 => return Err(io::Error::other("the staged body has changed its length")),
            more => more,
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // symptom: on XFS with blocks of 1 KiB a kill could leave a part of a small append.
    // cause:   a write within a page was taken to be one step, and is one for each block there.
    // fix:     it stays within a block, too.
    #[test]
    fn writes_that_are_one_step() {
        const PAGE: u64 = 4096;
        for (before, length, unit, expected) in [
            (0, 1, PAGE, true),
            (0, PAGE, PAGE, true),
            (0, PAGE + 1, PAGE, false),
            (1, PAGE, PAGE, false),
            (PAGE - 1, 1, PAGE, true),
            (PAGE - 1, 2, PAGE, false),
            (3 * PAGE, PAGE, PAGE, true),
            (3 * PAGE + 7, PAGE - 7, PAGE, true),
            (3 * PAGE + 7, PAGE - 6, PAGE, false),
            (1000, 24, 1024, true),
            (1000, 25, 1024, false),
            (1000, 1, 1, true),
            (1000, 2, 1, false),
        ] {
            let found = is_in_one_unit(before, length, unit);
            assert_eq!(found, expected, "{before} {length} {unit}");
        }
    }
}
