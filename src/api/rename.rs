//! PUT of `mv`: gives a file or folder another name.

use super::condition::Guard;
use super::destination;
use super::{Access, Error, Reply, Request};
use crate::http::name::Name;
use crate::storage::{self, Store};

pub(super) fn rename<'s>(
    store: &'s Store,
    name: &Name,
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    let failed = |error| Error::Storage(name.clone(), Access::Change, error);
    // The conditions are about the new name.
    let guard = Guard::of(request)?;
    let is_folder = store.check_rename(name.pieces()).map_err(failed)?;
    let new = destination::read(request, failed)?;
    let guard = guard.for_file(new.ends_in_slash && !is_folder);
    let new = new.name;
    store
        .rename(name.pieces(), new.pieces(), &|current| guard.check(current))
        .map_err(|error| at_one_of(name, &new, error))?;
    Ok(Reply::done())
}

/// An error of a rename speaks of the old name where that is gone, and of the new one otherwise.
fn at_one_of(old: &Name, new: &Name, error: storage::Error) -> Error {
    use storage::Error::{IsRoot, NotFound};
    match error {
        NotFound | IsRoot => Error::Storage(old.clone(), Access::Change, error),
        other => Error::Storage(new.clone(), Access::Create, other),
    }
}
