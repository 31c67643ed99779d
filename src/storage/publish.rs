//! Giving a staged body its name: the moment at which a write becomes visible.

use std::os::fd::AsFd;

use rustix::fs::AtFlags;
use rustix::io::Errno;

use super::directory_sync::DirectorySync;
use super::error::Error;
use super::locked::LockedFile;
use super::mark::mark_written;
use super::provenance::Provenance;
use super::sys::{EntryAt, rename_onto};
use super::upload::Staged;

/// Puts a body at a place where there is this file, or none: from one moment to the next, the name
/// leads to the new content, whole.
///
/// # Errors
/// [`Error::Raced`] where there is none, and one has been put there meanwhile, or the directory has
/// been removed; those of renameat2(2).
pub(super) fn publish(
    staged: &mut Staged<'_>,
    at: EntryAt<'_>,
    replaced: Option<LockedFile>,
    provenance: &Provenance,
) -> Result<(), Error> {
    let store = staged.store;
    let sync = DirectorySync::prepare(store, at.0)?;
    if let Some(replaced) = &replaced {
        replaced.prepare_removal(store)?;
    }
    // Not before this: its time is to be later than that of the write that was waited for.
    mark_written(store, &staged.file, staged.length, provenance.clone());
    let from: EntryAt<'_> = (store.layout.staged.as_fd(), staged.name.as_ref());
    match rename_onto(from, at, replaced.is_some()) {
        Ok(()) => {}
        // Another writer has just made one.
        Err(Errno::EXIST) => return Err(Error::Raced),
        // The directory has been removed; or the staged body, which no server does.
        Err(Errno::NOENT) => {
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            rustix::fs::statat(from.0, from.1, flags).map_err(Error::in_own_directory)?;
            return Err(Error::Raced);
        }
        Err(errno) => return Err(errno.into()),
    }
    staged.moved = true;
    sync.sync()?;
    if let Some(replaced) = replaced {
        replaced.release_removed(store);
    }
    Ok(())
}
