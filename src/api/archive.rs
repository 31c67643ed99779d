//! GET of `tar`: a folder and all in it as an archive.

use super::{Access, Error, Reply, Request};
use crate::http::name::Name;
use crate::storage::{self, Root};

pub(super) fn archive<'s>(
    _root: &'s Root,
    name: &Name,
    _request: &dyn Request,
) -> Result<Reply<'s>, Error> {
    Err(Error::Storage(
        name.clone(),
        Access::Read,
        storage::Error::NotFound,
    ))
}
