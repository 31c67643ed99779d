//! Free space: how much there is, and how much a write may take.

use std::io;
use std::time::Instant;

use rustix::io::Errno;

use super::error::Error;
use super::promises::AMPLE;
use super::shortage::Shortage;
use super::store::Store;
use crate::sync::lock;

/// The space on the file system of the storage, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    /// What the server can still write.
    pub free: u64,
    /// What uploads leave free.
    pub kept: u64,
    /// The size of the file system.
    pub total: u64,
}

/// The space that there is.
///
/// # Errors
/// Those of fstatvfs(3).
pub(crate) fn space(store: &Store) -> Result<Space, Error> {
    let stat = rustix::fs::fstatvfs(&store.layout.root)?;
    Ok(Space {
        free: stat.f_bavail.saturating_mul(stat.f_frsize),
        kept: store.options.min_free,
        total: stat.f_blocks.saturating_mul(stat.f_frsize),
    })
}

/// Refuses a write after which less than the space to be kept free would be left. What is promised
/// to uploads does not count.
///
/// # Errors
/// [`Error::NoSpace`].
pub(super) fn check_space(store: &Store, needed: u64) -> Result<(), Error> {
    refuse_short(balance(store, needed, None)?)
}

/// Refuses a write of the upload with this number after which less would be left than is to be kept
/// free and is promised to uploads before it. If much more space was free a moment ago, the file
/// system is not asked.
///
/// # Errors
/// [`Error::NoSpace`].
pub(super) fn check_room(store: &Store, number: u64, needed: u64) -> Result<(), Error> {
    if lock(&store.promises).has_spare(needed, Instant::now()) {
        return Ok(());
    }
    refuse_short(balance(store, needed, Some(number))?)
}

/// The error of an upload's write, with figures where it found the disk full.
pub(super) fn with_figures(store: &Store, error: io::Error, asked: u64) -> io::Error {
    match Errno::from_io_error(&error) {
        Some(Errno::NOSPC | Errno::DQUOT) => {
            Error::NoSpace(balance(store, asked, None).ok()).into()
        }
        _ => error,
    }
}

fn balance(store: &Store, asked: u64, number: Option<u64>) -> Result<Shortage, Error> {
    // From before the file system is asked: that may take long.
    let now = Instant::now();
    let Space { free, kept, .. } = space(store)?;
    let usable = free.saturating_sub(kept);
    let mut promises = lock(&store.promises);
    let promised = number.map_or(0, |number| promises.before(number, usable, now));
    let occupied = promises.occupied(number);
    if usable > AMPLE {
        let promised = promises.before(u64::MAX, usable, now);
        promises.record_spare(usable.saturating_sub(promised), now);
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

fn refuse_short(balance: Shortage) -> Result<(), Error> {
    match balance.is_short() {
        true => Err(Error::NoSpace(Some(balance))),
        false => Ok(()),
    }
}
