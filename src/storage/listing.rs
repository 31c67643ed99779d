//! The entries of a directory, in the order of their names.

use std::ffi::{OsStr, OsString};

use super::directory::Directory;
use super::error::Error;
use super::metadata::{Metadata, metadata};
use super::sorted::{Sorted, Sorter};
use super::store::Store;
use crate::computing::Computing;
use crate::memory::Memory;

/// The names in a directory, sorted bytewise, in memory that does not grow with their number.
#[derive(Debug)]
pub(crate) struct Listing<'s> {
    store: &'s Store,
    directory: Directory,
    sorter: Sorter<'s>,
    sorted: Sorted<'s>,
    /// The name that was returned last.
    name: OsString,
}

impl<'s> Listing<'s> {
    /// Reads and sorts the names in an open directory; in the root without those that are hidden
    /// from clients.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] where other requests are sorting many names; those of reading the
    /// directory.
    pub(crate) fn new(
        store: &'s Store,
        directory: Directory,
        memory: &'s Memory,
    ) -> Result<Self, Error> {
        let mut sorter = Sorter::new(store, memory);
        let sorted = sorter.sort(&directory)?;
        Ok(Self {
            store,
            directory,
            sorter,
            sorted,
            name: OsString::new(),
        })
    }

    /// The next name.
    ///
    /// # Errors
    /// Those of reading the directory; those of `computing`.
    pub(crate) fn next_name(
        &mut self,
        computing: &mut dyn Computing,
    ) -> Result<Option<&OsStr>, Error> {
        self.sorter
            .next(&mut self.sorted, &self.directory, computing)
    }

    /// The next name whose entry is still there, with what it is.
    ///
    /// # Errors
    /// Those of reading the directory; those of `computing`.
    pub(crate) fn next_entry(
        &mut self,
        computing: &mut dyn Computing,
    ) -> Result<Option<(&OsStr, Metadata)>, Error> {
        let metadata = loop {
            let next = self
                .sorter
                .next(&mut self.sorted, &self.directory, computing)?;
            let Some(name) = next else {
                return Ok(None);
            };
            self.name.clear();
            self.name.push(name);
            if let Some(metadata) = metadata(self.store, &self.directory, &self.name)? {
                break metadata;
            }
        };
        Ok(Some((&self.name, metadata)))
    }

    /// Starts again from the first name.
    pub(crate) fn rewind(&mut self) {
        self.sorted.rewind();
    }

    /// Whether the same names come after [`Listing::rewind`], whatever happens in the directory.
    #[must_use]
    pub(crate) fn is_fixed(&self) -> bool {
        self.sorted.is_fixed()
    }
}
