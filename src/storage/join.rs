//! Appending: a staged body is joined to a file in one step.
//!
//! The order: lock the file, undo a join that was killed, note the length, copy, remove the note. A reader sees the
//! file at the noted length until the note is gone; a kill at any point leaves the old length to be found.

use std::io::{Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::OFlags;

use super::Error;
use super::error::again;
use super::root::Root;
use super::snapshot::open_regular;
use super::staged::Staged;
use super::target::{LockedFile, Purpose, replaceable};
use super::version::{Check, stamp};
use super::walk::{Place, kind};

/// What an append does where there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMissing {
    /// It fails.
    Fail,
    /// It creates the file, with its missing parents.
    Create,
}

impl Root {
    /// Refuses early an append to what is no file, before its body is read.
    ///
    /// # Errors
    /// As of [`Staged::join`].
    pub fn check_join(
        &self,
        pieces: &[String],
        if_missing: IfMissing,
        check: Option<Check<'_>>,
    ) -> Result<(), Error> {
        again(|| match self.check_join_once(pieces, check) {
            Err(Error::NotFound) if if_missing == IfMissing::Create => {
                self.check_replace_once(pieces, check)
            }
            other => other,
        })
    }

    fn check_join_once(&self, pieces: &[String], check: Option<Check<'_>>) -> Result<(), Error> {
        let (dir, leaf) = self.find(pieces)?.entry().ok_or(Error::IsFolder)?;
        replaceable(kind(dir.as_fd(), &leaf)?)?;
        self.check_mount(dir.as_fd())?;
        // As for its lock.
        open_regular(dir.as_fd(), &leaf, OFlags::RDWR)?;
        match check {
            None => Ok(()),
            Some(check) => check(self.current(dir.as_fd(), &leaf)?.as_ref()),
        }
    }
}

impl Staged<'_> {
    /// Puts the body behind the content of the file, as one unit among all joins to it.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no file and none is to be created, [`Error::IsFolder`],
    /// [`Error::NotRegular`], [`Error::NoSpace`], those of `check`, or what the system says. The file is as it was then.
    pub fn join(
        mut self,
        pieces: &[String],
        if_missing: IfMissing,
        check: Check<'_>,
    ) -> Result<(), Error> {
        again(|| match self.put_behind(pieces, check) {
            Err(Error::NotFound) if if_missing == IfMissing::Create => {
                self.put_first(pieces, check)
            }
            other => other,
        })
    }

    /// Puts the body under a name that leads to nothing.
    ///
    /// # Errors
    /// [`Error::Moved`] where it leads to something by now; as of [`Staged::commit`].
    fn put_first(&mut self, pieces: &[String], check: Check<'_>) -> Result<(), Error> {
        let root = self.root;
        let check_new = |dir: BorrowedFd<'_>| root.check_new(dir, check);
        let Place::Entry(dir, leaf) = root.make_way(pieces, None, &check_new)? else {
            return Err(Error::IsFolder);
        };
        check(None)?;
        self.check_fits()?;
        root.sync_file(&self.file)?;
        self.put_at((dir.as_fd(), &leaf), None)
    }

    fn put_behind(&mut self, pieces: &[String], check: Check<'_>) -> Result<(), Error> {
        let root = self.root;
        let Place::Entry(dir, leaf) = root.find(pieces)? else {
            return Err(Error::IsFolder);
        };
        let at = (dir.as_fd(), leaf.as_os_str());
        let mut locked = root.lock_file(at, Purpose::Write)?.ok_or(Error::NotFound)?;
        root.undo_killed_join(&locked)?;
        root.check_locked(Some(&locked), check)?;
        if self.length == 0 {
            return Ok(());
        }
        let before = locked.file.metadata()?.len();
        root.write_note(&locked, before, at)?;
        let copied = self.copy_behind(&mut locked, before);
        if copied.is_err() {
            if locked.file.set_len(before).is_ok() {
                root.forget_note(locked.id.inode);
            }
            // Where it cannot be cut back, the note stays and keeps the length.
            return copied;
        }
        root.remove_note(locked.id.inode)
    }

    fn copy_behind(&mut self, locked: &mut LockedFile, before: u64) -> Result<(), Error> {
        self.check_room(self.length)?;
        self.file.seek(SeekFrom::Start(0))?;
        locked.file.seek(SeekFrom::Start(before))?;
        // Between two files io::copy uses copy_file_range(2), which shares blocks where the file system can.
        let copied = std::io::copy(&mut self.file, &mut locked.file)
            .map_err(|error| self.root.with_figures(error, self.length))?;
        if copied != self.length {
            let short = std::io::Error::other("the staged body has changed its length");
            return Err(Error::System(short));
        }
        stamp(&locked.file);
        self.root.sync_file(&locked.file)
    }
}
