//! Putting a staged body under a name, in place of a file that is there.

use crate::storage::early_checks;
use crate::storage::error::{Error, retry_on_race};
use crate::storage::guarded_name::GuardedName;
use crate::storage::locked::check_locked;
use crate::storage::provenance::Provenance;
use crate::storage::publish::publish;
use crate::storage::resolve::resolve_for_write;
use crate::storage::resolved::Resolved;
use crate::storage::store::Store;
use crate::storage::target::{Purpose, lock_file};
use crate::storage::upload::Staged;
use crate::storage::version::Check;

/// Refuses early what cannot become a file under this name, before its body is read.
///
/// # Errors
/// Those of [`put`], as far as they are known beforehand.
pub(crate) fn check_put(
    store: &Store,
    name: GuardedName<'_>,
    check: Option<Check<'_>>,
) -> Result<(), Error> {
    retry_on_race(|| early_checks::check_replace(store, name, check))
}

/// Puts the body under the name, in place of a file that is there, and makes missing parents.
///
/// # Errors
/// [`Error::IsDirectory`], [`Error::NotRegular`], [`Error::ParentIsFile`], [`Error::Outside`],
/// [`Error::Own`], those of `check`, and those of system calls. Nothing has changed then, except
/// that parents may have been made.
pub(crate) fn put(
    mut staged: Staged<'_>,
    name: GuardedName<'_>,
    provenance: &Provenance,
    check: Check<'_>,
) -> Result<(), Error> {
    staged.check_fits()?;
    staged.store.sync_file(&staged.file)?;
    retry_on_race(|| put_once(&mut staged, name, provenance, check))
}

fn put_once(
    staged: &mut Staged<'_>,
    name: GuardedName<'_>,
    provenance: &Provenance,
    check: Check<'_>,
) -> Result<(), Error> {
    let store = staged.store;
    let Resolved::Entry(entry) = resolve_for_write(store, name, check)? else {
        return Err(Error::IsDirectory);
    };
    let replaced = lock_file(store, (entry.at(), entry.seen), Purpose::Replace)?;
    check_locked(store, replaced.as_ref(), check)?;
    publish(staged, entry.at(), replaced, provenance)
}
