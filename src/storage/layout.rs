//! The directories of the storage on the disk: the root, and the server's own directory in it.
//!
//! | directory | holds |
//! | --- | --- |
//! | `.http-nas/staged` | bodies on their way in, each locked by its writer |
//! | `.http-nas/joins` | intents of appends that are under way |
//! | `.http-nas/removed` | removed directories whose content is still to be removed |

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::error::Error;
use super::identity::{FileId, Mount, same_file};
use super::location::Location;
use super::lock::try_lock;
use super::own_directory::{OWN, OwnDirectory};
use super::sys::{open_directory, open_searchable};
use crate::time::Timestamp;

/// The names of the directories in the server's own. Servers of other versions may share the root.
pub(super) const STAGED: &str = "staged";
pub(super) const INTENTS: &str = "joins";
pub(super) const REMOVED: &str = "removed";

/// The directories, held open.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) root: OwnedFd,
    root_id: FileId,
    location: Location,
    /// Whether the root is a mount point.
    is_mount_point: bool,
    own: OwnDirectory,
    pub(super) staged: OwnedFd,
    pub(super) intents: OwnedFd,
    pub(super) removed: OwnedFd,
    /// The mount of the staged bodies.
    pub(super) mount: Mount,
    /// The unit of a write into a file, in bytes: a write that does not pass the end of such a unit
    /// takes place in one step.
    pub(super) write_unit: u64,
    /// Begins the names of this process's entries below the server's own directory.
    instance: String,
    counter: AtomicU64,
}

impl Layout {
    /// Opens the directories. Those of the server are made if missing, the root as
    /// [`Location::open`] does.
    ///
    /// # Errors
    /// A sentence that says what to do, where the root cannot be used.
    pub(super) fn open(path: &Path, create_parents: bool) -> Result<Self, String> {
        let location = Location::new(path)?;
        let unusable = |why: String| location.unusable(why);
        let root = location.open(create_parents).map_err(unusable)?;
        let open_own = |parent, name| {
            let opened = open_or_make(parent, name);
            opened.map_err(unwritable).map_err(unusable)
        };
        let own = open_own(root.as_fd(), OWN)?;
        let unreadable = |errno: Errno| unusable(format!("it cannot be read: {errno}"));
        let is_mount_point = is_mount_point(root.as_fd());
        let staged = open_own(own.as_fd(), STAGED)?;
        let layout = Self {
            root_id: FileId::of(&root).map_err(unreadable)?,
            own: OwnDirectory::new(root.as_fd(), own.as_fd()).map_err(unreadable)?,
            mount: Mount::of(&staged).map_err(|error| unusable(error.to_string()))?,
            write_unit: write_unit(&staged),
            staged,
            intents: open_own(own.as_fd(), INTENTS)?,
            removed: open_own(own.as_fd(), REMOVED)?,
            root,
            is_mount_point,
            instance: instance(),
            counter: AtomicU64::new(0),
            location,
        };
        layout
            .probe()
            .map_err(|why| layout.location.unusable(why))?;
        Ok(layout)
    }

