//! A directory with all that is beneath it, one entry after the other.
//!
//! Neither depth nor width costs stack or descriptors: of the directories on the way only the
//! innermost is open. To go back to the one above, that is opened again by its path from the top,
//! through no link. The names that are still to be visited are in memory or on the disk
//! (`sorted.rs`). Those of the outermost directories are dropped from memory where there is no room
//! for them, and read again on the way back.

use std::ffi::OsStr;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, FileType, OFlags};
use rustix::io::Errno;

use super::directory::Directory;
use super::error::{Error, raced, retry_on_race};
use super::identity::FileId;
use super::metadata::{Kind, Metadata, metadata};
use super::snapshot::Snapshot;
use super::sorted::{Sorted, Sorter};
use super::store::Store;
use super::sys::{EntryAt, open_beneath, open_regular, open_searchable};
use super::window::SMALL;
use crate::computing::Computing;
use crate::memory::Memory;

/// Names of a directory are kept without a grant while those of the directories beneath it take no
/// more memory than this, in bytes.
const ROOM: usize = 2 * SMALL;

/// The longest path of one system call, in bytes (`PATH_MAX`, with the NUL at its end, is 4096).
const MAX_STEP: usize = 4095;

/// A walk through a directory. Each directory comes before its entries, which are sorted bytewise;
/// what vanishes before it is visited is left out.
#[derive(Debug)]
pub(crate) struct Tree<'s> {
    store: &'s Store,
    sorter: Sorter<'s>,
    top: Directory,
    /// The innermost directory, unless it is the top.
    at: Option<Directory>,
    /// The path from the top to the innermost directory, or to the entry that is being visited.
    path: Vec<u8>,
    /// The directories from the top to the innermost one.
    levels: Vec<Level<'s>>,
    room: usize,
    options: TreeOptions<'s>,
}

/// What a walk does with the entries.
pub(crate) struct TreeOptions<'s> {
    /// Whether files are opened; otherwise only their metadata is read.
    pub opens_files: bool,
    /// Whether the directory of a path from the top, without a slash at the end, is entered.
    pub enters: Box<Enters<'s>>,
}

/// Decides by the path of a directory whether it is entered.
type Enters<'s> = dyn Fn(&[u8]) -> bool + 's;

impl fmt::Debug for TreeOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TreeOptions({})", self.opens_files)
    }
}

/// A directory on the way.
#[derive(Debug)]
struct Level<'s> {
    /// The length of its path with a slash at the end; 0 for the top.
    path_length: usize,
    /// Its entries that have not been visited.
    names: Sorted<'s>,
}

/// An entry of a tree.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its path from the top; that of a directory ends with a slash.
    pub path: Vec<u8>,
    /// What it is; the length of a file is that of its snapshot.
    pub metadata: Metadata,
    /// Its content.
    pub content: NodeContent,
}

/// The content of an entry of a tree.
#[derive(Debug)]
pub(crate) enum NodeContent {
    /// A file.
    File(Snapshot),
    /// That of a file that was not opened.
    Unopened,
    /// That of a directory comes next, if it is entered.
    Directory,
    /// A symbolic link, with its target as it is stored.
    Link(Vec<u8>),
    /// A FIFO, socket or device.
    Other,
}

/// An entry that is there, and cannot be read.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// Its path from the top.
    pub path: Vec<u8>,
    /// Why.
    pub error: Error,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = String::from_utf8_lossy(&self.path);
        write!(f, "{path:?}: {}", self.error)
    }
}

impl std::error::Error for Unreadable {}

impl<'s> Tree<'s> {
    /// Begins at an open directory; at the root without what is hidden from clients.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] where other requests are sorting many names; those of reading the
    /// directory.
    pub(crate) fn new(
        store: &'s Store,
        top: Directory,
        memory: &'s Memory,
        options: TreeOptions<'s>,
    ) -> Result<Self, Error> {
        Self::with_room(store, top, (memory, ROOM), options)
    }

