//! Making a directory.

use rustix::fs::{FileType, Mode};
use rustix::io::Errno;

use crate::storage::directory_sync::DirectorySync;
use crate::storage::error::{Error, retry_on_race};
use crate::storage::guarded_name::GuardedName;
use crate::storage::resolve::{check_new, resolve_for_write};
use crate::storage::resolved::Resolved;
use crate::storage::snapshot::current;
use crate::storage::store::Store;
use crate::storage::sys::kind;
use crate::storage::version::{Check, Current};

/// Makes a directory and its missing parents. One that is there already is no error.
///
/// # Errors
/// [`Error::IsFile`] where something else has the name, [`Error::ParentIsFile`],
/// [`Error::Outside`], [`Error::Own`], those of `check`, and those of mkdirat(2).
pub(crate) fn make_directory(
    store: &Store,
    name: GuardedName<'_>,
    check: Check<'_>,
) -> Result<(), Error> {
    retry_on_race(|| make_directory_once(store, name, check))
}

fn make_directory_once(
    store: &Store,
    name: GuardedName<'_>,
    check: Check<'_>,
) -> Result<(), Error> {
    let Resolved::Entry(entry) = resolve_for_write(store, name, check)? else {
        return check(Some(&Current::Other));
    };
    let (dir, name) = entry.at();
    match current(store, entry.at())? {
        Some(Current::File(_)) => return Err(Error::IsFile),
        None => check_new(store, dir, check)?,
        other => check(other.as_ref())?,
    }
    let sync = DirectorySync::prepare(store, dir)?;
    match rustix::fs::mkdirat(dir, name, Mode::from_raw_mode(0o777)) {
        Ok(()) => sync.sync(),
        Err(Errno::EXIST) => match kind(entry.at()) {
            Ok(FileType::Directory) => check(Some(&Current::Other)),
            Ok(_) => Err(Error::IsFile),
            // Removed since.
            Err(Errno::NOENT) => Err(Error::Raced),
            Err(errno) => Err(errno.into()),
        },
        // The parent has been removed.
        Err(Errno::NOENT) => Err(Error::Raced),
        Err(errno) => Err(errno.into()),
    }
}
