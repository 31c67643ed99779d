//! POST and PUT: a body becomes a file, or goes behind one.
//!
//! The order is refuse, stage, check, put in place: what can be refused without the body is refused before it is
//! read, and nothing that others can see changes before it has come whole.

use std::cell::Cell;
use std::io::{self, BufWriter, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::condition::Guard;
use super::integrity::{BodyHash, Digests};
use super::mistake::MoveWithoutAction;
use super::observed::Observed;
use super::{Access, Error, Op, Reply, Request, Store};
use crate::http::digest::{self, Sha256};
use crate::http::name::Name;
use crate::http::route::Appending;
use crate::storage::{self, Check, IfMissing, Need, Root, Staged};

/// How much of a body is gathered before it is written, in bytes, at most: what is larger than the threshold for mmap of the
/// C library (mallopt(3)) moves that threshold, and then stays with each thread.
const MOST_BUFFER: usize = 64 * 1024;

/// How much is gathered at first, and of a body that comes slowly, in bytes: it is to cost little memory.
const LEAST_BUFFER: usize = 8 * 1024;

/// So many times its buffer a body brings before its next buffer is chosen; the largest is worth keeping for longer.
const ROUNDS: u64 = 8;
const LAST_ROUNDS: u64 = 64;

/// A round that takes longer is slow.
const SLOW: Duration = Duration::from_secs(1);

/// Bodies that are being received.
static BODIES: AtomicUsize = AtomicUsize::new(0);

/// `POST /file/NAME`: creates the file or replaces it.
pub(super) fn create<'s>(
    store: Store<'s>,
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
    store
        .root
        .check_replace(name.pieces(), early)
        .map_err(failed)?;
    let (staged, digest) = stage(store, request, false, &digests, failed)?;
    staged.commit(name.pieces(), check).map_err(failed)?;
    // The last check was at the moment of the write.
    request.did(match replaces.get() {
        true => Op::Replace,
        false => Op::Create,
    });
    Ok(done(digest))
}

/// `PUT /file/NAME`: appends to the file, or creates it where that is asked for.
pub(super) fn append<'s>(
    store: Store<'s>,
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
    let is_there = check_append(store.root, name, if_missing, &guard).map_err(failed)?;
    let mistake = MoveWithoutAction::of(request);
    let mut observed = Observed::new(request, mistake);
    // What creates the file becomes the file, and is not copied.
    let (staged, digest) = stage(store, &mut observed, is_there, &digests, failed)?;
    let mistake = observed.into_observer();
    if !appending.creates {
        mistake.check()?;
    }
    guard.check_length(Some(staged.length()))?;
    let is_new = Cell::new(false);
    staged
        .join(name.pieces(), if_missing, &|current| {
            is_new.set(current.is_none());
            guard.check(current)
        })
        .map_err(failed)?;
    if is_new.get() {
        request.did(Op::Create);
    }
    Ok(done(digest))
}

/// Refuses an append early, and tells whether the file is there.
fn check_append(
    root: &Root,
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
    root.check_join(name.pieces(), if_missing, early)?;
    Ok(is_there.get())
}

/// 200, with the digest of the body where it is wanted.
fn done<'s>(digest: Option<Sha256>) -> Reply<'s> {
    let mut reply = Reply::done();
    let digest = digest.map(|digest| ("Repr-Digest", digest::field(&digest).into()));
    reply.fields.extend(digest);
    reply
}

/// Takes in a body, and tells its digest where that is wanted. `twice`: it will be there a second time for a moment,
/// behind another file.
fn stage<'s>(
    store: Store<'s>,
    request: &mut dyn Request,
    twice: bool,
    digests: &Digests,
    failed: impl Fn(storage::Error) -> Error,
) -> Result<(Staged<'s>, Option<Sha256>), Error> {
    let declared = request.declared();
    check_size(store, declared)?;
    let need = Need { declared, twice };
    let mut staged = store.root.stage(need).map_err(&failed)?;
    if digests.are_idle() {
        receive(store, request, &mut staged, failed)?;
        return Ok((staged, None));
    }
    let mut hashed = Observed::new(request, BodyHash::default());
    receive(store, &mut hashed, &mut staged, failed)?;
    let digest = hashed.into_observer().digest();
    digests.check(&digest)?;
    Ok((staged, Some(digest).filter(|_| digests.is_wanted)))
}

