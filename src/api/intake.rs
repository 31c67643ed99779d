//! Taking a body in, whole: into memory where it is small, else into a staged file.
//!
//! The order is refuse, take in, check, put in place: what can be refused without the body is refused before anything is
//! waited for, and nothing that others can see changes before it has come whole.

use std::io::{self, BufWriter, Read, Write};
use std::time::{Duration, Instant};

use tiny_http::Pipe;

use super::{Context, Error, Request};
use crate::storage::{self, Body, Need, Staged};

/// A body is kept in memory up to this length, in bytes.
const SMALL: usize = 64 * 1024;

/// The first room for a body in memory, in bytes.
const FIRST_ROOM: usize = 4 * 1024;

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

/// Shown each part of a body, in order.
pub(super) type Observe<'o> = &'o mut dyn FnMut(&[u8]);

/// What there is to say of a body.
#[derive(Clone, Copy)]
pub(super) struct Intake<'i> {
    /// Refuses what can be refused without the body, and says whether it will be there twice for a moment, behind another
    /// file. It is not asked where all of a small body is here already.
    pub(super) refuse: &'i dyn Fn() -> Result<bool, Error>,
    /// What a failure of the storage comes to.
    pub(super) failed: &'i dyn Fn(storage::Error) -> Error,
}

impl Intake<'_> {
    /// Refuses what can be refused without the body; gives the space that is needed for it.
    fn refuse_early(self, context: Context<'_>, declared: Option<u64>) -> Result<Need, Error> {
        let is_behind = (self.refuse)()?;
        let need = Need {
            declared,
            twice: is_behind && !is_small(declared),
        };
        context.store.check_need(need).map_err(self.failed)?;
        Ok(need)
    }

    /// The error of this body, unless the request was to be refused without it.
    pub(super) fn first<T>(
        self,
        context: Context<'_>,
        (body, declared): (&Body<'_>, Option<u64>),
        error: Error,
    ) -> Result<T, Error> {
        match body {
            Body::Bytes(_) => self.refuse_early(context, declared).and(Err(error)),
            // That has been asked before it was staged, and it takes space itself.
            Body::Staged(_) => Err(error),
        }
    }

    /// The error of a write. Of two reasons, what is asked early goes first: the right to change a folder before a
    /// condition. It is asked again only where nothing has been done: afterwards a condition may fail by the write itself.
    pub(super) fn failed_at_end<T>(self, error: storage::Error) -> Result<T, Error> {
        use storage::Error::{NoSpace, OtherLength, Unmet};
        let is_undone = matches!(error, NoSpace(_) | OtherLength(_) | Unmet);
        if is_undone {
            (self.refuse)()?;
        }
        Err((self.failed)(error))
    }
}

/// Whether a body of this length, where it is declared, may be kept in memory.
fn is_small(declared: Option<u64>) -> bool {
    declared.is_none_or(|length| length <= SMALL as u64)
}

/// Takes in a body, which is shown to `observe` while it comes.
///
/// # Errors
/// Those of `refuse`; [`Error::TooLarge`], [`Error::Body`], and what the storage says.
pub(super) fn take_in<'s>(
    context: Context<'s>,
    request: &mut dyn Request,
    intake: Intake<'_>,
    mut observe: Option<Observe<'_>>,
) -> Result<Body<'s>, Error> {
    let declared = request.declared();
    check_size(context, declared)?;
    let is_small = is_small(declared);
    // What is beyond the limit is refused as soon as it is.
    let limit = context.max_upload.map(usize::try_from).and_then(Result::ok);
    let most = limit.unwrap_or(SMALL).min(SMALL);
    let mut bytes = Vec::new();
    // A failure is found again when more is read.
    let is_here = is_small
        && gather(&mut bytes, || most, &mut |room| request.read_ready(room)).unwrap_or(false);
    if !is_here {
        let need = intake.refuse_early(context, declared)?;
        let _counted = context.memory.body();
        let share = || context.memory.share_of_body().min(most);
        let is_whole = match is_small {
            true => gather(&mut bytes, share, &mut |room| request.read(room))
                .map_err(|error| broken(request, error, intake.failed))?,
            false => false,
        };
        if !is_whole {
            let failed = intake.failed;
            return stage(context, request, need, (bytes, observe), failed).map(Body::Staged);
        }
        check_location(context)?;
    }
    if let Some(observe) = &mut observe {
        observe(&bytes);
    }
    Ok(Body::Bytes(bytes))
}

/// Gathers a body in memory, and says whether that is all of it; it is not where it is longer than `most` bytes.
fn gather(
    bytes: &mut Vec<u8>,
    most: impl Fn() -> usize,
    read: &mut dyn FnMut(&mut [u8]) -> io::Result<usize>,
) -> io::Result<bool> {
    loop {
        let (length, most) = (bytes.len(), most());
        if length > most {
            return Ok(false);
        }
        let room = length.max(FIRST_ROOM).min(most + 1 - length);
        // No more than that: a body of the full length is to stay below the threshold for mmap, see [`MOST_BUFFER`].
        bytes.reserve_exact(room);
        bytes.resize(length + room, 0);
        let read = read(&mut bytes[length..]);
        bytes.truncate(length + read.as_ref().copied().unwrap_or(0));
        if read? == 0 {
            return Ok(true);
        }
    }
}

