//! Errors of the storage, and retrying an operation that another one has raced.

use std::fmt;
use std::io;

use rustix::io::Errno;

use super::shortage::Shortage;
use crate::computing::Cancelled;

/// Why an operation was not carried out. Nothing that others can see has changed then, except where
/// the disk did not confirm, with `--sync data`, what had been put in place.
#[derive(Debug)]
pub enum Error {
    /// Nothing has this name.
    NotFound,
    /// A component of the name that must be a directory is a file.
    ParentIsFile,
    /// The name is that of a directory, and a file is needed.
    IsDirectory,
    /// The name is that of a file, and a directory is needed.
    IsFile,
    /// The name is that of a FIFO, socket or device.
    NotRegular,
    /// A directory that is to be replaced is not empty.
    NotEmpty,
    /// A directory cannot be moved into itself, nor a link onto the file that it leads to, nor a
    /// file onto a link to it.
    IntoItself,
    /// A symbolic link on the way leads out of the root, nowhere or round in a circle.
    Outside,
    /// The name is, or leads to, the server's own directory.
    Own,
    /// The caller may not use what a link leads to.
    Forbidden,
    /// The caller may create something, and not replace what is there.
    MayNotReplace,
    /// The caller may append to a file, and not make one.
    MayNotCreate,
    /// The root itself cannot be replaced, renamed or removed.
    IsRoot,
    /// The file system has no links of that kind, or not as many to one file.
    NoLinks,
    /// The disk is full, or would fall below the space to be kept free; with the figures, where
    /// they are known.
    NoSpace(Option<Shortage>),
    /// The name lies on another mount than the root, or is a mount point.
    MountPoint,
    /// The server's user has no permission to do that there.
    Denied,
    /// The file system has become read-only.
    ReadOnly,
    /// The process or the system has no descriptor left.
    Exhausted,
    /// Other requests have all the memory that there is for such work.
    OutOfMemory,
    /// What the name leads to has changed during the operation, which is to be retried.
    Raced,
    /// The name is written as that of a directory, and is not given to a file.
    DirectoryName,
    /// Something has a name that has to lead to nothing.
    Occupied,
    /// The caller's condition on what is there does not hold.
    Unmet,
    /// The file has this length in bytes, not the one that the caller expects.
    OtherLength(u64),
    /// The result is no longer wanted.
    Cancelled(Cancelled),
    /// Another program kept the lock on the file for too long, or the file is a program that is
    /// being executed.
    Locked,
    /// The path of the storage no longer leads to the directory that is open: what is written there
    /// would not be found. With a text for the log only.
    Displaced(String),
    /// Any other error of a system call, for the log only.
    System(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "not found",
            Self::ParentIsFile => "a parent is a file",
            Self::IsDirectory => "is a folder",
            Self::IsFile => "is a file",
            Self::NotRegular => "neither file nor folder",
            Self::NotEmpty => "folder is not empty",
            Self::IntoItself => "into itself",
            Self::Outside => "leaves the storage folder",
            Self::Own => "is the server's own folder",
            Self::Forbidden => "a link leads to what is not permitted",
            Self::MayNotReplace => "may not be replaced",
            Self::MayNotCreate => "not found, and may not be created",
            Self::IsRoot => "is the root",
            Self::NoLinks => "the file system does not make this link",
            Self::NoSpace(Some(shortage)) => return shortage.fmt(f),
            Self::NoSpace(None) => "no space left",
            Self::MountPoint => "crosses a mount point",
            Self::Denied => "permission denied",
            Self::ReadOnly => "read-only file system",
            Self::Exhausted => "out of descriptors",
            Self::OutOfMemory => "other requests have the memory for it",
            Self::Raced => "changed meanwhile",
            Self::DirectoryName => "is written as the name of a folder",
            Self::Occupied => "the name is taken",
            Self::Unmet => "a condition does not hold",
            Self::OtherLength(_) => "has another length",
            Self::Cancelled(why) => return why.fmt(f),
            Self::Locked => "locked for too long",
            Self::Displaced(why) => why,
            Self::System(error) => return error.fmt(f),
        })
    }
}

impl std::error::Error for Error {}

impl Error {
    /// The error for an error number in the server's own directory, where a missing entry is not
    /// the client's mistake.
    pub(super) fn in_own_directory(errno: Errno) -> Self {
        match Self::from(errno) {
            Self::NotFound | Self::ParentIsFile | Self::IsDirectory | Self::NotEmpty => {
                Self::System(errno.into())
            }
            other => other,
        }
    }

    /// The error for a sync that fails after the change was made. Whatever the error number is, the
    /// operation must neither be retried nor be reported as undone.
    pub(super) fn unconfirmed(error: impl Into<io::Error>) -> Self {
        Self::System(error.into())
    }
}

/// Converts an error of opening an entry that was a regular file a moment ago: an error that it is
/// none means that it was removed or replaced in between.
pub(super) fn raced(error: Error) -> Error {
    match error {
        Error::NotFound | Error::Outside | Error::IsDirectory | Error::NotRegular => Error::Raced,
        other => other,
    }
}

/// The maximum attempts of an operation that is raced each time.
const MAX_ATTEMPTS: usize = 32;

/// Carries out an operation, and retries it as long as it is raced.
///
/// # Errors
/// [`Error::Locked`] after the last attempt, or any other error of the operation.
pub(super) fn retry_on_race<T>(mut attempt: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    for _ in 0..MAX_ATTEMPTS {
        match attempt() {
            Err(Error::Raced) => std::thread::yield_now(),
            other => return other,
        }
    }
    Err(Error::Locked)
}

/// For implementations of `std::io::Write`, which have no other error. The conversion back finds
/// it.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::System(error) => error,
            other => Self::other(other),
        }
    }
}

impl From<Cancelled> for Error {
    fn from(why: Cancelled) -> Self {
        Self::Cancelled(why)
    }
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT => Self::NotFound,
            Errno::NOTDIR => Self::ParentIsFile,
            Errno::ISDIR => Self::IsDirectory,
            Errno::NOTEMPTY | Errno::EXIST => Self::NotEmpty,
            Errno::LOOP => Self::Outside,
            Errno::NXIO => Self::NotRegular,
            Errno::NOSPC | Errno::DQUOT | Errno::FBIG => Self::NoSpace(None),
            Errno::XDEV | Errno::BUSY => Self::MountPoint,
            Errno::ACCESS | Errno::PERM => Self::Denied,
            Errno::ROFS => Self::ReadOnly,
            Errno::MFILE | Errno::NFILE => Self::Exhausted,
            // A program that is being executed may not be written to.
            Errno::TXTBSY => Self::Locked,
            // On a network file system: another server has replaced it since it was looked up.
            Errno::STALE => Self::Raced,
            other => Self::System(other.into()),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        error
            .downcast()
            .unwrap_or_else(|error| match Errno::from_io_error(&error) {
                Some(errno) => Self::from(errno),
                None => Self::System(error),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_survive_the_way_through_a_writer() {
        let shortage = Shortage {
            asked: 4,
            free: 3,
            kept: 2,
            promised: 1,
            occupied: 0,
        };
        let passed = io::Error::from(Error::NoSpace(Some(shortage)));
        let back = Error::from(passed);
        assert!(
            matches!(back, Error::NoSpace(Some(it)) if it == shortage),
            "{back:?}"
        );
        let full = Error::from(io::Error::from(Errno::NOSPC));
        assert!(matches!(full, Error::NoSpace(None)), "{full:?}");
        let other = Error::from(io::Error::from(Error::System(Errno::IO.into())));
        assert!(matches!(other, Error::System(_)), "{other:?}");
    }
}
