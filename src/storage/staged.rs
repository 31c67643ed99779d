//! A body on its way in: a file in the server's own folder that nobody sees until it is committed.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, FallocateFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::root::Root;
use super::{Error, Shortage};
use crate::sync::lock;

/// Bodies from this length on have their blocks reserved before the first byte is read.
const RESERVE_FROM: u64 = 1 << 20;

/// A body without reserved blocks is held against the free space each time it has grown by this much.
const CHECK_EVERY: u64 = 1 << 20;

/// The space that a write will take.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// The length of the body, where it is known beforehand.
    pub declared: Option<u64>,
    /// Whether the body is copied behind another file once it is whole, so that it is there twice for a moment.
    pub twice: bool,
}

/// A staged body. Dropped without a commit, it leaves nothing.
#[derive(Debug)]
pub struct Staged<'r> {
    pub(super) root: &'r Root,
    pub(super) file: File,
    pub(super) name: String,
    /// Bytes written so far.
    pub(super) length: u64,
    /// The length at which to look at the free space again; none where blocks are reserved.
    check_at: Option<u64>,
    /// Whether the file has been moved to where it belongs.
    pub(super) moved: bool,
}

impl Root {
    /// Makes room for a body.
    ///
    /// Blocks are reserved on the disk itself, so that servers on the same file system see each other's reservations.
    /// A file system that cannot reserve (`EOPNOTSUPP`) takes the body as it comes.
    ///
    /// # Errors
    /// [`Error::NoSpace`] where the body would not fit or not leave the space to be kept free.
    pub fn stage(&self, need: Need) -> Result<Staged<'_>, Error> {
        let declared = need.declared.unwrap_or(0);
        let copy = if need.twice { declared } else { 0 };
        if declared < RESERVE_FROM {
            self.check_space(declared.saturating_add(copy))?;
            return self.create_staged();
        }
        // One at a time: of two that are reserved at once and do not both fit, each would fill the disk for a moment.
        let _turn = lock(&self.reserving);
        self.check_space(declared.saturating_add(copy))?;
        let mut staged = self.create_staged()?;
        match rustix::fs::fallocate(&staged.file, FallocateFlags::KEEP_SIZE, 0, declared) {
            Ok(()) => {
                // Another server may have reserved at the same moment; who finds too little left steps back.
                self.check_space(copy)?;
                staged.check_at = None;
            }
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(Errno::FBIG) => return Err(Error::NoSpace(None)),
            Err(errno) => return Err(self.with_figures(errno.into(), declared).into()),
        }
        Ok(staged)
    }

    /// Creates the file and locks it, which tells a starting server that its writer lives.
    pub(super) fn create_staged(&self) -> Result<Staged<'_>, Error> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        loop {
            let name = self.unique();
            let mode = Mode::from_raw_mode(0o666);
            let fd = rustix::fs::openat(&self.staged, &name, flags, mode)
                .map_err(Error::in_own_folder)?;
            let file = File::from(fd);
            let staged = Staged {
                root: self,
                file,
                name,
                length: 0,
                check_at: Some(CHECK_EVERY),
                moved: false,
            };
            match rustix::fs::flock(&staged.file, FlockOperation::NonBlockingLockExclusive) {
                // A starting server may have found it unlocked and removed it: then make another.
                Ok(()) if rustix::fs::fstat(&staged.file)?.st_nlink > 0 => return Ok(staged),
                Ok(()) | Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl Staged<'_> {
    /// Bytes written so far.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Takes note of a new length, and looks at the free space every now and then.
    ///
    /// # Errors
    /// [`Error::NoSpace`] alone: that the space cannot be told is no reason to refuse, it is looked at again when the
    /// body is whole.
    pub(super) fn has_grown(&mut self, length: u64) -> Result<(), Error> {
        self.length = length;
        if self.check_at.is_some_and(|at| length >= at) {
            self.check_at = Some(length + CHECK_EVERY);
            if let Err(Error::NoSpace(shortage)) = self.root.check_space(0) {
                let asked = length;
                return Err(Error::NoSpace(shortage.map(|it| Shortage { asked, ..it })));
            }
        }
        Ok(())
    }

    /// Checks that a body that is whole leaves the space to be kept free, where no blocks were reserved for it.
    pub(super) fn check_fits(&self) -> Result<(), Error> {
        match self.check_at {
            Some(_) => self.root.check_space(0),
            None => Ok(()),
        }
    }
}

impl Write for Staged<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes).map_err(|error| {
            let asked = self.length + bytes.len() as u64;
            self.root.with_figures(error, asked)
        })?;
        self.has_grown(self.length + written as u64)?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        if !self.moved {
            // What cannot be removed now is removed at the next start.
            let _ = rustix::fs::unlinkat(self.root.staged.as_fd(), &self.name, AtFlags::empty());
        }
    }
}
