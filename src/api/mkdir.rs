//! POST to a name that ends in `/`: makes a directory.

use super::condition::WriteConditions;
use super::error::{Access, Error};
use super::grant::Grant;
use super::reply::Reply;
use super::request::{Request, declared_length, read_error};
use crate::storage::{self, Store};

/// `POST /file/NAME/`, whose body must be empty.
pub(super) fn mkdir<'s>(
    store: &'s Store,
    grant: &Grant<'_>,
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    let name = grant.name;
    let failed = |error| Error::Storage(name.clone(), Access::Create, error);
    let conditions = WriteConditions::of(request.head())?;
    let is_empty = match declared_length(request.head()) {
        Some(length) => length == 0,
        None => {
            let read = request.read(&mut [0]);
            read.map_err(|error| read_error(error, failed))? == 0
        }
    };
    if !is_empty {
        return Err(Error::Content(
            "a name that ends in \"/\" makes a folder, which has no content",
        ));
    }
    storage::make_directory(store, grant.guarded(), &|current| conditions.check(current))
        .map_err(failed)?;
    Ok(Reply::done())
}
