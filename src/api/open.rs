//! Opening a file for reading, by its name.

use super::error::{Access, Error};
use crate::http::name::Name;
use crate::storage::{self, Entry, Snapshot, Store};

/// Opens a file. A directory is refused.
pub(super) fn open_file(store: &Store, name: &Name) -> Result<Snapshot, Error> {
    let failed = |error| Error::Storage(name.clone(), Access::Read, error);
    match storage::open_entry(store, name.components()).map_err(failed)? {
        Entry::File(snapshot) => Ok(snapshot),
        Entry::Directory(_) => Err(failed(storage::Error::IsDirectory)),
    }
}
