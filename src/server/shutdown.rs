//! Whether the server is shutting down, and when that ends what is still under way.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The state of the shutdown. By default there is none.
#[derive(Default)]
pub(super) struct Shutdown {
    has_begun: AtomicBool,
    deadline: OnceLock<Instant>,
}

impl Shutdown {
    /// Begins it; `false` where it has begun before.
    pub(super) fn begin(&self) -> bool {
        !self.has_begun.swap(true, Ordering::SeqCst)
    }

    /// Whether it has begun: no further request is carried out then.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::SeqCst)
    }

    /// Sets and returns the moment at which requests that are still under way are dropped.
    pub(super) fn set_deadline(&self, timeout: Duration) -> Instant {
        *self.deadline.get_or_init(|| Instant::now() + timeout)
    }

    /// How long requests under way may still take; `None` as long as there is no deadline.
    pub(super) fn time_left(&self) -> Option<Duration> {
        let deadline = self.deadline.get()?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }
}
