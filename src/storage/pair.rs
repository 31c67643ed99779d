//! Locking what the two names of a rename or copy lead to.
//!
//! Responsible for: locking both without ever waiting in a circle. Not for: a single lock (see
//! `target`).
//!
//! One of the two is waited for, and the other is locked only if it is free; the two alternate. So
//! a file that is to be renamed or copied onto a busy one can be read and written to until the busy
//! one is free. If that fails repeatedly, the second lock is waited for as well, for a short while,
//! but only in the order of inode numbers: so two writers never wait for each other.

use std::time::{Duration, Instant};

use rustix::fs::FileType;

use super::error::Error;
use super::identity::FileId;
use super::lock::LOCK_TIMEOUT;
use super::locked::LockedEntry;
use super::resolved::Seen;
use super::store::Store;
use super::sys::{EntryAt, stat};
use super::target::{Candidate, Purpose, find, is_at};
use super::version::Check;

/// What is under the new name of a rename or copy.
pub(super) enum Destination {
    /// Nothing.
    Missing,
    /// The very file that the old name leads to.
    Source,
    Entry(LockedEntry),
}

impl Destination {
    pub(super) fn entry(&self) -> Option<&LockedEntry> {
        match self {
            Self::Entry(entry) => Some(entry),
            Self::Missing | Self::Source => None,
        }
    }

    /// Evaluates a condition on it; `source` is what the old name leads to.
    ///
    /// # Errors
    /// Those of the condition; those of fstat(2) and of reading the intent.
    pub(super) fn check(
        &self,
        store: &Store,
        source: &LockedEntry,
        check: Check<'_>,
    ) -> Result<(), Error> {
        let entry = match self {
            Self::Missing => return check(None),
            Self::Source => source,
            Self::Entry(entry) => entry,
        };
        check(Some(&entry.current(store)?))
    }
}

/// The number of an attempt to lock two entries, from 0 on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Round(u32);

/// The minimum number of rounds before locking is given up.
const MIN_ROUNDS: Round = Round(16);

/// How long the second of two locks is waited for at most, while the first keeps others waiting.
const MAX_WAIT: Duration = Duration::from_secs(1);

impl Round {
    /// Whether the destination is the one that is waited for.
    fn is_destination_first(self) -> bool {
        self.0 % 2 == 1
    }

    /// How long the other one may be waited for: not at all in the first two rounds, and then for 1
    /// ms, 4 ms, 16 ms and so on.
    fn wait(self) -> Duration {
        match self.0 / 2 {
            0 => Duration::ZERO,
            pair => Duration::from_millis(1 << (2 * (pair - 1)).min(10)).min(MAX_WAIT),
        }
    }
}

/// Locks what is at two places; there must be something at the first.
///
/// `check` is given the types of both, the second where there is one.
///
/// # Errors
/// [`Error::NotFound`] where there is no source, those of `check`, [`Error::Raced`],
/// [`Error::Locked`].
pub(super) fn lock_both(
    store: &Store,
    source: EntryAt<'_>,
    destination: EntryAt<'_>,
    check: &dyn Fn(FileType, Option<FileType>) -> Result<(), Error>,
) -> Result<(LockedEntry, Destination), Error> {
    let deadline = Instant::now() + LOCK_TIMEOUT;
    let mut round = Round(0);
    loop {
        let both = try_lock_both(store, (source, destination), check, round)?;
        if let Some(both) = both {
            return Ok(both);
        }
        if round >= MIN_ROUNDS && Instant::now() > deadline {
            return Err(Error::Locked);
        }
        round.0 += 1;
    }
}

/// Waits for the lock of one, and takes that of the other if it is free. `None` where it is not, or
/// where a name has come to lead to something else.
fn try_lock_both(
    store: &Store,
    (source, destination): (EntryAt<'_>, EntryAt<'_>),
    check: &dyn Fn(FileType, Option<FileType>) -> Result<(), Error>,
    round: Round,
) -> Result<Option<(LockedEntry, Destination)>, Error> {
    let first =
        find((source, Seen::Unknown), Purpose::Replace, &|_| Ok(()))?.ok_or(Error::NotFound)?;
    let (first_id, first_kind) = (first.id, first.kind);
    let check_second = |kind| check(first_kind, Some(kind));
    let second = match is_at(destination, Some(first_id))? {
        true => None,
        false => find(
            (destination, Seen::Unknown),
            Purpose::Replace,
            &check_second,
        )?,
    };
    let Some(second) = second else {
        check(first_kind, None)?;
        let locked = first.lock(store)?;
        let found = match stat(destination)?.as_ref().map(FileId::from) {
            None => Destination::Missing,
            Some(id) if id == first_id => Destination::Source,
            Some(_) => return Ok(None),
        };
        return Ok(is_at(source, Some(first_id))?.then_some((locked, found)));
    };
    let second_id = second.id;
    let Some((first, second)) = lock_candidates(store, (first, second), round)? else {
        return Ok(None);
    };
    let are_there = is_at(source, Some(first_id))? && is_at(destination, Some(second_id))?;
    Ok(are_there.then_some((first, Destination::Entry(second))))
}

fn lock_candidates(
    store: &Store,
    (source, destination): (Candidate, Candidate),
    round: Round,
) -> Result<Option<(LockedEntry, LockedEntry)>, Error> {
    let (a, b) = (source.lock_id(), destination.lock_id());
    if a.is_some() && a == b {
        // One lock stands for both: a second one would wait for the first.
        return Ok(Some((source.lock(store)?, destination.locked_by_other()?)));
    }
    let (waited_for, tried) = match round.is_destination_first() {
        true => (destination, source),
        false => (source, destination),
    };
    let limit = match waited_for.lock_id() < tried.lock_id() {
        true => round.wait(),
        false => Duration::ZERO,
    };
    let waited_for = waited_for.lock(store)?;
    let Some(tried) = tried.lock_within(store, limit)? else {
        return Ok(None);
    };
    Ok(Some(match round.is_destination_first() {
        true => (tried, waited_for),
        false => (waited_for, tried),
    }))
}
