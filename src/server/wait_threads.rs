//! The threads behind the requests that wait: one that lets them go, and one that is told of
//! changes.

use std::sync::Arc;

use super::name_watch::NameWatch;
use super::shared::Shared;
use crate::sync::start_thread;

/// Starts them. Where changes by other programs are not told, they are found out about once a
/// second.
///
/// # Errors
/// A line for the user, if a thread cannot be started.
pub(super) fn start(shared: &Arc<Shared>) -> Result<(), String> {
    let waiting = Arc::clone(shared);
    start_thread("waits", move || waiting.waits.run(&waiting.store))?;
    let mut names = match NameWatch::new() {
        Ok(names) => names,
        Err(error) => {
            log::info!("changes by other programs are seen once a second: {error}");
            return Ok(());
        }
    };
    let watching = Arc::clone(shared);
    start_thread("names", move || {
        if let Err(error) = names.run(&watching.store, &watching.waits) {
            log::error!("changes by other programs are seen once a second: {error}");
        }
    })
}