    /// Makes a file and locks it, as every upload does: all directories may be there, and yet
    /// nothing can be written.
    pub(super) fn probe(&self) -> Result<(), String> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let name = self.unique_name();
        let mode = Mode::from_raw_mode(0o600);
        let file = rustix::fs::openat(&self.staged, &name, flags, mode).map_err(unwritable)?;
        let locked = try_lock(&file);
        // Another server that starts may have found it unlocked, and removed it.
        let _ = rustix::fs::unlinkat(&self.staged, &name, AtFlags::empty());
        // A failed attempt proves that the file system has locks: that server holds this one.
        locked
            .map(drop)
            .map_err(|error| format!("its file system has no file locks (flock): {error}"))
    }

    /// Whether an entry of the root is hidden from clients.
    ///
    /// Beside the server's own directory that is `lost+found` at the root of a file system, where
    /// fsck(8) puts files without a name. On a new volume only the superuser may read it, so that
    /// an archive of the root, made by a server of another user, would fail because of it.
    pub(super) fn is_hidden(&self, name: impl AsRef<OsStr>) -> bool {
        let name = name.as_ref();
        self.own.is_at(&self.root, name) || self.is_mount_point && name == "lost+found"
    }

    /// Whether a directory, by its path, is the root or lies below it.
    pub(super) fn contains(&self, directory: &Path) -> bool {
        let is_root = |path: &Path| {
            let stat = rustix::fs::stat(path);
            stat.is_ok_and(|stat| FileId::from(&stat) == self.root_id)
        };
        std::fs::canonicalize(directory).is_ok_and(|path| path.ancestors().any(is_root))
    }

    /// Checks that the path of the root still leads to it, by one system call.
    ///
    /// # Errors
    /// [`Error::Displaced`].
    pub(super) fn check_location(&self) -> Result<(), Error> {
        self.location.check(self.root_id)
    }

    /// Checks that the root can still be opened and read, and is where it was.
    ///
    /// # Errors
    /// [`Error::Displaced`], or those of openat(2) and fstat(2).
    pub(super) fn check(&self) -> Result<(), Error> {
        open_directory(&self.root, ".")?;
        for dir in [&self.root, &self.staged, &self.intents, &self.removed] {
            // An open directory can still be opened after it has been removed.
            if rustix::fs::fstat(dir)?.st_nlink == 0 {
                let removed = "the storage folder, or a folder in its .http-nas, has been removed";
                return Err(Error::System(io::Error::other(removed)));
            }
        }
        self.check_location()
    }

    /// Refuses a directory on another mount than that of the staged bodies.
    ///
    /// # Errors
    /// [`Error::MountPoint`].
    pub(super) fn check_mount(&self, dir: BorrowedFd<'_>) -> Result<(), Error> {
        self.mount.check(Mount::of(dir)?)
    }

    /// A name that no entry below the server's own directory has.
    pub(super) fn unique_name(&self) -> String {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        format!("{}-{number}", self.instance)
    }

    /// Whether a name is one that this process has made.
    pub(super) fn is_of_this_process(&self, name: &OsStr) -> bool {
        name.as_bytes().starts_with(self.instance.as_bytes())
    }
}

/// Whether an open directory is a mount point: what is above it is on another mount, or is the
/// directory itself.
fn is_mount_point(dir: BorrowedFd<'_>) -> bool {
    let Ok(above) = open_searchable(dir, "..") else {
        return false;
    };
    match (Mount::of(dir), Mount::of(&above)) {
        (Ok(own), Ok(other)) if own == other => same_file(dir, &above).unwrap_or(false),
        (Ok(_), Ok(_)) => true,
        _ => false,
    }
}

/// The smaller one of a page of the page cache, as small as it is anywhere, and a block of the file
/// system. Linux writes into a file by either of them, counts each once it is written, and looks
/// for signals in between (`generic_perform_write` of `mm/filemap.c`, `iomap_file_buffered_write`
/// of `fs/iomap/buffered-io.c`).
fn write_unit(dir: &OwnedFd) -> u64 {
    const PAGE: u64 = 4096;
    let block = rustix::fs::fstatvfs(dir).map_or(1, |stat| stat.f_bsize);
    match block.is_power_of_two() {
        true => block.min(PAGE),
        false => 1,
    }
}

fn unwritable(errno: Errno) -> String {
    if matches!(errno, Errno::NOTDIR | Errno::LOOP) {
        return format!("the {OWN} in it is not a folder");
    }
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    format!("it cannot be written to as user {user}, group {group}: {errno}")
}

/// Opens a directory of the server, made if missing. A link in its place is refused: it could lead
/// out.
fn open_or_make(parent: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Errno> {
    match rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o700)) {
        Ok(()) | Err(Errno::EXIST) => open_directory(parent, name),
        Err(errno) => Err(errno),
    }
}

/// Process id and start time: unique on one machine, and most unlikely to be the same on another.
fn instance() -> String {
    let now = Timestamp::now();
    let process = rustix::process::getpid().as_raw_nonzero();
    format!("{process:x}-{:x}", now.nanoseconds())
}
