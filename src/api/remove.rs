//! DELETE of a file, link or directory.

use tiny_http::Head;

use super::condition::WriteConditions;
use super::error::{Access, Error};
use super::grant::Grant;
use super::reply::Reply;
use crate::storage::{self, Store};

pub(super) fn remove<'s>(
    store: &'s Store,
    grant: &Grant<'_>,
    head: &Head,
) -> Result<Reply<'s>, Error> {
    let conditions = WriteConditions::of(head)?;
    storage::remove(store, grant.guarded(), &|current| conditions.check(current))
        .map_err(|error| Error::Storage(grant.name.clone(), Access::Change, error))?;
    Ok(Reply::done())
}
