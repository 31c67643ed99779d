//! PUT of `mv`: gives a file or directory another name.

use super::condition::WriteConditions;
use super::destination;
use super::error::{Access, Error};
use super::grant::Grant;
use super::reply::Reply;
use super::request::Request;
use crate::http::name::Name;
use crate::storage::{self, Store};

pub(super) fn rename<'s>(
    store: &'s Store,
    grant: &Grant<'_>,
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    let name = grant.name;
    let failed = |error| Error::Storage(name.clone(), Access::Change, error);
    // The conditions are on the new name.
    let conditions = WriteConditions::of(request.head())?;
    let is_directory = storage::check_rename(store, grant.guarded()).map_err(failed)?;
    let new = destination::read(request, failed)?;
    let conditions = conditions.for_file(new.ends_in_slash && !is_directory);
    let new = new.name;
    let destination = grant.destination(&new)?;
    let conditions = conditions.granted_by(&destination);
    let names = (grant.guarded(), destination.guarded());
    storage::rename(store, names, &|current| conditions.check(current))
        .map_err(|error| at_one_of(name, &new, error))?;
    Ok(Reply::done())
}

/// The error for the name that it is about: the old one if nothing can be renamed, else the new
/// one.
fn at_one_of(old: &Name, new: &Name, error: storage::Error) -> Error {
    use storage::Error::{IsRoot, NotFound};
    match error {
        NotFound | IsRoot => Error::Storage(old.clone(), Access::Change, error),
        other => Error::Storage(new.clone(), Access::Create, other),
    }
}
