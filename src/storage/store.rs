//! The storage root: an open directory, and the server's own directory in it.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::Error;
use super::error::retry_on_race;
use super::file_id::FileId;
use super::location::Location;
use super::mount::Mount;
use super::own::{OWN, OwnDirectory};
use super::promises::Promises;
use super::turn::Turns;
use super::walk::{Last, Missing, Place, Way};
use crate::time::Timestamp;

/// The directories in the server's own.
pub(super) const STAGED: &str = "staged";
pub(super) const JOINS: &str = "joins";
pub(super) const REMOVED: &str = "removed";

/// How the storage is to be used.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes that uploads leave free on the file system.
    pub min_free: u64,
    /// Whether a write is on the disk (`fdatasync`, and `fsync` of its directory) before it is reported as done.
    pub sync: bool,
    /// Whether missing parents of the root are made at the start.
    pub create_parents: bool,
}

/// The storage: its root directory, held open. All names are resolved beneath it.
#[derive(Debug)]
pub struct Store {
    pub(super) dir: OwnedFd,
    id: FileId,
    location: Location,
    own: OwnDirectory,
    /// Bodies on their way in, each under the lock of its writer.
    pub(super) staged: OwnedFd,
    /// Notes of joins that are under way.
    pub(super) joins: OwnedFd,
    /// What has been removed and still has to be taken apart.
    pub(super) removed: OwnedFd,
    /// How many requests take something apart there.
    pub(super) removals: AtomicUsize,
    pub(super) options: Options,
    /// Tells this process's entries below the own directory from those of other servers.
    pub(super) instance: String,
    counter: AtomicU64,
    /// Held while blocks are reserved for a body.
    pub(super) reserving: Mutex<()>,
    pub(super) promises: Mutex<Promises>,
    /// Whose turn it is to lock a file.
    pub(super) turns: Arc<Turns>,
    /// Whether a file system begins here.
    is_mounted: bool,
    /// The mount of the staged bodies.
    pub(super) mount: Mount,
    /// What a write into a file does not pass the end of, in bytes, if it is to take place in one step.
    pub(super) step: u64,
}

impl Store {
    /// Opens the root, and makes it (see [`Options::create_parents`]) and the own directory if missing. [`Store::recover`]
    /// clears what dead servers left behind.
    ///
    /// # Errors
    /// A sentence that says what to do, where the directory cannot be used.
    pub fn open(path: &Path, options: Options) -> Result<Self, String> {
        let location = Location::new(path)?;
        let unusable = |why: String| location.unusable(why);
        let dir = location.open(options.create_parents).map_err(unusable)?;
        let own_directory = |parent, name| {
            let opened = own_directory(parent, name);
            opened.map_err(unwritable).map_err(unusable)
        };
        let own = own_directory(dir.as_fd(), OWN)?;
        let unreadable = |errno: Errno| unusable(format!("it cannot be read: {errno}"));
        let is_mounted = Mount::begins_at(dir.as_fd());
        let staged = own_directory(own.as_fd(), STAGED)?;
        let store = Self {
            id: FileId::of(&dir).map_err(unreadable)?,
            own: OwnDirectory::new(dir.as_fd(), own.as_fd()).map_err(unreadable)?,
            mount: Mount::of(&staged).map_err(|error| unusable(error.to_string()))?,
            step: step_of(&staged),
            staged,
            joins: own_directory(own.as_fd(), JOINS)?,
            removed: own_directory(own.as_fd(), REMOVED)?,
            dir,
            options,
            instance: instance(),
            counter: AtomicU64::new(0),
            removals: AtomicUsize::new(0),
            reserving: Mutex::new(()),
            promises: Mutex::default(),
            turns: Arc::default(),
            is_mounted,
            location,
        };
        store.probe().map_err(|why| store.location.unusable(why))?;
        Ok(store)
    }

    /// Whether an entry of the root is not for clients.
    ///
    /// Beside the own directory that is `lost+found` at the root of a file system, where fsck(8) puts what has lost its
    /// name: on a new volume it is root's alone, and a server of another user could read all but this.
    pub(super) fn is_own(&self, name: impl AsRef<OsStr>) -> bool {
        let name = name.as_ref();
        self.own.is_at(&self.dir, name) || self.is_mounted && name == "lost+found"
    }

    /// Whether a directory, by its path, is the root or lies below it.
    #[must_use]
    pub fn is_above(&self, directory: &Path) -> bool {
        let is_root = |path: &Path| {
            let stat = rustix::fs::stat(path);
            stat.is_ok_and(|stat| FileId::from(&stat) == self.id)
        };
        std::fs::canonicalize(directory).is_ok_and(|directory| directory.ancestors().any(is_root))
    }

    /// Whether the path of the root still leads to it. One system call.
    ///
    /// # Errors
    /// [`Error::Displaced`].
    pub fn check_location(&self) -> Result<(), Error> {
        self.location.check(self.id)
    }

