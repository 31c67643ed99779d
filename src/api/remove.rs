//! DELETE of a file, link or directory.

use tiny_http::Head;

use super::condition::WriteConditions;
use super::error::{Access, Error};
use super::reply::Reply;
use crate::http::name::Name;
use crate::storage::{self, Store};

pub(super) fn remove<'s>(store: &'s Store, name: &Name, head: &Head) -> Result<Reply<'s>, Error> {
    let conditions = WriteConditions::of(head)?;
    storage::remove(store, name.components(), &|current| {
        conditions.check(current)
    })
    .map_err(|error| Error::Storage(name.clone(), Access::Change, error))?;
    Ok(Reply::done())
}
