//! What wakes a thread that waits in epoll_wait(2) for something else.

use std::io;

use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

/// An eventfd(2): it can be read from when it is raised, until it is cleared.
#[derive(Debug)]
pub(crate) struct Wake(OwnedFd);

impl Wake {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Self(eventfd(0, flags)?))
    }

    /// Wakes a thread that waits, or the next one that will, until [`Wake::clear`].
    pub(crate) fn raise(&self) {
        let write = || rustix::io::write(&self.0, &1_u64.to_ne_bytes());
        // The only other error is that the counter is full, and then the event is pending already.
        let _ = rustix::io::retry_on_intr(write);
    }

    pub(crate) fn clear(&self) {
        // Where another thread has cleared it already, the read fails, which makes no difference.
        let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
