//! Receiving the body of an upload: into memory where it is small, else into a staged file.
//!
//! What can be refused without the body is refused before anything is waited for, and nothing that
//! others can see changes before the whole body is received and checked.

use std::io::{self, BufWriter, Read, Write as _};
use std::time::{Duration, Instant};

use tiny_http::Pipe;

use super::context::Context;
use super::error::Error;
use super::inspection::Inspection;
use super::request::{Request, declared_length, read_error};
use crate::storage::{self, Body, Need, Staged};

/// The longest body that is kept in memory, in bytes.
const SMALL: usize = 64 * 1024;

/// The room for a body in memory at first, in bytes.
const FIRST_ROOM: usize = 4 * 1024;

/// How much of a body is gathered before it is written, in bytes: at most this much, since a larger
/// buffer would raise the threshold for mmap of the C library (mallopt(3)), and stay with its
/// thread.
const MAX_BUFFER: usize = 64 * 1024;

/// The same at first, and of a body that comes slowly: to use little memory.
const MIN_BUFFER: usize = 8 * 1024;

/// How many buffers a body fills before the size of the buffer is chosen anew: more of the largest,
/// so that it is seldom allocated again.
const ROUNDS: u64 = 8;
const ROUNDS_OF_MAX: u64 = 64;

/// Rounds that take longer are slow.
const SLOW: Duration = Duration::from_secs(1);

/// How the body of one request is received.
pub(super) struct Intake<'s, 'i> {
    pub(super) context: Context<'s>,
    /// Refuses what can be refused without the body; else returns whether the body will be appended
    /// to a file, and so take its space twice for a moment. It is not called if all of a small body
    /// has arrived already.
    pub(super) refuse: &'i dyn Fn() -> Result<bool, Error>,
    /// The error for one of the storage.
    pub(super) failed: &'i dyn Fn(storage::Error) -> Error,
}

impl<'s> Intake<'s, '_> {
    /// Receives a body.
    ///
    /// # Errors
    /// Those of `refuse`; [`Error::TooLarge`], [`Error::Body`], and those of the storage.
    pub(super) fn receive(
        &self,
        request: &mut dyn Request,
        inspection: &mut Inspection,
    ) -> Result<Body<'s>, Error> {
        let memory = self.context.memory;
        let declared = declared_length(request.head());
        self.check_size(declared)?;
        let is_small = is_small(declared);
        // A body above the limit is refused as soon as it exceeds it.
        let limit = self.context.max_upload.map(usize::try_from);
        let most = limit.and_then(Result::ok).unwrap_or(SMALL).min(SMALL);
        let mut bytes = Vec::new();
        // An error is found again by the next read.
        let has_arrived = is_small
            && gather(&mut bytes, || most, &mut |room| request.read_ready(room)).unwrap_or(false);
        if !has_arrived {
            let need = self.refuse_early(declared)?;
            let _counted = memory.body();
            let share = || memory.share_of_body().min(most);
            let is_whole = is_small
                && gather(&mut bytes, share, &mut |room| request.read(room))
                    .map_err(|error| read_error(error, self.failed))?;
            if !is_whole {
                let staged = self.stage(request, inspection, (need, bytes))?;
                return Ok(Body::Staged(staged));
            }
            self.check_location()?;
        }
        inspection.update(&bytes);
        Ok(Body::Bytes(bytes))
    }

    /// Refuses what can be refused without the body; returns the space that the body needs.
    fn refuse_early(&self, declared: Option<u64>) -> Result<Need, Error> {
        let is_appended = (self.refuse)()?;
        let need = Need {
            declared,
            twice: is_appended && !is_small(declared),
        };
        let store = self.context.store;
        storage::check_need(store, need).map_err(self.failed)?;
        Ok(need)
    }

    /// The error of a request whose body failed a check. If the request can be refused without its
    /// body, too, that error takes precedence.
    pub(super) fn check_failed<T>(
        &self,
        (body, declared): (&Body<'_>, Option<u64>),
        error: Error,
    ) -> Result<T, Error> {
        match body {
            Body::Bytes(_) => self.refuse_early(declared).and(Err(error)),
            // It was not refused before it was staged, and takes space itself.
            Body::Staged(_) => Err(error),
        }
    }

    /// The error of a request whose write failed. If the request can be refused without its body,
    /// too, that error takes precedence: a directory that may not be changed before a condition.
    /// That is checked only if nothing was done, since the write may have made the condition fail.
    pub(super) fn write_failed<T>(&self, error: storage::Error) -> Result<T, Error> {
        use storage::Error::{NoSpace, OtherLength, Unmet};
        let is_undone = matches!(error, NoSpace(_) | OtherLength(_) | Unmet);
        if is_undone {
            (self.refuse)()?;
        }
        Err((self.failed)(error))
    }

    /// Receives a body, of which these bytes have come, into a staged file.
    fn stage(
        &self,
        request: &mut dyn Request,
        inspection: &mut Inspection,
        (need, received): (Need, Vec<u8>),
    ) -> Result<Staged<'s>, Error> {
        self.check_size(Some(received.len() as u64))?;
        let mut staged = storage::stage(self.context.store, need).map_err(self.failed)?;
        let written = staged.write_all(&received);
        written.map_err(|error| (self.failed)(error.into()))?;
        inspection.update(&received);
        // Its memory is not kept while the rest is waited for.
        drop(received);
        let is_whole = need.declared.is_some()
            && inspection.is_empty()
            && self.splice(request, &mut staged)?;
        if !is_whole {
            self.copy(request, inspection, &mut staged)
                .map_err(|error| read_error(error, self.failed))?;
        }
        self.check_size(Some(staged.length()))?;
        self.check_location()?;
        Ok(staged)
    }

    /// Moves a body from the socket into the file without a copy in this process, as far as the
    /// system can do that, and returns whether that was all of it. If not, the rest must be copied.
    fn splice(&self, request: &mut dyn Request, staged: &mut Staged<'_>) -> Result<bool, Error> {
        let grant = self.context.memory.pipe();
        // A body can be received without a pipe.
        let Some(mut pipe) = grant.as_ref().and_then(|_| Pipe::new().ok()) else {
            return Ok(false);
        };
        loop {
            let filled = request.fill(&mut pipe);
            let count = filled.map_err(|error| read_error(error, self.failed))?;
            if count == 0 {
                return Ok(true);
            }
            let grown = staged.grow(count as u64, |file| pipe.empty_into(file));
            if !grown.map_err(|error| (self.failed)(error.into()))? {
                return Ok(false);
            }
        }
    }

    /// Copies the rest of a body, with a buffer that grows while the body comes fast and there is
    /// memory.
    fn copy(
        &self,
        request: &mut dyn Request,
        inspection: &mut Inspection,
        staged: &mut Staged<'_>,
    ) -> io::Result<()> {
        // One byte beyond the limit shows that it is exceeded.
        let limit = self.context.max_upload;
        let most = limit.map_or(u64::MAX, |limit| limit.saturating_add(1));
        let mut body = Inspected(request, inspection);
        let mut buffer = MIN_BUFFER;
        loop {
            let rounds = match buffer < MAX_BUFFER {
                true => ROUNDS,
                false => ROUNDS_OF_MAX,
            };
            let round = (buffer as u64 * rounds).min(most.saturating_sub(staged.length()));
            let started = Instant::now();
            // io::copy reads into the buffer of a BufWriter, and allocates none of its own.
            let mut writer = BufWriter::with_capacity(buffer, &mut *staged);
            let copied = io::copy(&mut (&mut body).take(round), &mut writer)?;
            writer.flush()?;
            drop(writer);
            if copied < round || staged.length() == most {
                return Ok(());
            }
            let share = self.context.memory.share_of_body();
            buffer = next_buffer(buffer, started.elapsed(), share);
        }
    }

    /// Refuses a body above the limit.
    fn check_size(&self, length: Option<u64>) -> Result<(), Error> {
        match (self.context.max_upload, length) {
            (Some(most), Some(length)) if length > most => Err(Error::TooLarge(most)),
            _ => Ok(()),
        }
    }

    /// A body may take long to come. If the directory of the storage was moved away meanwhile, a
    /// client would not find what is written.
    fn check_location(&self) -> Result<(), Error> {
        self.context.store.check_location().map_err(Error::Root)
    }
}

