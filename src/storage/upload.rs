//! A body on its way in: a file in the server's own directory that nobody sees until it is committed.

use std::fs::File;
use std::io::{self, Write};
use std::time::Instant;

use rustix::fs::{AtFlags, FallocateFlags, Mode, OFlags};
use rustix::io::Errno;

use super::error::Error;
use super::lock::try_lock;
use super::shortage::Shortage;
use super::space::{check_room, check_space, with_figures};
use super::store::Store;
use crate::sync::lock;

/// Bodies from this length on have blocks reserved ahead of what comes, in bytes.
const RESERVE_FROM: u64 = 1 << 20;

/// A body has at least so many bytes reserved ahead, and at most so many: as much as has come.
const LEAST_AHEAD: u64 = 1 << 20;
const MOST_AHEAD: u64 = 64 << 20;

/// The free space is looked at each time a body has grown by this much, in bytes.
const CHECK_EVERY: u64 = 1 << 20;

/// The space that a write will take.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// The length of the body, where it is known beforehand.
    pub declared: Option<u64>,
    /// Whether the body is copied behind another file once it is whole, so that it is there twice for a moment.
    pub twice: bool,
}

impl Need {
    /// In bytes, as far as it is known.
    fn space(self) -> u64 {
        let declared = self.declared.unwrap_or(0);
        declared.saturating_mul(if self.twice { 2 } else { 1 })
    }
}

/// A staged body. Dropped without a commit, it leaves nothing.
#[derive(Debug)]
pub struct Staged<'s> {
    pub(super) store: &'s Store,
    pub(super) file: File,
    pub(super) name: String,
    /// Bytes written so far.
    pub(super) length: u64,
    /// The length at which to look at the free space again.
    check_at: u64,
    /// Its place among the uploads.
    number: u64,
    /// The blocks that it is to have, where its length is known and it is not small.
    reservation: Option<Reservation>,
    /// Whether the file has been moved to where it belongs.
    pub(super) moved: bool,
}

/// The blocks of a body whose length is known.
#[derive(Debug)]
struct Reservation {
    declared: u64,
    twice: bool,
    /// So many bytes have blocks.
    reserved: u64,
    /// Whether the file system can reserve.
    is_possible: bool,
}

/// Makes room for a body.
///
/// All of a declared length has to fit beside what is promised to the uploads before it. Blocks are
/// reserved ahead of what comes, on the disk itself, so that servers on the same file system see each
/// other's. On a file system that cannot reserve (`EOPNOTSUPP`) the body is taken as it comes.
///
/// # Errors
/// [`Error::NoSpace`] where the body would not fit or not leave the space to be kept free.
pub fn stage(store: &Store, need: Need) -> Result<Staged<'_>, Error> {
    let declared = need.declared.unwrap_or(0);
    let number = lock(&store.promises).number();
    if declared < RESERVE_FROM {
        check_room(store, number, need.space())?;
        return Staged::create(store, number);
    }
    let reserving = lock(&store.reserving);
    check_room(store, number, need.space())?;
    let mut staged = Staged::create(store, number)?;
    staged.reservation = Some(Reservation {
        declared,
        twice: need.twice,
        reserved: 0,
        is_possible: true,
    });
    lock(&store.promises).enter(number, (declared, need.twice), Instant::now());
    drop(reserving);
    staged.reserve_ahead()?;
    Ok(staged)
}

/// Refuses early a body for which there is no room.
///
/// # Errors
/// [`Error::NoSpace`].
pub fn check_need(store: &Store, need: Need) -> Result<(), Error> {
    let number = lock(&store.promises).number();
    check_room(store, number, need.space())
}

