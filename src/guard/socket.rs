//! The socket of a connection as a source of bytes, with the limits of time for a head.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::RecvFlags;

use super::inbound::Source;

/// How long a request head may take from its first byte to its last.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The connection's socket.
pub(super) struct Socket<'f> {
    pub(super) socket: BorrowedFd<'f>,
    pub(super) received: &'f AtomicU64,
    /// Whether not even the first byte of a head has come.
    pub(super) is_idle: bool,
    /// Whether it is known that there is something to read.
    pub(super) is_readable: bool,
    /// By when there must be something to read, in a head.
    pub(super) deadline: Instant,
}

impl Source for Socket<'_> {
    fn read<'b>(&mut self, buffer: &'b mut [MaybeUninit<u8>]) -> io::Result<&'b [u8]> {
        match rustix::net::recv(self.socket, buffer, RecvFlags::empty()) {
            Ok(((received, _), _)) => {
                self.count(received.len());
                Ok(received)
            }
            Err(errno) => Err(failure(errno)),
        }
    }

    fn read_ahead(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let received = rustix::net::recv(self.socket, spare_capacity(bytes), RecvFlags::empty());
        let (received, _) = received.map_err(failure)?;
        self.count(received);
        Ok(received)
    }

    fn read_head(&mut self, head: &mut Vec<u8>, room: usize) -> io::Result<usize> {
        head.reserve(room);
        let is_known = std::mem::take(&mut self.is_readable);
        // Most often it is there already.
        let flags = match is_known {
            true => RecvFlags::empty(),
            false => RecvFlags::DONTWAIT,
        };
        let received = match rustix::net::recv(self.socket, spare_capacity(head), flags) {
            Err(Errno::WOULDBLOCK) if !is_known => {
                // Without a byte, a connection that waits is to cost no memory.
                head.shrink_to_fit();
                wait_readable(self.socket, self.deadline)?;
                head.reserve(room);
                rustix::net::recv(self.socket, spare_capacity(head), RecvFlags::empty())
            }
            received => received,
        };
        let (received, _) = received.map_err(failure)?;
        if std::mem::take(&mut self.is_idle) {
            // From the first byte of a head on, the limit is for its last.
            self.deadline = Instant::now() + HEAD_TIMEOUT;
        }
        self.count(received);
        Ok(received)
    }
}

impl Socket<'_> {
    fn count(&self, received: usize) {
        self.received.fetch_add(received as u64, Ordering::Relaxed);
    }
}

fn failure(errno: Errno) -> io::Error {
    match errno {
        // SO_RCVTIMEO has run out (socket(7)).
        Errno::WOULDBLOCK => Errno::TIMEDOUT.into(),
        errno => errno.into(),
    }
}

/// Whether bytes have come that nobody has read.
pub(super) fn has_input(socket: &OwnedFd) -> bool {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    rustix::net::recv(socket, &mut [0_u8][..], flags).is_ok_and(|(received, _)| received > 0)
}

/// Waits until a socket has something to read, at most until the deadline.
pub(super) fn wait_readable(socket: BorrowedFd<'_>, deadline: Instant) -> io::Result<()> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = rustix::event::Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        let mut polled = [PollFd::from_borrowed_fd(socket, PollFlags::IN)];
        match rustix::event::poll(&mut polled, Some(&timeout)) {
            Ok(0) => return Err(Errno::TIMEDOUT.into()),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}