/// A body that is inspected while it is read.
struct Inspected<'r>(&'r mut dyn Request, &'r mut Inspection);

impl Read for Inspected<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1.update(&buffer[..read]);
        Ok(read)
    }
}

/// Whether a body of this length, or of unknown length, may be kept in memory.
fn is_small(declared: Option<u64>) -> bool {
    declared.is_none_or(|length| length <= SMALL as u64)
}

/// Gathers a body in memory, and returns whether that is all of it; it is not if it is longer than
/// `most` bytes.
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
        // Exactly: a body of the full length must stay below the threshold for mmap, see
        // [`MAX_BUFFER`].
        bytes.reserve_exact(room);
        bytes.resize(length + room, 0);
        let read = read(&mut bytes[length..]);
        bytes.truncate(length + read.as_ref().copied().unwrap_or(0));
        if read? == 0 {
            return Ok(true);
        }
    }
}

/// The size of the buffer for the next rounds of a body, which may use this share of the memory.
fn next_buffer(buffer: usize, elapsed: Duration, share: usize) -> usize {
    if elapsed > SLOW {
        return MIN_BUFFER;
    }
    (buffer * 8).min(share).clamp(MIN_BUFFER, MAX_BUFFER)
}

#[cfg(test)]
mod tests {
    use super::*;

    // symptom: a body of 64 KiB took 128 KiB.
    // cause:   the room for it was doubled for the byte that would show it to be longer.
    // fix:     no more than the limit and that byte is reserved.
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
    fn a_buffer_grows_with_a_fast_body_and_shrinks_with_the_share_of_memory() {
        let (fast, slow) = (Duration::from_millis(1), SLOW * 2);
        for (buffer, took, share, expected) in [
            (MIN_BUFFER, fast, 2 << 20, 64 * 1024),
            (64 * 1024, fast, 2 << 20, MAX_BUFFER),
            (MAX_BUFFER, fast, 64 * 1024, MAX_BUFFER),
            (MAX_BUFFER, fast, 32 * 1024, 32 * 1024),
            (MAX_BUFFER, fast, 16 * 1024, 16 * 1024),
            (MIN_BUFFER, fast, 16 * 1024, 16 * 1024),
            (MAX_BUFFER, fast, 20, MIN_BUFFER),
            (MAX_BUFFER, slow, 2 << 20, MIN_BUFFER),
        ] {
            let next = next_buffer(buffer, took, share);
            assert_eq!(next, expected, "{buffer} {took:?} {share}");
        }
    }
}
