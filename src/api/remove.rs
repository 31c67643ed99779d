//! DELETE of a file, link or folder.

use super::condition::Guard;
use super::{Access, Error, Reply, Request};
use crate::http::name::Name;
use crate::storage::Root;

pub(super) fn remove<'s>(
    root: &'s Root,
    name: &Name,
    request: &dyn Request,
) -> Result<Reply<'s>, Error> {
    let guard = Guard::of(request)?;
    root.remove(name.pieces(), &|current| guard.check(current))
        .map_err(|error| Error::Storage(name.clone(), Access::Change, error))?;
    Ok(Reply::done())
}
