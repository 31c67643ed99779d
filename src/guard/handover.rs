//! From accept to the thread that reads: one connection at a time.
//!
//! tiny_http gives a connection to its queue where it has counted a waiting thread, although that thread may have been
//! woken for the connection before: in a burst of connections, some would wait until another one ends. Accepted when
//! the one before has been taken up, each finds the count true.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use crate::sync::lock;

/// How long a connection that no thread takes up may hold up the ones behind it.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The cookie of the connection that was accepted last and that no thread has taken up.
static ACCEPTED: Mutex<Option<u64>> = Mutex::new(None);
static CHANGED: Condvar = Condvar::new();

/// Waits until the connection that was accepted last has been taken up.
pub(super) fn wait() {
    let accepted = lock(&ACCEPTED);
    // A holder that panicked changes nothing about it.
    drop(CHANGED.wait_timeout_while(accepted, TIMEOUT, |accepted| accepted.is_some()));
}

/// A connection has been accepted.
pub(super) fn begin(cookie: u64) {
    *lock(&ACCEPTED) = Some(cookie);
}

/// A thread reads from it.
pub(super) fn end(cookie: u64) {
    let mut accepted = lock(&ACCEPTED);
    if *accepted == Some(cookie) {
        *accepted = None;
        CHANGED.notify_one();
    }
}

/// Nobody will take up what was accepted last.
pub(super) fn give_up() {
    *lock(&ACCEPTED) = None;
    CHANGED.notify_one();
}
