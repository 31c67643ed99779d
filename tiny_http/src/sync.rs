//! Locks whose data stay whole whatever panics.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks. What is behind the lock is never left half changed, so a panic of another thread does not spoil it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