/// `POST /file/NAME/`: makes the folder. Its body is empty.
pub(super) fn make_folder<'s>(
    root: &'s Root,
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
    root.make_folder(name.pieces(), &|current| guard.check(current))
        .map_err(|error| folder_error(name, error))?;
    Ok(Reply::done())
}

fn folder_error(name: &Name, error: storage::Error) -> Error {
    Error::Storage(name.clone(), Access::Create, error)
}

/// Streams a body into its staged file.
fn receive(
    store: Store<'_>,
    request: &mut dyn Request,
    staged: &mut Staged<'_>,
    failed: impl Fn(storage::Error) -> Error,
) -> Result<(), Error> {
    // One byte beyond the limit tells that it is passed.
    let most = store
        .max_upload
        .map_or(u64::MAX, |most| most.saturating_add(1));
    let copied = copy(request, most, (staged, store.memory.for_bodies()));
    let copied = copied.map_err(|error| broken(request, error, failed))?;
    check_size(store, Some(copied))
}

/// Copies a body, up to `most` bytes of it, with a buffer that grows while it comes fast and there is room for it.
fn copy(
    request: &mut dyn Request,
    most: u64,
    (staged, all_buffers): (&mut Staged<'_>, usize),
) -> io::Result<u64> {
    let _counted = Counted::begin();
    let mut copied = 0;
    let mut buffer = LEAST_BUFFER;
    loop {
        let rounds = if buffer < MOST_BUFFER {
            ROUNDS
        } else {
            LAST_ROUNDS
        };
        let round = (buffer as u64 * rounds).min(most - copied);
        let begun = Instant::now();
        // io::copy reads straight into the buffer of a BufWriter.
        let mut writer = BufWriter::with_capacity(buffer, &mut *staged);
        let now = io::copy(&mut (&mut *request).take(round), &mut writer)?;
        writer.flush()?;
        copied += now;
        if now < round || copied == most {
            return Ok(copied);
        }
        let share = all_buffers / BODIES.load(Ordering::Relaxed).max(1);
        buffer = next_buffer(buffer, begun.elapsed(), share);
    }
}

/// The buffer for the next round of a body, whose share of the memory is this.
fn next_buffer(buffer: usize, took: Duration, share: usize) -> usize {
    if took > SLOW {
        return LEAST_BUFFER;
    }
    (buffer * 8).min(share).clamp(LEAST_BUFFER, MOST_BUFFER)
}

/// Counts a body while it is received.
struct Counted;

impl Counted {
    fn begin() -> Self {
        BODIES.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        BODIES.fetch_sub(1, Ordering::Relaxed);
    }
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
    request: &dyn Request,
    error: io::Error,
    failed: impl Fn(storage::Error) -> Error,
) -> Error {
    match request.fault() {
        Some(fault) => Error::Body(fault),
        None => failed(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_grows_with_a_fast_body_and_shrinks_with_a_crowd() {
        let (fast, slow) = (Duration::from_millis(1), SLOW * 2);
        for (buffer, took, share, expected) in [
            (LEAST_BUFFER, fast, 2 << 20, 64 * 1024),
            (64 * 1024, fast, 2 << 20, MOST_BUFFER),
            (MOST_BUFFER, fast, 64 * 1024, MOST_BUFFER),
            (MOST_BUFFER, fast, 32 * 1024, 32 * 1024),
            (MOST_BUFFER, fast, 16 * 1024, 16 * 1024),
            (LEAST_BUFFER, fast, 16 * 1024, 16 * 1024),
            (MOST_BUFFER, fast, 20, LEAST_BUFFER),
            (MOST_BUFFER, slow, 2 << 20, LEAST_BUFFER),
        ] {
            let next = next_buffer(buffer, took, share);
            assert_eq!(next, expected, "{buffer} {took:?} {share}");
        }
    }
}
