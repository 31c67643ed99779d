//! POST and PUT: a body becomes a file, or goes behind one.

use std::cell::Cell;

use super::condition::Guard;
use super::intake::{Intake, Observe, broken, take_in};
use super::integrity::{BodyHash, Digests};
use super::mistake::MoveWithoutAction;
use super::{Access, Context, Error, Op, Reply, Request};
use crate::http::digest::{self, Sha256};
use crate::http::name::Name;
use crate::http::route::Appending;
use crate::storage::{self, Body, Check, IfMissing, Store};

/// `POST /file/NAME`: creates the file or replaces it.
pub(super) fn create<'s>(
    context: Context<'s>,
    name: &Name,
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    let failed = |error| Error::Storage(name.clone(), Access::Create, error);
    if request.field("Content-Range").is_some() {
        // RFC 9110, section 14.5: a part must not become the whole.
        return Err(Error::Content(
            "POST stores a whole file and takes no Content-Range; PUT appends",
        ));
    }
    let guard = Guard::of(request)?;
    let digests = Digests::of(request)?;
    let replaces = Cell::new(false);
    let check: Check<'_> = &|current| {
        replaces.set(current.is_some());
        guard.check(current)
    };
    let early = Some(check).filter(|_| !guard.is_idle());
    let refuse = || {
        let refused = context.store.check_replace(name.pieces(), early);
        refused.map(|()| false).map_err(failed)
    };
    let mut watch = Watch::new(&digests, None);
    let intake = Intake {
        refuse: &refuse,
        failed: &failed,
    };
    let body = watch.take_in(context, request, intake)?;
    let digest = digests
        .check(watch.hash)
        .or_else(|error| intake.first(context, (&body, request.declared()), error))?;
    body.into_staged(context.store)
        .and_then(|staged| staged.commit(name.pieces(), check))
        .or_else(|error| intake.failed_at_end(error))?;
    // The last check was at the moment of the write.
    request.did(match replaces.get() {
        true => Op::Replace,
        false => Op::Create,
    });
    Ok(done(digest))
}

/// `PUT /file/NAME`: appends to the file, or creates it where that is asked for.
pub(super) fn append<'s>(
    context: Context<'s>,
    name: &Name,
    appending: Appending,
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    let failed = |error| Error::Storage(name.clone(), Access::Append, error);
    let guard = Guard::of_append(request)?.for_file(appending.ends_in_slash);
    let digests = Digests::of(request)?;
    guard.check_length(request.declared())?;
    let if_missing = match appending.creates || guard.is_of_beginning() {
        true => IfMissing::Create,
        false => IfMissing::Fail,
    };
    // What creates the file becomes the file, and is not copied.
    let refuse = || check_append(context.store, name, if_missing, &guard).map_err(failed);
    let mistake = MoveWithoutAction::of(request).filter(|_| !appending.creates);
    let mut watch = Watch::new(&digests, mistake);
    let intake = Intake {
        refuse: &refuse,
        failed: &failed,
    };
    let body = watch.take_in(context, request, intake)?;
    let digest = watch
        .check_mistake()
        .and_then(|()| guard.check_length(Some(body.length())))
        .and_then(|()| digests.check(watch.hash))
        .or_else(|error| intake.first(context, (&body, request.declared()), error))?;
    let is_new = Cell::new(false);
    let check: Check<'_> = &|current| {
        is_new.set(current.is_none());
        guard.check(current)
    };
    context
        .store
        .append(body, name.pieces(), if_missing, check)
        .or_else(|error| intake.failed_at_end(error))?;
    if is_new.get() {
        request.did(Op::Create);
    }
    Ok(done(digest))
}

/// Refuses an append early, and tells whether the file is there.
fn check_append(
    store: &Store,
    name: &Name,
    if_missing: IfMissing,
    guard: &Guard,
) -> Result<bool, storage::Error> {
    let is_there = Cell::new(true);
    let check: Check<'_> = &|current| {
        is_there.set(current.is_some());
        guard.check(current)
    };
    let early = Some(check).filter(|_| !guard.is_idle() || if_missing == IfMissing::Create);
    store.check_append(name.pieces(), if_missing, early)?;
    Ok(is_there.get())
}

/// 200, with the digest of the body where it is wanted.
fn done<'s>(digest: Option<Sha256>) -> Reply<'s> {
    let mut reply = Reply::done();
    let digest = digest.map(|digest| ("Repr-Digest", digest::field(&digest).into()));
    reply.fields.extend(digest);
    reply
}

/// What sees a body while it comes.
struct Watch {
    hash: Option<BodyHash>,
    mistake: Option<MoveWithoutAction>,
}

impl Watch {
    fn new(digests: &Digests, mistake: Option<MoveWithoutAction>) -> Self {
        let hash = (!digests.are_idle()).then(BodyHash::default);
        Self { hash, mistake }
    }

    fn take_in<'s>(
        &mut self,
        context: Context<'s>,
        request: &mut dyn Request,
        intake: Intake<'_>,
    ) -> Result<Body<'s>, Error> {
        let is_idle = self.hash.is_none() && self.mistake.is_none();
        let mut see = |part: &[u8]| {
            self.hash.iter_mut().for_each(|hash| hash.see(part));
            self.mistake
                .iter_mut()
                .for_each(|mistake| mistake.see(part));
        };
        let observe: Observe<'_> = &mut see;
        take_in(context, request, intake, Some(observe).filter(|_| !is_idle))
    }

    fn check_mistake(&self) -> Result<(), Error> {
        self.mistake
            .as_ref()
            .map_or(Ok(()), MoveWithoutAction::check)
    }
}

/// `POST /file/NAME/`: makes the folder. Its body is empty.
pub(super) fn make_folder<'s>(
    store: &'s Store,
    name: &Name,
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    let guard = Guard::of(request)?;
    let mut byte = [0];
    let refused = Error::Content("a name that ends in \"/\" makes a folder, which has no content");
    match request.declared() {
        Some(0) => {}
        Some(_) => return Err(refused),
        None => match request.read(&mut byte) {
            Ok(0) => {}
            Ok(_) => return Err(refused),
            Err(error) => return Err(broken(request, error, |error| folder_error(name, error))),
        },
    }
    store
        .make_directory(name.pieces(), &|current| guard.check(current))
        .map_err(|error| folder_error(name, error))?;
    Ok(Reply::done())
}

fn folder_error(name: &Name, error: storage::Error) -> Error {
    Error::Storage(name.clone(), Access::Create, error)
}
