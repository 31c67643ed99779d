//! Appending: a body is put behind a file in one step.
//!
//! The order: lock the file, undo an append that was killed, note the length, copy, remove the note. A reader sees the
//! file at the noted length until the note is gone; a kill at any point leaves the old length to be found. A body in memory
//! that fits into the last page and block of the file takes no note: one write is one step.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::OFlags;

use super::Error;
use super::body::Body;
use super::copy::copy_part;
use super::error::retry_on_race;
use super::note::Note;
use super::snapshot::open_regular;
use super::staged::Staged;
use super::store::Store;
use super::target::{LockedFile, Purpose, replaceable};
use super::version::{Check, Current, stamp};
use super::walk::Place;

/// What an append does where there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMissing {
    /// It fails.
    Fail,
    /// It creates the file, with its missing parents.
    Create,
}

impl Store {
    /// Refuses early an append to what is no file, before its body is read.
    ///
    /// # Errors
    /// As of [`Store::append`].
    pub fn check_append(
        &self,
        components: &[String],
        if_missing: IfMissing,
        check: Option<Check<'_>>,
    ) -> Result<(), Error> {
        retry_on_race(|| match self.check_append_once(components, check) {
            Err(Error::NotFound) if if_missing == IfMissing::Create => {
                self.check_replace_once(components, check)
            }
            other => other,
        })
    }

    fn check_append_once(
        &self,
        components: &[String],
        check: Option<Check<'_>>,
    ) -> Result<(), Error> {
        let Place::Entry(dir, file_name, seen) = self.find(components)? else {
            return Err(Error::IsDirectory);
        };
        replaceable(seen.kind(dir.as_fd(), &file_name)?)?;
        // As for its lock.
        let (_, identity) = open_regular(dir.as_fd(), &file_name, OFlags::RDWR)?;
        self.mount.check(identity.mount)?;
        match check {
            None => Ok(()),
            Some(check) => check(self.current(dir.as_fd(), &file_name)?.as_ref()),
        }
    }

    /// Puts a body behind the content of a file, as one unit among all appends to it.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no file and none is to be created, [`Error::IsDirectory`],
    /// [`Error::NotRegular`], [`Error::MountPoint`], [`Error::NoSpace`], those of `check`, or what the system says. The file
    /// is as it was then.
    pub fn append<'r>(
        &'r self,
        mut body: Body<'r>,
        components: &[String],
        if_missing: IfMissing,
        check: Check<'_>,
    ) -> Result<(), Error> {
        retry_on_race(|| match self.put_behind(&body, components, check) {
            Err(Error::NotFound) if if_missing == IfMissing::Create => {
                self.put_first(&mut body, components, check)
            }
            other => other,
        })
    }

    /// Puts the body under a name that leads to nothing.
    ///
    /// # Errors
    /// [`Error::Raced`] where it leads to something by now; as of [`Staged::commit`](super::Staged::commit).
    fn put_first<'r>(
        &'r self,
        body: &mut Body<'r>,
        components: &[String],
        check: Check<'_>,
    ) -> Result<(), Error> {
        if matches!(body, Body::Bytes(_)) {
            // Nothing was refused early, and no parents are to be made for what does not fit.
            self.check_replace_once(components, Some(check))?;
        }
        let staged = body.stage(self)?;
        let check_new = |dir: BorrowedFd<'_>| self.check_new(dir, check);
        let Place::Entry(dir, file_name, _) = self.make_way(components, None, &check_new)? else {
            return Err(Error::IsDirectory);
        };
        check(None)?;
        staged.check_fits()?;
        self.sync_file(&staged.file)?;
        staged.put_at((dir.as_fd(), &file_name), None)
    }

    fn put_behind(
        &self,
        body: &Body<'_>,
        components: &[String],
        check: Check<'_>,
    ) -> Result<(), Error> {
        let Place::Entry(dir, file_name, seen) = self.find(components)? else {
            return Err(Error::IsDirectory);
        };
        let at = (dir.as_fd(), file_name.as_os_str());
        let locked = self.lock_file((at, seen), Purpose::Write)?;
        let locked = locked.ok_or(Error::NotFound)?;
        self.mount.check(locked.mount)?;
        self.undo_killed_join(&locked)?;
        let version = self.version(&locked)?;
        check(Some(&Current::File(version)))?;
        let (before, length) = (version.length, body.length());
        // Before the file is touched: one that is cut back has another time of change.
        body.check_room(self)?;
        if length == 0 {
            return Ok(());
        }
        let is_one_step = matches!(body, Body::Bytes(_))
            && is_in_a_step(before, length, self.step)
            && !self.options.sync
            // One that does not count is cleared away by the next.
            && self.note_of(&locked)? == Note::Missing;
        if !is_one_step {
            self.write_note(&locked, before, at)?;
        }
        let copied = self.copy_behind(body, &locked, before);
        match (&copied, is_one_step) {
            (Ok(()), true) => Ok(()),
            (Ok(()), false) => self.remove_note(locked.id.inode),
            (Err(_), _) => {
                let cut = locked.file.set_len(before);
                // Where it cannot be cut back, the note stays and keeps the length.
                if cut.is_ok() && !is_one_step {
                    self.forget_note(locked.id.inode);
                }
                copied
            }
        }
    }

    fn copy_behind(&self, body: &Body<'_>, locked: &LockedFile, before: u64) -> Result<(), Error> {
        let copied = match body {
            Body::Bytes(bytes) => locked.file.write_all_at(bytes, before),
            Body::Staged(staged) => copy_whole(staged, &locked.file, before),
        };
        copied.map_err(|error| self.with_figures(error, body.length()))?;
        stamp(&locked.file);
        self.sync_file(&locked.file)
    }
}

/// Whether a write behind so many bytes takes place in one step, for whoever reads the length of the file, and for a signal
/// that kills who writes: it does not pass the end of such a step ([`Store::step`]).
fn is_in_a_step(before: u64, length: u64, step: u64) -> bool {
    before % step + length <= step
}

fn copy_whole(staged: &Staged<'_>, file: &File, before: u64) -> io::Result<()> {
    let mut copied = 0;
    while copied < staged.length {
        let (from, to) = ((&staged.file, copied), (file, before + copied));
        copied += match copy_part(from, to, staged.length - copied)? {
            0 => return Err(io::Error::other("the staged body has changed its length")),
            more => more,
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // symptom: on XFS with blocks of 1 KiB a kill could leave a part of a small append.
    // cause:   a write within a page was taken to be one step, and is one for each block there.
    // fix:     it stays within a block, too.
    #[test]
    fn writes_that_are_one_step() {
        const PAGE: u64 = 4096;
        for (before, length, step, expected) in [
            (0, 1, PAGE, true),
            (0, PAGE, PAGE, true),
            (0, PAGE + 1, PAGE, false),
            (1, PAGE, PAGE, false),
            (PAGE - 1, 1, PAGE, true),
            (PAGE - 1, 2, PAGE, false),
            (3 * PAGE, PAGE, PAGE, true),
            (3 * PAGE + 7, PAGE - 7, PAGE, true),
            (3 * PAGE + 7, PAGE - 6, PAGE, false),
            (1000, 24, 1024, true),
            (1000, 25, 1024, false),
            (1000, 1, 1, true),
            (1000, 2, 1, false),
        ] {
            let found = is_in_a_step(before, length, step);
            assert_eq!(found, expected, "{before} {length} {step}");
        }
    }
}
