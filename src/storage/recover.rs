//! Clears what servers that were killed, or removals that could not be finished, have left in the own directory.
//!
//! Other servers may be at work on the same root. Bodies and joins of theirs are under their lock, and are left alone;
//! a removal may be finished by whoever finds it.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::Ordering;

use rustix::fs::{AtFlags, FlockOperation, OFlags};

use super::Error;
use super::list::names;
use super::note::{inode_of, link_of};
use super::own::OWN;
use super::snapshot::open_regular;
use super::store::{JOINS, REMOVED, STAGED, Store};
use super::target::stat;

/// What has been found not to be clearable, so that it is logged once: entries of the own directory's directories.
#[derive(Debug, Default)]
pub struct Unclearable(HashSet<(&'static str, OsString)>);

/// The most entries that are known not to be clearable; of others nothing is logged.
const MAX_KNOWN: usize = 1000;

impl Unclearable {
    fn is_new(&mut self, directory: &'static str, name: OsString) -> bool {
        self.0.len() < MAX_KNOWN && self.0.insert((directory, name))
    }
}

/// What a round has come to.
#[derive(Debug, Default)]
struct Round {
    /// Entries that have been cleared.
    cleared: usize,
    failures: Vec<Failure>,
}

/// An entry that could not be cleared.
#[derive(Debug)]
struct Failure {
    /// Its path in the root; that of its directory where even its name is not known.
    name: String,
    cause: String,
}

/// Clears an entry, and says whether that was needed; or why it could not be done.
type Clear = fn(&Store, &OsStr) -> Result<bool, String>;

impl Store {
    /// Removes abandoned bodies, undoes killed appends and finishes removals: to be called when the server listens, for it
    /// may take long, and then every now and then. What cannot be cleared is left, and logged once.
    pub fn recover(&self, known: &mut Unclearable) {
        let Round { cleared, failures } = self.clear(known);
        for Failure { name, cause } in failures {
            log::warn!(name, cause; "a remnant cannot be cleared, to be tried again later");
        }
        if cleared > 0 {
            log::info!(cleared; "remnants of servers or removals that did not come to their end are cleared");
        }
    }

    fn clear(&self, known: &mut Unclearable) -> Round {
        let directories: [(&'static str, BorrowedFd<'_>, Clear); 3] = [
            (STAGED, self.staged.as_fd(), |store, name| {
                store.drop_abandoned(name).or_else(unless_gone)
            }),
            (JOINS, self.joins.as_fd(), |store, name| {
                store.undo_abandoned(name).or_else(unless_gone)
            }),
            (REMOVED, self.removed.as_fd(), Self::finish_removal),
        ];
        let mut round = Round::default();
        for (directory, dir, clear) in directories {
            let is_there = |name: &OsStr| matches!(stat((dir, name)), Ok(Some(_)));
            known
                .0
                .retain(|(of, name)| *of != directory || is_there(name));
            let mut fail = |entry: OsString, cause: String| {
                let name = format!("{OWN}/{directory}/{}", entry.display());
                if known.is_new(directory, entry) {
                    round.failures.push(Failure { name, cause });
                }
            };
            let names = match names(dir) {
                Ok(names) => names,
                Err(error) => {
                    fail(OsString::new(), error.to_string());
                    continue;
                }
            };
            for name in names {
                match name.map(|name| (clear(self, &name), name)) {
                    Ok((Ok(true), _)) => round.cleared += 1,
                    Ok((Ok(false), _)) => {}
                    Ok((Err(cause), name)) => fail(name, cause),
                    Err(error) => {
                        fail(OsString::new(), error.to_string());
                        break;
                    }
                }
            }
        }
        round
    }

    /// Goes on with what has been removed.
    fn finish_removal(&self, name: &OsStr) -> Result<bool, String> {
        // What is left of a removal of this server's own cannot be told from what a request is working on.
        let is_own = name.as_bytes().starts_with(self.instance.as_bytes());
        if is_own && self.removals.load(Ordering::Relaxed) > 0 {
            return Ok(false);
        }
        if !matches!(stat((self.removed.as_fd(), name)), Ok(Some(_))) {
            return Ok(false);
        }
        match self.take_apart(name) {
            None => Ok(true),
            Some(left) => Err(left.to_string()),
        }
    }

    fn drop_abandoned(&self, name: &OsStr) -> Result<bool, Error> {
        let (file, _) = open_regular(self.staged.as_fd(), name, OFlags::RDWR)?;
        if !try_lock(&file) {
            return Ok(false);
        }
        rustix::fs::unlinkat(&self.staged, name, AtFlags::empty())?;
        Ok(true)
    }

    fn undo_abandoned(&self, name: &OsStr) -> Result<bool, Error> {
        let Some(inode) = inode_of(name.as_bytes()) else {
            return Ok(false);
        };
        let link = link_of(&inode.to_string());
        let link = OsStr::new(&link);
        let (file, identity) = match open_regular(self.joins.as_fd(), link, OFlags::RDWR) {
            Ok(opened) => opened,
            // Without a link the file cannot be found; its note keeps the length until the next join.
            Err(Error::NotFound) => return Ok(false),
            Err(error) => return Err(error),
        };
        if identity.id.inode != inode {
            // An append was killed before it found that its link is to another file, which has nothing to do with it. A
            // note of that number belongs to whoever appends now to the file that has it.
            rustix::fs::unlinkat(&self.joins, link, AtFlags::empty())?;
            return Ok(true);
        }
        if !try_lock(&file) {
            return Ok(false);
        }
        if let Some(length) = self.note(&file, inode)?.length() {
            self.undo_join(&file, inode, length)?;
        }
        self.remove_note(inode)?;
        Ok(true)
    }
}

/// What is gone need not be cleared.
fn unless_gone(error: Error) -> Result<bool, String> {
    match error {
        Error::NotFound => Ok(false),
        error => Err(error.to_string()),
    }
}

/// Whether nobody else holds the file. A file without a holder belongs to a server that is gone.
fn try_lock(file: &File) -> bool {
    rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::scratch::Scratch;

    // symptom: the log said every five minutes that a remnant could not be cleared, and not which.
    // cause:   only what could not be removed of directories was remembered, and named.
    // fix:     so is what lies in the other directories of the server's own.
    #[test]
    fn what_cannot_be_cleared_is_named_once() -> Result<(), Box<dyn std::error::Error>> {
        let storage = Scratch::new("recover")?;
        let store = &storage.store;
        let own = storage.path.join(OWN);
        // No server puts directories there.
        let in_the_way = [own.join("staged/in-the-way"), own.join("joins/7.file")];
        let mut known = Unclearable::default();
        for round in 0..2 {
            in_the_way.iter().try_for_each(std::fs::create_dir)?;
            let failures = store.clear(&mut known).failures;
            let names: Vec<_> = failures.iter().map(|it| it.name.as_str()).collect();
            let named = [".http-nas/staged/in-the-way", ".http-nas/joins/7.file"];
            assert_eq!(names, named, "{round}: {failures:?}");
            let failures = store.clear(&mut known).failures;
            assert!(failures.is_empty(), "{round}: {failures:?}");
            // What has gone meanwhile is news when it comes again.
            in_the_way.iter().try_for_each(std::fs::remove_dir)?;
            store.clear(&mut known);
        }
        Ok(())
    }

    // symptom: "cleared 2 remnants of a server that was stopped in the middle", where a client had removed a large directory.
    // cause:   what a request was taking apart was taken for what somebody had left.
    // fix:     a server leaves its own removals alone as long as any goes on.
    #[test]
    fn what_a_request_removes_is_no_remnant() -> Result<(), Box<dyn std::error::Error>> {
        let storage = Scratch::new("removal")?;
        let store = &storage.store;
        let removed = storage.path.join(OWN).join(REMOVED);
        std::fs::create_dir(removed.join(store.unique()))?;
        std::fs::create_dir(removed.join("of-another-server"))?;
        let mut known = Unclearable::default();
        store.removals.fetch_add(1, Ordering::Relaxed);
        assert_eq!(store.clear(&mut known).cleared, 1);
        assert_eq!(std::fs::read_dir(&removed)?.count(), 1);
        store.removals.fetch_sub(1, Ordering::Relaxed);
        assert_eq!(store.clear(&mut known).cleared, 1);
        assert_eq!(std::fs::read_dir(&removed)?.count(), 0);
        Ok(())
    }
}
