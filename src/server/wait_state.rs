//! What stays with a request that waits, or that could not be handled yet.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tiny_http::Request;

use super::slots::Slot;
use super::transfer::Transfer;

/// For how long a request may be postponed when its time is up.
const MAX_POSTPONED: Duration = Duration::from_secs(5);

/// A request that is handled again.
pub(super) struct Resumed {
    pub(super) request: Request,
    pub(super) state: WaitState,
}

/// What stays with a request that waits.
pub(super) struct WaitState {
    pub(super) transfer: Arc<Transfer>,
    /// When its time is up.
    pub(super) deadline: Instant,
    /// Whether its client is gone.
    pub(super) is_gone: bool,
    /// Its place among those that wait, which is free again when this is dropped.
    _place: Slot,
}

impl WaitState {
    pub(super) fn new(transfer: Arc<Transfer>, deadline: Instant, place: Slot) -> Self {
        Self {
            transfer,
            deadline,
            is_gone: false,
            _place: place,
        }
    }

    /// Whether its time is up, or its client is gone.
    pub(super) fn is_over(&self) -> bool {
        self.is_gone || Instant::now() >= self.deadline
    }

    /// Whether the request may be handled a little later, where there is no slot for it now: not
    /// for ever, but beyond the end of its wait, since it may have waited for all of that.
    pub(super) fn may_be_postponed(&self) -> bool {
        !self.is_gone && Instant::now() < self.deadline + MAX_POSTPONED
    }
}
