//! Locking where a panic of another thread does no harm.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex. No data of this crate are left half changed by a panic, so a poisoned lock is as
/// good as another.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
