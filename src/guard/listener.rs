//! The listening socket: its options, what of its failures is waited out, and its end.

use std::io;
use std::net::TcpListener;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt;

/// Connections that the kernel holds for us until they are accepted, at most (`net.core.somaxconn` may say less).
const BACKLOG: i32 = 4096;

/// How long accepting pauses when the system has no descriptor or memory for a connection.
const PAUSE: Duration = Duration::from_millis(20);

static STOPPED: AtomicBool = AtomicBool::new(false);

/// Ends the accepting of connections. The running ones are not touched.
#[derive(Debug)]
pub struct Stopper(TcpListener);

impl Stopper {
    /// Prepares a listener for tiny_http and keeps hold of it.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(listener: &TcpListener) -> io::Result<Self> {
        rustix::net::listen(listener, BACKLOG)?;
        // Accepted sockets inherit it: a reply must not wait for the acknowledgement of the one before.
        sockopt::set_tcp_nodelay(listener, true)?;
        Ok(Self(listener.try_clone()?))
    }

    /// Closes the listening socket: new connections are refused by the kernel from now on.
    pub fn stop(&self) {
        STOPPED.store(true, Ordering::SeqCst);
        // Wakes the thread that waits in accept4, which then finds the listener stopped.
        let _ = rustix::net::shutdown(&self.0, rustix::net::Shutdown::Both);
    }
}

/// Whether to accept again after a failure, and not to report it to tiny_http, which would stop accepting for ever.
pub(super) fn waits_out(listener: BorrowedFd<'_>, error: &io::Error) -> bool {
    while STOPPED.load(Ordering::SeqCst) {
        // The thread has nothing left to do; the end of the process ends it.
        std::thread::park();
    }
    if sockopt::socket_acceptconn(listener) == Ok(false) {
        return false;
    }
    match Errno::from_io_error(error) {
        // The listener is no socket any more.
        Some(Errno::BADF | Errno::NOTSOCK | Errno::INVAL | Errno::FAULT) | None => false,
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
            std::thread::sleep(PAUSE);
            true
        }
        // The connection was gone before it was accepted, or the network passes on an old error (accept(2)).
        Some(_) => true,
    }
}
