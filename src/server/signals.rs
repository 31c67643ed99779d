//! SIGTERM and SIGINT: the first ends the server in order, the second at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use super::{Event, Shared};
use crate::logging;

/// Handles the signals on a thread of its own. As process 1 of a container, a program without a handler would never
/// get them (pid_namespaces(7)).
///
/// # Errors
/// One line, where the handlers cannot be set.
pub(super) fn watch(events: Sender<Event>, shared: Arc<Shared>) -> Result<(), String> {
    let failed = |error| format!("cannot handle signals: {error}");
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGXFSZ]).map_err(failed)?;
    let handle = move || {
        for signal in signals.forever() {
            // A file above the limit of the process (ulimit -f): the write fails with EFBIG, which is answered.
            if signal == SIGXFSZ {
                continue;
            }
            if shared.stopping.swap(true, Ordering::SeqCst) {
                shared.give_up();
                log::warn!("stopped at once by a second signal");
                logging::finish_at_once();
                // As a shell reports an end by signal.
                std::process::exit(128 + signal);
            }
            // The main thread ends only with the process.
            let _ = events.send(Event::Stop);
            log::info!("stopping: no new connections, waiting for transfers");
        }
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(handle)
        .map(drop)
        .map_err(failed)
}
