//! A list of names in little memory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Names, in little more memory than they have bytes.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// All of them, each followed by a NUL, which no name contains.
    bytes: Vec<u8>,
    /// Where each begins.
    starts: Vec<usize>,
}

impl Names {
    pub(super) fn push(&mut self, name: &[u8]) {
        self.starts.push(self.bytes.len());
        self.bytes.extend_from_slice(name);
        self.bytes.push(0);
    }

    /// Reserves room for this many bytes and names. The system has no memory to give for it before
    /// they come.
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

    /// Drops the second half of the names, which are sorted, and returns the first name of it.
    pub(super) fn halve(&mut self) -> Vec<u8> {
        let middle = self.starts.len() / 2;
        let first = self.get(middle).unwrap_or_default().as_bytes().to_vec();
        let mut half = Self::default();
        self.each().take(middle).for_each(|name| half.push(name));
        *self = half;
        first
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there are at least this many bytes, or at least this many names.
    pub(super) fn is_full(&self, bytes: usize, names: usize) -> bool {
        self.bytes.len() >= bytes || self.starts.len() >= names
    }

    /// Sorts bytewise, and keeps one of each name: readdir may return a name twice that is renamed
    /// meanwhile.
    pub(super) fn sort(&mut self) {
        let bytes = &self.bytes;
        let name = |start: &usize| name_at(bytes, *start);
        self.starts.sort_unstable_by(|a, b| name(a).cmp(name(b)));
        self.starts.dedup_by(|a, b| name(a) == name(b));
    }

    /// The name at an index, from 0 on.
    pub(super) fn get(&self, index: usize) -> Option<&OsStr> {
        let start = self.starts.get(index)?;
        Some(name_at(&self.bytes, *start))
    }

    /// The bytes of each name, one name after the other.
    pub(super) fn each(&self) -> impl Iterator<Item = &[u8]> {
        let names = self.starts.iter().map(|start| name_at(&self.bytes, *start));
        names.map(OsStrExt::as_bytes)
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
        names.each().collect()
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
