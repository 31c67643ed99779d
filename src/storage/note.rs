//! The note of a join: the length that a file had before a body was put behind it.
//!
//! While it is there, the file counts as ending at that length, for readers and for the next join. Its removal is the
//! moment at which the join takes place. Beside it lies a hard link to the file, by which a starting server finds the
//! file again, and which keeps the inode number from being given to another file.
//!
//! Beside the length stands the time of the file's birth, where the file system tells it: without the link, an inode
//! number could have come to another file since.
//!
//! Notes are named by inode number alone: a device number differs between machines that share a file system.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags};
use rustix::io::Errno;

use super::Error;
use super::store::Store;
use super::target::{At, LockedFile};

/// The ending of the hard link's name.
const LINK: &str = ".file";

/// The longest content, in bytes: three numbers, and the newline that shows it to be whole.
const MAX_CONTENT: u64 = 64;

/// What is found where the note of a file would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// Nothing.
    Missing,
    /// One that does not count: it was cut short, or is of another file, which had the inode number before.
    Void,
    /// The length of the file.
    Length(u64),
}

impl Note {
    /// The length that counts, where it is not that of the file.
    pub(super) fn length(self) -> Option<u64> {
        match self {
            Self::Length(length) => Some(length),
            Self::Missing | Self::Void => None,
        }
    }
}

impl Store {
    /// Notes the length of a file that is about to grow, and that lies at this place.
    ///
    /// The link comes first, and is seen to be to the file: so a link to another file never has a note that counts.
    ///
    /// # Errors
    /// [`Error::Raced`] where another program has given the name to another file; or why the file system refuses. Then
    /// there is no note.
    pub(super) fn write_note(
        &self,
        locked: &LockedFile,
        length: u64,
        at: At<'_>,
    ) -> Result<(), Error> {
        let inode = locked.id.inode;
        let born = birth(locked.file.as_fd(), OsStr::new(""))?;
        let content = format!("{length} {born}\n");
        let name = inode.to_string();
        self.link_note(&name, inode, at)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o600);
        let written = rustix::fs::openat(&self.joins, &name, flags, mode)
            .map_err(Error::in_own_directory)
            .and_then(|fd| {
                let mut note = File::from(fd);
                note.write_all(content.as_bytes())?;
                self.sync_file(&note)
            })
            .and_then(|()| Ok(self.sync_notes()?));
        if written.is_err() {
            self.forget_note(inode);
        }
        written
    }

    /// Makes the link beside a note, where the file system has hard links.
    fn link_note(&self, name: &str, inode: u64, (dir, file_name): At<'_>) -> Result<(), Error> {
        let link = link_of(name);
        match rustix::fs::linkat(dir, file_name, &self.joins, &link, AtFlags::empty()) {
            // There is one, of an append that was killed before it had a note.
            Ok(()) | Err(Errno::EXIST) => {}
            // A file system without hard links: the next append still finds the note by the inode number.
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::MLINK | Errno::NOSYS) => return Ok(()),
            // The name has been moved away since the file was locked.
            Err(Errno::NOENT) => return Err(Error::Raced),
            Err(errno) => return Err(errno.into()),
        }
        match rustix::fs::statat(&self.joins, &link, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if stat.st_ino != inode => {
                let _ = rustix::fs::unlinkat(&self.joins, &link, AtFlags::empty());
                Err(Error::Raced)
            }
            // A server that starts may have removed it; then the next append finds the note.
            _ => Ok(()),
        }
    }

    /// The note of an open file.
    ///
    /// # Errors
    /// What the system says, other than that there is none.
    pub(super) fn note(&self, file: &File, inode: u64) -> Result<Note, Error> {
        self.read_note(inode, || birth(file.as_fd(), OsStr::new("")))
    }

    /// The note of a file that is not open: the entry `file_name` of `dir`, if it is that file.
    ///
    /// # Errors
    /// What the system says, other than that there is none.
    pub(super) fn note_at(
        &self,
        dir: BorrowedFd<'_>,
        file_name: &OsStr,
        inode: u64,
    ) -> Result<Note, Error> {
        self.read_note(inode, || birth(dir, file_name))
    }

    fn read_note(
        &self,
        inode: u64,
        birth: impl FnOnce() -> Result<String, Error>,
    ) -> Result<Note, Error> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let fd = match rustix::fs::openat(&self.joins, inode.to_string(), flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(Note::Missing),
            Err(errno) => return Err(errno.into()),
        };
        let mut content = String::new();
        File::from(fd)
            .take(MAX_CONTENT)
            .read_to_string(&mut content)?;
        // A note without its newline was cut short by a kill: the join had not begun.
        let noted = content
            .strip_suffix('\n')
            .and_then(|line| line.split_once(' '));
        match noted {
            Some((length, born)) if born == birth()? => {
                Ok(length.parse().map_or(Note::Void, Note::Length))
            }
            _ => Ok(Note::Void),
        }
    }

    /// Removes a note: from now on the file counts as it is.
    ///
    /// # Errors
    /// What the system says, other than that there is none.
    pub(super) fn remove_note(&self, inode: u64) -> Result<(), Error> {
        match rustix::fs::unlinkat(&self.joins, inode.to_string(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        self.sync_notes().map_err(Error::unconfirmed)?;
        let link = link_of(&inode.to_string());
        // A link that stays is removed at the next start.
        let _ = rustix::fs::unlinkat(&self.joins, link, AtFlags::empty());
        Ok(())
    }

    /// Writes the names of the notes to the disk, if writes are to be on the disk. Needs no descriptor: the end of a note
    /// is the moment at which an append takes place.
    fn sync_notes(&self) -> Result<(), Errno> {
        match self.options.sync {
            true => rustix::io::retry_on_intr(|| rustix::fs::fsync(&self.joins)),
            false => Ok(()),
        }
    }

    /// Removes the note of a file that goes away or that has not changed; a note that stays does no harm then.
    pub(super) fn forget_note(&self, inode: u64) {
        let _ = self.remove_note(inode);
    }

    /// Cuts a file back to its noted length, and ends the note, which a killed join has left. The caller holds the file's
    /// exclusive lock.
    ///
    /// # Errors
    /// What the system says; then the note stays.
    pub(super) fn undo_join(&self, file: &File, inode: u64, length: u64) -> Result<(), Error> {
        if file.metadata()?.len() > length {
            file.set_len(length)?;
            self.sync_file(file)?;
        }
        self.remove_note(inode)
    }
}

/// The time of a file's birth as text; zeros where the file system does not tell it. Without a file_name, the file is the
/// open one.
fn birth(at: BorrowedFd<'_>, file_name: &OsStr) -> Result<String, Error> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::SYMLINK_NOFOLLOW;
    let stat = rustix::fs::statx(at, file_name, flags, StatxFlags::BTIME)?;
    Ok(format!(
        "{} {}",
        stat.stx_btime.tv_sec, stat.stx_btime.tv_nsec
    ))
}

/// The name of the hard link beside a note.
pub(super) fn link_of(note: &str) -> String {
    format!("{note}{LINK}")
}

/// The inode number in the name of a note or of its link.
pub(super) fn inode_of(name: &[u8]) -> Option<u64> {
    let name = std::str::from_utf8(name).ok()?;
    name.strip_suffix(LINK).unwrap_or(name).parse().ok()
}
