//! The memory that requests share, beyond what each connection and each transfer has to itself.
//!
//! It is divided into fixed parts, so that no kind of work takes what another kind needs:
//!
//! | part | for | if there is none left |
//! | --- | --- | --- |
//! | a half | sorting names, which ends before anything is sent | wait up to [`WORK_TIMEOUT`] |
//! | a quarter | names that are kept while a client receives a list | keep them on the disk |
//! | a quarter | buffers of bodies that are written | use a small buffer |
//!
//! Names on the disk have a limit of their own, [`MAX_DISK`], since uploads need the disk more.
//! Pipes are counted, too: the kernel may hold up to 1 MiB of a body in each.
//!
//! Responsible for: counting. Not for: allocating, how large the limit is (`server/capacity.rs`).

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tiny_http::Pipe;

use crate::sync::lock;

/// The limit in bytes, unless the control group allows less.
pub(crate) const DEFAULT: usize = 24 << 20;

/// The maximum that all requests together keep on the disk for names, in bytes.
pub(crate) const MAX_DISK: usize = 512 << 20;

/// The maximum number of pipes: more do not make uploads faster, and each takes two descriptors.
const MAX_PIPES: usize = 8;

/// The maximum time for which work waits for memory.
pub(crate) const WORK_TIMEOUT: Duration = Duration::from_secs(10);

/// The limit, and what is left of it.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: usize,
    work: Part,
    kept: Part,
    disk: Part,
    /// The number of bodies that are being received.
    bodies: Part,
    /// The number of pipes for bodies.
    pipes: Part,
    work_timeout: Duration,
}

/// A part of the memory, or a number of things.
#[derive(Debug)]
struct Part {
    /// The limit, in bytes or as a number.
    limit: usize,
    left: Mutex<usize>,
    /// Notified whenever something is given back.
    changed: Condvar,
}

/// A part of the memory that was granted; given back when dropped.
#[derive(Debug)]
pub(crate) struct Grant<'m> {
    part: &'m Part,
    bytes: usize,
}

impl Memory {
    /// With this limit in bytes.
    #[must_use]
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            work: Part::new(limit / 2),
            kept: Part::new(limit / 4),
            disk: Part::new(MAX_DISK),
            bodies: Part::new(usize::MAX),
            pipes: Part::new((limit / 2 / Pipe::SIZE).clamp(1, MAX_PIPES)),
            work_timeout: WORK_TIMEOUT,
        }
    }

    /// The same with at most this many pipes.
    #[must_use]
    pub(crate) fn with_pipes(mut self, max: usize) -> Self {
        self.pipes = Part::new(self.pipes.limit.min(max));
        self
    }

    /// The maximum number of pipes.
    #[must_use]
    pub(crate) fn pipes(&self) -> usize {
        self.pipes.limit
    }

    /// Counts a body that is being received.
    #[must_use]
    pub(crate) fn body(&self) -> Option<Grant<'_>> {
        self.bodies.wait(1, Instant::now())
    }

    /// The bytes of buffers that each body under way may have.
    #[must_use]
    pub(crate) fn share_of_body(&self) -> usize {
        self.limit / 4 / self.bodies.in_use().max(1)
    }

    /// The right to a pipe, if there is one left.
    #[must_use]
    pub(crate) fn pipe(&self) -> Option<Grant<'_>> {
        self.pipes.wait(1, Instant::now())
    }

    /// Memory for work that does not wait for a client. Waits for it, up to [`WORK_TIMEOUT`];
    /// `None` if that was not enough.
    #[must_use]
    pub(crate) fn work(&self, bytes: usize) -> Option<Grant<'_>> {
        self.work.wait(bytes, Instant::now() + self.work_timeout)
    }

    /// Whether work could ever have this much.
    #[must_use]
    pub(crate) fn allows_work(&self, bytes: usize) -> bool {
        bytes <= self.work.limit
    }

    /// Sets the memory for work.
    #[cfg(test)]
    pub(crate) fn give_to_work(&mut self, bytes: usize) {
        self.work = Part::new(bytes);
    }

    /// Sets the time for which work waits.
    #[cfg(test)]
    pub(crate) fn set_work_timeout(&mut self, timeout: Duration) {
        self.work_timeout = timeout;
    }

    /// Sets the maximum on the disk.
    #[cfg(test)]
    pub(crate) fn set_disk(&mut self, bytes: usize) {
        self.disk = Part::new(bytes);
    }

    /// What is granted at the moment, in bytes.
    #[cfg(test)]
    pub(crate) fn in_use(&self) -> usize {
        self.work.in_use() + self.kept.in_use() + self.disk.in_use()
    }

    /// A grant of room on the disk, which is empty at first.
    #[must_use]
    pub(crate) fn on_disk(&self) -> Grant<'_> {
        let part = &self.disk;
        let bytes = 0;
        Grant { part, bytes }
    }

    /// Memory to keep while a client is waited for, if this much is left.
    #[must_use]
    pub(crate) fn keep(&self, bytes: usize) -> Option<Grant<'_>> {
        self.kept.wait(bytes, Instant::now())
    }

    /// A share of the memory to keep while a client is waited for: a quarter of what is left, if
    /// that is not below `least`. Requests that give theirs back and ask again get about equal
    /// shares in the end.
    #[must_use]
    pub(crate) fn keep_share(&self, least: usize) -> Option<Grant<'_>> {
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
    fn new(limit: usize) -> Self {
        Self {
            limit,
            left: Mutex::new(limit),
            changed: Condvar::new(),
        }
    }

    fn in_use(&self) -> usize {
        self.limit - *lock(&self.left)
    }

    fn wait(&self, bytes: usize, deadline: Instant) -> Option<Grant<'_>> {
        let mut left = lock(&self.left);
        while *left < bytes {
            if bytes > self.limit {
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
    /// The bytes that were granted.
    #[must_use]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds this much to the grant, if it is left. Returns whether it was.
    #[must_use]
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let mut left = lock(&self.part.left);
        let fits = *left >= bytes;
        if fits {
            *left -= bytes;
            self.bytes += bytes;
        }
        fits
    }

    /// Gives back all but this much.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let given_back = self.bytes.saturating_sub(bytes);
        self.bytes -= given_back;
        *lock(&self.part.left) += given_back;
        // All of them, since they may wait for different amounts.
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
        assert!(first.grow(MAX_DISK - 1) && second.grow(1) && !second.grow(1));
        first.shrink_to(10);
        assert!(second.grow(MAX_DISK - 11) && !first.grow(1));
        drop(second);
        assert!(first.grow(MAX_DISK - 10));
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
