//! The names in a directory.

use std::ffi::{OsStr, OsString};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use rustix::fs::{Dir, Mode};

use super::Error;
use super::metadata::Metadata;
use super::snapshot::Directory;
use super::sorted::{Sorted, Sorter};
use super::store::{DIR_FLAGS, Store};
use super::window::Source;
use crate::computing::Computing;
use crate::memory::Memory;

/// Names, in little more memory than they have bytes: there may be millions.
#[derive(Debug, Default)]
pub struct Names {
    /// All of them, a NUL behind each, which none of them holds.
    bytes: Vec<u8>,
    /// Where each begins.
    starts: Vec<usize>,
}

impl Store {
    /// The names in an open directory, sorted bytewise; in the root without what is the server's own.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] where many others are being sorted; what the system says while it is read.
    pub fn list<'r>(
        &'r self,
        directory: Directory,
        memory: &'r Memory,
    ) -> Result<Listing<'r>, Error> {
        let mut sorter = Sorter::new(self, memory);
        let sorted = sorter.sort(source(&directory))?;
        Ok(Listing {
            store: self,
            directory,
            sorter,
            sorted,
            name: OsString::new(),
        })
    }
}

/// The names in a directory, one after the other, in memory that does not grow with their number.
#[derive(Debug)]
pub struct Listing<'r> {
    store: &'r Store,
    directory: Directory,
    sorter: Sorter<'r>,
    sorted: Sorted<'r>,
    /// The entry that was looked at last.
    name: OsString,
}

impl Listing<'_> {
    /// The next name.
    ///
    /// # Errors
    /// What the system says; what ends the computation.
    pub fn next_name(&mut self, computing: &mut dyn Computing) -> Result<Option<&OsStr>, Error> {
        let source = source(&self.directory);
        self.sorter.next(&mut self.sorted, source, computing)
    }

    /// The next name whose entry is still there, with what it is.
    ///
    /// # Errors
    /// What the system says; what ends the computation.
    pub fn next_entry(
        &mut self,
        computing: &mut dyn Computing,
    ) -> Result<Option<(&OsStr, Metadata)>, Error> {
        let metadata = loop {
            let source = source(&self.directory);
            let next = self.sorter.next(&mut self.sorted, source, computing)?;
            let Some(name) = next else {
                return Ok(None);
            };
            self.name.clear();
            self.name.push(name);
            if let Some(metadata) = self.store.metadata(&self.directory, &self.name)? {
                break metadata;
            }
        };
        Ok(Some((&self.name, metadata)))
    }

    /// Begins anew.
    pub fn rewind(&mut self) {
        self.sorted.rewind();
    }

    /// Whether the same names come after [`Listing::rewind`], whatever happens in the directory.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.sorted.is_fixed()
    }
}

fn source(directory: &Directory) -> Source<'_> {
    Source {
        dir: directory.fd(),
        is_root: directory.is_root,
    }
}

/// The names in a directory as the file system has them, without `.` and `..`, in memory that does not grow with their
/// number. What is removed or added meanwhile may be left out (readdir(3)).
pub(super) fn names(
    dir: BorrowedFd<'_>,
) -> Result<impl Iterator<Item = Result<OsString, Error>>, Error> {
    // The directory may be open as a place alone (O_PATH).
    let readable = rustix::fs::openat(dir, ".", DIR_FLAGS, Mode::empty())?;
    let names = Dir::new(readable)?.map(|entry| {
        let name = entry?.file_name().to_bytes().to_vec();
        Ok(OsString::from_vec(name))
    });
    let is_own = |name: &OsStr| name == "." || name == "..";
    Ok(names.filter(move |name| !matches!(name, Ok(name) if is_own(name))))
}

impl Names {
    pub(super) fn push(&mut self, name: &[u8]) {
        self.starts.push(self.bytes.len());
        self.bytes.extend_from_slice(name);
        self.bytes.push(0);
    }

    /// Has room for so many bytes and so many names, which takes memory only when they come.
    pub(super) fn reserve(&mut self, bytes: usize, names: usize) {
        self.bytes
            .reserve_exact(bytes.saturating_sub(self.bytes.len()));
        self.starts
            .reserve_exact(names.saturating_sub(self.starts.len()));
    }

    /// Gives back the room that is not used.
    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.starts.shrink_to_fit();
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.starts.clear();
    }

    /// Leaves the first half of the names, which are sorted. Says with which the others begin.
    pub(super) fn halve(&mut self) -> Vec<u8> {
        let middle = self.starts.len() / 2;
        let first = self.get(middle).unwrap_or_default().as_bytes().to_vec();
        let mut half = Self::default();
        self.iter()
            .take(middle)
            .for_each(|name| half.push(name.as_bytes()));
        *self = half;
        first
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there are so many bytes or so many names.
    pub(super) fn is_full(&self, bytes: usize, names: usize) -> bool {
        self.bytes.len() >= bytes || self.starts.len() >= names
    }

    /// Sorts bytewise. A name that was renamed while the directory was read may have been found twice, and stays once.
    pub(super) fn sort(&mut self) {
        let bytes = &self.bytes;
        let name = |start: &usize| name_at(bytes, *start);
        self.starts.sort_unstable_by(|a, b| name(a).cmp(name(b)));
        self.starts.dedup_by(|a, b| name(a) == name(b));
    }

    /// The name at a place, counted from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&OsStr> {
        let start = self.starts.get(index)?;
        Some(name_at(&self.bytes, *start))
    }

    /// The names one after the other.
    pub fn iter(&self) -> impl Iterator<Item = &OsStr> {
        self.starts.iter().map(|start| name_at(&self.bytes, *start))
    }

    /// The memory that they need, in bytes.
    pub(super) fn used(&self) -> usize {
        self.bytes.len() + self.starts.len() * size_of::<usize>()
    }
}

fn name_at(bytes: &[u8], start: usize) -> &OsStr {
    let name = bytes.get(start..).unwrap_or_default();
    let length = memchr::memchr(0, name).unwrap_or(name.len());
    OsStr::from_bytes(&name[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_of(list: &[&[u8]]) -> Names {
        let mut names = Names::default();
        list.iter().for_each(|name| names.push(name));
        names
    }

    fn as_bytes(names: &Names) -> Vec<&[u8]> {
        names.iter().map(OsStrExt::as_bytes).collect()
    }

    #[test]
    fn names_are_sorted_bytewise_and_each_is_there_once() {
        let long = [b'a'; 255];
        for (found, sorted) in [
            (&[][..], &[][..]),
            (&[b"b", b"a"], &[b"a", b"b"]),
            (
                &[b"a.b", b"a", b"a-b", b"ab", b"a b"],
                &[b"a", b"a b", b"a-b", b"a.b", b"ab"],
            ),
            (
                &[b"\xff", b"z", b"\xc3\xa9", b"\n", b"Z"],
                &[b"\n", b"Z", b"z", b"\xc3\xa9", b"\xff"],
            ),
            (&[b"x", b"a", b"x", b"a", b"x"], &[b"a", b"x"]),
            (&[&long, b"aa"], &[b"aa", &long]),
        ] as [(&[&[u8]], &[&[u8]]); 6]
        {
            let mut names = names_of(found);
            names.sort();
            assert_eq!(as_bytes(&names), sorted);
        }
    }

    #[test]
    fn the_first_half_is_left() {
        let mut names = names_of(&[b"a", b"b", b"c"]);
        assert_eq!(names.halve(), b"b");
        assert_eq!(as_bytes(&names), [b"a"]);
        assert_eq!(names.len(), 1);
        assert_eq!(names.get(1), None);
    }
}
