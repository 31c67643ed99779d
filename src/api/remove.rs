//! DELETE of a file, link or folder.

use super::{Access, Error, Reply};
use crate::http::name::Name;
use crate::storage::Root;

pub(super) fn remove(root: &Root, name: &Name) -> Result<Reply, Error> {
    root.remove(name.pieces())
        .map_err(|error| Error::Storage(name.clone(), Access::Change, error))?;
    Ok(Reply::done())
}
