//! Telling the server's own directory from the entries of the root.
//!
//! Most file systems have one name for it. One that folds case, or drops characters from names, has more: ext4, f2fs and
//! tmpfs with `casefold` take `.HTTP-NAS` for the same, and also names with characters that Unicode ignores or folds (the
//! long s); vfat, exFAT, NTFS and SMB fold case, and some of them drop a dot or space at the end.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;

use super::file_id::FileId;

/// The name of the server's own directory below the root.
pub(super) const OWN: &str = ".http-nas";

/// Other ways to write that name, of which a file system with more than one name for a directory takes at least one for it:
/// capitals, a letter that folds to another, a character that counts for nothing, a wide letter, and what is dropped at
/// the end.
const SPELLINGS: [&str; 6] = [
    ".HTTP-NAS",
    ".http-na\u{17f}",
    ".http\u{ad}-nas",
    ".\u{ff48}ttp-nas",
    ".http-nas.",
    ".http-nas ",
];

/// Which directory the server's own is.
#[derive(Debug)]
pub(super) struct OwnDirectory {
    id: FileId,
    /// Whether the file system has other names for it, too.
    has_aliases: bool,
}

impl OwnDirectory {
    /// The own directory, which is open, in the root.
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

    /// Whether the entry `name` of the root is the own directory. Takes a system call only where the file system has other
    /// names for it: what it takes for the same name is for it alone to say.
    pub(super) fn is_at(&self, root: impl AsFd, name: &OsStr) -> bool {
        name == OWN || self.has_aliases && FileId::at(root, name) == Ok(self.id)
    }
}
