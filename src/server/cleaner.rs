//! Removes the remnants of killed servers from the storage, in the background: once the server
//! listens, and then at intervals, since another server on the same directory may be killed at any
//! time and never be started again.

use std::sync::Arc;
use std::time::Duration;

use super::shared::Shared;
use crate::storage::{self, Unclearable};
use crate::sync::start_thread;

/// The time between two rounds.
const INTERVAL: Duration = Duration::from_secs(300);

/// Starts the thread for it, which ends with the process.
///
/// # Errors
/// One line, where the thread cannot be started.
pub(super) fn start(shared: Arc<Shared>) -> Result<(), String> {
    let clear = move || {
        let mut known = Unclearable::default();
        while !shared.shutdown.has_begun() {
            storage::recover(&shared.store, &mut known);
            std::thread::sleep(INTERVAL);
        }
    };
    start_thread("cleaner", clear)
}
