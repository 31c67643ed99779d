//! System calls on entries of open directories, which never follow a link.
//!
//! Responsible for: the flags with which each kind of entry is opened, and what takes the place of
//! a system call where the kernel, a filter or the file system does not have it. Not for: which
//! entry a name means (see `resolve`).

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;

use rustix::fs::{Access, AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use rustix::path::Arg;

use super::error::Error;
use super::identity::Identity;

/// The name of an entry in an open directory.
pub(super) type EntryAt<'d> = (BorrowedFd<'d>, &'d OsStr);

/// How a directory is opened that is to be read, synced or locked.
pub(super) const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// How a directory is opened that names are only to be resolved in, for which it need not be
/// readable.
const SEARCHABLE: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// How a regular file is opened. `O_NONBLOCK` keeps a FIFO that has been swapped in from blocking,
/// and has no effect on a regular file.
const REGULAR: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// Opens a directory to read, sync or lock it. The directory that is open itself is `.`.
pub(super) fn open_directory(dir: impl AsFd, name: impl Arg) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(dir, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())
}

/// Opens a directory to resolve names in it.
pub(super) fn open_searchable(dir: impl AsFd, name: impl Arg) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(dir, name, SEARCHABLE, Mode::empty())
}

/// Opens a directory below another, to resolve names in it, by a path without links and without
/// `..`.
///
/// It takes one call with openat2(2), which Linux has since 5.6. A seccomp filter may deny that
/// call: RestrictSUIDSGID of systemd does, since it cannot inspect the flags in its argument.
pub(super) fn open_beneath(dir: BorrowedFd<'_>, path: &OsStr) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(dir, path, SEARCHABLE, Mode::empty(), resolve) {
        Err(Errno::NOSYS) => {}
        other => return other,
    }
    let mut at: Option<OwnedFd> = None;
    for component in path.as_bytes().split(|&byte| byte == b'/') {
        at = Some(open_searchable(
            at.as_ref().map_or(dir, AsFd::as_fd),
            component,
        )?);
    }
    at.ok_or(Errno::NOENT)
}

/// Opens an entry that was a regular file a moment ago. The caller has to check that it still is.
pub(super) fn open_file((dir, name): EntryAt<'_>, access: OFlags) -> Result<File, Errno> {
    rustix::fs::openat(dir, name, access | REGULAR, Mode::empty()).map(File::from)
}

/// Opens a regular file, and nothing else.
///
/// # Errors
/// [`Error::IsDirectory`], [`Error::NotRegular`], or those of openat(2).
pub(super) fn open_regular(at: EntryAt<'_>, access: OFlags) -> Result<(File, Identity), Error> {
    let file = open_file(at, access)?;
    let identity = Identity::of(&file)?;
    require_regular(identity.kind)?;
    Ok((file, identity))
}

/// Refuses what is no regular file.
///
/// # Errors
/// [`Error::IsDirectory`], [`Error::NotRegular`].
pub(super) fn require_regular(kind: FileType) -> Result<(), Error> {
    match kind {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(Error::IsDirectory),
        _ => Err(Error::NotRegular),
    }
}

/// What an entry is, if there is one.
///
/// # Errors
/// Those of fstatat(2), except `ENOENT`.
pub(super) fn stat((dir, name): EntryAt<'_>) -> Result<Option<Stat>, Error> {
    match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// The type of an entry.
///
/// # Errors
/// Those of fstatat(2).
pub(super) fn kind((dir, name): EntryAt<'_>) -> Result<FileType, Errno> {
    let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileType::from_raw_mode(stat.st_mode))
}

/// Reads the entries of an open directory, `.` and `..` among them. It may be open only to resolve
/// names in it.
///
/// # Errors
/// Those of openat(2) and fstat(2).
pub(super) fn entries(dir: impl AsFd) -> Result<Dir, Errno> {
    Dir::new(open_directory(dir, ".")?)
}

/// The names in a directory, without `.` and `..`, in the order of the file system and in memory
/// that does not grow with their number. What is removed or added meanwhile may be left out
/// (readdir(3)).
///
/// # Errors
/// Those of [`entries`].
pub(super) fn names(
    dir: impl AsFd,
) -> Result<impl Iterator<Item = Result<OsString, Error>>, Error> {
    let names = entries(dir)?.map(|entry| {
        let name = entry?.file_name().to_bytes().to_vec();
        Ok(OsString::from_vec(name))
    });
    let is_dots = |name: &OsStr| name == "." || name == "..";
    Ok(names.filter(move |name| !matches!(name, Ok(name) if is_dots(name))))
}

/// Reads bytes at a place in a file. It may be fewer than there is room for; none at the end.
///
/// # Errors
/// Those of pread(2), except `EINTR`.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, at) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Refuses early what the server's user may not do. Any other error, such as the `EPERM` of a
/// filter that does not know the call, is left to the operation itself.
///
/// # Errors
/// [`Error::Denied`], [`Error::ReadOnly`].
pub(super) fn check_access(
    dir: BorrowedFd<'_>,
    name: impl Arg,
    access: Access,
) -> Result<(), Error> {
    let flags = AtFlags::EACCESS | AtFlags::SYMLINK_NOFOLLOW;
    match rustix::fs::accessat(dir, name, access, flags) {
        Err(errno @ (Errno::ACCESS | Errno::ROFS)) => Err(errno.into()),
        _ => Ok(()),
    }
}

/// Renames onto a name that leads to something, or to nothing; then it must lead to nothing still.
///
/// # Errors
/// `EEXIST` where the new name exists although `is_there` is false. A file system that has no
/// `RENAME_NOREPLACE` (`EINVAL`) detects that by a hard link; for a directory, or without hard
/// links, it is not detected. What is renamed is locked, or its name is known to this request
/// alone, so the old name still leads to it when it is unlinked. A kill in between leaves both
/// names; repeating the request removes the old one.
pub(super) fn rename_onto(
    (from_dir, from): EntryAt<'_>,
    (to_dir, to): EntryAt<'_>,
    is_there: bool,
) -> Result<(), Errno> {
    if is_there {
        return rustix::fs::renameat(from_dir, from, to_dir, to);
    }
    match rustix::fs::renameat_with(from_dir, from, to_dir, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => {}
        other => return other,
    }
    match rustix::fs::linkat(from_dir, from, to_dir, to, AtFlags::empty()) {
        Ok(()) => {
            let unlinked = rustix::fs::unlinkat(from_dir, from, AtFlags::empty());
            if unlinked.is_err() {
                // One file under two names would be a change.
                let _ = rustix::fs::unlinkat(to_dir, to, AtFlags::empty());
            }
            unlinked
        }
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) => {
            rustix::fs::renameat(from_dir, from, to_dir, to)
        }
        Err(errno) => Err(errno),
    }
}
