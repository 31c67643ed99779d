//! From accept to the thread that reads: one connection at a time.
//!
//! tiny_http gives a connection to its queue where it has counted a waiting thread, although that thread may have been
//! woken for the connection before: in a burst of connections, some would wait until another one ends. Accepted when
//! the one before has been taken up, each finds the count true.
//!
//! Where no thread can be had, tiny_http drops the connection and its accepting thread dies. A duplicate of the socket
//! is kept then, so that the next thread that accepts is given the same connection again.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use super::table;
use crate::sync::lock;

/// How long a connection that no thread takes up may hold up the ones behind it.
const TIMEOUT: Duration = Duration::from_secs(1);

static HANDOVER: Mutex<Handover> = Mutex::new(Handover {
    accepted: None,
    is_awaited: false,
    left: None,
});
static CHANGED: Condvar = Condvar::new();

struct Handover {
    /// The cookie of the connection that was accepted last and that no thread has taken up.
    accepted: Option<u64>,
    /// Whether that is waited for.
    is_awaited: bool,
    /// The connection that was to be taken up when the accepting thread died.
    left: Option<OwnedFd>,
}

/// Waits until the connection that was accepted last has been taken up.
pub(super) fn wait() {
    let mut handover = lock(&HANDOVER);
    handover.is_awaited = handover.accepted.is_some();
    // A holder that panicked changes nothing about it.
    drop(CHANGED.wait_timeout_while(handover, TIMEOUT, |handover| handover.accepted.is_some()));
}

/// A connection has been accepted.
pub(super) fn begin(cookie: u64) {
    lock(&HANDOVER).accepted = Some(cookie);
}

/// A thread reads from it.
pub(super) fn end(cookie: u64) {
    let mut handover = lock(&HANDOVER);
    let is_awaited = handover.accepted.take_if(|it| *it == cookie).is_some()
        && std::mem::take(&mut handover.is_awaited);
    drop(handover);
    if is_awaited {
        CHANGED.notify_one();
    }
}

/// The accepting thread gives a connection up, which is still open.
pub(super) fn keep(socket: BorrowedFd<'_>) {
    let mut handover = lock(&HANDOVER);
    // Each of its two descriptors is given up.
    if handover.accepted.is_some() && handover.left.is_none() {
        let duplicate = || rustix::io::fcntl_dupfd_cloexec(socket, 0).ok();
        handover.left = table::with_spare_descriptor(duplicate);
    }
}

/// Nobody will take up what was accepted last: the thread that accepted it dies. Says which connection is left to the
/// next one.
pub(super) fn leave() -> Option<u64> {
    let mut handover = lock(&HANDOVER);
    let cookie = handover.accepted.take()?;
    handover.left.is_some().then_some(cookie)
}

/// The connection that was left by the thread that accepted before.
pub(super) fn take_left() -> Option<OwnedFd> {
    lock(&HANDOVER).left.take()
}
