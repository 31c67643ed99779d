//! Telling the server's own directory from the entries of the root.
//!
//! Most file systems have one name for it. One that folds case, or drops characters from names, has
//! more: for ext4, f2fs and tmpfs with `casefold`, `.HTTP-NAS` is the same name, and so are names
//! with characters that Unicode ignores or folds (the long s); vfat, exFAT, NTFS and SMB fold case,
//! and some of them drop a dot or space at the end.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;

use super::identity::FileId;

/// The name of the server's own directory below the root.
pub(super) const OWN: &str = ".http-nas";

/// Other ways to write that name. A file system that has more than one name for a directory has at
/// least one of these: capitals, a letter that folds to another, a character that is ignored, a
/// wide letter, and what is dropped at the end.
const SPELLINGS: [&str; 6] = [
    ".HTTP-NAS",
    ".http-na\u{17f}",
    ".http\u{ad}-nas",
    ".\u{ff48}ttp-nas",
    ".http-nas.",
    ".http-nas ",
];

/// The server's own directory, by what it is and not by its name.
#[derive(Debug)]
pub(super) struct OwnDirectory {
    id: FileId,
    /// Whether the file system has other names for it as well.
    has_aliases: bool,
}

impl OwnDirectory {
    /// The directory that is open as `own`, in the root.
    ///
    /// # Errors
    /// Those of fstat(2).
    pub(super) fn new(root: BorrowedFd<'_>, own: BorrowedFd<'_>) -> Result<Self, Errno> {
        let id = FileId::of(own)?;
        let leads_there = |name: &&str| FileId::at(root, OsStr::new(name)) == Ok(id);
        Ok(Self {
            id,
            has_aliases: SPELLINGS.iter().any(leads_there),
        })
    }

    /// Whether the entry `name` of the root is this directory. It takes a system call only where
    /// the file system has other names for it: which names are the same, only the file system
    /// knows.
    pub(super) fn is_at(&self, root: impl AsFd, name: &OsStr) -> bool {
        name == OWN || self.has_aliases && FileId::at(root, name) == Ok(self.id)
    }
}
