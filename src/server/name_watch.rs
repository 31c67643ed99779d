//! Finding out at once that something has changed under the names that requests wait for, where the
//! file system tells (inotify(7)): changes by other programs, and by other servers on this machine.
//!
//! It makes waits shorter, and decides nothing: where nothing is told, as of changes on other
//! machines, each name is looked at once a second (`waits.rs`).
//!
//! Responsible for: which directories are watched for which names. Not for: who waits.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use super::waits::Waits;
use crate::http::name::Name;
use crate::storage::{Store, open_nearest};

/// How much is read of the events at a time, in bytes.
const BUFFER: usize = 16 * 1024;

/// What changes under the name of an entry of a watched directory, or the directory itself.
const CHANGES: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

/// The number of a watched directory (`wd`).
type Directory = i32;

/// The directories that are watched.
pub(super) struct NameWatch {
    inotify: OwnedFd,
    /// For each directory, the names that are concerned by its entries; those that any entry
    /// concerns are at the empty name.
    directories: HashMap<Directory, HashMap<OsString, HashSet<Name>>>,
    /// For each name, the directories.
    names: HashMap<Name, HashSet<Directory>>,
}

impl NameWatch {
    /// # Errors
    /// Those of inotify_init(2).
    pub(super) fn new() -> io::Result<Self> {
        let flags = CreateFlags::CLOEXEC | CreateFlags::NONBLOCK;
        Ok(Self {
            inotify: inotify::init(flags)?,
            directories: HashMap::new(),
            names: HashMap::new(),
        })
    }

    /// Watches for the names as they are waited for, for ever.
    ///
    /// # Errors
    /// Those of poll(2) and of reading events.
    pub(super) fn run(&mut self, store: &Store, waits: &Arc<Waits>) -> io::Result<()> {
        loop {
            let mut ready = [
                PollFd::new(&self.inotify, PollFlags::IN),
                PollFd::new(waits.has_new(), PollFlags::IN),
            ];
            match poll(&mut ready, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            waits.has_new().clear();
            let mut names = waits.take_new();
            names.extend(self.concerned()?);
            self.forget_unused(waits);
            for name in &names {
                if waits.has(name) {
                    self.watch(store, name);
                }
            }
            // After they are watched: what has changed before that is seen now.
            waits.look_at(store, &names);
        }
    }

    /// The names that are concerned by what has been told.
    fn concerned(&mut self) -> io::Result<HashSet<Name>> {
        let mut names = HashSet::new();
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let mut events = inotify::Reader::new(&self.inotify, &mut buffer);
        loop {
            let event = match events.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return Ok(names),
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno.into()),
            };
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                // What was told is lost.
                names.extend(self.names.keys().cloned());
                continue;
            }
            let Some(entries) = self.directories.get(&event.wd()) else {
                continue;
            };
            let entry = event.file_name().map(|name| name.to_bytes().to_vec());
            let entry = entry.map(OsString::from_vec);
            // Without a name, the directory itself has changed.
            let is_concerned =
                |name: &OsString| name.is_empty() || entry.as_ref().is_none_or(|it| it == name);
            let concerned = entries.iter().filter(|(name, _)| is_concerned(name));
            names.extend(concerned.flat_map(|(_, names)| names).cloned());
        }
    }

    /// Watches the directories in which a change of the name can be seen: the innermost that there
    /// is on the way to it, and the one that the name leads to.
    fn watch(&mut self, store: &Store, name: &Name) {
        let components = name.components();
        let mut watched = HashSet::new();
        if let Some((directory, depth)) = open_nearest(store, components) {
            let entry = components.get(depth).cloned().unwrap_or_default();
            watched.extend(self.add(&directory, entry.into(), name));
        }
        let entry = name.entry("entry");
        if let Some((directory, depth)) = open_nearest(store, entry.components())
            && depth == components.len()
        {
            watched.extend(self.add(&directory, OsString::new(), name));
        }
        let before = self.names.insert(name.clone(), watched.clone());
        for directory in before.unwrap_or_default().difference(&watched) {
            self.remove(*directory, name);
        }
    }

    fn add(&mut self, directory: &OwnedFd, entry: OsString, name: &Name) -> Option<Directory> {
        // There is no call that takes a descriptor.
        let path = format!("/proc/self/fd/{}", directory.as_raw_fd());
        let directory = inotify::add_watch(&self.inotify, path, CHANGES).ok()?;
        let entries = self.directories.entry(directory).or_default();
        entries.entry(entry).or_default().insert(name.clone());
        Some(directory)
    }

    fn remove(&mut self, directory: Directory, name: &Name) {
        let Some(entries) = self.directories.get_mut(&directory) else {
            return;
        };
        entries.retain(|_, names| {
            names.remove(name);
            !names.is_empty()
        });
        if entries.is_empty() {
            self.directories.remove(&directory);
            // It fails where the directory is gone.
            let _ = inotify::remove_watch(&self.inotify, directory);
        }
    }

    /// Stops watching for names for which nothing waits any more.
    fn forget_unused(&mut self, waits: &Waits) {
        let is_unused = |name: &&Name| !waits.has(name);
        let unused: Vec<Name> = self.names.keys().filter(is_unused).cloned().collect();
        for name in unused {
            for directory in self.names.remove(&name).unwrap_or_default() {
                self.remove(directory, &name);
            }
        }
    }
}
