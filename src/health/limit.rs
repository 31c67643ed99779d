//! The time that one step may take.

use std::sync::mpsc::channel;
use std::time::Duration;

use crate::sync::start_thread;

/// The maximum time of a step, such as a request, from the look-up of the name to the last byte of
/// the reply.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Takes a step, within the limit. It has a thread of its own, since the look-up of a name has no
/// timeout, nor has reading a file; what hangs ends with the process.
///
/// # Errors
/// That of the step, or `too_late` with the limit.
pub(super) fn within_limit<T: Send + 'static>(
    too_late: &str,
    step: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let (sender, outcome) = channel();
    start_thread("health", move || sender.send(step()))?;
    let limit = TIMEOUT.as_secs();
    outcome
        .recv_timeout(TIMEOUT)
        .map_err(|_| format!("{too_late} within {limit} s"))?
}
