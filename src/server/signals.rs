//! Signals: SIGTERM and SIGINT begin a shutdown, and a second one ends the server at once. SIGHUP
//! begins one if the server belongs to a terminal. Signals that are sent to programs for other
//! reasons are handled, so that they do not end it.
//!
//! Nothing here waits for the reader of the log.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::IsTerminal as _;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use rustix::process::Signal;
use signal_hook::consts::{
    SIGALRM, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXFSZ,
};
use signal_hook::iterator::Signals;
use signal_hook::low_level::signal_name;

use super::shared::Shared;
use crate::logging;
use crate::sync::start_thread;

/// Signals that have no meaning for this program, and that end programs which do not handle them
/// (signal(7)). SIGPIPE is not among them, since Rust's runtime ignores it. SIGQUIT, SIGABRT,
/// SIGTRAP, SIGSYS, SIGXCPU and those of faults are not handled: they end with a core dump.
const WITHOUT_EFFECT: [i32; 8] = [
    SIGUSR1,
    SIGUSR2,
    SIGALRM,
    SIGVTALRM,
    SIGPROF,
    SIGIO,
    Signal::POWER.as_raw(),
    Signal::STKFLT.as_raw(),
];

/// Real-time signals. The C library reserves the first two, 32 and 33 (signal(7)).
const REAL_TIME: RangeInclusive<i32> = 34..=64;

/// What is done about a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// Begin a shutdown; if it is the second such signal, end at once.
    Stop,
    /// Begin a shutdown. It may be sent together with other signals and several times, so that a
    /// second one does not end the server at once.
    HangUp,
    /// Log that nothing can be reloaded.
    Reload,
    /// Nothing.
    None,
    /// Log that it has no effect.
    LogOnly,
}

impl Action {
    fn of(signal: i32, has_terminal: bool) -> Self {
        match signal {
            SIGTERM | SIGINT => Self::Stop,
            SIGHUP if has_terminal => Self::HangUp,
            SIGHUP => Self::Reload,
            // A file has reached the limit of the process (ulimit -f). The write fails with EFBIG,
            // and the reply says so.
            SIGXFSZ => Self::None,
            _ => Self::LogOnly,
        }
    }
}

/// Handles the signals on a thread of its own. Process 1 of a container receives only signals that
/// it has a handler for (pid_namespaces(7)).
///
/// # Errors
/// One line, where the handlers cannot be set.
pub(super) fn watch(stop: Sender<()>, shared: Arc<Shared>) -> Result<(), String> {
    let failed = |error| format!("cannot handle signals: {error}");
    let mut signals = Signals::new(handled()).map_err(failed)?;
    let has_terminal = has_terminal();
    let handle = move || {
        let mut requests = 0;
        for signal in signals.forever() {
            let name =
                signal_name(signal).map_or_else(|| format!("signal {signal}"), str::to_owned);
            let action = Action::of(signal, has_terminal);
            match action {
                Action::Stop | Action::HangUp => {
                    requests += u32::from(action == Action::Stop);
                    if requests > 1 {
                        stop_at_once(&shared, signal);
                    }
                    if shared.shutdown.begin() {
                        // Before the main thread is told, which logs the end.
                        log::info!("stopping by {name}: no new connections, waiting for transfers");
                        // The main thread receives it until the process ends.
                        let _ = stop.send(());
                    }
                }
                Action::Reload => log::info!(
                    "{name}: there is nothing to read again; flags and variables are read at the start"
                ),
                Action::LogOnly => log::info!("{name} has no effect"),
                Action::None => {}
            }
        }
    };
    start_thread("signals", handle)
}

/// Ends the process with the exit code that a shell reports for a process killed by this signal.
fn stop_at_once(shared: &Shared, signal: i32) -> ! {
    shared.give_up();
    log::warn!("stopped at once by a second signal");
    logging::finish_at_once();
    std::process::exit(128 + signal)
}

/// The signals that are handled. A signal that was ignored when the server was started stays
/// ignored, as SIGHUP under nohup(1), except SIGTERM and SIGINT.
fn handled() -> BTreeSet<i32> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let others = [SIGHUP, SIGXFSZ].into_iter().chain(WITHOUT_EFFECT);
    let others = others.chain(REAL_TIME);
    let others = others.filter(|&signal| !is_ignored(&status, signal));
    others.chain([SIGTERM, SIGINT]).collect()
}

/// Whether a process with this status (proc_pid_status(5)) ignores a signal.
fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| (mask >> (signal - 1)) & 1 == 1)
}

/// Whether the server belongs to a terminal. This is determined at the start, since a terminal that
/// has been closed looks like none.
fn has_terminal() -> bool {
    let is_used = std::io::stdin().is_terminal()
        || std::io::stdout().is_terminal()
        || std::io::stderr().is_terminal();
    // The controlling terminal (tty(4)): opening it fails where there is none.
    is_used || File::open("/dev/tty").is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_mask() {
        let status = "Name:\tx\nSigBlk:\t0000000000000001\nSigIgn:\t8000000000001001\nSigCgt:\t0\n";
        for (signal, expected) in [(1, true), (2, false), (13, true), (15, false), (64, true)] {
            assert_eq!(is_ignored(status, signal), expected, "{signal}");
        }
        assert!(!is_ignored("", 1));
        assert!(!is_ignored("SigIgn:\tx\n", 1));
    }

    #[test]
    fn every_signal_has_its_action() {
        for (signal, at_terminal, without) in [
            (SIGTERM, Action::Stop, Action::Stop),
            (SIGINT, Action::Stop, Action::Stop),
            (SIGHUP, Action::HangUp, Action::Reload),
            (SIGXFSZ, Action::None, Action::None),
            (SIGUSR1, Action::LogOnly, Action::LogOnly),
        ] {
            assert_eq!(Action::of(signal, true), at_terminal, "{signal}");
            assert_eq!(Action::of(signal, false), without, "{signal}");
        }
    }
}
