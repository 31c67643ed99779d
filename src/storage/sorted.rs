//! The names in a directory, sorted bytewise, in memory that does not grow with their number.
//!
//! | names | where they are once they are sorted |
//! | --- | --- |
//! | few | in memory that each request may take |
//! | more | in memory, if the sum of all requests leaves room for them ([`Memory::keep`]) |
//! | too many for that | on the disk, sorted in runs, which are merged (`spill.rs`) |
//! | ... and no disk | nowhere: the directory is read again for each next part (`window.rs`) |
//!
//! Much memory is taken only while names are sorted, which waits for no client.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;

use super::directory::Directory;
use super::error::Error;
use super::names::Names;
use super::spill::{Reader, Spill};
use super::store::Store;
use super::window::{SMALL, Window};
use crate::computing::Computing;
use crate::memory::{Grant, Memory};

/// How many bytes of names, and how many names, are sorted at once.
const RUN: usize = 768 * 1024;
const RUN_NAMES: usize = 64 * 1024;

/// The memory that sorting them takes, in bytes.
const WORK: usize = RUN + RUN_NAMES * size_of::<usize>();

/// More bytes of names than this are not kept in memory where they can be on the disk.
const MOST_KEPT: usize = 256 * 1024;

/// How many bytes of names on the disk are read at once.
const READ: usize = 8 * 1024;

/// Sorts the names in one directory, or in all directories on the way down a tree.
#[derive(Debug)]
pub(super) struct Sorter<'s> {
    store: &'s Store,
    memory: &'s Memory,
    spill: Option<Spill>,
    /// Whether names can be written to the disk, as far as is known.
    can_spill: bool,
}

/// Sorted names, and how many of them have been returned.
#[derive(Debug)]
pub(super) enum Sorted<'s> {
    /// All are in memory.
    Kept {
        names: Names,
        next: usize,
        grant: Option<Grant<'s>>,
    },
    /// They are on the disk.
    Spilled {
        part: Range<u64>,
        reader: Reader,
        begin: u64,
        /// The disk space that they take, of all that names may take.
        _room: Grant<'s>,
    },
    /// One part of them at a time is in memory.
    Window(Window<'s>),
}

impl<'s> Sorter<'s> {
    pub(super) fn new(store: &'s Store, memory: &'s Memory) -> Self {
        let spill = None;
        let can_spill = true;
        Self {
            store,
            memory,
            spill,
            can_spill,
        }
    }