/// Takes a body, of which this has come, into a staged file.
fn stage<'s>(
    context: Context<'s>,
    request: &mut dyn Request,
    need: Need,
    (begun, mut observe): (Vec<u8>, Option<Observe<'_>>),
    failed: &dyn Fn(storage::Error) -> Error,
) -> Result<Staged<'s>, Error> {
    check_size(context, Some(begun.len() as u64))?;
    let mut staged = context.store.stage(need).map_err(failed)?;
    staged
        .write_all(&begun)
        .map_err(|error| failed(error.into()))?;
    if let Some(observe) = &mut observe {
        observe(&begun);
    }
    // The rest may take long to come.
    drop(begun);
    let spliced = match (need.declared, &observe) {
        (Some(_), None) => splice(context, request, &mut staged),
        _ => Ok(false),
    };
    let received = spliced.and_then(|is_whole| match is_whole {
        true => Ok(()),
        false => copy(context, request, observe, &mut staged),
    });
    received.map_err(|error| broken(request, error, failed))?;
    check_size(context, Some(staged.length()))?;
    check_location(context)?;
    Ok(staged)
}

/// A body may have been long on its way. Where the folder was put away meanwhile, nobody would find what is written.
fn check_location(context: Context<'_>) -> Result<(), Error> {
    context.store.check_location().map_err(Error::Root)
}

/// Has a body go from the socket into the file without a copy, as far as the system does that, and says whether that was all
/// of it; else the rest is to be copied.
fn splice(
    context: Context<'_>,
    request: &mut dyn Request,
    staged: &mut Staged<'_>,
) -> io::Result<bool> {
    let leave = context.memory.pipe();
    // Without one, the body comes all the same.
    let Some(mut pipe) = leave.as_ref().and_then(|_| Pipe::new().ok()) else {
        return Ok(false);
    };
    loop {
        let count = request.fill(&mut pipe)?;
        if count == 0 {
            return Ok(true);
        }
        if !staged.grow(count as u64, |file| pipe.empty_into(file))? {
            return Ok(false);
        }
    }
}

/// Copies what is still to come of a body, with a buffer that grows while it comes fast and there is room for it.
fn copy(
    context: Context<'_>,
    request: &mut dyn Request,
    observe: Option<Observe<'_>>,
    staged: &mut Staged<'_>,
) -> io::Result<()> {
    // One byte beyond the limit tells that it is passed.
    let most = context
        .max_upload
        .map_or(u64::MAX, |most| most.saturating_add(1));
    let mut body = Shown { request, observe };
    let mut buffer = LEAST_BUFFER;
    loop {
        let rounds = if buffer < MOST_BUFFER {
            ROUNDS
        } else {
            LAST_ROUNDS
        };
        let round = (buffer as u64 * rounds).min(most.saturating_sub(staged.length()));
        let begun = Instant::now();
        // io::copy reads straight into the buffer of a BufWriter.
        let mut writer = BufWriter::with_capacity(buffer, &mut *staged);
        let now = io::copy(&mut (&mut body).take(round), &mut writer)?;
        writer.flush()?;
        drop(writer);
        if now < round || staged.length() == most {
            return Ok(());
        }
        buffer = next_buffer(buffer, begun.elapsed(), context.memory.share_of_body());
    }
}

/// A body that is shown while it is read.
struct Shown<'r, 'o> {
    request: &'r mut dyn Request,
    observe: Option<Observe<'o>>,
}

impl Read for Shown<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.request.read(buffer)?;
        if let Some(observe) = &mut self.observe {
            observe(&buffer[..read]);
        }
        Ok(read)
    }
}

/// The buffer for the next round of a body, whose share of the memory is this.
fn next_buffer(buffer: usize, took: Duration, share: usize) -> usize {
    if took > SLOW {
        return LEAST_BUFFER;
    }
    (buffer * 8).min(share).clamp(LEAST_BUFFER, MOST_BUFFER)
}

/// Refuses a body above the limit.
fn check_size(context: Context<'_>, length: Option<u64>) -> Result<(), Error> {
    match (context.max_upload, length) {
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

    // symptom: a body of 64 KiB took 128 KiB.
    // cause:   the room for it was doubled for the byte that would show it to be longer.
    // fix:     only so much is asked for.
    #[test]
    fn a_body_in_memory_takes_no_more_room_than_it_may() -> io::Result<()> {
        for (length, most, is_whole) in [
            (0, SMALL, true),
            (5000, SMALL, true),
            (SMALL, SMALL, true),
            (SMALL + 1, SMALL, false),
            (5000, 4096, false),
        ] {
            let mut body = io::repeat(1).take(length as u64);
            let mut bytes = Vec::new();
            let gathered = gather(&mut bytes, || most, &mut |room| body.read(room))?;
            assert_eq!(gathered, is_whole, "{length} {most}");
            assert!(bytes.len() <= length && bytes.capacity() <= most + 1);
        }
        Ok(())
    }

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
