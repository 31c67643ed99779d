//! PUT of `cp`: copies a file.

use std::cell::Cell;

use super::condition::Guard;
use super::destination;
use super::{Access, Error, Reply, Request};
use crate::http::name::Name;
use crate::storage::{self, Check, Current, Entry, Root, Snapshot};

/// How often the copy of a file is begun again that became shorter in the middle, which no server does to it.
const TRIES: usize = 3;

pub(super) fn copy<'s>(
    root: &'s Root,
    name: &Name,
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    let failed = |error| Error::Storage(name.clone(), Access::Change, error);
    // The conditions are about the copy's name.
    let guard = Guard::of(request)?;
    open(root, name)?;
    let new = destination::read(request, failed)?;
    let failed_there = |error| Error::Storage(new.clone(), Access::Create, error);
    let check: Check<'_> = &|current| guard.check(current);
    // The file as it is now, and not as it was before the body came.
    let mut source = open(root, name)?;
    let inode = source.version.inode;
    let is_itself = Cell::new(false);
    let look: Check<'_> = &|current| {
        is_itself.set(matches!(current, Some(Current::File(it)) if it.inode == inode));
        guard.check(current)
    };
    root.check_replace(new.pieces(), Some(look))
        .map_err(failed_there)?;
    if is_itself.get() {
        return Ok(Reply::done());
    }
    let mut tries = 1;
    let staged = loop {
        match root.stage_copy(&source.file, source.version.length) {
            Err(storage::Error::Moved) if tries < TRIES => {
                tries += 1;
                source = open(root, name)?;
            }
            other => break other.map_err(failed_there)?,
        }
    };
    staged.commit(new.pieces(), check).map_err(failed_there)?;
    Ok(Reply::done())
}

fn open(root: &Root, name: &Name) -> Result<Snapshot, Error> {
    let failed = |error| Error::Storage(name.clone(), Access::Read, error);
    match root.open_entry(name.pieces()).map_err(failed)? {
        Entry::File(snapshot) => Ok(snapshot),
        Entry::Folder(_) => Err(failed(storage::Error::IsFolder)),
    }
}
