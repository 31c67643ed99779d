//! What the two names of a rename or copy lead to, both under locks.
//!
//! Responsible for: locking both without ever waiting in a circle. Not for: a single lock (see `target`).
//!
//! Of two, the one is waited for, and the other is taken if it is free, in turns: so a file that is to be moved or copied to
//! a busy one can be read and written to until that is free. Where neither is free when the other is, the second one is
//! waited for as well, for a short while, and only in the order of inode numbers: so two writers never wait for each other.

use std::time::{Duration, Instant};

use rustix::fs::FileType;

use super::Error;
use super::file_id::FileId;
use super::snapshot::LOCK_TIMEOUT;
use super::store::Store;
use super::target::{At, LockedEntry, Purpose, candidate, is_at, stat};
use super::version::Check;
use super::walk::Seen;

/// What is under the second name of a rename or copy.
pub(super) enum Target {
    /// Nothing.
    Missing,
    /// The very file that the first name leads to.
    Source,
    Entry(LockedEntry),
}

impl Target {
    pub(super) fn entry(&self) -> Option<&LockedEntry> {
        match self {
            Self::Entry(entry) => Some(entry),
            Self::Missing | Self::Source => None,
        }
    }
}

/// Which try it is to lock two entries, from 0 on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Round(u32);

/// The rounds after which two entries may be given up.
const LEAST_ROUNDS: Round = Round(16);

/// How long the second of two locks is waited for at most, while the first keeps others waiting.
const MOST_PATIENCE: Duration = Duration::from_secs(1);

impl Round {
    /// Whether it is the target that is waited for.
    fn is_target_first(self) -> bool {
        self.0 % 2 == 1
    }

    /// How long the other one may be waited for: not at all in the first two rounds, and then for 1 ms, 4 ms, 16 ms and so
    /// on.
    fn patience(self) -> Duration {
        match self.0 / 2 {
            0 => Duration::ZERO,
            pair => Duration::from_millis(1 << (2 * (pair - 1)).min(10)).min(MOST_PATIENCE),
        }
    }
}

impl Store {
    /// Locks what is at two places, `source` and `target`; there must be something at the first.
    ///
    /// `check` is asked for the types of both, the second where there is one.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no source, those of `check`, [`Error::Raced`], [`Error::Locked`].
    pub(super) fn lock_both(
        &self,
        source: At<'_>,
        target: At<'_>,
        check: &dyn Fn(FileType, Option<FileType>) -> Result<(), Error>,
    ) -> Result<(LockedEntry, Target), Error> {
        let deadline = Instant::now() + LOCK_TIMEOUT;
        let mut round = Round(0);
        loop {
            let both = self.try_lock_both(source, target, check, round)?;
            if let Some(both) = both {
                return Ok(both);
            }
            if round >= LEAST_ROUNDS && Instant::now() > deadline {
                return Err(Error::Locked);
            }
            round.0 += 1;
        }
    }

    /// Waits for the lock of the one, and takes that of the other if it is free. `None` where it is not, or one of the
    /// names led elsewhere once the locks were there.
    fn try_lock_both(
        &self,
        source: At<'_>,
        target: At<'_>,
        check: &dyn Fn(FileType, Option<FileType>) -> Result<(), Error>,
        round: Round,
    ) -> Result<Option<(LockedEntry, Target)>, Error> {
        let first = candidate((source, Seen::Unknown), Purpose::Replace, &|_| Ok(()))?
            .ok_or(Error::NotFound)?;
        let (first_id, first_kind) = (first.id, first.kind);
        let check_second = |kind| check(first_kind, Some(kind));
        let second = match is_at(target, Some(first_id))? {
            true => None,
            false => candidate((target, Seen::Unknown), Purpose::Replace, &check_second)?,
        };
        let Some(mut second) = second else {
            check(first_kind, None)?;
            let locked = self.lock_candidate(first)?;
            let target = match stat(target)?.as_ref().map(FileId::from) {
                None => Target::Missing,
                Some(id) if id == first_id => Target::Source,
                Some(_) => return Ok(None),
            };
            return Ok(is_at(source, Some(first_id))?.then_some((locked, target)));
        };
        let second_id = second.id;
        let (a, b) = (first.lock_id(), second.lock_id());
        let (first, second) = if a.is_some() && a == b {
            // One lock stands for both: a second one would wait for the first.
            second.lock = None;
            (self.lock_candidate(first)?, second.locked_by(None)?)
        } else {
            let (waited_for, tried) = match round.is_target_first() {
                true => (second, first),
                false => (first, second),
            };
            let patience = match waited_for.lock_id() < tried.lock_id() {
                true => round.patience(),
                false => Duration::ZERO,
            };
            let waited_for = self.lock_candidate(waited_for)?;
            let Some(tried) = self.lock_candidate_within(tried, patience)? else {
                return Ok(None);
            };
            match round.is_target_first() {
                true => (tried, waited_for),
                false => (waited_for, tried),
            }
        };
        let are_there = is_at(source, Some(first_id))? && is_at(target, Some(second_id))?;
        Ok(are_there.then_some((first, Target::Entry(second))))
    }

    /// Holds a condition against what is under the second name of a rename or copy.
    pub(super) fn check_target(
        &self,
        source: &LockedEntry,
        target: &Target,
        check: Check<'_>,
    ) -> Result<(), Error> {
        let entry = match target {
            Target::Missing => return check(None),
            Target::Source => source,
            Target::Entry(entry) => entry,
        };
        check(Some(&self.current_of(entry)?))
    }
}
