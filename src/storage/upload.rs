//! Staged bodies: a file in the server's own directory, which no client sees until it is published.
//!
//! Responsible for: creating it, writing it, and its share of the free space. Not for: giving it a
//! name (see `publish`).

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

/// Blocks are reserved ahead of what comes for bodies of at least this length, in bytes.
const RESERVE_FROM: u64 = 1 << 20;

/// As many bytes are reserved ahead as have come, within these limits.
const MIN_AHEAD: u64 = 1 << 20;
const MAX_AHEAD: u64 = 64 << 20;

/// The free space is checked each time a body has grown by this much, in bytes.
const CHECK_EVERY: u64 = 1 << 20;

/// The space that a write will take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    /// The length of the body, where it is known beforehand.
    pub declared: Option<u64>,
    /// Whether the body is appended to another file once it is whole, so that it is there twice for
    /// a moment.
    pub twice: bool,
}

impl Need {
    /// In bytes, as far as it is known.
    fn space(self) -> u64 {
        let declared = self.declared.unwrap_or(0);
        declared.saturating_mul(if self.twice { 2 } else { 1 })
    }
}

/// A staged body. Dropped before it is published, it leaves nothing.
#[derive(Debug)]
pub(crate) struct Staged<'s> {
    pub(super) store: &'s Store,
    pub(super) file: File,
    pub(super) name: String,
    /// Bytes written so far.
    pub(super) length: u64,
    /// The length at which the free space is checked again.
    check_at: u64,
    /// Its number among the uploads, see [`Promises`](super::promises::Promises).
    number: u64,
    /// Its blocks, where its length is known beforehand and not small.
    reservation: Option<Reservation>,
    /// Whether the file has been renamed to its name.
    pub(super) moved: bool,
}

/// The blocks of a body whose length is known beforehand.
#[derive(Debug)]
struct Reservation {
    declared: u64,
    twice: bool,
    /// This many bytes have blocks.
    reserved: u64,
    /// Whether the file system can reserve.
    is_possible: bool,
}

/// Creates the file for a body, and finds space for it.
///
/// All of a declared length has to fit beside what is promised to the uploads before it. Blocks are
/// reserved ahead of what comes, on the disk itself, so that servers on the same file system see
/// each other's. On a file system that cannot reserve (`EOPNOTSUPP`) the body is taken as it comes.
///
/// # Errors
/// [`Error::NoSpace`] where the body would not fit or not leave the space to be kept free.
pub(crate) fn stage(store: &Store, need: Need) -> Result<Staged<'_>, Error> {
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
    lock(&store.promises).add(number, (declared, need.twice), Instant::now());
    drop(reserving);
    staged.reserve_ahead()?;
    Ok(staged)
}

/// Creates a file without content that stands for something else on its way in: its lock shows that
/// the writer lives, and what the writer puts elsewhere has a share of the free space.
///
/// # Errors
/// Those of [`stage`]. No blocks are reserved.
pub(super) fn stage_marker(store: &Store, need: Need) -> Result<Staged<'_>, Error> {
    let declared = need.declared.unwrap_or(0);
    let number = lock(&store.promises).number();
    let _reserving = lock(&store.reserving);
    check_room(store, number, need.space())?;
    let staged = Staged::create(store, number)?;
    if declared >= RESERVE_FROM {
        lock(&store.promises).add(number, (declared, need.twice), Instant::now());
    }
    Ok(staged)
}

/// Refuses early a body for which there is no room.
///
/// # Errors
/// [`Error::NoSpace`].
pub(crate) fn check_need(store: &Store, need: Need) -> Result<(), Error> {
    let number = lock(&store.promises).number();
    check_room(store, number, need.space())
}

