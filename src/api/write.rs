//! POST and PUT: a body becomes a file, or goes behind one.
//!
//! The order is refuse, stage, check, put in place: what can be refused without the body is refused before it is
//! read, and nothing that others can see changes before it has come whole.

use std::io::{self, BufWriter, Read, Write};

use super::{Access, Body, Error, Reply, Store};
use crate::http::name::Name;
use crate::storage::{self, Need, Root, Staged};

/// How much of a body is gathered before it is written, in bytes.
const BUFFER: usize = 256 * 1024;

/// How much of its beginning is gathered at a time: a body that comes slowly, or is short, is to cost little memory.
const FIRST_BUFFER: usize = 8 * 1024;

/// How much of a body counts as its beginning, in bytes.
const BEGINNING: u64 = 64 * 1024;

/// `POST /file/NAME`: creates the file or replaces it.
pub(super) fn create(store: Store<'_>, name: &Name, body: &mut dyn Body) -> Result<Reply, Error> {
    let failed = |error| Error::Storage(name.clone(), Access::Create, error);
    store.root.check_replace(name.pieces()).map_err(failed)?;
    let staged = stage(store, body, false, failed)?;
    staged.commit(name.pieces()).map_err(failed)?;
    Ok(Reply::done())
}

/// `PUT /file/NAME`: appends to the file.
pub(super) fn append(store: Store<'_>, name: &Name, body: &mut dyn Body) -> Result<Reply, Error> {
    let failed = |error| Error::Storage(name.clone(), Access::Append, error);
    store.root.check_join(name.pieces()).map_err(failed)?;
    let staged = stage(store, body, true, failed)?;
    staged.join(name.pieces()).map_err(failed)?;
    Ok(Reply::done())
}

/// Takes in a body. `twice`: it will be there a second time for a moment, behind another file.
fn stage<'s>(
    store: Store<'s>,
    body: &mut dyn Body,
    twice: bool,
    failed: impl Fn(storage::Error) -> Error,
) -> Result<Staged<'s>, Error> {
    let declared = body.declared();
    check_size(store, declared)?;
    let need = Need { declared, twice };
    let mut staged = store.root.stage(need).map_err(&failed)?;
    receive(store, body, &mut staged, failed)?;
    Ok(staged)
}

/// `POST /file/NAME/`: makes the folder. Its body is empty.
pub(super) fn make_folder(root: &Root, name: &Name, body: &mut dyn Body) -> Result<Reply, Error> {
    let mut byte = [0];
    let refused = Error::Content("a name that ends in \"/\" makes a folder, which has no content");
    match body.declared() {
        Some(0) => {}
        Some(_) => return Err(refused),
        None => match body.read(&mut byte) {
            Ok(0) => {}
            Ok(_) => return Err(refused),
            Err(error) => return Err(broken(body, error, |error| folder_error(name, error))),
        },
    }
    root.make_folder(name.pieces())
        .map_err(|error| folder_error(name, error))?;
    Ok(Reply::done())
}

fn folder_error(name: &Name, error: storage::Error) -> Error {
    Error::Storage(name.clone(), Access::Create, error)
}

/// Streams a body into its staged file.
fn receive(
    store: Store<'_>,
    body: &mut dyn Body,
    staged: &mut Staged<'_>,
    failed: impl Fn(storage::Error) -> Error,
) -> Result<(), Error> {
    // One byte beyond the limit tells that it is passed.
    let most = store
        .max_upload
        .map_or(u64::MAX, |most| most.saturating_add(1));
    let beginning = most.min(BEGINNING);
    let mut copy = |most, buffer| {
        // io::copy reads straight into the buffer of a BufWriter.
        let mut writer = BufWriter::with_capacity(buffer, &mut *staged);
        let copied = io::copy(&mut (&mut *body).take(most), &mut writer)?;
        writer.flush().map(|()| copied)
    };
    let copied = copy(beginning, FIRST_BUFFER).and_then(|begun| match begun {
        _ if begun < beginning => Ok(begun),
        _ => copy(most - begun, BUFFER).map(|rest| begun + rest),
    });
    let copied = copied.map_err(|error| broken(body, error, failed))?;
    check_size(store, Some(copied))
}

/// Refuses a body above the limit.
fn check_size(store: Store<'_>, length: Option<u64>) -> Result<(), Error> {
    match (store.max_upload, length) {
        (Some(most), Some(length)) if length > most => Err(Error::TooLarge(most)),
        _ => Ok(()),
    }
}

/// Whose failure it was: of the body, or of the disk.
pub(super) fn broken(
    body: &dyn Body,
    error: io::Error,
    failed: impl Fn(storage::Error) -> Error,
) -> Error {
    match body.fault() {
        Some(fault) => Error::Body(fault),
        None => failed(error.into()),
    }
}
