//! Copying a file within the storage.

use std::fs::File;

use rustix::fs::FileType;

use crate::computing::Computing;
use crate::storage::copy_range::copy_range;
use crate::storage::error::{Error, retry_on_race};
use crate::storage::guarded_name::GuardedName;
use crate::storage::identity::FileId;
use crate::storage::locked::{LockedEntry, LockedFile};
use crate::storage::mark::known_sha256;
use crate::storage::pair::{Destination, lock_both};
use crate::storage::provenance::Provenance;
use crate::storage::publish::publish;
use crate::storage::resolve::{resolve, resolve_for_write};
use crate::storage::resolved::{ResolveOptions, Resolved, ResolvedEntry};
use crate::storage::snapshot::Snapshot;
use crate::storage::space::with_figures;
use crate::storage::store::Store;
use crate::storage::target::check_replaceable;
use crate::storage::upload::{Need, Staged, stage};
use crate::storage::version::Check;

/// How much is copied at a time, in bytes: between two steps there is a checkpoint, and the free
/// space is checked.
const STEP: u64 = 8 << 20;

/// What has become of putting a copy in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copied {
    /// It is in place, with the content that the source has at this moment.
    Done,
    /// Nothing was done: the source has grown by more than may be copied under the locks.
    Behind,
    /// Nothing was done: the name of the source leads to another file.
    SourceReplaced,
}

/// Stages a copy of the first `length` bytes of a file: by sharing its blocks where the file system
/// can (`FICLONE`), otherwise as [`copy_range`] does, with a checkpoint every few MiB.
///
/// # Errors
/// [`Error::NoSpace`]; [`Error::Raced`] where the file has become shorter; [`Error::Cancelled`];
/// those of system calls.
pub(crate) fn stage_copy<'s>(
    store: &'s Store,
    source: &File,
    length: u64,
    computing: &mut dyn Computing,
) -> Result<Staged<'s>, Error> {
    // Shared blocks take no space, so nothing is reserved before it is tried.
    let declared = None;
    let twice = false;
    let mut staged = stage(store, Need { declared, twice })?;
    if rustix::fs::ioctl_ficlone(&staged.file, source).is_ok() {
        let cloned = staged.file.metadata()?.len();
        return match cloned >= length {
            true => {
                // What has been appended meanwhile is not part of it.
                staged.file.set_len(length)?;
                staged.length = length;
                Ok(staged)
            }
            false => Err(Error::Raced),
        };
    }
    drop(staged);
    let declared = Some(length);
    let mut staged = stage(store, Need { declared, twice })?;
    copy_rest(source, &mut staged, length, computing)?;
    Ok(staged)
}

/// Whether both names lead to `source`, so that there is nothing to copy. Evaluates the condition
/// on what the second name leads to.
///
/// # Errors
/// Those of `check` and of [`commit_copy`].
pub(crate) fn is_copy_of_itself(
    store: &Store,
    source: &Snapshot,
    names: (GuardedName<'_>, GuardedName<'_>),
    check: Check<'_>,
) -> Result<bool, Error> {
    let id = FileId::of(&source.file)?;
    let locked = retry_on_race(|| lock_for_copy(store, id, names, check))?;
    Ok(locked.is_some_and(|locked| matches!(locked.destination, Destination::Source)))
}

/// Copies what has been appended to the source of a copy since it was staged.
///
/// # Errors
/// Those of [`stage_copy`].
pub(crate) fn catch_up(
    staged: &mut Staged<'_>,
    source: &Snapshot,
    computing: &mut dyn Computing,
) -> Result<(), Error> {
    let now = Snapshot::take(staged.store, source.file.try_clone()?)?;
    copy_up_to(&source.file, staged, now.version.length, computing)?;
    Ok(())
}

