//! Clearing what killed servers and incomplete removals have left in the server's own directory.
//!
//! Other servers may be at work on the same root. Their staged bodies and the files that they
//! append to are locked by them, and are left alone; any server may complete a removal.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::Ordering;

use rustix::fs::{AtFlags, OFlags};

use crate::storage::error::Error;
use crate::storage::guarded_name::GuardedName;
use crate::storage::journal::{self, inode_of, link_name};
use crate::storage::layout::{INTENTS, REMOVED, STAGED};
use crate::storage::lock::try_lock;
use crate::storage::own_directory::OWN;
use crate::storage::removal::{move_to_removed, remove_tree};
use crate::storage::resolve::resolve;
use crate::storage::resolved::{ResolveOptions, Resolved};
use crate::storage::staged_tree::{is_replaced, marker_of, replaced_name};
use crate::storage::store::Store;
use crate::storage::sys::{EntryAt, names, open_regular, rename_onto, stat};

/// The longest name that a file beside a directory holds, in bytes.
const MAX_PATH: u64 = 4096;

/// What could not be cleared, so that it is logged once: the directory below the server's own, and
/// the name in it.
#[derive(Debug, Default)]
pub(crate) struct Unclearable(HashSet<(&'static str, OsString)>);

/// At most this many entries are remembered; what is beyond them is not logged.
const MAX_KNOWN: usize = 1000;

impl Unclearable {
    fn is_new(&mut self, directory: &'static str, name: OsString) -> bool {
        self.0.len() < MAX_KNOWN && self.0.insert((directory, name))
    }
}

/// The result of a round of clearing.
#[derive(Debug, Default)]
struct Round {
    /// Entries that have been cleared.
    cleared: usize,
    failures: Vec<Failure>,
}

/// An entry that could not be cleared.
#[derive(Debug)]
struct Failure {
    /// Its path in the root; that of its directory where its name is not known.
    name: String,
    cause: String,
}

/// Clears an entry. Returns whether that was needed, or why it could not be done.
type Clear = fn(&Store, &OsStr) -> Result<bool, String>;

/// Removes abandoned bodies, rolls back killed appends and completes removals: to be called when
/// the server listens, for it may take long, and then every now and then. What cannot be cleared is
/// left, and logged once.
pub(crate) fn recover(store: &Store, known: &mut Unclearable) {
    let Round { cleared, failures } = clear(store, known);
    for Failure { name, cause } in failures {
        log::warn!(name, cause; "a remnant cannot be cleared, to be tried again later");
    }
    if cleared > 0 {
        log::info!(cleared; "remnants of servers or removals that did not come to their end are cleared");
    }
}

/// Removes the staged bodies and directories of this process: for its end, with uploads still
/// running.
pub(crate) fn discard_staged(store: &Store) {
    let layout = &store.layout;
    let staged = &layout.staged;
    for name in names(staged).into_iter().flatten().flatten() {
        if !layout.is_of_this_process(&name) {
            continue;
        }
        // One that is committed at this moment is gone; and no failure can be mended here.
        if marker_of(&name).is_none() {
            let _ = rustix::fs::unlinkat(staged, &name, AtFlags::empty());
        } else if let Ok(removed) = move_to_removed(layout, (staged.as_fd(), &name)) {
            // What is still being put into it is removed when a server starts.
            remove_tree(layout, OsStr::new(&removed));
        }
    }
}

fn clear(store: &Store, known: &mut Unclearable) -> Round {
    let layout = &store.layout;
    let directories: [(&'static str, BorrowedFd<'_>, Clear); 3] = [
        (STAGED, layout.staged.as_fd(), |store, name| {
            drop_abandoned(store, name).or_else(unless_gone)
        }),
        (INTENTS, layout.intents.as_fd(), |store, name| {
            roll_back_abandoned(store, name).or_else(unless_gone)
        }),
        (REMOVED, layout.removed.as_fd(), finish_removal),
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
        let cleared = &mut round.cleared;
        if let Err(error) = clear_directory(store, (dir, clear), cleared, &mut fail) {
            fail(OsString::new(), error.to_string());
        }
    }
    round
}

/// Clears the entries of a directory by `clear`, counts them, and calls `fail` with the name of
/// each that could not be cleared, and why.
///
/// # Errors
/// Those of reading the directory.
fn clear_directory(
    store: &Store,
    (dir, clear): (BorrowedFd<'_>, Clear),
    cleared: &mut usize,
    fail: &mut dyn FnMut(OsString, String),
) -> Result<(), Error> {
    for name in names(dir)? {
        let name = name?;
        match clear(store, &name) {
            Ok(true) => *cleared += 1,
            Ok(false) => {}
            Err(cause) => fail(name, cause),
        }
    }
    Ok(())
}

fn drop_abandoned(store: &Store, name: &OsStr) -> Result<bool, Error> {
    let staged = store.layout.staged.as_fd();
    let (file, _) = match open_regular((staged, name), OFlags::RDWR) {
        Err(Error::IsDirectory) => return drop_abandoned_tree(store, name),
        opened => opened?,
    };
    // With a directory that is to be put back, it is removed after that.
    if !try_lock(&file).unwrap_or(false) || stat((staged, &replaced_name(name)))?.is_some() {
        return Ok(false);
    }
    rustix::fs::unlinkat(staged, name, AtFlags::empty())?;
    Ok(true)
}

/// Removes a staged directory whose writer was killed. One that was about to be replaced gets its
/// name back, if nothing else has it.
fn drop_abandoned_tree(store: &Store, name: &OsStr) -> Result<bool, Error> {
    let layout = &store.layout;
    let staged = layout.staged.as_fd();
    let marker = marker_of(name).ok_or(Error::IsDirectory)?;
    // The writer makes its file before the directory, and removes it after that.
    let marker = match open_regular((staged, marker), OFlags::RDWR) {
        Ok((file, _)) if !try_lock(&file).unwrap_or(false) => return Ok(false),
        Ok((file, _)) => Some(file),
        Err(Error::NotFound) => None,
        Err(error) => return Err(error),
    };
    if is_replaced(name)
        && let Some(marker) = &marker
        && put_back(store, (staged, name), marker)?
    {
        return Ok(true);
    }
    let removed = match move_to_removed(layout, (staged, name)) {
        Err(Error::Raced) => return Ok(false),
        removed => removed?,
    };
    // What is left is among the removed ones, where it is tried again.
    remove_tree(layout, OsStr::new(&removed));
    Ok(true)
}

/// Gives a directory the name back that is in the file beside it; `false` where something else has
/// that name, or it is none.
fn put_back(store: &Store, from: EntryAt<'_>, marker: &File) -> Result<bool, Error> {
    let mut path = Vec::new();
    marker.take(MAX_PATH).read_to_end(&mut path)?;
    let path = String::from_utf8_lossy(&path);
    let components: Vec<String> = path.split('/').map(str::to_owned).collect();
    let name = GuardedName::unguarded(&components);
    let Ok(Resolved::Entry(entry)) = resolve(store, name, ResolveOptions::FOLLOW) else {
        return Ok(false);
    };
    match stat(entry.at())? {
        Some(_) => Ok(false),
        None => Ok(rename_onto(from, entry.at(), false).is_ok()),
    }
}

fn roll_back_abandoned(store: &Store, name: &OsStr) -> Result<bool, Error> {
    let Some(inode) = inode_of(name.as_bytes()) else {
        return Ok(false);
    };
    let intents = store.layout.intents.as_fd();
    let link = link_name(inode);
    let (file, identity) = match open_regular((intents, OsStr::new(&link)), OFlags::RDWR) {
        Ok(opened) => opened,
        // Without a link the file cannot be found; its intent keeps the length until the next
        // append.
        Err(Error::NotFound) => return Ok(false),
        Err(error) => return Err(error),
    };
    if identity.id.inode != inode {
        // An append was killed before it found that its link is to another file, which has nothing
        // to do with it. An intent of that number belongs to an append to the file that has it now.
        rustix::fs::unlinkat(intents, link, AtFlags::empty())?;
        return Ok(true);
    }
    if !try_lock(&file).unwrap_or(false) {
        return Ok(false);
    }
    let file = (&file, inode);
    if let Some(length) = journal::read(store, file)?.length() {
        journal::roll_back(store, file, length)?;
    }
    journal::commit(store, inode)?;
    Ok(true)
}

/// Goes on with the removal of a directory.
fn finish_removal(store: &Store, name: &OsStr) -> Result<bool, String> {
    let layout = &store.layout;
    // Remnants of a removal by this server look the same as what a request is removing.
    if layout.is_of_this_process(name) && store.removals.load(Ordering::Relaxed) > 0 {
        return Ok(false);
    }
    if !matches!(stat((layout.removed.as_fd(), name)), Ok(Some(_))) {
        return Ok(false);
    }
    match remove_tree(layout, name) {
        None => Ok(true),
        Some(left) => Err(left.to_string()),
    }
}

/// An entry that is gone need not be cleared.
fn unless_gone(error: Error) -> Result<bool, String> {
    match error {
        Error::NotFound => Ok(false),
        error => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Provenance;
    use crate::storage::scratch::Scratch;
    use crate::storage::staged_tree::stage_tree;
    use crate::storage::upload::Need;

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
            let failures = clear(store, &mut known).failures;
            let names: Vec<_> = failures.iter().map(|it| it.name.as_str()).collect();
            let named = [".http-nas/staged/in-the-way", ".http-nas/joins/7.file"];
            assert_eq!(names, named, "{round}: {failures:?}");
            let failures = clear(store, &mut known).failures;
            assert!(failures.is_empty(), "{round}: {failures:?}");
            // What has gone meanwhile is news when it comes again.
            in_the_way.iter().try_for_each(std::fs::remove_dir)?;
            clear(store, &mut known);
        }
        Ok(())
    }

    #[test]
    fn staged_directories_are_cleared_once_their_writers_are_gone()
    -> Result<(), Box<dyn std::error::Error>> {
        let storage = Scratch::new("staged-trees")?;
        let store = &storage.store;
        let staged = storage.path.join(OWN).join(STAGED);
        let names = [String::from("new")];
        let need = Need {
            declared: None,
            twice: false,
        };
        let name = GuardedName::unguarded(&names);
        let mut living = stage_tree(store, need, name, Provenance::default())?;
        living.make_directory(&[String::from("sub")])?;
        std::fs::create_dir_all(staged.join("killed.d/sub"))?;
        std::fs::write(staged.join("killed"), b"")?;
        std::fs::write(staged.join("killed.d/sub/file"), b"content")?;
        std::fs::create_dir_all(staged.join("without-a-file.d/sub"))?;
        let mut known = Unclearable::default();
        let failures = clear(store, &mut known).failures;
        assert!(failures.is_empty(), "{failures:?}");
        clear(store, &mut known);
        let there = |directory| -> std::io::Result<usize> {
            Ok(std::fs::read_dir(storage.path.join(OWN).join(directory))?.count())
        };
        // Its file and itself.
        assert_eq!((there(STAGED)?, there(REMOVED)?), (2, 0));
        living.make_directory(&[String::from("sub"), String::from("more")])?;
        drop(living);
        assert_eq!((there(STAGED)?, there(REMOVED)?), (0, 0));
        Ok(())
    }

    // A server that was killed between the two renames by which a directory takes the place of
    // another, where the file system cannot exchange two.
    #[test]
    fn a_directory_that_was_to_be_replaced_is_put_back() -> Result<(), Box<dyn std::error::Error>> {
        let storage = Scratch::new("put-back")?;
        let store = &storage.store;
        let staged = storage.path.join(OWN).join(STAGED);
        for (path, is_taken, is_put_back) in [
            ("folder", false, true),
            ("parent/folder", false, true),
            ("folder", true, false),
            ("no-parent/folder", false, false),
            ("../outside", false, false),
            ("", false, false),
        ] {
            std::fs::create_dir_all(storage.path.join("parent"))?;
            std::fs::create_dir_all(staged.join("killed.d/new"))?;
            std::fs::create_dir_all(staged.join("killed.replaced/old"))?;
            std::fs::write(staged.join("killed"), path)?;
            if is_taken {
                std::fs::create_dir_all(storage.path.join(path).join("other"))?;
            }
            let mut known = Unclearable::default();
            (0..3).for_each(|_| drop(clear(store, &mut known)));
            let place = storage.path.join(path);
            assert_eq!(place.join("old").exists(), is_put_back, "{path}");
            assert_eq!(place.join("other").exists(), is_taken, "{path}");
            for directory in [STAGED, REMOVED] {
                let left = std::fs::read_dir(storage.path.join(OWN).join(directory))?;
                assert_eq!(left.count(), 0, "{path}: {directory}");
            }
            if is_put_back || is_taken {
                std::fs::remove_dir_all(place)?;
            }
        }
        Ok(())
    }

    // symptom: "cleared 2 remnants of a server that was stopped in the middle", where a client had
    //          removed a large directory.
    // cause:   what a request was taking apart was mistaken for a remnant.
    // fix:     a server leaves its own removals alone as long as any goes on.
    #[test]
    fn what_a_request_removes_is_no_remnant() -> Result<(), Box<dyn std::error::Error>> {
        let storage = Scratch::new("removal")?;
        let store = &storage.store;
        let removed = storage.path.join(OWN).join(REMOVED);
        std::fs::create_dir(removed.join(store.layout.unique_name()))?;
        std::fs::create_dir(removed.join("of-another-server"))?;
        let mut known = Unclearable::default();
        store.removals.fetch_add(1, Ordering::Relaxed);
        assert_eq!(clear(store, &mut known).cleared, 1);
        assert_eq!(std::fs::read_dir(&removed)?.count(), 1);
        store.removals.fetch_sub(1, Ordering::Relaxed);
        assert_eq!(clear(store, &mut known).cleared, 1);
        assert_eq!(std::fs::read_dir(&removed)?.count(), 0);
        Ok(())
    }
}
