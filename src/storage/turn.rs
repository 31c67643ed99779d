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
use super::root::Root;
use super::snapshot::LOCK_WAIT;
use crate::sync::lock;

/// The pause between two tries, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_micros(20);
const MOST_PAUSE: Duration = Duration::from_micros(500);

/// How often somebody who waits for a turn looks whether anything happens.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Whose turn it is at each file that somebody is after, by its inode number.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<u64, Line>>);

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
    inode: u64,
    has_come: bool,
}

impl Root {
    /// Takes the exclusive lock, once it is this writer's turn.
    ///
    /// # Errors
    /// [`Error::Locked`] where somebody has had the lock for too long, or what the system says.
    pub(super) fn lock(&self, file: &File, inode: u64) -> Result<Turn, Error> {
        let mut patience = Patience::new(self, file, inode);
        let mut turn = Turn::in_line(&self.turns, inode);
        while !turn.wait() {
            patience.look()?;
        }
        let mut pause = FIRST_PAUSE;
        loop {
            match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(turn),
                Err(Errno::WOULDBLOCK | Errno::INTR) => patience.look()?,
                Err(errno) => return Err(errno.into()),
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(MOST_PAUSE);
        }
    }
}

impl Turn {
    fn in_line(turns: &Arc<Turns>, inode: u64) -> Self {
        lock(&turns.0).entry(inode).or_default().length += 1;
        Self {
            turns: turns.clone(),
            inode,
            has_come: false,
        }
    }

    /// Waits for a while, and says whether the turn has come.
    fn wait(&mut self) -> bool {
        let start = Instant::now();
        let mut lines = lock(&self.turns.0);
        loop {
            let line = lines.entry(self.inode).or_default();
            if !line.is_taken {
                line.is_taken = true;
                self.has_come = true;
                return true;
            }
            let left = LOOK_EVERY.saturating_sub(start.elapsed());
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
        let Some(line) = lines.get_mut(&self.inode) else {
            return;
        };
        line.length -= 1;
        if self.has_come {
            line.is_taken = false;
        }
        if line.length == 0 {
            lines.remove(&self.inode);
            return;
        }
        let freed = line.freed.clone();
        // Who is woken up needs the lines.
        drop(lines);
        // Also by who gives up: it may be the one that has been woken up.
        freed.notify_one();
    }
}

/// Bears with a lock as long as its holder does something.
struct Patience<'f> {
    root: &'f Root,
    file: &'f File,
    inode: u64,
    /// Since when nothing has happened, and the length of the file then.
    since: Instant,
    length: Option<i64>,
}

impl<'f> Patience<'f> {
    fn new(root: &'f Root, file: &'f File, inode: u64) -> Self {
        Self {
            root,
            file,
            inode,
            since: Instant::now(),
            length: None,
        }
    }

    /// A join takes as long as it takes, however many others wait as well; and so does a program that writes.
    ///
    /// # Errors
    /// [`Error::Locked`] where nothing has happened for too long.
    fn look(&mut self) -> Result<(), Error> {
        let length = Some(rustix::fs::fstat(self.file)?.st_size);
        let happens =
            self.length != length || self.root.noted_length(self.file, self.inode)?.is_some();
        if happens {
            self.since = Instant::now();
            self.length = length;
        }
        match self.since.elapsed() > LOCK_WAIT {
            true => Err(Error::Locked),
            false => Ok(()),
        }
    }
}
