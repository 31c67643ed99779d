//! Clears what servers that were killed, or removals that could not be finished, have left in the own folder.
//!
//! Other servers may be at work on the same root. Bodies and joins of theirs are under their lock, and are left alone;
//! a removal may be finished by whoever finds it.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, FlockOperation, OFlags};

use super::Error;
use super::list::names;
use super::note::{inode_of, link_of};
use super::root::Root;
use super::snapshot::open_regular;
use super::target::stat;

/// What has been found not to be clearable, so that it is logged once: names in the folder of removed things.
#[derive(Debug, Default)]
pub struct Unclearable(HashSet<OsString>);

/// The most names that are known not to be clearable; of others nothing is logged.
const MAX_KNOWN: usize = 1000;

impl Unclearable {
    fn is_new(&mut self, name: OsString) -> bool {
        self.0.len() < MAX_KNOWN && self.0.insert(name)
    }
}

impl Root {
    /// Removes abandoned bodies, undoes killed appends and finishes removals: to be called when the server listens, for it
    /// may take long, and then every now and then. What cannot be cleared is left, and logged once.
    pub fn recover(&self, known: &mut Unclearable) {
        let mut cleared = 0;
        let folders = [
            (self.staged.as_fd(), Self::drop_abandoned as fn(&_, &_) -> _),
            (self.joins.as_fd(), Self::undo_abandoned),
        ];
        for (dir, clear) in folders {
            for name in names(dir).into_iter().flatten().flatten() {
                match clear(self, &name) {
                    Ok(true) => cleared += 1,
                    // In use by another server, or gone since.
                    Ok(false) | Err(Error::NotFound) => {}
                    Err(error) => log::warn!("a remnant could not be cleared: {error}"),
                }
            }
        }
        cleared += self.finish_removals(known);
        if cleared > 0 {
            log::info!("cleared {cleared} remnants of a server that was stopped in the middle");
        }
    }

    /// Goes on with what has been removed, and says how much of it is gone now.
    fn finish_removals(&self, known: &mut Unclearable) -> usize {
        let is_there = |name: &OsStr| matches!(stat((self.removed.as_fd(), name)), Ok(Some(_)));
        known.0.retain(|name| is_there(name));
        let mut finished = 0;
        for name in names(self.removed.as_fd()).into_iter().flatten().flatten() {
            if !is_there(&name) {
                continue;
            }
            match self.take_apart(&name) {
                None => finished += 1,
                Some(left) if known.is_new(name) => log::warn!("of a removed folder {left}"),
                Some(_) => {}
            }
        }
        finished
    }

    fn drop_abandoned(&self, name: &OsStr) -> Result<bool, Error> {
        let file = open_regular(self.staged.as_fd(), name, OFlags::RDWR)?;
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
        let file = match open_regular(self.joins.as_fd(), link, OFlags::RDWR) {
            Ok(file) => file,
            // Without a link the file cannot be found; its note keeps the length until the next join.
            Err(Error::NotFound) => return Ok(false),
            Err(error) => return Err(error),
        };
        if rustix::fs::fstat(&file)?.st_ino != inode {
            // An append was killed before it found that its link is to another file, which has nothing to do with it. A
            // note of that number belongs to whoever appends now to the file that has it.
            rustix::fs::unlinkat(&self.joins, link, AtFlags::empty())?;
            return Ok(true);
        }
        if !try_lock(&file) {
            return Ok(false);
        }
        self.undo_killed_join(&file, inode)?;
        self.remove_note(inode)?;
        Ok(true)
    }
}

/// Whether nobody else holds the file. A file without a holder belongs to a server that is gone.
fn try_lock(file: &File) -> bool {
    rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive).is_ok()
}
