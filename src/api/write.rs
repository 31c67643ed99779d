//! POST and PUT of a file: the body becomes the file, or is appended to it.

use std::cell::Cell;

use super::condition::WriteConditions;
use super::context::Context;
use super::error::{Access, Error};
use super::grant::Grant;
use super::inspection::Inspection;
use super::intake::Intake;
use super::op::Op;
use super::reply::Reply;
use super::request::{Request, declared_length};
use crate::http::route::Appending;
use crate::storage::{self, Check, IfMissing, Provenance, Store};

/// `POST /file/NAME`: creates the file or replaces it.
pub(super) fn create<'s>(
    context: Context<'s>,
    grant: &Grant<'_>,
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    let store = context.store;
    let failed = |error| Error::Storage(grant.name.clone(), Access::Create, error);
    if request.head().field("Content-Range").is_some() {
        // RFC 9110, section 14.5: a part must not become the whole.
        return Err(Error::Content(
            "POST stores a whole file and takes no Content-Range; PUT appends",
        ));
    }
    let conditions = WriteConditions::of(request.head())?.granted_by(grant);
    let mut inspection = Inspection::of(request.head())?;
    let replaces = Cell::new(false);
    let check: Check<'_> = &|current| {
        replaces.set(current.is_some());
        conditions.check(current)
    };
    let refuse = || {
        check_create(store, grant, (&conditions, check)).map_err(failed)?;
        Ok(false)
    };
    let intake = Intake {
        context,
        refuse: &refuse,
        failed: &failed,
    };
    let body = intake.receive(request, &mut inspection)?;
    let declared = declared_length(request.head());
    let is_digest_wanted = inspection.is_digest_wanted();
    let digest = inspection
        .check_digest()
        .or_else(|error| intake.check_failed((&body, declared), error))?;
    let provenance = Provenance {
        sha256: digest,
        ..request.provenance()
    };
    body.into_staged(store)
        .and_then(|staged| storage::put(staged, grant.guarded(), &provenance, check))
        .or_else(|error| intake.write_failed(error))?;
    // The last check was at the moment of the write.
    request.annotations().set_op(match replaces.get() {
        true => Op::Replace,
        false => Op::Create,
    });
    Ok(Reply::stored(digest.filter(|_| is_digest_wanted)))
}

/// Refuses a POST early.
fn check_create(
    store: &Store,
    grant: &Grant<'_>,
    (conditions, check): (&WriteConditions<'_>, Check<'_>),
) -> Result<(), storage::Error> {
    let was_empty = conditions.is_empty();
    let check_put = || {
        let check = Some(check).filter(|_| !conditions.is_empty());
        storage::check_put(store, grant.guarded(), check)
    };
    check_put()?;
    // A link may have led to where the caller may only create.
    match was_empty && !conditions.is_empty() {
        true => check_put(),
        false => Ok(()),
    }
}

/// `PUT /file/NAME`: appends to the file, or creates it where that is asked for.
pub(super) fn append<'s>(
    context: Context<'s>,
    grant: &Grant<'_>,
    appending: Appending,
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    let store = context.store;
    let failed = |error| Error::Storage(grant.name.clone(), Access::Append, error);
    let declared = declared_length(request.head());
    let conditions = WriteConditions::of_append(request.head())?.for_file(appending.ends_in_slash);
    let mut inspection = Inspection::of(request.head())?;
    conditions.check_length(declared)?;
    let if_missing = match appending.creates || (conditions.starts_file() && grant.may_create()) {
        true => IfMissing::Create,
        false => IfMissing::Fail,
    };
    if !appending.creates {
        inspection = inspection.with_move_check(request.head());
    }
    let refuse = || check_append(store, grant, if_missing, &conditions).map_err(failed);
    let intake = Intake {
        context,
        refuse: &refuse,
        failed: &failed,
    };
    let body = intake.receive(request, &mut inspection)?;
    let is_digest_wanted = inspection.is_digest_wanted();
    let digest = inspection
        .check_purpose()
        .and_then(|()| conditions.check_length(Some(body.length())))
        .and_then(|()| inspection.check_digest())
        .or_else(|error| intake.check_failed((&body, declared), error))?;
    let provenance = Provenance {
        sha256: digest,
        ..request.provenance()
    };
    let is_new = Cell::new(false);
    let check: Check<'_> = &|current| {
        is_new.set(current.is_none());
        grant.check_appended(current)?;
        conditions.check(current)
    };
    let body = (body, &provenance);
    storage::append(store, body, grant.guarded(), if_missing, check)
        .or_else(|error| intake.write_failed(error))?;
    if is_new.get() {
        request.annotations().set_op(Op::Create);
    }
    Ok(Reply::stored(digest.filter(|_| is_digest_wanted)))
}

/// Refuses an append early; returns whether there is a file to append to. Else the body becomes the
/// file.
fn check_append(
    store: &Store,
    grant: &Grant<'_>,
    if_missing: IfMissing,
    conditions: &WriteConditions,
) -> Result<bool, storage::Error> {
    let exists = Cell::new(true);
    let check: Check<'_> = &|current| {
        exists.set(current.is_some());
        grant.check_appended(current)?;
        conditions.check(current)
    };
    let is_needed = !conditions.is_empty() || if_missing == IfMissing::Create;
    storage::check_append(
        store,
        grant.guarded(),
        if_missing,
        Some(check).filter(|_| is_needed),
    )?;
    Ok(exists.get())
}
