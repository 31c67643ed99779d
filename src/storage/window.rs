//! The names in a directory in order, in little memory and without a disk: for each part of them
//! the directory is read anew.
//!
//! Reading it keeps a processor busy for long, so it is scheduled with other computations
//! ([`Computing`]), which go on while a client is waited for between two readings.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::directory::Directory;
use super::error::Error;
use super::names::Names;
use super::store::Store;
use crate::computing::Computing;
use crate::memory::{Grant, Memory};

/// How many bytes of names a request may have in memory without a grant.
pub(super) const SMALL: usize = 32 * 1024;

/// The smallest grant that is of use, in bytes: half of it is filled with names.
const LEAST_GRANT: usize = 2 * SMALL;

/// A checkpoint comes after each this many names that are read; a directory of fewer is read
/// without one.
const STEP: u64 = 1024;

/// A part of the names in a directory, and how many of them have been returned.
#[derive(Debug)]
pub(super) struct Window<'m> {
    /// The last name before the part; empty at the beginning.
    after: Vec<u8>,
    names: Names,
    next: usize,
    /// Whether no names come after the part.
    is_last: bool,
    grant: Option<Grant<'m>>,
    /// How many names were returned before the part.
    done: u64,
    /// How many entries the directory had when it was read last; 0 before that.
    total: u64,
}

impl<'m> Window<'m> {
    /// An empty part after this name, of a directory that has this many entries, or 0 if that is
    /// not known.
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
    /// Those of reading the directory; [`Error::Cancelled`].
    pub(super) fn next(
        &mut self,
        (store, memory): (&Store, &'m Memory),
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
        (store, memory): (&Store, &'m Memory),
        directory: &Directory,
        computing: &mut dyn Computing,
    ) -> Result<(), Error> {
        self.drop_names();
        if self.total >= STEP {
            computing.checkpoint(self.done, self.total)?;
        }
        self.grant = memory.keep_share(LEAST_GRANT);
        // A list that grows may take twice the memory that its names need.
        let room = self.grant.as_ref().map_or(SMALL, |it| it.bytes() / 2);
        let mut end = None;
        let mut read = 0;
        let mut entries = directory.entries()?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            read += 1;
            if read % STEP == 0 {
                computing.checkpoint(self.done, self.total)?;
            }
            let name = entry.file_name().to_bytes();
            if name > &*self.after
                && is_before(name, end.as_deref())
                && directory.lists(name, &store.layout)
            {
                self.add(name, room, &mut end);
            }
        }
        self.total = read;
        self.is_last = end.is_none();
        self.names.sort();
        self.names.shrink();
        if let Some(grant) = &mut self.grant {
            grant.shrink_to(self.names.used());
        }
        Ok(())
    }

    /// Adds a name, which is before `end`. If there is no room, drops the second half of the names,
    /// so that the part ends earlier.
    fn add(&mut self, name: &[u8], room: usize, end: &mut Option<Vec<u8>>) {
        if self.names.used() + name.len() > room {
            self.names.sort();
            *end = Some(self.names.halve());
            if !is_before(name, end.as_deref()) {
                return;
            }
        }
        self.names.push(name);
    }

    /// Whether all names have been returned, as far as is known without reading on.
    pub(super) fn is_at_end(&self) -> bool {
        self.is_last && self.next == self.names.len()
    }

    /// The memory that it takes without a grant, in bytes.
    pub(super) fn memory(&self) -> usize {
        match self.grant {
            None => self.names.used(),
            Some(_) => 0,
        }
    }

    /// Frees all memory; the names that have not been returned are read again.
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

/// Whether a name is before the end of a part, if that has one.
fn is_before(name: &[u8], end: Option<&[u8]>) -> bool {
    end.is_none_or(|end| name < end)
}