impl<'s> Staged<'s> {
    /// Creates the file and locks it: the lock shows a server that starts that the writer lives.
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
            // A server that starts may have found it unlocked and removed it: then another is
            // created.
            if try_lock(&staged.file)? && rustix::fs::fstat(&staged.file)?.st_nlink > 0 {
                return Ok(staged);
            }
        }
    }

    /// Bytes written so far.
    #[must_use]
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Lets `write` append this many bytes to the file.
    ///
    /// # Errors
    /// Those of `write`; [`Error::NoSpace`].
    pub(crate) fn grow<T>(
        &mut self,
        count: u64,
        write: impl FnOnce(&File) -> io::Result<T>,
    ) -> io::Result<T> {
        let length = self.length + count;
        let written = write(&self.file).map_err(|error| with_figures(self.store, error, length))?;
        self.has_grown(length)?;
        Ok(written)
    }

    /// Records a new length, and checks the free space every [`CHECK_EVERY`] bytes.
    ///
    /// # Errors
    /// [`Error::NoSpace`] alone: where the free space cannot be found out, the body is not refused.
    /// It is checked again when it is whole.
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

    /// Refuses to take this much more space than this upload already has, beside what is promised
    /// to the uploads before it.
    ///
    /// # Errors
    /// [`Error::NoSpace`].
    pub(super) fn check_room(&self, needed: u64) -> Result<(), Error> {
        check_room(self.store, self.number, needed)
    }

    /// Checks that a body that is whole leaves the space to be kept free. Blocks that were reserved
    /// have been checked.
    pub(super) fn check_fits(&self) -> Result<(), Error> {
        match &self.reservation {
            Some(it) if it.is_possible && it.reserved >= self.length => Ok(()),
            _ => self.check_room(0),
        }
    }

    /// Checks the space of a body without a reservation.
    fn check_unreserved(&self) -> Result<(), Error> {
        let asked = self.length;
        lock(&self.store.promises).record_unpromised(self.number, asked, Instant::now());
        self.check_room(0).map_err(|error| match error {
            Error::NoSpace(Some(it)) => Error::NoSpace(Some(Shortage { asked, ..it })),
            other => other,
        })
    }

    /// Reserves blocks for what comes next, and checks that all that is still to come will fit.
    fn reserve_ahead(&mut self) -> Result<(), Error> {
        let (store, number, length) = (self.store, self.number, self.length);
        let Some(it) = &mut self.reservation else {
            return self.check_unreserved();
        };
        let ahead = length.clamp(MIN_AHEAD, MAX_AHEAD);
        let is_far = it.reserved >= it.declared || it.reserved >= length + ahead / 2;
        if it.is_possible && is_far {
            let so_far = (length, it.reserved);
            lock(&store.promises).record(number, so_far, Instant::now());
            return Ok(());
        }
        // One at a time: two that do not both fit would fill the disk together, and both would
        // fail.
        let _reserving = lock(&store.reserving);
        let copy = if it.twice { it.declared } else { 0 };
        let left = it.declared.saturating_sub(it.reserved.max(length));
        check_room(store, number, left.saturating_add(copy))?;
        let end = it.declared.min(length + ahead);
        if it.is_possible && end > it.reserved {
            it.reserve(&self.file, end)
                .map_err(|errno| with_figures(store, errno.into(), left))?;
            // Another server may have reserved at the same moment: then this one gives up.
            check_space(store, 0)?;
        }
        let so_far = (length, it.reserved);
        lock(&store.promises).record(number, so_far, Instant::now());
        Ok(())
    }
}

impl Reservation {
    /// Reserves blocks up to this length, where the file system can.
    ///
    /// # Errors
    /// Those of fallocate(2).
    fn reserve(&mut self, file: &File, end: u64) -> Result<(), Errno> {
        let flags = FallocateFlags::KEEP_SIZE;
        // A signal interrupts it on some file systems, as on tmpfs, which keeps nothing of it then.
        let reserve = |at, length| {
            rustix::io::retry_on_intr(|| rustix::fs::fallocate(file, flags, at, length))
        };
        // A file that is too long for the file system is refused at once, by its last byte.
        let last = match self.reserved == 0 && self.declared > end {
            true => reserve(self.declared - 1, 1),
            false => Ok(()),
        };
        match last.and_then(|()| reserve(self.reserved, end - self.reserved)) {
            Ok(()) => self.reserved = end,
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.is_possible = false,
            Err(errno) => return Err(errno),
        }
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