impl<'s> Staged<'s> {
    /// Creates the file and locks it, which tells a server that starts that its writer lives.
    fn create(store: &'s Store, number: u64) -> Result<Self, Error> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        loop {
            let name = store.layout.unique_name();
            let mode = Mode::from_raw_mode(0o666);
            let fd = rustix::fs::openat(&store.layout.staged, &name, flags, mode)
                .map_err(Error::in_own_directory)?;
            let staged = Self {
                store,
                file: File::from(fd),
                name,
                length: 0,
                check_at: CHECK_EVERY,
                number,
                reservation: None,
                moved: false,
            };
            // A server that starts may have found it unlocked and removed it: then another is created.
            if try_lock(&staged.file)? && rustix::fs::fstat(&staged.file)?.st_nlink > 0 {
                return Ok(staged);
            }
        }
    }

    /// Bytes written so far.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Has something else write so many bytes behind what is there.
    ///
    /// # Errors
    /// Those of what writes, and those of writing.
    pub fn grow<T>(
        &mut self,
        count: u64,
        write: impl FnOnce(&File) -> io::Result<T>,
    ) -> io::Result<T> {
        let length = self.length + count;
        let written = write(&self.file).map_err(|error| with_figures(self.store, error, length))?;
        self.has_grown(length)?;
        Ok(written)
    }

    /// Takes note of a new length, and looks at the free space every now and then.
    ///
    /// # Errors
    /// [`Error::NoSpace`] alone: that the space cannot be told is no reason to refuse, it is looked at again when the
    /// body is whole.
    pub(super) fn has_grown(&mut self, length: u64) -> Result<(), Error> {
        self.length = length;
        if length < self.check_at {
            return Ok(());
        }
        self.check_at = length + CHECK_EVERY;
        match self.reserve_ahead() {
            Err(Error::NoSpace(shortage)) => Err(Error::NoSpace(shortage)),
            _ => Ok(()),
        }
    }

    /// Refuses what needs so much more space than this upload has been given, beside the uploads before it.
    ///
    /// # Errors
    /// [`Error::NoSpace`].
    pub(super) fn check_room(&self, needed: u64) -> Result<(), Error> {
        check_room(self.store, self.number, needed)
    }

    /// Checks that a body that is whole leaves the space to be kept free, where no blocks were reserved for it.
    pub(super) fn check_fits(&self) -> Result<(), Error> {
        match &self.reservation {
            Some(it) if it.is_possible && it.reserved >= self.length => Ok(()),
            _ => self.check_room(0),
        }
    }

    /// Sees to it that the blocks for what comes next are there, and that what is still to come will fit.
    fn reserve_ahead(&mut self) -> Result<(), Error> {
        let (store, number, length) = (self.store, self.number, self.length);
        let Some(it) = &mut self.reservation else {
            lock(&store.promises).note_unpromised(number, length, Instant::now());
            let asked = length;
            return self.check_room(0).map_err(|error| match error {
                Error::NoSpace(Some(it)) => Error::NoSpace(Some(Shortage { asked, ..it })),
                other => other,
            });
        };
        let ahead = length.clamp(LEAST_AHEAD, MOST_AHEAD);
        let is_far = it.reserved >= it.declared || it.reserved >= length + ahead / 2;
        if it.is_possible && is_far {
            let so_far = (length, it.reserved);
            lock(&store.promises).note(number, so_far, Instant::now());
            return Ok(());
        }
        // One at a time: of two that are reserved at once and do not both fit, each would fill the disk for a moment.
        let _turn = lock(&store.reserving);
        let copy = if it.twice { it.declared } else { 0 };
        let left = it.declared.saturating_sub(it.reserved.max(length));
        check_room(store, number, left.saturating_add(copy))?;
        let end = it.declared.min(length + ahead);
        if it.is_possible && end > it.reserved {
            let flags = FallocateFlags::KEEP_SIZE;
            // A signal interrupts it on some file systems, tmpfs for one, where it leaves nothing then.
            let reserve = |at, length| {
                rustix::io::retry_on_intr(|| rustix::fs::fallocate(&self.file, flags, at, length))
            };
            // With its last byte, a file that is longer than the file system can have is refused at once.
            let last = match it.reserved == 0 && it.declared > end {
                true => reserve(it.declared - 1, 1),
                false => Ok(()),
            };
            match last.and_then(|()| reserve(it.reserved, end - it.reserved)) {
                Ok(()) => it.reserved = end,
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => it.is_possible = false,
                Err(Errno::FBIG) => return Err(Error::NoSpace(None)),
                Err(errno) => return Err(with_figures(store, errno.into(), left).into()),
            }
            // Another server may have reserved at the same moment; who finds too little left steps back.
            check_space(store, 0)?;
        }
        let so_far = (length, it.reserved);
        lock(&store.promises).note(number, so_far, Instant::now());
        Ok(())
    }
}

impl Write for Staged<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes).map_err(|error| {
            let asked = self.length + bytes.len() as u64;
            with_figures(self.store, error, asked)
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
        lock(&self.store.promises).remove(self.number);
        if !self.moved {
            // What cannot be removed now is removed at the next start.
            let _ = rustix::fs::unlinkat(&self.store.layout.staged, &self.name, AtFlags::empty());
        }
    }
}
