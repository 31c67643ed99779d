//! Free space: how much there is, and how much a write may take.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::io::Errno;

use super::Error;
use super::promises::MUCH;
use super::store::Store;
use crate::sync::lock;

/// Why a write found no space, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// What the write needs beside what it already occupies; of a body without a declared length, what has come of it.
    pub asked: u64,
    /// What the file system has free for the server's user.
    pub free: u64,
    /// What uploads have to leave free.
    pub kept: u64,
    /// What uploads that began before have been promised of the free space.
    pub promised: u64,
    /// What other uploads under way have on the disk, those of which less than 1 MiB has come left out.
    pub occupied: u64,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no space left: {} bytes asked, {} free, {} kept back, {} promised to other uploads",
            self.asked, self.free, self.kept, self.promised
        )
    }
}

impl Shortage {
    /// Whether the write would have space if the other uploads were not there.
    #[must_use]
    pub fn fits_without_uploads(&self) -> bool {
        let needed = self.asked.saturating_add(self.kept);
        needed <= self.free.saturating_add(self.occupied)
    }

    /// Whether the write would leave less than is kept back and promised.
    fn is_short(&self) -> bool {
        let needed = self.asked.saturating_add(self.promised);
        self.free < needed.saturating_add(self.kept)
    }
}

impl Store {
    /// Refuses a write after which less than the space to be kept free would be left. It is not of an upload: what those
    /// are promised does not count.
    ///
    /// # Errors
    /// [`Error::NoSpace`].
    pub(super) fn check_space(&self, needed: u64) -> Result<(), Error> {
        refuse_short(self.balance(needed, None)?)
    }

    /// Refuses a write of the upload with this number after which less would be left than is to be kept free and is
    /// promised to uploads before it. Where there is much more space than that, the file system is not asked each time.
    ///
    /// # Errors
    /// [`Error::NoSpace`].
    pub(super) fn check_room(&self, number: u64, needed: u64) -> Result<(), Error> {
        if lock(&self.promises).has_spare(needed, Instant::now()) {
            return Ok(());
        }
        refuse_short(self.balance(needed, Some(number))?)
    }

    /// The error of an upload's write that found the disk full; others are passed on.
    pub(super) fn with_figures(&self, error: io::Error, asked: u64) -> io::Error {
        match Errno::from_io_error(&error) {
            Some(Errno::NOSPC | Errno::DQUOT) => {
                Error::NoSpace(self.balance(asked, None).ok()).into()
            }
            _ => error,
        }
    }

    fn balance(&self, asked: u64, number: Option<u64>) -> Result<Shortage, Error> {
        let now = Instant::now();
        let stat = rustix::fs::fstatvfs(self.dir.as_fd())?;
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        let kept = self.options.min_free;
        let usable = free.saturating_sub(kept);
        let mut promises = lock(&self.promises);
        let promised = number.map_or(0, |number| promises.before(number, usable, now));
        let occupied = promises.occupied(number);
        if usable > MUCH {
            // As of before the system was asked: it may have taken long.
            let promised = promises.before(u64::MAX, usable, now);
            promises.note_spare(usable.saturating_sub(promised), now);
        }
        drop(promises);
        Ok(Shortage {
            asked,
            free,
            kept,
            promised,
            occupied,
        })
    }
}

fn refuse_short(balance: Shortage) -> Result<(), Error> {
    match balance.is_short() {
        true => Err(Error::NoSpace(Some(balance))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_once_uploads_have_gone() {
        for (asked, free, kept, promised, occupied, expected) in [
            (10, 5, 0, 0, 5, true),
            (10, 5, 0, 0, 4, false),
            (10, 5, 1, 0, 5, false),
            (10, 10, 0, 1000, 0, true),
            (u64::MAX, u64::MAX, 1, 0, 1, true),
            (32 << 40, 1 << 40, 0, 0, 1 << 30, false),
        ] {
            let shortage = Shortage {
                asked,
                free,
                kept,
                promised,
                occupied,
            };
            assert_eq!(shortage.fits_without_uploads(), expected, "{shortage:?}");
        }
    }
}
