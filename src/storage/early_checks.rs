//! Refusing a write early: before its body is taken in, and without changing anything.
//!
//! What is checked here is checked again at the moment of the write, by what the write itself does.

use std::os::fd::BorrowedFd;

use rustix::fs::Access;
use rustix::io::Errno;

use super::error::Error;
use super::guarded_name::GuardedName;
use super::resolve::{check_new, resolve};
use super::resolved::{ResolveOptions, Resolved};
use super::snapshot::current;
use super::store::Store;
use super::sys::check_access;
use super::target::check_replaceable;
use super::version::{ANY, Check};

/// Refuses what cannot become a file under this name.
///
/// # Errors
/// Those of the write, as far as they are known beforehand.
pub(super) fn check_replace(
    store: &Store,
    name: GuardedName<'_>,
    check: Option<Check<'_>>,
) -> Result<(), Error> {
    let at_missing = |dir: BorrowedFd<'_>| {
        check_entries(store, dir)?;
        check_new(store, dir, check.unwrap_or(ANY))?;
        // It is not to be made yet.
        Err(Error::NotFound)
    };
    let options = ResolveOptions::create_parents(&at_missing);
    let entry = match resolve(store, name, options) {
        Ok(Resolved::Entry(entry)) => entry,
        Ok(Resolved::Directory(_)) => return Err(Error::IsDirectory),
        Err(Error::NotFound) => return Ok(()),
        Err(error) => return Err(error),
    };
    let (dir, name) = entry.at();
    store.layout.check_mount(dir)?;
    match entry.kind() {
        Ok(kind) => {
            check_replaceable(kind)?;
            // To be locked, it has to be opened.
            check_access(dir, name, Access::READ_OK)?;
        }
        Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    check_entries(store, dir)?;
    match check {
        None => Ok(()),
        Some(check) => check(current(store, entry.at())?.as_ref()),
    }
}

/// Refuses what takes the right to change a directory's entries, where the server's user does not
/// have it.
///
/// # Errors
/// [`Error::Denied`], [`Error::ReadOnly`].
pub(super) fn check_entries(store: &Store, dir: BorrowedFd<'_>) -> Result<(), Error> {
    let mut access = Access::WRITE_OK | Access::EXEC_OK;
    // To be synced, it has to be opened.
    access.set(Access::READ_OK, store.options.sync);
    check_access(dir, ".", access)
}
