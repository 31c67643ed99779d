//! The names in a folder.

use std::ffi::OsStr;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{Dir, Mode};

use super::Error;
use super::root::{DIR_FLAGS, Root};
use super::snapshot::Folder;

/// Names, in little more memory than they have bytes: there may be millions.
#[derive(Debug, Default)]
pub struct Names {
    /// All of them, a NUL behind each, which none of them holds.
    bytes: Vec<u8>,
    /// Where each begins.
    starts: Vec<usize>,
}

impl Root {
    /// The names in an open folder, sorted bytewise; in the root without the server's own folder.
    ///
    /// # Errors
    /// What the system says while it is read.
    pub fn list(&self, folder: &Folder) -> Result<Names, Error> {
        let mut names = names(folder.fd())?;
        if folder.is_root {
            names.retain(|name| !self.is_own(name));
        }
        names.sort();
        Ok(names)
    }
}

/// The names in a folder as the file system has them, without `.` and `..`.
pub(super) fn names(dir: BorrowedFd<'_>) -> Result<Names, Error> {
    let mut names = Names::default();
    // The folder may be open as a place alone (O_PATH).
    let readable = rustix::fs::openat(dir, ".", DIR_FLAGS, Mode::empty())?;
    for entry in Dir::new(readable)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(name);
        }
    }
    Ok(names)
}

impl Names {
    fn push(&mut self, name: &[u8]) {
        self.starts.push(self.bytes.len());
        self.bytes.extend_from_slice(name);
        self.bytes.push(0);
    }

    fn retain(&mut self, keep: impl Fn(&OsStr) -> bool) {
        let bytes = &self.bytes;
        self.starts.retain(|&start| keep(name_at(bytes, start)));
    }

    /// Sorts bytewise. A name that was renamed while the folder was read may have been found twice, and stays once.
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

    /// How many of the names, which are sorted, come up to and with this one.
    pub(super) fn count_up_to(&self, last: &OsStr) -> usize {
        self.starts
            .partition_point(|start| name_at(&self.bytes, *start) <= last)
    }

    /// The memory that they take, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity() + self.starts.capacity() * size_of::<usize>()
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
    use crate::storage::own::OWN;

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
    fn a_place_after_a_name_is_found_though_the_name_is_gone() {
        let names = names_of(&[b"b", b"d", b"f"]);
        for (last, count) in [("a", 0), ("b", 1), ("c", 1), ("f", 3), ("g", 3)] {
            assert_eq!(names.count_up_to(OsStr::new(last)), count, "{last}");
        }
    }

    #[test]
    fn a_name_can_be_left_out() {
        let mut names = names_of(&[b"a", OWN.as_bytes(), b"b"]);
        names.retain(|name| name != OWN);
        assert_eq!(as_bytes(&names), [b"a", b"b"]);
        assert_eq!(names.get(1), Some(OsStr::new("b")));
        assert_eq!(names.get(2), None);
    }
}
