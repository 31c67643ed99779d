//! The operations: one handler each, from a request to a reply or an error, both values.
//!
//! In: what each operation does, in terms of names and of the storage. Out: sockets, and how a reply is sent.

mod archive;
mod condition;
mod copy;
mod destination;
mod error;
mod index;
mod intake;
mod integrity;
mod listing;
mod mistake;
mod op;
mod pax;
mod read;
mod remove;
mod rename;
mod reply;
mod summary;
mod welcome;
mod write;

use std::io::{self, Read};
use std::time::{Duration, Instant};

use tiny_http::Pipe;

pub use error::{Access, Error};
pub use op::Op;
pub use reply::{Content, Reply, Sink};

use crate::computing::Computing;
use crate::http::body::BodyFault;
use crate::http::name::Name;
use crate::http::route::Operation;
use crate::memory::Memory;
use crate::storage::Store;

/// A request, as far as its operation does not say it: its header fields, and its body, which is read from it.
pub trait Request: Read + Computing {
    /// Whether the method is HEAD: the content of the reply will not be sent.
    fn is_head(&self) -> bool;

    /// The target, as it was sent.
    fn target(&self) -> String;

    /// The value of a header field, where it is there; repeated ones joined by commas.
    fn field(&self, name: &'static str) -> Option<String>;

    /// The declared length of the body in bytes; `None` where only its end will tell.
    fn declared(&self) -> Option<u64>;

    /// Reads what has come of the body, without waiting for more; 0 at its end.
    ///
    /// # Errors
    /// `WouldBlock` where nothing has come, and those of reading.
    fn read_ready(&mut self, room: &mut [u8]) -> io::Result<usize>;

    /// Moves what comes next of the body into a pipe that is empty, and says how many bytes that were; 0 at its end.
    ///
    /// # Errors
    /// Those of reading.
    fn fill(&mut self, pipe: &mut Pipe) -> io::Result<usize>;

    /// Why reading the body has failed, if it has.
    fn fault(&self) -> Option<BodyFault>;

    /// Says for the log what it has come to, where the operation alone does not tell.
    fn did(&self, op: Op);

    /// Says for the log which other name it is about: that of a file or folder that is moved or copied.
    fn leads_to(&self, name: &Name);
}

/// How often what computes asks whether to go on: every so many bytes.
const COMPUTE_STEP: u64 = 4 << 20;

/// For how long the storage folder is taken to be where it was found.
const IN_PLACE: Duration = Duration::from_millis(20);

/// What the handlers work with.
#[derive(Clone, Copy, Debug)]
pub struct Context<'s> {
    /// The storage.
    pub store: &'s Store,
    /// The largest body of an upload in bytes, if there is a limit.
    pub max_upload: Option<u64>,
    /// The memory that all requests share.
    pub memory: &'s Memory,
}

/// Carries out an operation.
///
/// # Errors
/// The [`Error`] that answers the request; nothing that a client can see has changed then.
pub fn handle<'s>(
    context: Context<'s>,
    operation: &Operation,
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    let store = context.store;
    let is_write = operation.changes_something();
    let begun = Instant::now();
    if is_write {
        store.check_location().map_err(Error::Root)?;
    }
    let reply = match operation {
        Operation::Welcome => Ok(welcome::welcome(request)),
        Operation::Health => health(store),
        Operation::Read(name) => read::read(context, name, request),
        Operation::CountLines(name) => summary::lines(store, name, request),
        Operation::Digest(name) => summary::sha256(store, name, request),
        Operation::Archive(name) => archive::archive(context, name, request),
        Operation::Create(name) => write::create(context, name, request),
        Operation::MakeFolder(name) => write::make_folder(store, name, request),
        Operation::Append(name, appending) => write::append(context, name, *appending, request),
        Operation::Rename(name) => rename::rename(store, name, request),
        Operation::Copy(name) => copy::copy(store, name, request),
        Operation::Delete(name) => remove::remove(store, name, request),
    }?;
    // It may have waited for a lock, or for the disk.
    if is_write && begun.elapsed() >= IN_PLACE {
        store.check_location().map_err(Error::Root)?;
    }
    Ok(reply)
}

/// `GET /file`: says whether the storage root is a readable folder, and where it was.
fn health<'s>(store: &Store) -> Result<Reply<'s>, Error> {
    store.check().map_err(Error::Root)?;
    Ok(Reply::done())
}
