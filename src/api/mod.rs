//! The operations: one handler each, from a request to a reply or an error, both values.
//!
//! In: what each operation does, in terms of names and of the storage. Out: sockets, and how a reply is sent.

mod count;
mod error;
mod read;
mod remove;
mod rename;
mod reply;
mod write;

use std::io::Read;

pub use error::{Access, Error};
pub use reply::{Content, Reply};

use crate::http::framing::BodyFault;
use crate::http::route::Operation;
use crate::storage::Root;

/// The body of a request.
pub trait Body: Read {
    /// Its declared length in bytes; `None` where only its end will tell.
    fn declared(&self) -> Option<u64>;

    /// Why reading has failed, if it has.
    fn fault(&self) -> Option<BodyFault>;
}

/// What the handlers work with.
#[derive(Clone, Copy, Debug)]
pub struct Store<'s> {
    /// The storage.
    pub root: &'s Root,
    /// The largest body of an upload in bytes, if there is a limit.
    pub max_upload: Option<u64>,
}

/// Carries out an operation.
///
/// # Errors
/// The [`Error`] that answers the request; nothing that a client can see has changed then.
pub fn handle(
    store: Store<'_>,
    operation: &Operation,
    body: &mut dyn Body,
) -> Result<Reply, Error> {
    let root = store.root;
    match operation {
        Operation::Health => health(root),
        Operation::Read(name) => read::read(root, name),
        Operation::CountLines(name) => count::lines(root, name),
        Operation::Create(name) => write::create(store, name, body),
        Operation::MakeFolder(name) => write::make_folder(root, name, body),
        Operation::Append(name) => write::append(store, name, body),
        Operation::Rename(name) => rename::rename(root, name, body),
        Operation::Delete(name) => remove::remove(root, name),
    }
}

/// `GET /file`: says whether the storage root is a readable folder.
fn health(root: &Root) -> Result<Reply, Error> {
    root.check().map_err(Error::Health)?;
    Ok(Reply::done())
}
