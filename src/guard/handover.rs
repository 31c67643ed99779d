//! From accept to the thread that reads: one connection at a time.
//!
//! tiny_http gives a connection to its queue where it has counted a waiting thread, although that thread may have been
//! woken for the connection before: in a burst of connections, some would wait until another one ends. Accepted when
//! the one before has been taken up, each finds the count true.
//!
//! Where no thread can be had, tiny_http drops the connection and its accepting thread dies. A duplicate of the socket
//! is kept until a thread reads from it, so that the next thread that accepts is given the same connection again.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use crate::sync::lock;

/// How long a connection that no thread takes up may hold up the ones behind it.
const TIMEOUT: Duration = Duration::from_secs(1);

static HANDOVER: Mutex<Handover> = Mutex::new(Handover {
    accepted: None,
    left: None,
});
static CHANGED: Condvar = Condvar::new();

struct Handover {
    /// The connection that was accepted last and that no thread has taken up.
    accepted: Option<Accepted>,
    /// The connection that was to be taken up when the accepting thread died.
    left: Option<OwnedFd>,
}

struct Accepted {
    cookie: u64,
    /// A duplicate of its socket, unless no descriptor was to be had.
    kept: Option<OwnedFd>,
}

/// Waits until the connection that was accepted last has been taken up.
pub(super) fn wait() {
    let handover = lock(&HANDOVER);
    // A holder that panicked changes nothing about it.
    drop(CHANGED.wait_timeout_while(handover, TIMEOUT, |handover| handover.accepted.is_some()));
}

/// A connection has been accepted.
pub(super) fn begin(cookie: u64, socket: BorrowedFd<'_>) {
    let kept = rustix::io::fcntl_dupfd_cloexec(socket, 0).ok();
    lock(&HANDOVER).accepted = Some(Accepted { cookie, kept });
}

/// A thread reads from it.
pub(super) fn end(cookie: u64) {
    let mut handover = lock(&HANDOVER);
    let taken_up = handover.accepted.take_if(|it| it.cookie == cookie);
    drop(handover);
    if taken_up.is_some() {
        CHANGED.notify_one();
    }
}

/// Nobody will take up what was accepted last: the thread that accepted it dies. Says which connection is left to the
/// next one.
pub(super) fn leave() -> Option<u64> {
    let mut handover = lock(&HANDOVER);
    let Accepted { cookie, kept } = handover.accepted.take()?;
    handover.left = kept;
    let is_left = handover.left.is_some();
    drop(handover);
    CHANGED.notify_one();
    is_left.then_some(cookie)
}

/// The connection that was left by the thread that accepted before.
pub(super) fn take_left() -> Option<OwnedFd> {
    lock(&HANDOVER).left.take()
}
