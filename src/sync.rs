//! Threads and locks.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// Locks a mutex, even if a thread has panicked while it held the lock. The values behind the
/// mutexes of this program are consistent at every point where a panic is possible.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a thread, which ends with the process at the latest. `name` is what the system shows.
///
/// # Errors
/// A line for the user, where there is no thread to be had.
pub(crate) fn start_thread<F, T>(name: &str, run: F) -> Result<(), String>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let started = thread::Builder::new().name(name.to_owned()).spawn(run);
    started
        .map(drop)
        .map_err(|error| format!("cannot start a thread: {error}"))
}