    /// Whether the root can still be opened and read, and is where it was.
    ///
    /// # Errors
    /// [`Error::Displaced`], or what the system says.
    pub fn check(&self) -> Result<(), Error> {
        rustix::fs::openat(&self.dir, ".", DIR_FLAGS, Mode::empty())?;
        for dir in [&self.dir, &self.staged, &self.joins, &self.removed] {
            // An open directory can still be opened after it has been removed.
            if rustix::fs::fstat(dir)?.st_nlink == 0 {
                let removed = "the storage folder, or a folder in its .http-nas, has been removed";
                return Err(Error::System(io::Error::other(removed)));
            }
        }
        self.check_location()
    }

    /// Removes the staged bodies of this process: for the end of the process, with uploads still running.
    pub fn discard_staged(&self) {
        let staged = super::list::names(self.staged.as_fd());
        for name in staged.into_iter().flatten().flatten() {
            if name.as_bytes().starts_with(self.instance.as_bytes()) {
                // Whoever commits it at this moment has won; nothing else is to be done about a failure.
                let _ = rustix::fs::unlinkat(&self.staged, &name, AtFlags::empty());
            }
        }
    }

    /// A name for an entry of the own directory that no other entry has.
    pub(super) fn unique(&self) -> String {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        format!("{}-{number}", self.instance)
    }

    /// Resolves a name for reading: links that stay inside are followed, missing parents are an error.
    pub(super) fn find(&self, components: &[String]) -> Result<Place<'_>, Error> {
        retry_on_race(|| self.resolve(components, Last::Follow, Missing::Fail, None))
    }

    /// Takes what a name leads to as it is, without following a link in its last component.
    pub(super) fn find_itself(&self, components: &[String]) -> Result<Place<'_>, Error> {
        retry_on_race(|| self.resolve(components, Last::Keep, Missing::Fail, None))
    }

    /// Resolves a name for writing, and makes its missing parents; not through the directory `avoid`.
    ///
    /// `check` is asked before each one is made, with the directory that it is made in: nothing is under the name then, and
    /// what can be known to fail is to leave no parents behind.
    pub(super) fn make_way(
        &self,
        components: &[String],
        avoid: Option<FileId>,
        check: &dyn Fn(BorrowedFd<'_>) -> Result<(), Error>,
    ) -> Result<Place<'_>, Error> {
        match self.resolve(components, Last::Follow, Missing::Make(check), avoid) {
            // A directory that was there, or has just been made, is gone.
            Err(Error::NotFound) => Err(Error::Raced),
            other => other,
        }
    }

    pub(super) fn resolve(
        &self,
        components: &[String],
        last: Last,
        missing: Missing<'_>,
        avoid: Option<FileId>,
    ) -> Result<Place<'_>, Error> {
        let way = Way {
            last,
            missing,
            avoid,
        };
        super::walk::place(self, components, way)
    }

    /// Writes a file's content to the disk, if writes are to be on the disk.
    pub(super) fn sync_file(&self, file: &File) -> Result<(), Error> {
        if self.options.sync {
            file.sync_data()?;
        }
        Ok(())
    }

    /// Makes a file and locks it, as every upload does: all directories may be there, and yet nothing can be written.
    fn probe(&self) -> Result<(), String> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let name = self.unique();
        let mode = Mode::from_raw_mode(0o600);
        let file = rustix::fs::openat(&self.staged, &name, flags, mode).map_err(unwritable)?;
        let locked = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
        // Another server that starts may have removed it before it was locked.
        let _ = rustix::fs::unlinkat(&self.staged, &name, AtFlags::empty());
        match locked {
            // That server is about to.
            Ok(()) | Err(Errno::WOULDBLOCK) => Ok(()),
            Err(error) => Err(format!(
                "its file system has no file locks (flock): {error}"
            )),
        }
    }
}

pub(super) const DIR_FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// The smaller one of a page of the page cache, as small as it is anywhere, and a block of the file system: Linux writes
/// into a file by either of them, counts each when it is there, and looks for signals in between (`generic_perform_write` of
/// `mm/filemap.c`, `iomap_file_buffered_write` of `fs/iomap/buffered-io.c`).
fn step_of(dir: &OwnedFd) -> u64 {
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

/// Opens a directory of the server's own, made if missing. A link in its place is refused: it could lead out.
fn own_directory(parent: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Errno> {
    match rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o700)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    let flags = DIR_FLAGS | OFlags::NOFOLLOW;
    rustix::fs::openat(parent, name, flags, Mode::empty())
}

/// Process id and start time: unique on one machine, and unlikely to meet its like on another.
fn instance() -> String {
    let now = Timestamp::now();
    let process = rustix::process::getpid().as_raw_nonzero();
    format!("{process:x}-{:x}", now.nanoseconds())
}
