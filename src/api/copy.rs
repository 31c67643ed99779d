//! PUT of `cp`: copies a file.

use std::cell::Cell;

use super::condition::WriteConditions;
use super::destination;
use super::error::{Access, Error};
use super::grant::Grant;
use super::open::open_file;
use super::reply::Reply;
use super::request::Request;
use crate::storage::{self, Check, Copied, Current, GuardedName, Snapshot, Store};

/// The maximum number of attempts to copy a file that is replaced meanwhile.
const MAX_ATTEMPTS: usize = 32;

/// How much may be copied under the locks of both files, in bytes, at first.
const COPIED_UNDER_LOCKS: u64 = 4 << 20;

/// The old name and the new one.
type Names<'n> = (GuardedName<'n>, GuardedName<'n>);

pub(super) fn copy<'s>(
    store: &'s Store,
    grant: &Grant<'_>,
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    let name = grant.name;
    let failed = |error| Error::Storage(name.clone(), Access::Change, error);
    // The conditions are on the new name.
    let conditions = WriteConditions::of(request.head())?;
    open_file(store, grant)?;
    let new = destination::read(request, failed)?;
    let conditions = conditions.for_file(new.ends_in_slash);
    let new = new.name;
    let destination = grant.destination(&new)?;
    let conditions = conditions.granted_by(&destination);
    let failed_there = |error| Error::Storage(new.clone(), Access::Create, error);
    let check: Check<'_> = &|current| conditions.check(current);
    let names = (grant.guarded(), destination.guarded());
    for _ in 0..MAX_ATTEMPTS {
        // Opened anew, since reading the body of the request may have taken long.
        let source = open_file(store, grant)?;
        let is_likely_itself =
            check_new(store, &source, destination.guarded(), check).map_err(failed_there)?;
        if is_likely_itself
            && storage::is_copy_of_itself(store, &source, names, check).map_err(failed_there)?
        {
            return Ok(Reply::done());
        }
        if copy_file(store, &source, (names, check), request, &failed_there)? {
            return Ok(Reply::done());
        }
    }
    Err(failed_there(storage::Error::Raced))
}

/// Copies a file with the content that it has when the copy is put in place; `false` if another
/// file has got the name of the source meanwhile.
fn copy_file(
    store: &Store,
    source: &Snapshot,
    (names, check): (Names<'_>, Check<'_>),
    request: &mut dyn Request,
    failed: &dyn Fn(storage::Error) -> Error,
) -> Result<bool, Error> {
    let length = source.version.length;
    let staged = storage::stage_copy(store, &source.file, length, request);
    request.pause();
    let Some(mut staged) = unless_shortened(staged).map_err(failed)? else {
        return Ok(false);
    };
    let provenance = request.provenance();
    let mut limit = COPIED_UNDER_LOCKS;
    loop {
        let copied = storage::commit_copy(&mut staged, source, names, (check, limit), &provenance);
        match copied.map_err(failed)? {
            Copied::Done => return Ok(true),
            Copied::SourceReplaced => return Ok(false),
            Copied::Behind => {}
        }
        request
            .checkpoint(length, length)
            .map_err(Error::Cancelled)?;
        let caught_up = storage::catch_up(&mut staged, source, request);
        request.pause();
        if unless_shortened(caught_up).map_err(failed)?.is_none() {
            return Ok(false);
        }
        // If appends keep outpacing the copy, more is copied under the locks the next time.
        limit = limit.saturating_mul(2);
    }
}

/// `None` where the file that is copied has become shorter.
fn unless_shortened<T>(copied: Result<T, storage::Error>) -> Result<Option<T>, storage::Error> {
    match copied {
        Err(storage::Error::Raced) => Ok(None),
        copied => copied.map(Some),
    }
}

/// Refuses early what cannot become a copy, and returns whether the new name likely leads to the
/// source itself.
fn check_new(
    store: &Store,
    source: &Snapshot,
    new: GuardedName<'_>,
    check: Check<'_>,
) -> Result<bool, storage::Error> {
    let inode = source.version.inode;
    let is_itself = Cell::new(false);
    let compare: Check<'_> = &|current| {
        is_itself.set(matches!(current, Some(Current::File(it)) if it.inode == inode));
        check(current)
    };
    storage::check_put(store, new, Some(compare))?;
    Ok(is_itself.get())
}
