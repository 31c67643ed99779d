//! Exclusive locks of files, and a limit to waiting for them.
//!
//! flock(2) has no timeout, and a program that never releases a lock would block the thread that
//! waits for it. So the lock is tried repeatedly. Of the threads of this process one at a time
//! tries for the lock of a file; the others wait in the queue of the file, and are woken one by
//! one. So an attempt fails only if another process holds the lock.
//!
//! Responsible for: queues, waiting, giving up. Not for: which file is locked, and what for.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::error::Error;
use super::identity::FileId;
use crate::sync::lock;

/// The maximum wait for a lock while its file does not change, and for a writer by a reader.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// The pause between two attempts, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_micros(20);
const MAX_PAUSE: Duration = Duration::from_micros(500);

/// The interval at which a thread that waits in a queue checks whether the file changes.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Takes the exclusive lock of an open file if no other process and no other descriptor has it.
///
/// # Errors
/// Those of flock(2), except that another has it.
pub(super) fn try_lock(file: impl AsFd) -> Result<bool, Errno> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// The queues of all files that threads of this process are waiting for or have locked.
#[derive(Debug, Default)]
pub(super) struct LockQueues {
    queues: Mutex<HashMap<FileId, LockQueue>>,
    /// How many threads wait, in a queue or for another process.
    waiting: AtomicUsize,
}

/// The threads that are waiting for one file, or have locked it.
#[derive(Debug, Default)]
struct LockQueue {
    /// How many they are.
    length: usize,
    /// Whether one of them may try for the lock, or has it.
    is_taken: bool,
    freed: Arc<Condvar>,
}

/// A place in the queue of a file.
struct Waiter {
    queues: Arc<LockQueues>,
    file: FileId,
    is_first: bool,
}

/// A file or directory that is open and locked, until this is dropped.
pub(super) struct LockGuard {
    pub(super) file: File,
    /// Dropped after the file, whose lock ends when it is closed.
    _waiter: Waiter,
}

impl LockQueues {
    /// How many threads wait for the lock of a file.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Locks a file.
    ///
    /// # Errors
    /// [`Error::Locked`] where the file has been locked for too long, see [`StallDetector`]; those
    /// of flock(2).
    pub(super) fn acquire(self: &Arc<Self>, file: File, id: FileId) -> Result<LockGuard, Error> {
        let mut stall = StallDetector::default();
        let mut goes_on = |file: &File| stall.observe(file).map(|()| true);
        let guard = self.acquire_while((file, id), CHECK_INTERVAL, &mut goes_on)?;
        guard.ok_or(Error::Locked)
    }

    /// Locks a file, but waits for this long at most; `None` where that was not enough.
    ///
    /// # Errors
    /// Those of flock(2).
    pub(super) fn acquire_within(
        self: &Arc<Self>,
        file: File,
        id: FileId,
        limit: Duration,
    ) -> Result<Option<LockGuard>, Error> {
        let deadline = Instant::now() + limit;
        let mut goes_on = |_: &File| Ok(Instant::now() < deadline);
        self.acquire_while((file, id), limit, &mut goes_on)
    }

    /// Locks a file; `None` once `goes_on` returns false. It is called at this interval or a
    /// shorter one.
    fn acquire_while(
        self: &Arc<Self>,
        (file, id): (File, FileId),
        interval: Duration,
        goes_on: &mut dyn FnMut(&File) -> Result<bool, Error>,
    ) -> Result<Option<LockGuard>, Error> {
        let _waiting = Waiting::begin(&self.waiting);
        let mut waiter = Waiter::enter(self, id);
        while !waiter.wait(interval) {
            if !goes_on(&file)? {
                return Ok(None);
            }
        }
        let mut pause = FIRST_PAUSE;
        while !try_lock(&file)? {
            if !goes_on(&file)? {
                return Ok(None);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(MAX_PAUSE);
        }
        Ok(Some(LockGuard {
            file,
            _waiter: waiter,
        }))
    }
}

/// Counts a thread that waits, until this is dropped.
struct Waiting<'w>(&'w AtomicUsize);

impl<'w> Waiting<'w> {
    fn begin(waiting: &'w AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Waiter {
    fn enter(queues: &Arc<LockQueues>, file: FileId) -> Self {
        lock(&queues.queues).entry(file).or_default().length += 1;
        Self {
            queues: queues.clone(),
            file,
            is_first: false,
        }
    }

    /// Waits for this long at most. Returns whether the thread may try for the lock.
    fn wait(&mut self, limit: Duration) -> bool {
        let start = Instant::now();
        let mut queues = lock(&self.queues.queues);
        loop {
            let queue = queues.entry(self.file).or_default();
            if !queue.is_taken {
                queue.is_taken = true;
                self.is_first = true;
                return true;
            }
            let left = limit.saturating_sub(start.elapsed());
            if left.is_zero() {
                return false;
            }
            let freed = queue.freed.clone();
            let waited = freed.wait_timeout(queues, left);
            queues = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut queues = lock(&self.queues.queues);
        let Some(queue) = queues.get_mut(&self.file) else {
            return;
        };
        queue.length -= 1;
        if self.is_first {
            queue.is_taken = false;
        }
        if queue.length == 0 {
            queues.remove(&self.file);
            return;
        }
        let freed = queue.freed.clone();
        // The thread that is woken needs the mutex.
        drop(queues);
        // Also where this one gave up waiting: it may be the one that had just been woken.
        freed.notify_one();
    }
}

/// Gives up on a lock under which the file has not changed for [`LOCK_TIMEOUT`]. As long as the
/// file changes, its holder is at work, be it an append of any length or another program that
/// writes.
///
/// An append intent is no such sign: its writer may have been stopped right after it.
#[derive(Default)]
struct StallDetector {
    /// What the file was when it changed last, and when that was seen.
    seen: Option<(Progress, Instant)>,
}

/// What changes while a file is written to, or its blocks are put on the disk.
#[derive(PartialEq, Eq)]
struct Progress {
    size: i64,
    blocks: i64,
    modified: (i64, u64),
    changed: (i64, u64),
}

impl StallDetector {
    /// Observes the file.
    ///
    /// # Errors
    /// [`Error::Locked`] where it has not changed for too long.
    fn observe(&mut self, file: &File) -> Result<(), Error> {
        let stat = rustix::fs::fstat(file)?;
        let progress = Progress {
            size: stat.st_size,
            blocks: stat.st_blocks,
            modified: (stat.st_mtime, stat.st_mtime_nsec),
            changed: (stat.st_ctime, stat.st_ctime_nsec),
        };
        match &self.seen {
            Some((before, since)) if *before == progress => match since.elapsed() > LOCK_TIMEOUT {
                true => Err(Error::Locked),
                false => Ok(()),
            },
            _ => {
                self.seen = Some((progress, Instant::now()));
                Ok(())
            }
        }
    }
}
