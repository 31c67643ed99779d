//! The memory that all requests together may take beyond what each connection and each transfer has anyway.
//!
//! The sum is divided once and for all, so that no kind of work can take what another needs:
//!
//! | part | for | waits |
//! | --- | --- | --- |
//! | a half | work: names that are being sorted. Given back before anything is sent | up to [`PATIENCE`] |
//! | a quarter | names that are kept while a client takes what is made of them | never: without, they are kept on the disk |
//! | an eighth | buffers of bodies that are written | never: without, they are small |
//! | an eighth | what is read ahead of bodies | never: without, it is little |
//!
//! In: counting. Out: the memory itself, and how large the sum is to be.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::sync::lock;

/// The sum, in bytes, where no control group allows less.
pub const DEFAULT: usize = 24 << 20;

/// How long work waits for its turn.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The sum, and what is left of it.
#[derive(Debug)]
pub struct Memory {
    limit: usize,
    work: Part,
    kept: Part,
}

/// A part of the sum.
#[derive(Debug)]
struct Part {
    bytes: usize,
    left: Mutex<usize>,
    /// Told whenever something is given back.
    changed: Condvar,
}

/// Memory that was granted, in bytes; given back when dropped.
#[derive(Debug)]
pub struct Grant<'m> {
    part: &'m Part,
    bytes: usize,
}

impl Memory {
    /// A sum of so many bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            work: Part::new(limit / 2),
            kept: Part::new(limit / 4),
        }
    }

    /// The sum, in bytes.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// What all bodies together may have for buffers before each gets less, in bytes.
    #[must_use]
    pub fn for_bodies(&self) -> usize {
        self.limit / 8
    }

    /// What may be read ahead of all bodies together, in bytes.
    #[must_use]
    pub fn for_reading_ahead(&self) -> usize {
        self.limit / 8
    }

    /// Memory for work that waits for no client; waits for its turn. `None` where that does not come.
    #[must_use]
    pub fn work(&self, bytes: usize) -> Option<Grant<'_>> {
        self.work.wait(bytes, Instant::now() + PATIENCE)
    }

    /// More memory for work.
    #[cfg(test)]
    pub(crate) fn give_to_work(&mut self, bytes: usize) {
        self.work = Part::new(bytes);
    }

    /// What is granted at the moment, in bytes.
    #[must_use]
    pub fn in_use(&self) -> usize {
        self.work.in_use() + self.kept.in_use()
    }

    /// Memory to keep while a client is waited for, if there is so much at the moment.
    #[must_use]
    pub fn keep(&self, bytes: usize) -> Option<Grant<'_>> {
        self.kept.wait(bytes, Instant::now())
    }
}

impl Part {
    fn new(bytes: usize) -> Self {
        Self {
            bytes,
            left: Mutex::new(bytes),
            changed: Condvar::new(),
        }
    }

    fn in_use(&self) -> usize {
        self.bytes - *lock(&self.left)
    }

    fn wait(&self, bytes: usize, deadline: Instant) -> Option<Grant<'_>> {
        let mut left = lock(&self.left);
        while *left < bytes {
            if bytes > self.bytes {
                return None;
            }
            let now = Instant::now();
            if now >= deadline {
                return None;
            }
            let waited = self.changed.wait_timeout(left, deadline - now);
            (left, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        *left -= bytes;
        Some(Grant { part: self, bytes })
    }
}

impl Grant<'_> {
    /// How much was granted.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Grant<'_> {
    fn drop(&mut self) {
        *lock(&self.part.left) += self.bytes;
        // Those who wait may want different amounts.
        self.part.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_granted_than_there_is() {
        let memory = Memory::new(1024);
        let all = memory.keep(256);
        assert!(all.is_some());
        assert!(memory.keep(1).is_none());
        drop(all);
        assert!(memory.keep(256).is_some());
        assert!(memory.keep(257).is_none());
    }

    #[test]
    fn what_is_kept_takes_nothing_from_work() {
        let memory = Memory::new(1024);
        let kept = memory.keep(256);
        assert!(kept.is_some() && memory.work(512).is_some());
    }

    #[test]
    fn work_waits_for_its_turn() {
        let memory = Memory::new(1024);
        let Some(first) = memory.work(512) else {
            panic!("there is nothing");
        };
        std::thread::scope(|scope| {
            let second = scope.spawn(|| memory.work(512).is_some());
            drop(first);
            assert!(second.join().is_ok_and(|has_it| has_it));
        });
        let short = Instant::now() + Duration::from_millis(1);
        let first = memory.work(512);
        assert!(first.is_some() && memory.work.wait(1, short).is_none());
    }
}