    /// Reads and sorts the names in a directory.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] where other requests are sorting many names; those of reading the
    /// directory.
    pub(super) fn sort(&mut self, directory: &Directory) -> Result<Sorted<'s>, Error> {
        let begin = self.spill.as_ref().map_or(0, Spill::end);
        let mut names = Names::default();
        let mut room = self.memory.on_disk();
        let mut working = None;
        let mut runs = VecDeque::new();
        let mut entries = directory.entries()?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if !directory.lists(name, &self.store.layout) {
                continue;
            }
            if working.is_none() && names.used() + name.len() > SMALL {
                // In a small control group there is never that much.
                if !self.memory.allows_work(WORK) {
                    return Ok(Sorted::unread());
                }
                working = Some(self.memory.work(WORK).ok_or(Error::OutOfMemory)?);
                names.reserve(RUN, RUN_NAMES);
            }
            if names.is_full(RUN - name.len(), RUN_NAMES) {
                match self.write_run(&mut names, &mut room) {
                    Some(run) => runs.push_back(run),
                    None => return Ok(self.without_disk(begin)),
                }
            }
            names.push(name);
        }
        drop(entries);
        if working.is_none() {
            names.sort();
            names.shrink();
            let grant = None;
            let next = 0;
            return Ok(Sorted::Kept { names, next, grant });
        }
        Ok(self.finish(names, runs, (begin, room)))
    }

    /// Finds a place for names that are not few, those of `runs` on the disk among them.
    fn finish(
        &mut self,
        mut names: Names,
        mut runs: VecDeque<Range<u64>>,
        (begin, mut room): (u64, Grant<'s>),
    ) -> Sorted<'s> {
        if runs.is_empty() {
            names.sort();
            if let Some(kept) = self.keep(&mut names) {
                return kept;
            }
        }
        let merged = self.write_run(&mut names, &mut room).and_then(|last| {
            runs.push_back(last);
            drop(names);
            self.merge(runs, (begin, room))
        });
        merged.unwrap_or_else(|| self.without_disk(begin))
    }

    /// Falls back to reading in parts: what has been written to the disk is of no use.
    fn without_disk(&mut self, begin: u64) -> Sorted<'s> {
        if let Some(spill) = &mut self.spill {
            spill.truncate(begin);
        }
        Sorted::unread()
    }

    /// Keeps names in memory, unless they are to be on the disk or there is no room for them.
    fn keep(&mut self, names: &mut Names) -> Option<Sorted<'s>> {
        let used = names.used();
        if used > MOST_KEPT && self.disk().is_some() {
            return None;
        }
        let grant = Some(self.memory.keep(used)?);
        let mut names = std::mem::take(names);
        names.shrink();
        let next = 0;
        Some(Sorted::Kept { names, next, grant })
    }

    /// Sorts names, moves them to the disk, and returns where they are; `None` where that fails.
    fn write_run(&mut self, names: &mut Names, room: &mut Grant<'s>) -> Option<Range<u64>> {
        names.sort();
        if !room.grow(names.used()) {
            return None;
        }
        let store = self.store;
        let pushed = self.disk()?.push(store, names.each());
        names.clear();
        self.ok_or_stop_spilling(pushed)
    }

    /// Merges runs on the disk into one; `None` where that fails.
    fn merge(
        &mut self,
        runs: VecDeque<Range<u64>>,
        (begin, mut room): (u64, Grant<'s>),
    ) -> Option<Sorted<'s>> {
        // While they are merged, they are there twice.
        if runs.len() > 1 && !room.grow(room.bytes()) {
            return None;
        }
        let store = self.store;
        let merged = self.disk()?.merge(store, runs);
        let part = self.ok_or_stop_spilling(merged)?;
        self.disk()?.forget(begin..part.start);
        room.shrink_to(usize::try_from(part.end - part.start).unwrap_or(usize::MAX));
        let reader = Reader::new(part.clone());
        Some(Sorted::Spilled {
            part,
            reader,
            begin,
            _room: room,
        })
    }

    /// The file on the disk, created at the first call; `None` where there can be none.
    fn disk(&mut self) -> Option<&mut Spill> {
        if self.spill.is_none() && self.can_spill {
            self.spill = Spill::create(&self.store.layout);
            self.can_spill = self.spill.is_some();
        }
        self.spill.as_mut().filter(|_| self.can_spill)
    }

    /// After a failure nothing more is written to the disk. What is there of other directories
    /// stays.
    fn ok_or_stop_spilling<T>(&mut self, outcome: Result<T, Error>) -> Option<T> {
        let outcome = outcome.ok();
        self.can_spill = outcome.is_some();
        outcome
    }

    /// The next name.
    ///
    /// # Errors
    /// Those of reading the directory again, or what is on the disk; [`Error::Cancelled`].
    pub(super) fn next<'n>(
        &self,
        sorted: &'n mut Sorted<'s>,
        directory: &Directory,
        computing: &mut dyn Computing,
    ) -> Result<Option<&'n OsStr>, Error> {
        match sorted {
            Sorted::Kept { names, next, .. } => {
                let name = names.get(*next);
                *next += usize::from(name.is_some());
                Ok(name)
            }
            Sorted::Window(window) => window.next((self.store, self.memory), directory, computing),
            Sorted::Spilled { reader, .. } => match &self.spill {
                Some(spill) => Ok(spill.next(reader, READ)?.map(OsStr::from_bytes)),
                None => Ok(None),
            },
        }
    }

    /// Frees the disk space of sorted names. Whatever was sorted after them is freed before them.
    pub(super) fn forget(&mut self, sorted: &Sorted<'_>) {
        if let (Sorted::Spilled { begin, .. }, Some(spill)) = (sorted, &mut self.spill) {
            spill.truncate(*begin);
        }
    }
}

