//! How a name is to be resolved, and where it leads.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Stat};
use rustix::io::Errno;

use super::error::Error;
use super::identity::FileId;
use super::sys::{EntryAt, kind};

/// How a name is resolved.
#[derive(Clone, Copy)]
pub(super) struct ResolveOptions<'c> {
    pub(super) final_symlink: FinalSymlink,
    pub(super) parents: Parents<'c>,
    /// A directory that must not be on the way.
    pub(super) avoid: Option<FileId>,
}

/// What a name means whose last component is a symbolic link.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FinalSymlink {
    /// What the link leads to.
    Follow,
    /// The link.
    NoFollow,
}

/// What is done about a parent that does not exist.
#[derive(Clone, Copy)]
pub(super) enum Parents<'c> {
    /// The name is not found.
    Require,
    /// It is created, unless this function refuses. The function gets the directory in which the
    /// parent would be created, so that a write that is known to fail leaves no parents behind.
    Create(&'c dyn Fn(BorrowedFd<'_>) -> Result<(), Error>),
}

impl<'c> ResolveOptions<'c> {
    /// For reading: links are followed, and a missing parent is an error.
    pub(super) const FOLLOW: Self = Self {
        final_symlink: FinalSymlink::Follow,
        parents: Parents::Require,
        avoid: None,
    };

    /// For what is done to the name itself, and not to what a link of that name leads to.
    pub(super) const NO_FOLLOW: Self = Self {
        final_symlink: FinalSymlink::NoFollow,
        ..Self::FOLLOW
    };

    /// For writing: links are followed, and missing parents are created.
    pub(super) fn create_parents(check: &'c dyn Fn(BorrowedFd<'_>) -> Result<(), Error>) -> Self {
        Self {
            parents: Parents::Create(check),
            ..Self::FOLLOW
        }
    }
}

/// Where a name leads.
pub(super) enum Resolved<'s> {
    /// To the root, or to a directory that a link reaches by a path that ends in `..` or `.`.
    Directory(ParentDirectory<'s>),
    /// To an entry, there or not, of an open directory.
    Entry(ResolvedEntry<'s>),
}

/// An entry, there or not, of an open directory.
pub(super) struct ResolvedEntry<'s> {
    pub(super) dir: ParentDirectory<'s>,
    pub(super) file_name: OsString,
    /// What the entry was when the name was resolved.
    pub(super) seen: Seen,
}

/// An open directory: the root or one below it.
pub(super) enum ParentDirectory<'s> {
    Root(&'s OwnedFd),
    Below(OwnedFd),
}

/// What an entry was when its name was resolved.
#[derive(Clone, Copy)]
pub(super) enum Seen {
    /// It was not examined.
    Unknown,
    /// There was nothing.
    Nothing,
    Something(Stat),
}

impl<'s> Resolved<'s> {
    /// The entry, where it is one.
    pub(super) fn entry(self) -> Option<ResolvedEntry<'s>> {
        match self {
            Self::Directory(_) => None,
            Self::Entry(entry) => Some(entry),
        }
    }
}

impl ResolvedEntry<'_> {
    pub(super) fn at(&self) -> EntryAt<'_> {
        (self.dir.as_fd(), &self.file_name)
    }

    /// The type that the entry was seen to have; the present one if it was not examined.
    ///
    /// # Errors
    /// Those of fstatat(2), `ENOENT` among them.
    pub(super) fn kind(&self) -> Result<FileType, Errno> {
        match self.seen {
            Seen::Unknown => kind(self.at()),
            Seen::Nothing => Err(Errno::NOENT),
            Seen::Something(stat) => Ok(FileType::from_raw_mode(stat.st_mode)),
        }
    }
}

impl AsFd for ParentDirectory<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Root(fd) => fd.as_fd(),
            Self::Below(fd) => fd.as_fd(),
        }
    }
}

impl Seen {
    /// Examines the last component of a name, if it could be a link that is to be followed.
    pub(super) fn examine((dir, name): EntryAt<'_>, final_symlink: FinalSymlink) -> Self {
        if final_symlink == FinalSymlink::NoFollow {
            return Self::Unknown;
        }
        match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Self::Something(stat),
            Err(Errno::NOENT) => Self::Nothing,
            // The error is found again where the entry is used.
            Err(_) => Self::Unknown,
        }
    }

    pub(super) fn is_link(self) -> bool {
        let Self::Something(stat) = self else {
            return false;
        };
        FileType::from_raw_mode(stat.st_mode) == FileType::Symlink
    }
}
