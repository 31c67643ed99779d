//! Appending: a staged body is joined to a file in one step.
//!
//! The order: lock the file, undo a join that was killed, note the length, copy, remove the note. A reader sees the
//! file at the noted length until the note is gone; a kill at any point leaves the old length to be found.

use std::io::{Seek, SeekFrom};
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, OFlags};

use super::Error;
use super::error::again;
use super::note::link_of;
use super::replace::{Held, Purpose};
use super::root::Root;
use super::snapshot::open_regular;
use super::staged::Staged;
use super::version::{Check, stamp};
use super::walk::{Place, kind};

impl Root {
    /// Refuses early an append to what is no file, before its body is read.
    ///
    /// # Errors
    /// As of [`Staged::join`].
    pub fn check_join(&self, pieces: &[String], check: Option<Check<'_>>) -> Result<(), Error> {
        again(|| self.check_join_once(pieces, check))
    }

    fn check_join_once(&self, pieces: &[String], check: Option<Check<'_>>) -> Result<(), Error> {
        let (dir, leaf) = self.find(pieces)?.entry().ok_or(Error::IsFolder)?;
        super::replace::replaceable(kind(dir.as_fd(), &leaf)?)?;
        self.check_mount(dir.as_fd())?;
        // Whether it may be written to.
        open_regular(dir.as_fd(), &leaf, OFlags::WRONLY)?;
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
    /// [`Error::NotFound`] where there is no file, [`Error::IsFolder`], [`Error::NotRegular`], [`Error::NoSpace`],
    /// those of `check`, or what the system says. The file is as it was then.
    pub fn join(mut self, pieces: &[String], check: Check<'_>) -> Result<(), Error> {
        again(|| self.put_behind(pieces, check))
    }

    fn put_behind(&mut self, pieces: &[String], check: Check<'_>) -> Result<(), Error> {
        let root = self.root;
        let Place::Entry(dir, leaf) = root.find(pieces)? else {
            return Err(Error::IsFolder);
        };
        let mut held = root
            .hold(dir.as_fd(), &leaf, Purpose::Write)?
            .ok_or(Error::NotFound)?;
        root.undo_killed_join(&held.file, held.inode)?;
        root.check_held(Some(&held), check)?;
        if self.length == 0 {
            return Ok(());
        }
        let before = held.file.metadata()?.len();
        root.write_note(&held, before, (dir.as_fd(), &leaf))?;
        if !links_to(root, &held) {
            // The name was moved away between lock and link: the link is another file's.
            root.forget_note(held.inode);
            return Err(Error::Moved);
        }
        let copied = self.copy_behind(&mut held, before);
        if copied.is_err() {
            if held.file.set_len(before).is_ok() {
                root.forget_note(held.inode);
            }
            // Where it cannot be cut back, the note stays and keeps the length.
            return copied;
        }
        root.remove_note(held.inode)
    }

    fn copy_behind(&mut self, held: &mut Held, before: u64) -> Result<(), Error> {
        self.root.check_space(self.length)?;
        self.file.seek(SeekFrom::Start(0))?;
        held.file.seek(SeekFrom::Start(before))?;
        // Between two files io::copy uses copy_file_range(2), which shares blocks where the file system can.
        let copied = std::io::copy(&mut self.file, &mut held.file)?;
        if copied != self.length {
            let short = std::io::Error::other("the staged body has changed its length");
            return Err(Error::System(short));
        }
        stamp(&held.file);
        self.root.sync_file(&held.file)
    }
}

/// Whether the link beside the note, where there is one, is to the file that is held.
fn links_to(root: &Root, held: &Held) -> bool {
    let link = link_of(&held.inode.to_string());
    rustix::fs::statat(&root.joins, link, AtFlags::SYMLINK_NOFOLLOW)
        .map_or(true, |stat| stat.st_ino == held.inode)
}
