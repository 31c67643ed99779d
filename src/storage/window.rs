//! Names of a directory in order, in little memory and without a disk: the directory is read again for each
//! next part of them.
//!
//! That takes the processor for long, and so it is done in turns with what else computes; between two
//! readings a client is waited for, without a turn.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::directory::Directory;
use super::error::Error;
use super::names::Names;
use super::store::Store;
use crate::computing::Computing;
use crate::memory::{Grant, Memory};

/// The names that a request may have in memory without being granted it, in bytes.
pub(super) const SMALL: usize = 32 * 1024;

/// The least memory that is worth being granted, in bytes: half of it is filled.
const LEAST_GRANT: usize = 2 * SMALL;

/// A directory of fewer names is read without a turn, and a larger one asks after each this many of them
/// whether to go on.
const STEP: u64 = 1024;

/// A part of the names of a directory, and how many of them have been handed out.
#[derive(Debug)]
pub(super) struct Window<'r> {
    /// The last name before it; empty at the beginning.
    after: Vec<u8>,
    names: Names,
    next: usize,
    /// Whether there are no others behind it.
    is_last: bool,
    grant: Option<Grant<'r>>,
    /// Names that were handed out before it.
    done: u64,
    /// How many the directory had when it was read last; 0 before that.
    total: u64,
}

impl<'r> Window<'r> {
    /// None of the names behind one, of a directory that had so many in all, where that is known.
    pub(super) fn new(after: Vec<u8>, total: u64) -> Self {
        Self {
            after,
            names: Names::default(),
            next: 0,
            is_last: false,
            grant: None,
            done: 0,
            total,
        }
    }

    /// The next name, for which the directory may be read again.
    ///
    /// # Errors
    /// What the system says; what ends the computation.
    pub(super) fn next(
        &mut self,
        (store, memory): (&Store, &'r Memory),
        directory: &Directory,
        computing: &mut dyn Computing,
    ) -> Result<Option<&OsStr>, Error> {
        if self.next == self.names.len() && !self.is_last {
            let read = self.read_on((store, memory), directory, computing);
            computing.pause();
            read?;
        }
        let name = self.names.get(self.next);
        self.next += usize::from(name.is_some());
        Ok(name)
    }

    /// Reads the next part of the names.
    fn read_on(
        &mut self,
        (store, memory): (&Store, &'r Memory),
        directory: &Directory,
        computing: &mut dyn Computing,
    ) -> Result<(), Error> {
        self.drop_names();
        if self.total >= STEP {
            computing.checkpoint(self.done, self.total)?;
        }
        self.grant = memory.keep_share(LEAST_GRANT);
        // While names are gathered their list may take twice what it holds.
        let room = self.grant.as_ref().map_or(SMALL, |it| it.bytes() / 2);
        let mut before: Option<Vec<u8>> = None;
        let mut read = 0;
        let mut entries = directory.entries()?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            read += 1;
            if read % STEP == 0 {
                computing.checkpoint(self.done, self.total)?;
            }
            let name = entry.file_name().to_bytes();
            let is_wanted = |before: Option<&[u8]>| {
                name > &*self.after && before.is_none_or(|before| name < before)
            };
            if !is_wanted(before.as_deref()) || !directory.lists(name, &store.layout) {
                continue;
            }
            if self.names.used() + name.len() > room {
                self.names.sort();
                before = Some(self.names.halve());
                if !is_wanted(before.as_deref()) {
                    continue;
                }
            }
            self.names.push(name);
        }
        self.total = read;
        self.is_last = before.is_none();
        self.names.sort();
        self.names.shrink();
        if let Some(grant) = &mut self.grant {
            grant.shrink_to(self.names.used());
        }
        Ok(())
    }

    /// Whether all have been handed out, as far as is known without reading on.
    pub(super) fn is_at_end(&self) -> bool {
        self.is_last && self.next == self.names.len()
    }

    /// Memory that it takes without having been granted it, in bytes.
    pub(super) fn memory(&self) -> usize {
        match self.grant {
            None => self.names.used(),
            Some(_) => 0,
        }
    }

    /// Gives back all memory; the names that are left are read again.
    pub(super) fn drop_names(&mut self) {
        let last = self.next.checked_sub(1);
        if let Some(last) = last.and_then(|last| self.names.get(last)) {
            self.after = last.as_bytes().to_vec();
        }
        self.done += self.next as u64;
        self.names = Names::default();
        self.next = 0;
        self.is_last = false;
        self.grant = None;
    }
}