    fn with_room(
        store: &'s Store,
        top: Directory,
        (memory, room): (&'s Memory, usize),
        options: TreeOptions<'s>,
    ) -> Result<Self, Error> {
        let mut sorter = Sorter::new(store, memory);
        let names = sorter.sort(&top)?;
        let path_length = 0;
        Ok(Self {
            store,
            sorter,
            top,
            at: None,
            path: Vec::new(),
            levels: vec![Level { path_length, names }],
            room,
            options,
        })
    }

    /// The next entry; none after an error.
    ///
    /// # Errors
    /// What cannot be read, and why; [`Error::Cancelled`].
    pub(crate) fn next(
        &mut self,
        computing: &mut dyn Computing,
    ) -> Result<Option<Node>, Unreadable> {
        self.advance(computing).map_err(|error| {
            self.levels.clear();
            Unreadable {
                path: self.path.clone(),
                error,
            }
        })
    }

    fn advance(&mut self, computing: &mut dyn Computing) -> Result<Option<Node>, Error> {
        while let Some(level) = self.levels.last() {
            self.path.truncate(level.path_length);
            match self.visit_next(computing) {
                Ok(Some(node)) => return Ok(Some(node)),
                Ok(None) => self.leave()?,
                // It has vanished.
                Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Visits the next entry of the innermost directory, and enters it if it is a directory; `None`
    /// where there are no more.
    fn visit_next(&mut self, computing: &mut dyn Computing) -> Result<Option<Node>, Error> {
        let Some(level) = self.levels.last_mut() else {
            return Ok(None);
        };
        let directory = self.at.as_ref().unwrap_or(&self.top);
        let Some(name) = self.sorter.next(&mut level.names, directory, computing)? else {
            return Ok(None);
        };
        self.path.extend_from_slice(name.as_bytes());
        let (metadata, opened) = match self.options.opens_files {
            true => retry_on_race(|| open_entry_at(self.store, (directory.as_fd(), name)))?,
            false => retry_on_race(|| examine_entry(self.store, directory, name))?,
        };
        let content = match opened {
            Opened::Nothing => NodeContent::Unopened,
            Opened::File(snapshot) => NodeContent::File(snapshot),
            Opened::Link(target) => NodeContent::Link(target),
            Opened::Other => NodeContent::Other,
            Opened::Directory(directory) => {
                match (self.options.enters)(&self.path) {
                    true => self.enter(directory)?,
                    false => self.path.push(b'/'),
                }
                NodeContent::Directory
            }
        };
        Ok(Some(Node {
            path: self.path.clone(),
            metadata,
            content,
        }))
    }

    /// Enters the directory that the path leads to.
    fn enter(&mut self, directory: OwnedFd) -> Result<(), Error> {
        if let Some(level) = self.levels.last_mut() {
            level.names.free_buffer();
        }
        let directory = Directory::new(directory, false);
        let names = match self.sorter.sort(&directory) {
            // The archive has begun, and is to be completed even if slowly.
            Err(Error::OutOfMemory) => Sorted::unread(),
            names => names?,
        };
        self.at = Some(directory);
        self.path.push(b'/');
        let path_length = self.path.len();
        self.levels.push(Level { path_length, names });
        self.make_room();
        Ok(())
    }

    /// Goes back to the directory above, which is opened only if it has more entries. It may have
    /// vanished.
    fn leave(&mut self) -> Result<(), Error> {
        if let Some(level) = self.levels.pop() {
            self.sorter.forget(&level.names);
        }
        self.at = None;
        let Some(level) = self.levels.last_mut() else {
            return self.check_end();
        };
        let above = &self.path[..level.path_length];
        if level.names.is_at_end() || above.is_empty() {
            return Ok(());
        }
        match open_by_path(self.top.as_fd(), above) {
            Ok(opened) => self.at = Some(Directory::new(opened, false)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {
                self.sorter.forget(&level.names);
                level.names = Sorted::none();
            }
            Err(errno) => return Err(errno.into()),
        }
        Ok(())
    }

    /// Frees memory for names that has no grant, where it is too much: of the outermost directories
    /// first, never of the innermost.
    fn make_room(&mut self) {
        let mut beneath: usize = 0;
        for level in self.levels.iter_mut().rev() {
            match beneath <= self.room {
                true => beneath += level.names.memory(),
                false => level.names.drop_names(),
            }
        }
    }

    /// Fails where the top has been removed: entries that vanished with it were left out, and what
    /// has been visited is not the whole.
    fn check_end(&self) -> Result<(), Error> {
        let top = rustix::fs::fstat(&self.top)?;
        // Before a server removes the content of a directory, it moves it to its own directory.
        let parent = FileId::at(&self.top, OsStr::new(".."))?;
        if top.st_nlink == 0 || parent == FileId::of(&self.store.layout.removed)? {
            let removed = "the folder was removed meanwhile";
            return Err(Error::System(std::io::Error::other(removed)));
        }
        Ok(())
    }
}

/// An entry, opened.
enum Opened {
    File(Snapshot),
    /// A file of which only the metadata was read.
    Nothing,
    Directory(OwnedFd),
    Link(Vec<u8>),
    Other,
}

/// Opens an entry as what it is.
///
/// # Errors
/// [`Error::Raced`] where something else has taken its name meanwhile; those of openat(2) and
/// readlinkat(2).
fn open_entry_at(store: &Store, at: EntryAt<'_>) -> Result<(Metadata, Opened), Error> {
    let (dir, name) = at;
    let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            let (file, _) = open_regular(at, OFlags::RDONLY).map_err(raced)?;
            let snapshot = Snapshot::take(store, file)?;
            let mut metadata = Metadata::from(&rustix::fs::fstat(&snapshot.file)?);
            metadata.length = snapshot.version.length;
            Ok((metadata, Opened::File(snapshot)))
        }
        FileType::Directory => {
            let directory = match open_searchable(dir, name) {
                Err(Errno::NOTDIR | Errno::LOOP) => return Err(Error::Raced),
                opened => opened?,
            };
            let metadata = Metadata::from(&rustix::fs::fstat(&directory)?);
            Ok((metadata, Opened::Directory(directory)))
        }
        FileType::Symlink => match rustix::fs::readlinkat(dir, name, Vec::new()) {
            Err(Errno::INVAL) => Err(Error::Raced),
            target => Ok((Metadata::from(&stat), Opened::Link(target?.into_bytes()))),
        },
        _ => Ok((Metadata::from(&stat), Opened::Other)),
    }
}

/// The same, without opening files.
///
/// # Errors
/// Those of [`open_entry_at`] and [`metadata`].
fn examine_entry(
    store: &Store,
    directory: &Directory,
    name: &OsStr,
) -> Result<(Metadata, Opened), Error> {
    let metadata = metadata(store, directory, name)?.ok_or(Error::NotFound)?;
    match metadata.kind {
        Kind::File => Ok((metadata, Opened::Nothing)),
        Kind::Directory | Kind::Link | Kind::Other => {
            open_entry_at(store, (directory.as_fd(), name))
        }
    }
}

/// Opens a directory beneath another by a path of any length, with a slash after each component.
fn open_by_path(top: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    let mut left = path;
    let mut at: Option<OwnedFd> = None;
    loop {
        let step = match left.get(..MAX_STEP) {
            None => left,
            Some(most) => {
                let slash = memchr::memrchr(b'/', most).ok_or(Errno::NAMETOOLONG)?;
                &most[..=slash]
            }
        };
        left = &left[step.len()..];
        let from = at.as_ref().map_or(top, AsFd::as_fd);
        let step = step.strip_suffix(b"/").unwrap_or(step);
        let opened = open_beneath(from, OsStr::from_bytes(step))?;
        if left.is_empty() {
            return Ok(opened);
        }
        at = Some(opened);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::storage::guarded_name::GuardedName;
    use crate::storage::scratch::Scratch;
    use crate::storage::snapshot::{Entry, open_entry};

    fn tree<'s>(store: &'s Store, memory: &'s Memory, room: usize) -> Result<Tree<'s>, Error> {
        match open_entry(store, GuardedName::unguarded(&[]))? {
            Entry::Directory(top) => {
                let options = TreeOptions {
                    opens_files: true,
                    enters: Box::new(|_| true),
                };
                Tree::with_room(store, top, (memory, room), options)
            }
            Entry::File(_) => Err(Error::IsFile),
        }
    }

    /// Makes directories 0 to 2 in each other, to a depth, each with a file sorted before it and
    /// one after it.
    fn fill(
        directory: &Path,
        depth: u32,
        paths: &mut Vec<String>,
        path: &str,
    ) -> std::io::Result<()> {
        std::fs::create_dir_all(directory)?;
        for number in 0..3 {
            for file in [format!("{number}-"), format!("{number}0")] {
                std::fs::write(directory.join(&file), b"")?;
                paths.push(format!("{path}{file}"));
            }
            if depth > 0 {
                let inner = format!("{path}{number}/");
                paths.push(inner.clone());
                fill(
                    &directory.join(number.to_string()),
                    depth - 1,
                    paths,
                    &inner,
                )?;
            }
        }
        Ok(())
    }

    // symptom: an archive of directories in each other, each the last one in the one above, held
    //          the names of all of them: a few tens of levels were enough to end a server in a
    //          small control group.
    // cause:   names that had all been visited were kept.
    // fix:     they are dropped first.
    #[test]
    fn names_that_have_all_been_looked_at_take_no_room() -> Result<(), Box<dyn std::error::Error>> {
        const ROOM: usize = 32 * 1024;
        let storage = Scratch::new("tree-last")?;
        let store = &storage.store;
        let long = "n".repeat(200);
        let mut directory = storage.path.clone();
        for _ in 0..20 {
            directory.push("z");
            std::fs::create_dir(&directory)?;
            for number in 0..80 {
                std::fs::write(directory.join(format!("{number}{long}")), b"")?;
            }
        }
        let memory = Memory::new(1 << 24);
        let mut tree = tree(store, &memory, ROOM)?;
        let mut found = 0;
        while tree.next(&mut ())?.is_some() {
            found += 1;
            let held: usize = tree.levels.iter().map(|level| level.names.memory()).sum();
            // There may be one level more than there is room for: the innermost is never dropped.
            assert!(
                held <= 2 * ROOM,
                "{held} bytes in {} levels",
                tree.levels.len()
            );
        }
        assert_eq!(found, 20 * 81);
        Ok(())
    }

    // symptom: an archive was broken off at a directory of many names while other requests were
    //          sorting.
    // cause:   a directory that got no memory to sort with ended the archive, like one that cannot
    //          be read.
    // fix:     such a directory is read in parts.
    #[test]
    fn a_directory_that_gets_no_memory_to_sort_with_is_gone_through_all_the_same()
    -> Result<(), Box<dyn std::error::Error>> {
        let storage = Scratch::new("tree-sort")?;
        let store = &storage.store;
        let inner = storage.path.join("inner");
        std::fs::create_dir(&inner)?;
        let long = "n".repeat(200);
        for number in 0..1_000 {
            std::fs::write(inner.join(format!("{number:03}{long}")), b"")?;
        }
        let mut memory = Memory::new(1 << 24);
        memory.set_work_timeout(Duration::ZERO);
        let taken = memory.work(1 << 23);
        assert!(taken.is_some());
        let mut names = Vec::new();
        let mut tree = tree(store, &memory, ROOM)?;
        while let Some(node) = tree.next(&mut ())? {
            names.push(String::from_utf8(node.path)?);
        }
        let files = (0..1_000).map(|number| format!("inner/{number:03}{long}"));
        let expected: Vec<String> = std::iter::once("inner/".to_owned()).chain(files).collect();
        assert!(names == expected, "{} names", names.len());
        Ok(())
    }

    #[test]
    fn names_that_there_is_no_room_for_are_read_again() -> Result<(), Box<dyn std::error::Error>> {
        let storage = Scratch::new("tree-room")?;
        let store = &storage.store;
        let mut expected = Vec::new();
        fill(&storage.path, 4, &mut expected, "")?;
        // Bytewise within a directory: "0" with all in it comes before "0-", and that before "00".
        let key = |path: &String| -> Vec<Vec<u8>> {
            let components = path.trim_end_matches('/').split('/');
            components
                .map(|component| component.as_bytes().to_vec())
                .collect()
        };
        expected.sort_by_key(key);
        let memory = Memory::new(0);
        for (room, most_kept) in [(usize::MAX, 5), (0, 1), (200, 3)] {
            let mut found = Vec::new();
            let mut kept = 0;
            let mut tree = tree(store, &memory, room)?;
            while let Some(node) = tree.next(&mut ())? {
                found.push(String::from_utf8(node.path)?);
                kept = kept.max(
                    tree.levels
                        .iter()
                        .filter(|level| level.names.memory() > 0)
                        .count(),
                );
            }
            assert_eq!(found, expected, "with room for {room}");
            assert_eq!(kept, most_kept, "with room for {room}");
        }
        Ok(())
    }

    #[test]
    fn what_vanishes_while_its_directory_is_forgotten_is_left_out()
    -> Result<(), Box<dyn std::error::Error>> {
        let storage = Scratch::new("tree-vanish")?;
        let store = &storage.store;
        fill(&storage.path, 2, &mut Vec::new(), "")?;
        let memory = Memory::new(0);
        let mut tree = tree(store, &memory, 0)?;
        let mut found = Vec::new();
        while let Some(node) = tree.next(&mut ())? {
            let path = String::from_utf8(node.path)?;
            if path == "0/0/0-" {
                // Two levels above: the next directory, and the file after it.
                std::fs::remove_dir_all(storage.path.join("1"))?;
                std::fs::remove_file(storage.path.join("10"))?;
                // The directory above this entry's.
                std::fs::rename(storage.path.join("0"), storage.path.join("moved"))?;
            }
            found.push(path);
        }
        let expected = [
            "0/", "0/0/", "0/0/0-", "0/0/00", "0/0/1-", "0/0/10", "0/0/2-", "0/0/20", "0-", "00",
            "1-", "2/",
        ];
        assert_eq!(found[..expected.len()], expected);
        let moved = "moved/";
        assert_eq!(found.last().map(String::as_str), Some("moved/20"));
        assert!(found.iter().any(|path| path == moved), "{found:?}");
        Ok(())
    }
}
