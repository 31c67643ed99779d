//! The memory that all requests together may take beyond what each connection and each transfer has anyway.
//!
//! The sum is divided once and for all, so that no kind of work can take what another needs:
//!
//! | part | for | waits |
//! | --- | --- | --- |
//! | a half | work: names that are being sorted. Given back before anything is sent | up to [`PATIENCE`] |
//! | a quarter | names that are kept while a client takes what is made of them | never: without, they are kept on the disk |
//! | a quarter | buffers of bodies that are written | never: without, they are small |
//!
//! Beside it, names on the disk have a sum of their own, [`DISK`]: uploads need the disk more. And pipes are counted, in each of
//! which the kernel may have up to 1 MiB of a body.
//!
//! In: counting. Out: the memory itself, and how large the sum is to be.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tiny_http::Pipe;

use crate::sync::lock;

/// The sum, in bytes, where no control group allows less.
pub const DEFAULT: usize = 24 << 20;

/// What all requests together may have on the disk for names, in bytes.
pub const DISK: usize = 512 << 20;

/// The most pipes at a time: more do not make bodies come faster, and each takes two descriptors.
const PIPES: usize = 8;

/// How long work waits for its turn.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The sum, and what is left of it.
#[derive(Debug)]
pub struct Memory {
    limit: usize,
    work: Part,
    kept: Part,
    disk: Part,
    /// Bodies that are being received, one by one.
    bodies: Part,
    /// Pipes for bodies, one by one.
    pipes: Part,
    patience: Duration,
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
            disk: Part::new(DISK),
            bodies: Part::new(usize::MAX),
            pipes: Part::new((limit / 2 / Pipe::SIZE).clamp(1, PIPES)),
            patience: PATIENCE,
        }
    }

    /// The same with so many pipes at most.
    #[must_use]
    pub fn with_pipes(mut self, most: usize) -> Self {
        self.pipes = Part::new(self.pipes.bytes.min(most));
        self
    }

    /// The most pipes at a time.
    #[must_use]
    pub fn pipes(&self) -> usize {
        self.pipes.bytes
    }

    /// Counts a body that is being received.
    #[must_use]
    pub fn body(&self) -> Option<Grant<'_>> {
        self.bodies.wait(1, Instant::now())
    }

    /// What each of the bodies that are being received may have for buffers, in bytes.
    #[must_use]
    pub fn share_of_body(&self) -> usize {
        self.limit / 4 / self.bodies.in_use().max(1)
    }

    /// Leave to have a pipe for a body, if there is another one to be had.
    #[must_use]
    pub fn pipe(&self) -> Option<Grant<'_>> {
        self.pipes.wait(1, Instant::now())
    }

    /// Memory for work that waits for no client; waits for its turn. `None` where that does not come.
    #[must_use]
    pub fn work(&self, bytes: usize) -> Option<Grant<'_>> {
        self.work.wait(bytes, Instant::now() + self.patience)
    }

    /// Whether work could have so much if it were alone.
    #[must_use]
    pub fn allows_work(&self, bytes: usize) -> bool {
        bytes <= self.work.bytes
    }

    /// More memory for work.
    #[cfg(test)]
    pub(crate) fn give_to_work(&mut self, bytes: usize) {
        self.work = Part::new(bytes);
    }

    /// Another time for which work waits.
    #[cfg(test)]
    pub(crate) fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// So much room on the disk.
    #[cfg(test)]
    pub(crate) fn set_disk(&mut self, bytes: usize) {
        self.disk = Part::new(bytes);
    }

    /// What is granted at the moment, in bytes.
    #[cfg(test)]
    pub(crate) fn in_use(&self) -> usize {
        self.work.in_use() + self.kept.in_use() + self.disk.in_use()
    }

    /// Room on the disk: none at first.
    #[must_use]
    pub fn on_disk(&self) -> Grant<'_> {
        let part = &self.disk;
        let bytes = 0;
        Grant { part, bytes }
    }

    /// Memory to keep while a client is waited for, if there is so much at the moment.
    #[must_use]
    pub fn keep(&self, bytes: usize) -> Option<Grant<'_>> {
        self.kept.wait(bytes, Instant::now())
    }

    /// A fair share of the memory to keep while a client is waited for: a quarter of what is left at the
    /// moment, if that is not less than this. Those that give theirs back and ask again come to have about
    /// as much each.
    #[must_use]
    pub fn keep_share(&self, least: usize) -> Option<Grant<'_>> {
        let part = &self.kept;
        let mut left = lock(&part.left);
        let bytes = *left / 4;
        if bytes < least {
            return None;
        }
        *left -= bytes;
        Some(Grant { part, bytes })
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

    /// Asks for more, and says whether there is so much at the moment.
    #[must_use]
    pub fn grow(&mut self, bytes: usize) -> bool {
        let mut left = lock(&self.part.left);
        let fits = *left >= bytes;
        if fits {
            *left -= bytes;
            self.bytes += bytes;
        }
        fits
    }

    /// Gives back all but so much.
    pub fn shrink_to(&mut self, bytes: usize) {
        let given_back = self.bytes.saturating_sub(bytes);
        self.bytes -= given_back;
        *lock(&self.part.left) += given_back;
        // Those who wait may want different amounts.
        self.part.changed.notify_all();
    }
}

impl Drop for Grant<'_> {
    fn drop(&mut self) {
        self.shrink_to(0);
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
    fn shares_come_to_be_alike() {
        let memory = Memory::new(4096);
        assert!(memory.keep_share(257).is_none());
        let mut shares: Vec<Option<Grant<'_>>> = (0..4).map(|_| memory.keep_share(1)).collect();
        for _ in 0..10 {
            for share in &mut shares {
                *share = None;
                *share = memory.keep_share(1);
            }
        }
        let shares = shares.iter().flatten().map(Grant::bytes);
        assert_eq!(shares.clone().count(), 4);
        assert!(
            shares.clone().all(|bytes| (140..=150).contains(&bytes)),
            "{:?}",
            shares.collect::<Vec<_>>()
        );
    }

    #[test]
    fn what_is_kept_takes_nothing_from_work() {
        let memory = Memory::new(1024);
        let kept = memory.keep(256);
        assert!(kept.is_some() && memory.work(512).is_some());
    }

    #[test]
    fn a_grant_grows_while_there_is_room() {
        let memory = Memory::new(0);
        let mut first = memory.on_disk();
        let mut second = memory.on_disk();
        assert!(first.grow(DISK - 1) && second.grow(1) && !second.grow(1));
        first.shrink_to(10);
        assert!(second.grow(DISK - 11) && !first.grow(1));
        drop(second);
        assert!(first.grow(DISK - 10));
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
