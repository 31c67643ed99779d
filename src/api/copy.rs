//! PUT of `cp`: copies a file.

use std::cell::Cell;

use super::condition::Guard;
use super::destination;
use super::{Access, Error, Reply, Request};
use crate::http::name::Name;
use crate::storage::{self, Check, Current, Entry, Root, Snapshot};

/// The most times that a copy is begun whose source is replaced before it is in place.
const TRIES: usize = 32;

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
    let guard = guard.for_file(new.ends_in_slash);
    let new = new.name;
    let failed_there = |error| Error::Storage(new.clone(), Access::Create, error);
    let check: Check<'_> = &|current| guard.check(current);
    let names = (name.pieces(), new.pieces());
    for _ in 0..TRIES {
        // The file as it is now, and not as it was before the body came.
        let source = open(root, name)?;
        let looks_the_same = check_new(root, &source, &new, check).map_err(failed_there)?;
        if looks_the_same
            && root
                .is_copy_of_itself(&source, names, check)
                .map_err(failed_there)?
        {
            return Ok(Reply::done());
        }
        let length = source.version.length;
        let mut ended = None;
        let mut goes_on = |done| {
            ended = request.keep_computing(done, length).err();
            ended.is_none()
        };
        let staged = match root.stage_copy(&source.file, length, &mut goes_on) {
            Err(storage::Error::Moved) => continue,
            Err(storage::Error::Cancelled) => return Err(ended.unwrap_or(Error::ClientGone)),
            other => other.map_err(failed_there)?,
        };
        let committed = staged.commit_copy(&source, names, check);
        if committed.map_err(failed_there)? {
            return Ok(Reply::done());
        }
    }
    Err(failed_there(storage::Error::Moved))
}

/// Refuses early what cannot become a copy, and says whether the new name seems to lead to the file itself.
fn check_new(
    root: &Root,
    source: &Snapshot,
    new: &Name,
    check: Check<'_>,
) -> Result<bool, storage::Error> {
    let inode = source.version.inode;
    let is_itself = Cell::new(false);
    let look: Check<'_> = &|current| {
        is_itself.set(matches!(current, Some(Current::File(it)) if it.inode == inode));
        check(current)
    };
    root.check_replace(new.pieces(), Some(look))?;
    Ok(is_itself.get())
}

fn open(root: &Root, name: &Name) -> Result<Snapshot, Error> {
    let failed = |error| Error::Storage(name.clone(), Access::Read, error);
    match root.open_entry(name.pieces()).map_err(failed)? {
        Entry::File(snapshot) => Ok(snapshot),
        Entry::Folder(_) => Err(failed(storage::Error::IsFolder)),
    }
}
