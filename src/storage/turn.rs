//! Waiting for the lock on a file, with an end: flock(2) knows no timeout, and a program that holds the lock for good
//! would keep the worker with it.
//!
//! Of the writers of this process one at a time is after the lock of a file, by trying again and again; the others wait
//! their turn, and are woken up one by one. So only against other processes does anybody try in vain.

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::Error;
use super::file_id::FileId;
use super::snapshot::LOCK_TIMEOUT;
use super::store::Store;
use crate::sync::lock;

/// The pause between two tries, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_micros(20);
const MOST_PAUSE: Duration = Duration::from_micros(500);

/// How often somebody who waits for a turn looks whether anything happens.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Whose turn it is at each file that somebody is after, by what tells the files apart.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<FileId, Line>>);

/// Those who are after one file.
#[derive(Debug, Default)]
struct Line {
    /// How many, with the one whose turn it is.
    length: usize,
    is_taken: bool,
    freed: Arc<Condvar>,
}

/// A place in the line at a file.
pub(super) struct Turn {
    turns: Arc<Turns>,
    file: FileId,
    has_come: bool,
}

impl Store {
    /// Takes the exclusive lock, once it is this writer's turn.
    ///
    /// # Errors
    /// [`Error::Locked`] where somebody has had the lock for too long, or what the system says.
    pub(super) fn lock(&self, file: &File, id: FileId) -> Result<Turn, Error> {
        let mut stall = StallDetector::new(file);
        let mut goes_on = || stall.look().map(|()| true);
        let turn = self.lock_while((file, id), LOOK_EVERY, &mut goes_on)?;
        turn.ok_or(Error::Locked)
    }

    /// The same, but waits for as long as this at most; `None` where that was not enough.
    ///
    /// # Errors
    /// What flock(2) says.
    pub(super) fn lock_within(
        &self,
        file: &File,
        id: FileId,
        patience: Duration,
    ) -> Result<Option<Turn>, Error> {
        let deadline = Instant::now() + patience;
        let mut goes_on = || Ok(Instant::now() < deadline);
        self.lock_while((file, id), patience, &mut goes_on)
    }

    /// Takes the exclusive lock, once it is this writer's turn; `None` once `goes_on`, which is asked at least this often,
    /// says no.
    fn lock_while(
        &self,
        (file, id): (&File, FileId),
        ask_every: Duration,
        goes_on: &mut dyn FnMut() -> Result<bool, Error>,
    ) -> Result<Option<Turn>, Error> {
        let mut turn = Turn::in_line(&self.turns, id);
        while !turn.wait(ask_every) {
            if !goes_on()? {
                return Ok(None);
            }
        }
        let mut pause = FIRST_PAUSE;
        loop {
            match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(turn)),
                Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            if !goes_on()? {
                return Ok(None);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(MOST_PAUSE);
        }
    }
}

impl Turn {
    fn in_line(turns: &Arc<Turns>, file: FileId) -> Self {
        lock(&turns.0).entry(file).or_default().length += 1;
        Self {
            turns: turns.clone(),
            file,
            has_come: false,
        }
    }

    /// Waits for as long as this, and says whether the turn has come.
    fn wait(&mut self, limit: Duration) -> bool {
        let start = Instant::now();
        let mut lines = lock(&self.turns.0);
        loop {
            let line = lines.entry(self.file).or_default();
            if !line.is_taken {
                line.is_taken = true;
                self.has_come = true;
                return true;
            }
            let left = limit.saturating_sub(start.elapsed());
            if left.is_zero() {
                return false;
            }
            let freed = line.freed.clone();
            let waited = freed.wait_timeout(lines, left);
            lines = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut lines = lock(&self.turns.0);
        let Some(line) = lines.get_mut(&self.file) else {
            return;
        };
        line.length -= 1;
        if self.has_come {
            line.is_taken = false;
        }
        if line.length == 0 {
            lines.remove(&self.file);
            return;
        }
        let freed = line.freed.clone();
        // Who is woken up needs the lines.
        drop(lines);
        // Also by who gives up: it may be the one that has been woken up.
        freed.notify_one();
    }
}

/// Gives up on a lock under which the file has not changed for [`LOCK_TIMEOUT`].
///
/// That its holder has said what it is about to do is no sign of life: it may have been stopped right after.
struct StallDetector<'f> {
    file: &'f File,
    /// Since when it has not changed, and what it was then.
    since: Instant,
    seen: Option<Progress>,
}

/// What changes while a file is written to, or its blocks are put on the disk.
#[derive(PartialEq, Eq)]
struct Progress {
    size: i64,
    blocks: i64,
    modified: (i64, u64),
    changed: (i64, u64),
}

impl<'f> StallDetector<'f> {
    fn new(file: &'f File) -> Self {
        Self {
            file,
            since: Instant::now(),
            seen: None,
        }
    }

    /// An append takes as long as it takes, however many others wait as well; and so does a program that writes.
    ///
    /// # Errors
    /// [`Error::Locked`] where nothing has changed for too long.
    fn look(&mut self) -> Result<(), Error> {
        let stat = rustix::fs::fstat(self.file)?;
        let progress = Progress {
            size: stat.st_size,
            blocks: stat.st_blocks,
            modified: (stat.st_mtime, stat.st_mtime_nsec),
            changed: (stat.st_ctime, stat.st_ctime_nsec),
        };
        if self.seen.as_ref() != Some(&progress) {
            self.since = Instant::now();
            self.seen = Some(progress);
        }
        match self.since.elapsed() > LOCK_TIMEOUT {
            true => Err(Error::Locked),
            false => Ok(()),
        }
    }
}
