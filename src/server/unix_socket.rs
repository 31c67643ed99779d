//! A Unix socket that listens, and its file, which outlives the process unless it is removed.
//!
//! Servers that start at the same time, with one path, must not take each other's socket for one
//! that is left over: it can be connected to only once it listens. So whoever makes or replaces one
//! holds the lock on its folder. And whoever removes its own does so while it still listens: by
//! then no other server has taken its place, and its inode is no other's.
//!
//! Responsible for: the socket and its file. Not for: which paths may be given
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

/// How long the lock on the folder is waited for: servers hold it for a moment, and another program
/// may for good.
const LOCKED_WITHIN: Duration = Duration::from_secs(2);

/// How often it is tried.
const TRY: Duration = Duration::from_millis(10);

/// The file of a socket; removed when dropped, unless another one is in its place.
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

/// Listens at an absolute path. A socket that is left over there is replaced; its permissions are
/// as umask(2) has them.
///
/// # Errors
/// What keeps it from that, as a part of a sentence.
pub(super) fn listen(path: &Path) -> Result<(UnixListener, SocketFile), String> {
    let _locked = lock(path.parent().unwrap_or(path))?;
    remove_left_over(path)?;
    let said = |errno: Errno| errno.to_string();
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
    let socket = socket.map_err(said)?;
    let address = SocketAddrUnix::new(path).map_err(said)?;
    rustix::net::bind(&socket, &address).map_err(|errno| format!("it cannot be made: {errno}"))?;
    let file = SocketFile::at(path).map_err(|error| error.to_string())?;
    rustix::net::listen(&socket, BACKLOG).map_err(said)?;
    Ok((socket.into(), file))
}

/// Locks a folder, for as long as what is returned is there.
fn lock(folder: &Path) -> Result<OwnedFd, String> {
    let shown = folder.display();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(CWD, folder, flags, Mode::empty());
    let opened = opened.map_err(|errno| match errno {
        Errno::NOENT => format!("there is no folder {shown}"),
        Errno::NOTDIR => format!("{shown} is not a folder"),
        _ => format!("the folder {shown} cannot be read: {errno}"),
    })?;
    let since = Instant::now();
    loop {
        match rustix::fs::flock(&opened, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(opened),
            Err(Errno::WOULDBLOCK) if since.elapsed() < LOCKED_WITHIN => thread::sleep(TRY),
            Err(Errno::WOULDBLOCK) => {
                return Err(format!("another program keeps the folder {shown} locked"));
            }
            Err(errno) => return Err(format!("the folder {shown} cannot be locked: {errno}")),
        }
    }
}

/// Removes a socket on which nobody listens, so that there is nothing at its path.
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
        // One whose backlog is full would have to be waited for.
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
