//! Clears what killed servers have left in the storage, behind the server's back: when it has begun to listen, and then
//! every now and then, since the server that left something may be one of several on the folder, and never start again.

use std::sync::Arc;
use std::time::Duration;

use super::shared::Shared;
use crate::storage::{self, Unclearable};

/// The time between two rounds.
const EVERY: Duration = Duration::from_secs(300);

/// Starts the thread that clears. It ends with the process.
///
/// # Errors
/// One line, where there is no thread to be had.
pub(super) fn start(shared: Arc<Shared>) -> Result<(), String> {
    let clear = move || {
        let mut known = Unclearable::default();
        while !shared.shutdown.has_begun() {
            storage::recover(&shared.store, &mut known);
            std::thread::sleep(EVERY);
        }
    };
    std::thread::Builder::new()
        .name("cleaner".to_owned())
        .spawn(clear)
        .map(drop)
        .map_err(|error| format!("cannot start a thread: {error}"))
}
