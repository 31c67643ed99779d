//! Locking.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, whether or not a holder has panicked: what stands behind the locks of this program is changed in single
/// steps, and never left half-changed.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