impl Sorted<'_> {
    /// Names that are read in parts, none of which has been read.
    pub(super) fn unread() -> Self {
        Self::Window(Window::new(Vec::new(), 0))
    }

    /// No names.
    pub(super) fn none() -> Self {
        Self::Kept {
            names: Names::default(),
            next: 0,
            grant: None,
        }
    }

    /// Whether the same names come again after [`Sorted::rewind`].
    pub(super) fn is_fixed(&self) -> bool {
        !matches!(self, Self::Window(_))
    }

    /// Starts again from the first name.
    pub(super) fn rewind(&mut self) {
        match self {
            Self::Kept { next, .. } => *next = 0,
            Self::Spilled { part, reader, .. } => *reader = Reader::new(part.clone()),
            Self::Window(_) => *self = Self::unread(),
        }
    }

    /// Whether all names have been returned, as far as is known without reading on.
    pub(super) fn is_at_end(&self) -> bool {
        match self {
            Self::Kept { names, next, .. } => *next == names.len(),
            Self::Spilled { reader, .. } => reader.is_at_end(),
            Self::Window(window) => window.is_at_end(),
        }
    }

    /// The memory that they take without a grant, in bytes.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::Kept {
                names, grant: None, ..
            } => names.used(),
            Self::Window(window) => window.memory(),
            Self::Kept { .. } | Self::Spilled { .. } => 0,
        }
    }

    /// Frees the buffer until the next name is asked for.
    pub(super) fn free_buffer(&mut self) {
        if let Self::Spilled { reader, .. } = self {
            reader.free_buffer();
        }
    }

    /// Frees memory without a grant; the names that have not been returned are read again.
    pub(super) fn drop_names(&mut self) {
        if self.memory() == 0 {
            return;
        }
        if self.is_at_end() {
            *self = Self::none();
            return;
        }
        match self {
            Self::Kept { names, next, .. } => {
                let last = next.checked_sub(1).and_then(|last| names.get(last));
                let after = last.map_or_else(Vec::new, |last| last.as_bytes().to_vec());
                *self = Self::Window(Window::new(after, names.len() as u64));
            }
            Self::Window(window) => window.drop_names(),
            Self::Spilled { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::computing::Cancelled;
    use crate::storage::guarded_name::GuardedName;
    use crate::storage::scratch::Scratch;
    use crate::storage::snapshot::{Entry, open_entry};

    type Failed = Box<dyn std::error::Error>;

    /// 7,000 names of 204 bytes are 1.4 MiB, which is more than a run.
    const FILES: usize = 7_000;

    fn name(number: usize) -> String {
        format!("{:04}{}", number * 7_919 % FILES, "n".repeat(200))
    }

    /// A storage with this many files.
    fn filled(kind: &str, files: usize) -> Result<Scratch, Failed> {
        let storage = Scratch::new(&format!("sorted-{kind}"))?;
        for number in 0..files {
            std::fs::write(storage.path.join(name(number)), b"")?;
        }
        Ok(storage)
    }

    /// All names in the root by a sorter, which come the same twice, and where they were.
    fn names_by(
        sorter: &mut Sorter<'_>,
        store: &Store,
    ) -> Result<(Vec<String>, &'static str), Failed> {
        let Entry::Directory(directory) = open_entry(store, GuardedName::unguarded(&[]))? else {
            return Err("no folder".into());
        };
        let mut sorted = sorter.sort(&directory)?;
        let kind = match &sorted {
            Sorted::Kept { grant: None, .. } => "small",
            Sorted::Kept { .. } => "kept",
            Sorted::Spilled { .. } => "spilled",
            Sorted::Window(_) => "window",
        };
        let mut rounds = Vec::new();
        for _ in 0..2 {
            let mut names = Vec::new();
            while let Some(name) = sorter.next(&mut sorted, &directory, &mut ())? {
                names.push(name.to_string_lossy().into_owned());
                sorted.free_buffer();
            }
            assert!(sorted.is_at_end());
            rounds.push(names);
            sorted.rewind();
        }
        assert_eq!(rounds.pop().as_ref(), rounds.last());
        sorter.forget(&sorted);
        drop(sorted);
        assert_eq!(sorter.spill.as_ref().map_or(0, Spill::end), 0);
        Ok((rounds.pop().unwrap_or_default(), kind))
    }

    #[test]
    fn all_names_come_in_order_however_they_are_kept() -> Result<(), Failed> {
        let plenty = 64 << 20;
        let many = filled("many", FILES)?;
        let some = filled("some", 1_000)?;
        let few = filled("few", 100)?;
        for (storage, files, limit, disk, expected) in [
            (&few, 100, 0, plenty, "small"),
            // There is never enough memory to sort.
            (&some, 1_000, 0, plenty, "window"),
            (&many, FILES, 2 * WORK - 2, plenty, "window"),
            (&some, 1_000, plenty, plenty, "kept"),
            // A quarter of this, which names may take, is less than they need.
            (&some, 1_000, 4 * 200_000, plenty, "spilled"),
            (&many, FILES, plenty, plenty, "spilled"),
            (&many, FILES, plenty, 0, "window"),
            (&many, FILES, 4 * WORK, 0, "window"),
            // Room on the disk for the first run; for both runs, but not for merging them.
            (&many, FILES, plenty, 1 << 20, "window"),
            (&many, FILES, plenty, 2 << 20, "window"),
        ] {
            let mut memory = Memory::new(limit);
            if limit == 4 * 200_000 {
                memory.give_to_work(2 * WORK);
            }
            memory.set_disk(disk);
            let store = &storage.store;
            let mut sorter = Sorter::new(store, &memory);
            if disk > 0 {
                sorter.spill = Some(Spill::create_on_any_disk(&store.layout)?);
            } else {
                sorter.can_spill = false;
            }
            let (names, kind) = names_by(&mut sorter, store)?;
            let mut sorted: Vec<String> = (0..files).map(name).collect();
            sorted.sort_unstable();
            sorted.dedup();
            assert!(names == sorted, "{kind}: {} names", names.len());
            assert_eq!(kind, expected, "{files} files, {limit} bytes");
            assert_eq!(sorter.memory.in_use(), 0);
        }
        Ok(())
    }

    /// Counts checkpoints and turns, and cancels the computation after this many checkpoints.
    #[derive(Default)]
    struct Counted {
        steps: u32,
        turns: u32,
        has_turn: bool,
        most_steps: Option<u32>,
        last: (u64, u64),
    }

    impl Computing for Counted {
        fn checkpoint(&mut self, done: u64, total: u64) -> Result<(), Cancelled> {
            self.turns += u32::from(!self.has_turn);
            self.has_turn = true;
            self.steps += 1;
            self.last = (done, total);
            match self.most_steps {
                Some(most) if self.steps > most => Err(Cancelled::ClientGone),
                _ => Ok(()),
            }
        }

        fn pause(&mut self) {
            self.has_turn = false;
        }
    }

    // symptom: 200 unread lists of a large directory kept all processors busy for minutes, and a
    //          request of another client beside them took 20 ms instead of 0.1 ms.
    // cause:   lists that get neither memory nor disk read the directory repeatedly, all at
    //          the same time.
    // fix:     they do so in turns, and others go on while a client takes what was read.
    #[test]
    fn a_directory_is_read_again_in_turns_unless_it_is_small() -> Result<(), Failed> {
        let many = filled("turns", FILES)?;
        let some = filled("no-turns", 900)?;
        let memory = Memory::new(0);
        for (storage, most_steps, has_turns) in [
            (&some, None, false),
            (&many, None, true),
            (&many, Some(9), true),
        ] {
            let Entry::Directory(directory) =
                open_entry(&storage.store, GuardedName::unguarded(&[]))?
            else {
                return Err("no folder".into());
            };
            let mut sorter = Sorter::new(&storage.store, &memory);
            let mut sorted = sorter.sort(&directory)?;
            assert!(!sorted.is_fixed());
            let mut counted = Counted {
                most_steps,
                ..Counted::default()
            };
            let mut names = 0_u64;
            let ended = loop {
                match sorter.next(&mut sorted, &directory, &mut counted) {
                    Ok(Some(_)) => names += 1,
                    Ok(None) => break None,
                    Err(error) => break Some(error.to_string()),
                }
                assert!(!counted.has_turn, "behind {names} names");
            };
            assert!(!counted.has_turn);
            assert_eq!(ended.is_some(), most_steps.is_some(), "{ended:?}");
            match has_turns {
                false => assert_eq!((counted.steps, names), (0, 900)),
                true if most_steps.is_some() => assert_eq!(counted.steps, 10),
                true => {
                    let (done, total) = counted.last;
                    assert!(names == 7_000 && done < names && names - done < 200);
                    // Entries that are not listed are counted, too.
                    assert!((7_000..7_010).contains(&total), "{total}");
                    // A part has some 75 to 150 names, and each reading takes seven checkpoints.
                    assert!((45..95).contains(&counted.turns), "{} turns", counted.turns);
                    assert!(counted.steps > 6 * counted.turns, "{} steps", counted.steps);
                }
            }
        }
        Ok(())
    }

    #[test]
    fn who_gets_no_memory_to_sort_with_is_told() -> Result<(), Failed> {
        let some = filled("none", 1_000)?;
        let mut memory = Memory::new(2 * WORK);
        memory.set_work_timeout(Duration::ZERO);
        let taken = memory.work(WORK);
        assert!(taken.is_some());
        let mut sorter = Sorter::new(&some.store, &memory);
        let outcome = names_by(&mut sorter, &some.store);
        let text = outcome.err().map(|error| error.to_string());
        assert_eq!(text, Some(Error::OutOfMemory.to_string()));
        Ok(())
    }
}