/// Puts a copy under a name, in place of a file that is there. What has been appended to the source
/// since the copy was staged is copied first, under the locks of both files, if that is no more
/// than `limit` bytes.
///
/// # Errors
/// Those of `put`.
pub(crate) fn commit_copy(
    staged: &mut Staged<'_>,
    source: &Snapshot,
    names: (GuardedName<'_>, GuardedName<'_>),
    (check, limit): (Check<'_>, u64),
    provenance: &Provenance,
) -> Result<Copied, Error> {
    staged.check_fits()?;
    staged.store.sync_file(&staged.file)?;
    let id = FileId::of(&source.file)?;
    retry_on_race(|| commit_once(staged, id, names, (check, limit), provenance))
}

fn commit_once(
    staged: &mut Staged<'_>,
    source_id: FileId,
    names: (GuardedName<'_>, GuardedName<'_>),
    (check, limit): (Check<'_>, u64),
    provenance: &Provenance,
) -> Result<Copied, Error> {
    let store = staged.store;
    let Some(locked) = lock_for_copy(store, source_id, names, check)? else {
        return Ok(Copied::SourceReplaced);
    };
    let length = locked.source.version(store)?.length;
    if length.saturating_sub(staged.length) > limit {
        return Ok(Copied::Behind);
    }
    let replaced = match locked.destination {
        Destination::Source => return Ok(Copied::Done),
        Destination::Missing => None,
        Destination::Entry(LockedEntry::File(replaced)) => Some(replaced),
        // A link that has been swapped in since the name was resolved.
        Destination::Entry(LockedEntry::Other(_)) => return Err(Error::Raced),
    };
    if copy_up_to(locked.source.file(), staged, length, &mut ())? {
        store.sync_file(&staged.file)?;
    }
    let provenance = Provenance {
        sha256: known_sha256(store, &locked.source),
        ..provenance.clone()
    };
    publish(staged, locked.entry.at(), replaced, &provenance)?;
    Ok(Copied::Done)
}

/// The two files of a copy, locked, and where the second one lies.
struct CopyLocks<'s> {
    source: LockedFile,
    destination: Destination,
    entry: ResolvedEntry<'s>,
}

/// Locks both files of a copy, and evaluates the condition on the second; `None` where `from` does
/// not lead to the source.
fn lock_for_copy<'s>(
    store: &'s Store,
    source_id: FileId,
    (from, to): (GuardedName<'_>, GuardedName<'_>),
    check: Check<'_>,
) -> Result<Option<CopyLocks<'s>>, Error> {
    let found = match resolve(store, from, ResolveOptions::FOLLOW) {
        Ok(resolved) => resolved.entry(),
        Err(Error::NotFound) => None,
        Err(error) => return Err(error),
    };
    let Some(source) = found else {
        return Ok(None);
    };
    let Resolved::Entry(entry) = resolve_for_write(store, to, check)? else {
        return Err(Error::IsDirectory);
    };
    let fits = |_, there: Option<FileType>| there.map_or(Ok(()), check_replaceable);
    let (source, destination) = match lock_both(store, source.at(), entry.at(), &fits) {
        Err(Error::NotFound) => return Ok(None),
        other => other?,
    };
    if source.id() != source_id {
        return Ok(None);
    }
    destination.check(store, &source, check)?;
    let LockedEntry::File(source) = source else {
        return Ok(None);
    };
    Ok(Some(CopyLocks {
        source,
        destination,
        entry,
    }))
}

/// Copies what the source has beyond the copy, up to `length`, if there is space for it. Returns
/// whether anything was copied.
fn copy_up_to(
    source: &File,
    staged: &mut Staged<'_>,
    length: u64,
    computing: &mut dyn Computing,
) -> Result<bool, Error> {
    let missing = length.saturating_sub(staged.length);
    if missing > 0 {
        staged.check_room(missing)?;
        copy_rest(source, staged, length, computing)?;
    }
    Ok(missing > 0)
}

/// Copies what the source has beyond the copy, up to `length`.
fn copy_rest(
    source: &File,
    staged: &mut Staged<'_>,
    length: u64,
    computing: &mut dyn Computing,
) -> Result<(), Error> {
    while staged.length < length {
        let (at, left) = (staged.length, length - staged.length);
        let copied = copy_range((source, at), (&staged.file, at), left.min(STEP))
            .map_err(|error| with_figures(staged.store, error, left))?;
        if copied == 0 {
            // The file has become shorter.
            return Err(Error::Raced);
        }
        staged.has_grown(at + copied)?;
        if staged.length < length {
            computing.checkpoint(staged.length, length)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::storage::scratch::Scratch;
    use crate::storage::snapshot::{Entry, open_entry};
    use crate::storage::version::ANY;

    // symptom: readers and writers of a file waited while all that had been appended to it since
    //          its copy began was copied.
    // cause:   all of that was copied under the lock.
    // fix:     only up to a limit is, and the rest before.
    #[test]
    fn only_so_much_is_copied_under_the_locks() -> Result<(), Box<dyn std::error::Error>> {
        let storage = Scratch::new("copy")?;
        let store = &storage.store;
        let path = storage.path.join("source");
        std::fs::write(&path, b"content")?;
        let mut appended = File::options().append(true).open(&path)?;
        let names = [["source".to_owned()], ["copy".to_owned()]];
        let [from, to] = [&names[0], &names[1]].map(|name| GuardedName::unguarded(name));
        let names = (from, to);
        let Entry::File(source) = open_entry(store, names.0)? else {
            return Err("the source is no file".into());
        };
        let provenance = &Provenance::default();
        let mut staged = stage_copy(store, &source.file, 7, &mut ())?;
        appended.write_all(b", more")?;
        let copied = commit_copy(&mut staged, &source, names, (ANY, 5), provenance)?;
        assert_eq!(copied, Copied::Behind);
        assert!(!storage.path.join("copy").exists());
        catch_up(&mut staged, &source, &mut ())?;
        appended.write_all(b" more")?;
        let copied = commit_copy(&mut staged, &source, names, (ANY, 5), provenance)?;
        assert_eq!(copied, Copied::Done);
        let copy = std::fs::read(storage.path.join("copy"))?;
        assert_eq!(String::from_utf8_lossy(&copy), "content, more more");
        Ok(())
    }
}
