//! Opening a file for reading, by its name.

use super::error::{Access, Error};
use super::grant::Grant;
use crate::storage::{self, Entry, Snapshot, Store};

/// Opens a file. A directory is refused.
pub(super) fn open_file(store: &Store, grant: &Grant<'_>) -> Result<Snapshot, Error> {
    let name = grant.name;
    let failed = |error| Error::Storage(name.clone(), Access::Read, error);
    match storage::open_entry(store, grant.guarded()).map_err(failed)? {
        Entry::File(snapshot) => Ok(snapshot),
        Entry::Directory(_) => Err(failed(storage::Error::IsDirectory)),
    }
}
