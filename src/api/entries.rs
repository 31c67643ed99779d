//! What a list has: the entries of a directory, or all that is below it.

use std::io;
use std::os::unix::ffi::OsStrExt;

use super::context::Context;
use crate::computing::Computing;
use crate::http::glob::Glob;
use crate::http::reading::Depth;
use crate::storage::{self, Directory, Listing, Metadata, Tree, TreeOptions};

/// How many entries are visited between two checkpoints.
const CHECKPOINT: u64 = 256;

/// The entries of a list, in order.
pub(super) enum Entries<'s> {
    /// Those of a directory.
    Of(Listing<'s>),
    /// Those below it, each with its path.
    Below(Descendants<'s>),
}

/// All that is below a directory, each directory before what is in it, and sorted bytewise within
/// it.
pub(super) struct Descendants<'s> {
    tree: Tree<'s>,
    glob: Option<Glob>,
    visited: u64,
    /// The path of the one that was returned last.
    path: Vec<u8>,
}

impl<'s> Entries<'s> {
    /// Those of a list of this depth.
    ///
    /// # Errors
    /// Those of `Listing::new` and `Tree::new`.
    pub(super) fn new(
        context: Context<'s>,
        directory: Directory,
        depth: &Depth,
    ) -> Result<Self, storage::Error> {
        let glob = match depth {
            Depth::Entries => {
                return Listing::new(context.store, directory, context.memory).map(Self::Of);
            }
            Depth::All => None,
            Depth::Matches(glob) => Some(glob.clone()),
        };
        let entered = glob.clone();
        let options = TreeOptions {
            opens_files: false,
            enters: Box::new(move |path| {
                let path = String::from_utf8_lossy(path);
                let may_match = |glob: &Glob| glob.may_match_below(&path);
                entered.as_ref().is_none_or(may_match)
            }),
        };
        let tree = Tree::new(context.store, directory, context.memory, options)?;
        Ok(Self::Below(Descendants {
            tree,
            glob,
            visited: 0,
            path: Vec::new(),
        }))
    }

    /// The sum of `measure` over all names; `None` where it is not known beforehand, since names
    /// are read again for each part of the list.
    ///
    /// # Errors
    /// Those of reading the names.
    pub(super) fn sum_of_names(
        &mut self,
        measure: &mut dyn FnMut(&[u8]) -> u64,
    ) -> Result<Option<u64>, storage::Error> {
        let Self::Of(listing) = self else {
            return Ok(None);
        };
        if !listing.is_fixed() {
            return Ok(None);
        }
        let mut sum = 0;
        // Nothing is computed for names that are at hand.
        while let Some(name) = listing.next_name(&mut ())? {
            sum += measure(name.as_bytes());
        }
        listing.rewind();
        Ok(Some(sum))
    }

    /// The next name, or path.
    ///
    /// # Errors
    /// Those of reading the directories; those of `computing`.
    pub(super) fn next_name(&mut self, computing: &mut dyn Computing) -> io::Result<Option<&[u8]>> {
        match self {
            Self::Of(listing) => {
                let name = listing.next_name(computing).map_err(io::Error::other)?;
                Ok(name.map(OsStrExt::as_bytes))
            }
            Self::Below(below) => Ok(below.next(computing)?.map(|(path, _)| path)),
        }
    }

    /// The next name, or path, whose entry is still there, with what it is.
    ///
    /// # Errors
    /// Those of [`Entries::next_name`] and of reading the metadata.
    pub(super) fn next_entry(
        &mut self,
        computing: &mut dyn Computing,
    ) -> io::Result<Option<(&[u8], Metadata)>> {
        match self {
            Self::Of(listing) => {
                let entry = listing.next_entry(computing).map_err(io::Error::other)?;
                Ok(entry.map(|(name, metadata)| (name.as_bytes(), metadata)))
            }
            Self::Below(below) => below.next(computing),
        }
    }
}

impl Descendants<'_> {
    fn next(&mut self, computing: &mut dyn Computing) -> io::Result<Option<(&[u8], Metadata)>> {
        loop {
            self.visited += 1;
            if self.visited.is_multiple_of(CHECKPOINT) {
                // How many there are is not known.
                let total = self.visited.saturating_mul(2);
                computing
                    .checkpoint(self.visited, total)
                    .map_err(|why| io::Error::other(storage::Error::Cancelled(why)))?;
            }
            let Some(node) = self.tree.next(computing).map_err(io::Error::other)? else {
                return Ok(None);
            };
            self.path = node.path;
            if self.path.ends_with(b"/") {
                self.path.pop();
            }
            let path = String::from_utf8_lossy(&self.path);
            if self.glob.as_ref().is_none_or(|glob| glob.matches(&path)) {
                return Ok(Some((&self.path, node.metadata)));
            }
        }
    }
}
