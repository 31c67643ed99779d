//! Whether the server can do its work: what `GET /readyz` answers.
//!
//! Responsible for: finding out about the disk on a thread of its own, so that no request waits for
//! one that hangs. Not for: whether the process lives (`GET /healthz`).

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::storage::{self, Space, Store};
use crate::sync::lock;

/// What was found holds for this long.
const HOLDS: Duration = Duration::from_secs(5);

/// How long a request waits for what is being found out.
const LIMIT: Duration = Duration::from_secs(2);

/// The state of the storage, found out when it is asked for.
#[derive(Default)]
pub(super) struct Readiness {
    state: Mutex<State>,
    /// Told of each change of the state.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_asked: bool,
    found: Option<(Instant, Found)>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// What is wrong with the storage folder, if anything: for the client, and for the log.
    pub(super) fault: Option<String>,
    /// The space on its file system; none where it cannot be told.
    pub(super) space: Option<Space>,
}

impl Readiness {
    /// What is known of the storage, at most [`HOLDS`] old; none where it does not answer within
    /// [`LIMIT`].
    pub(super) fn check(&self) -> Option<Found> {
        let deadline = Instant::now() + LIMIT;
        let mut state = lock(&self.state);
        loop {
            match &state.found {
                Some((at, found)) if at.elapsed() < HOLDS => return Some(found.clone()),
                _ => {}
            }
            if !std::mem::replace(&mut state.is_asked, true) {
                self.changed.notify_all();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.changed.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Finds out about the storage each time that a request asks, for ever.
    pub(super) fn run(&self, store: &Store) {
        loop {
            let asked = self
                .changed
                .wait_while(lock(&self.state), |state| !state.is_asked);
            drop(asked.unwrap_or_else(PoisonError::into_inner));
            let found = Found {
                fault: store.probe().err(),
                space: storage::space(store).ok(),
            };
            let mut state = lock(&self.state);
            state.is_asked = false;
            state.found = Some((Instant::now(), found));
            self.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_does_not_answer_is_waited_for_for_a_limited_time() {
        // There is no thread that finds out.
        let readiness = Readiness::default();
        let began = Instant::now();
        assert!(readiness.check().is_none());
        assert!(began.elapsed() >= LIMIT);
        assert!(lock(&readiness.state).is_asked);
    }

    #[test]
    fn what_was_found_is_told_again_while_it_holds() {
        let readiness = Readiness::default();
        let fault = Some("it is gone".to_owned());
        let found = Found { fault, space: None };
        lock(&readiness.state).found = Some((Instant::now(), found));
        let fault = readiness.check().and_then(|found| found.fault);
        assert_eq!(fault.as_deref(), Some("it is gone"));
        assert!(!lock(&readiness.state).is_asked);
    }
}
