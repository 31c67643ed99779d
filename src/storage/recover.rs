//! At the start: clear what servers that were killed have left in the own folder.
//!
//! Other servers may be at work on the same root. Bodies and joins of theirs are under their lock, and are left alone;
//! a removal may be finished by whoever finds it.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, FlockOperation, OFlags};

use super::Error;
use super::list::names;
use super::note::{inode_of, link_of};
use super::root::Root;
use super::snapshot::open_regular;

impl Root {
    /// Removes abandoned bodies, undoes killed joins and finishes removals. What cannot be cleared is logged and left.
    pub(super) fn recover(&self) {
        let mut cleared = 0;
        let folders = [
            (self.staged.as_fd(), Self::drop_abandoned as fn(&_, &_) -> _),
            (self.joins.as_fd(), Self::undo_abandoned),
            (self.removed.as_fd(), Self::finish_removal),
        ];
        for (dir, clear) in folders {
            for name in names(dir).unwrap_or_default().iter() {
                match clear(self, name) {
                    Ok(true) => cleared += 1,
                    // In use by another server, or gone since.
                    Ok(false) | Err(Error::NotFound) => {}
                    Err(error) => log::warn!("a remnant could not be cleared: {error}"),
                }
            }
        }
        if cleared > 0 {
            log::info!("cleared {cleared} remnants of a server that was stopped in the middle");
        }
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
            // A join was killed before it found that its link is to another file, which has nothing to do with it.
            self.remove_note(inode)?;
            return Ok(true);
        }
        if !try_lock(&file) {
            return Ok(false);
        }
        self.undo_killed_join(&file, inode)?;
        self.remove_note(inode)?;
        Ok(true)
    }

    fn finish_removal(&self, name: &OsStr) -> Result<bool, Error> {
        self.take_apart(name).map(|()| true)
    }
}

/// Whether nobody else holds the file. A file without a holder belongs to a server that is gone.
fn try_lock(file: &File) -> bool {
    rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive).is_ok()
}
