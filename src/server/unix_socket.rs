//! A listening Unix socket, and its file, which outlives the process unless it is removed.
//!
//! A socket file that refuses connections is a leftover, and is replaced. But a socket that
//! another server has just bound looks the same until it listens. So a server locks the directory
//! while it replaces or binds a socket. A server removes its own file while its socket still
//! listens: until then no other server replaces it, and no other file can have its inode.
//!
//! Responsible for: the socket and its file. Not for: which paths are allowed
//! (`config/endpoint.rs`).

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::sockets::BACKLOG;

/// How long to wait for the lock on the directory. Servers hold it for a moment; another program
/// may hold it forever.
const DIRECTORY_LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// The time between two attempts to lock it.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// The file of a socket. It is removed when this is dropped, unless another file has its path by
/// then.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Its device and inode.
    id: (u64, u64),
}

impl SocketFile {
    fn at(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            id: id(path)?,
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if id(&self.path).is_ok_and(|id| id == self.id)
            && let Err(error) = fs::remove_file(&self.path)
        {
            let path = self.path.display();
            log::warn!("the socket {path} stays, for it cannot be removed: {error}");
        }
    }
}

fn id(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

/// Listens at an absolute path. A leftover socket there is replaced. The permissions of the file
/// follow from umask(2).
///
/// # Errors
/// What prevents it, as a part of a sentence.
pub(super) fn listen(path: &Path) -> Result<(UnixListener, SocketFile), String> {
    let _locked = lock(path.parent().unwrap_or(path))?;
    remove_left_over(path)?;
    let text = |errno: Errno| errno.to_string();
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
    let socket = socket.map_err(text)?;
    let address = SocketAddrUnix::new(path).map_err(text)?;
    rustix::net::bind(&socket, &address).map_err(|errno| format!("it cannot be made: {errno}"))?;
    let file = SocketFile::at(path).map_err(|error| error.to_string())?;
    rustix::net::listen(&socket, BACKLOG).map_err(text)?;
    Ok((socket.into(), file))
}

/// Locks a directory until the returned descriptor is closed.
fn lock(directory: &Path) -> Result<OwnedFd, String> {
    let shown = directory.display();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(CWD, directory, flags, Mode::empty());
    let opened = opened.map_err(|errno| match errno {
        Errno::NOENT => format!("there is no folder {shown}"),
        Errno::NOTDIR => format!("{shown} is not a folder"),
        _ => format!("the folder {shown} cannot be read: {errno}"),
    })?;
    let since = Instant::now();
    loop {
        match rustix::fs::flock(&opened, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(opened),
            Err(Errno::WOULDBLOCK) if since.elapsed() < DIRECTORY_LOCK_TIMEOUT => {
                thread::sleep(RETRY_INTERVAL)
            }
            Err(Errno::WOULDBLOCK) => {
                return Err(format!("another program keeps the folder {shown} locked"));
            }
            Err(errno) => return Err(format!("the folder {shown} cannot be locked: {errno}")),
        }
    }
}

/// Removes a leftover socket, so that nothing has its path.
fn remove_left_over(path: &Path) -> Result<(), String> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    if !found.file_type().is_socket() {
        return Err("something else than a socket is there, and is left alone".to_owned());
    }
    match connect(path) {
        // EAGAIN: its backlog is full, so that a server listens on it.
        Ok(_) | Err(Errno::AGAIN) => Err("a server listens there already".to_owned()),
        Err(Errno::NOENT) => Ok(()),
        Err(Errno::CONNREFUSED) => fs::remove_file(path).map_err(|error| {
            format!("the socket that another server has left there cannot be removed: {error}")
        }),
        Err(errno) => Err(format!(
            "a socket is there, and whether a server listens on it cannot be told: {errno}"
        )),
    }
}

fn connect(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}
