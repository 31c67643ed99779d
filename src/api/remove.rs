//! DELETE of a file, link or folder.

use super::condition::Guard;
use super::{Access, Error, Reply, Request};
use crate::http::name::Name;
use crate::storage::Store;

pub(super) fn remove<'s>(
    store: &'s Store,
    name: &Name,
    request: &dyn Request,
) -> Result<Reply<'s>, Error> {
    let guard = Guard::of(request)?;
    store
        .remove(name.pieces(), &|current| guard.check(current))
        .map_err(|error| Error::Storage(name.clone(), Access::Change, error))?;
    Ok(Reply::done())
}
