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

static TAKEN_UP: Mutex<bool> = Mutex::new(true);
static CHANGED: Condvar = Condvar::new();

/// Waits until the connection that was accepted last has been taken up.
pub(super) fn wait() {
    let taken_up = lock(&TAKEN_UP);
    // A holder that panicked changes nothing about the flag.
    drop(CHANGED.wait_timeout_while(taken_up, TIMEOUT, |taken_up| !*taken_up));
}

/// A connection has been accepted.
pub(super) fn begin() {
    *lock(&TAKEN_UP) = false;
}

/// A thread reads from it.
pub(super) fn end() {
    *lock(&TAKEN_UP) = true;
    CHANGED.notify_one();
}
