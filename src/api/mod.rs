//! The operations: one handler each, from a request to a reply or an error.
//!
//! Responsible for: what each operation does with the storage. Not for: sockets, and how a reply is
//! sent.

mod annotations;
mod archive;
mod claim;
mod condition;
mod context;
mod copy;
mod destination;
mod entries;
mod entry_object;
mod error;
mod event;
mod grant;
mod info;
mod inspection;
mod intake;
mod line_selection;
mod listing;
mod mkdir;
mod op;
mod open;
mod packed;
mod page;
mod pax;
mod read;
mod reason;
mod remove;
mod rename;
mod reply;
mod report;
mod request;
mod storage_answer;
mod summary;
mod untar;
mod validators;
mod welcome;
mod write;

use std::time::{Duration, Instant};

pub(crate) use annotations::Annotations;
pub(crate) use context::Context;
pub(crate) use error::{Error, WrongCredentials};
pub(crate) use event::{OPENING, event};
pub(crate) use grant::authorize;
pub(crate) use op::Op;
pub(crate) use reason::Reason;
pub(crate) use reply::{Content, Reply, Sink};
pub(crate) use report::{ReadinessCheck, Reports, UnderWay};
pub(crate) use request::Request;

use crate::http::cors;
use crate::http::policy::Caller;
use crate::http::route::Operation;
use crate::storage::Store;

use grant::Grant;

/// A write that takes longer checks again that the storage is where it was.
const SHORT: Duration = Duration::from_millis(20);

/// Carries out an operation, for a caller who was authorized (see [`authorize`]).
///
/// # Errors
/// The [`Error`] that answers the request; nothing that a client can see has changed then.
pub(crate) fn handle<'s>(
    context: Context<'s>,
    (caller, operation): (&Caller, &Operation),
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    let reply = carry_out(context, (caller, operation), request);
    reply.map_err(|error| error.of_caller(caller))
}

fn carry_out<'s>(
    context: Context<'s>,
    (caller, operation): (&Caller, &Operation),
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    let grant = |name| Grant::new(caller, operation, name);
    let store = context.store;
    let is_write = operation.changes_something();
    let started = Instant::now();
    if is_write {
        store.check_location().map_err(Error::Root)?;
    }
    let reply = match operation {
        Operation::Welcome => Ok(welcome::welcome(request.head())),
        Operation::Preflight => Ok(preflight()),
        Operation::Health => health(store),
        Operation::Report(what) => Ok(report::report(
            *what,
            context.reports,
            request.head(),
            request.annotations(),
        )),
        Operation::Read(name, reading) => read::read(context, &grant(name), reading, request),
        Operation::CountLines(name) => summary::lines(store, &grant(name), request),
        Operation::Digest(name) => summary::sha256(store, &grant(name), request),
        Operation::Info(name) => info::info(store, &grant(name), request.head()),
        Operation::Archive(name) => archive::archive(context, &grant(name), request.head()),
        Operation::Create(name) => write::create(context, &grant(name), request),
        Operation::MakeDirectory(name) => mkdir::mkdir(store, &grant(name), request),
        Operation::Untar(name, untarring) => {
            untar::untar(context, &grant(name), *untarring, request)
        }
        Operation::Append(name, appending) => {
            write::append(context, &grant(name), *appending, request)
        }
        Operation::Rename(name) => rename::rename(store, &grant(name), request),
        Operation::Copy(name) => copy::copy(store, &grant(name), request),
        Operation::Claim(name, _) => claim::claim(context, &grant(name), request),
        Operation::Delete(name) => remove::remove(store, &grant(name), request.head()),
    }?;
    // It may have waited for a lock or for the disk.
    if is_write && started.elapsed() >= SHORT {
        store.check_location().map_err(Error::Root)?;
    }
    Ok(reply)
}

/// `OPTIONS`: what a page of an allowed origin may send.
fn preflight<'s>() -> Reply<'s> {
    Reply {
        status: 204,
        fields: cors::preflight_fields(),
        content: Content::None,
    }
}

/// `GET /file`: whether the root of the storage can be read, and is where it was.
fn health<'s>(store: &Store) -> Result<Reply<'s>, Error> {
    store.check().map_err(Error::Root)?;
    Ok(Reply::done())
}
