//! PUT of `cp`: copies a file.

use std::cell::Cell;

use super::condition::Guard;
use super::destination;
use super::{Access, COMPUTE_STEP, Error, Reply, Request};
use crate::http::name::Name;
use crate::storage::{self, Check, Copied, Current, Entry, Snapshot, Store};

/// The most times that a copy is begun whose source is replaced before it is in place.
const TRIES: usize = 32;

/// The old name and the new one.
type Names<'n> = (&'n [String], &'n [String]);

pub(super) fn copy<'s>(
    store: &'s Store,
    name: &Name,
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    let failed = |error| Error::Storage(name.clone(), Access::Change, error);
    // The conditions are about the copy's name.
    let guard = Guard::of(request)?;
    open(store, name)?;
    let new = destination::read(request, failed)?;
    let guard = guard.for_file(new.ends_in_slash);
    let new = new.name;
    let failed_there = |error| Error::Storage(new.clone(), Access::Create, error);
    let check: Check<'_> = &|current| guard.check(current);
    let names = (name.pieces(), new.pieces());
    for _ in 0..TRIES {
        // The file as it is now, and not as it was before the body came.
        let source = open(store, name)?;
        let looks_the_same = check_new(store, &source, &new, check).map_err(failed_there)?;
        if looks_the_same
            && store
                .is_copy_of_itself(&source, names, check)
                .map_err(failed_there)?
        {
            return Ok(Reply::done());
        }
        if copy_file(store, &source, (names, check), request, &failed_there)? {
            return Ok(Reply::done());
        }
    }
    Err(failed_there(storage::Error::Raced))
}

/// Copies a file as it is at the moment at which the copy is put in place; `false` where its name leads to another one by
/// then.
fn copy_file(
    store: &Store,
    source: &Snapshot,
    (names, check): (Names<'_>, Check<'_>),
    request: &mut dyn Request,
    failed: &dyn Fn(storage::Error) -> Error,
) -> Result<bool, Error> {
    let length = source.version.length;
    let staged = store.stage_copy(&source.file, length, request);
    request.pause();
    let Some(mut staged) = unless_shortened(staged).map_err(failed)? else {
        return Ok(false);
    };
    let mut most = COMPUTE_STEP;
    loop {
        let copied = staged.commit_copy(source, names, (check, most));
        match copied.map_err(failed)? {
            Copied::Done => return Ok(true),
            Copied::Elsewhere => return Ok(false),
            Copied::Behind => {}
        }
        request
            .checkpoint(length, length)
            .map_err(Error::Cancelled)?;
        let caught_up = staged.catch_up(source, request);
        request.pause();
        if unless_shortened(caught_up).map_err(failed)?.is_none() {
            return Ok(false);
        }
        // Who appends faster than that has to wait for longer.
        most = most.saturating_mul(2);
    }
}

/// `None` where the file that is copied has become shorter.
fn unless_shortened<T>(copied: Result<T, storage::Error>) -> Result<Option<T>, storage::Error> {
    match copied {
        Err(storage::Error::Raced) => Ok(None),
        copied => copied.map(Some),
    }
}

/// Refuses early what cannot become a copy, and says whether the new name seems to lead to the file itself.
fn check_new(
    store: &Store,
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
    store.check_replace(new.pieces(), Some(look))?;
    Ok(is_itself.get())
}

fn open(store: &Store, name: &Name) -> Result<Snapshot, Error> {
    let failed = |error| Error::Storage(name.clone(), Access::Read, error);
    match store.open_entry(name.pieces()).map_err(failed)? {
        Entry::File(snapshot) => Ok(snapshot),
        Entry::Directory(_) => Err(failed(storage::Error::IsDirectory)),
    }
}
