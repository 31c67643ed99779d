//! Append intents: the length that a file had before a body is appended to it.
//!
//! While there is an intent, the file counts as ending at that length, for readers and for the next
//! append. Its removal commits the append. Beside it lies a hard link to the file, by which a
//! server that starts finds the file again, and which keeps the inode number from being given to
//! another file.
//!
//! The intent holds the birth time of the file as well (statx(2)), where the file system records
//! it: if the link could not be made, another file may have got the inode number since.
//!
//! An intent is named by the inode number alone: machines that share a file system have different
//! device numbers for it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags};
use rustix::io::Errno;

use super::error::Error;
use super::store::Store;
use super::sys::EntryAt;

/// The ending of the hard link's name.
const LINK: &str = ".file";

/// The longest content, in bytes: three numbers, and the newline that shows it to be whole.
const MAX_CONTENT: u64 = 64;

/// What is found where the intent of a file would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    /// Nothing.
    Missing,
    /// One that does not count: it was cut short, or is that of another file, which had the inode
    /// number before.
    Void,
    /// The length of the file before the append.
    Length(u64),
}

impl Intent {
    /// The length that counts, where it is not that of the file.
    pub(super) fn length(self) -> Option<u64> {
        match self {
            Self::Length(length) => Some(length),
            Self::Missing | Self::Void => None,
        }
    }
}

/// Writes the intent of an append to a file, which the caller has locked. `length` is that of the
/// file, and `at` its entry.
///
/// The link is made first, and is checked to be to the file: so a link to another file never stands
/// beside an intent that counts.
///
/// # Errors
/// [`Error::Raced`] where another program has given the name to another file; those of the system
/// calls. There is no intent then.
pub(super) fn write(
    store: &Store,
    (file, inode): (&File, u64),
    length: u64,
    at: EntryAt<'_>,
) -> Result<(), Error> {
    let born = birth(file.as_fd(), OsStr::new(""))?;
    let content = format!("{length} {born}\n");
    link(store, inode, at)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(0o600);
    let written = rustix::fs::openat(&store.layout.intents, inode.to_string(), flags, mode)
        .map_err(Error::in_own_directory)
        .and_then(|fd| {
            let mut intent = File::from(fd);
            intent.write_all(content.as_bytes())?;
            store.sync_file(&intent)
        })
        .and_then(|()| Ok(sync_names(store)?));
    if written.is_err() {
        discard(store, inode);
    }
    written
}

/// Makes the link beside an intent, where the file system has hard links.
fn link(store: &Store, inode: u64, (dir, name): EntryAt<'_>) -> Result<(), Error> {
    let intents = &store.layout.intents;
    let link = link_name(inode);
    match rustix::fs::linkat(dir, name, intents, &link, AtFlags::empty()) {
        // There is one, of an append that was killed before it had an intent.
        Ok(()) | Err(Errno::EXIST) => {}
        // Without hard links, the next append still finds the intent by the inode number.
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::MLINK | Errno::NOSYS) => return Ok(()),
        // The name has been moved away since the file was locked.
        Err(Errno::NOENT) => return Err(Error::Raced),
        Err(errno) => return Err(errno.into()),
    }
    match rustix::fs::statat(intents, &link, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if stat.st_ino != inode => {
            let _ = rustix::fs::unlinkat(intents, &link, AtFlags::empty());
            Err(Error::Raced)
        }
        // A server that starts may have removed it: the next append finds the intent all the same.
        _ => Ok(()),
    }
}

/// Reads the intent of an open file.
///
/// # Errors
/// Those of openat(2) and read(2), except that there is none.
pub(super) fn read(store: &Store, (file, inode): (&File, u64)) -> Result<Intent, Error> {
    read_if_born(store, inode, || birth(file.as_fd(), OsStr::new("")))
}

/// Reads the intent of a file that is not open: the entry at a place, if it is that file.
///
/// # Errors
/// Those of [`read`].
pub(super) fn read_at(
    store: &Store,
    (dir, name): EntryAt<'_>,
    inode: u64,
) -> Result<Intent, Error> {
    read_if_born(store, inode, || birth(dir, name))
}

fn read_if_born(
    store: &Store,
    inode: u64,
    birth: impl FnOnce() -> Result<String, Error>,
) -> Result<Intent, Error> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let name = inode.to_string();
    let fd = match rustix::fs::openat(&store.layout.intents, name, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(Intent::Missing),
        Err(errno) => return Err(errno.into()),
    };
    let mut content = String::new();
    File::from(fd)
        .take(MAX_CONTENT)
        .read_to_string(&mut content)?;
    // One without its newline was cut short by a kill: the append had not begun.
    let parts = content
        .strip_suffix('\n')
        .and_then(|line| line.split_once(' '));
    match parts {
        Some((length, born)) if born == birth()? => {
            Ok(length.parse().map_or(Intent::Void, Intent::Length))
        }
        _ => Ok(Intent::Void),
    }
}

/// Commits an append by removing its intent: from then on the file counts as it is.
///
/// # Errors
/// Those of unlinkat(2), except that there is none; those of fsync(2).
pub(super) fn commit(store: &Store, inode: u64) -> Result<(), Error> {
    let intents = &store.layout.intents;
    match rustix::fs::unlinkat(intents, inode.to_string(), AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    sync_names(store).map_err(Error::unconfirmed)?;
    // A link that stays is removed at the next start.
    let _ = rustix::fs::unlinkat(intents, link_name(inode), AtFlags::empty());
    Ok(())
}

/// Removes the intent of a file that goes away, or that has not changed. One that stays does no
/// harm then.
pub(super) fn discard(store: &Store, inode: u64) {
    let _ = commit(store, inode);
}

/// Rolls back an append that was killed: cuts the file back to the length before it, and removes
/// the intent. The caller has locked the file.
///
/// # Errors
/// Those of ftruncate(2) and of [`commit`]; then the intent stays.
pub(super) fn roll_back(
    store: &Store,
    (file, inode): (&File, u64),
    length: u64,
) -> Result<(), Error> {
    if file.metadata()?.len() > length {
        file.set_len(length)?;
        store.sync_file(file)?;
    }
    commit(store, inode)
}

/// Writes the names of the intents to the disk, if writes are to be on the disk. It needs no new
/// descriptor: an append must not fail for want of one at the moment at which it takes place.
fn sync_names(store: &Store) -> Result<(), Errno> {
    match store.options.sync {
        true => rustix::io::retry_on_intr(|| rustix::fs::fsync(&store.layout.intents)),
        false => Ok(()),
    }
}

/// The birth time of a file as text; zeros where the file system does not record it. With an empty
/// name, the file is `at` itself.
fn birth(at: BorrowedFd<'_>, name: &OsStr) -> Result<String, Error> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::SYMLINK_NOFOLLOW;
    let stat = rustix::fs::statx(at, name, flags, StatxFlags::BTIME)?;
    Ok(format!(
        "{} {}",
        stat.stx_btime.tv_sec, stat.stx_btime.tv_nsec
    ))
}

/// The name of the hard link beside an intent.
pub(super) fn link_name(inode: u64) -> String {
    format!("{inode}{LINK}")
}

/// The inode number in the name of an intent or of its link.
pub(super) fn inode_of(name: &[u8]) -> Option<u64> {
    let name = std::str::from_utf8(name).ok()?;
    name.strip_suffix(LINK).unwrap_or(name).parse().ok()
}
