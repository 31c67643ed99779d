//! Who gets in: a request takes a slot, or is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Shared;
use super::client::address_of;
use super::slots::{NoSlot, Slots};
use super::worker::{Admission, Worker, look_up};
use super::workers::Service;
use crate::http::hosts::Hosts;
use crate::http::route::Operation;

/// Threads for health checks that have no slot. They look at the disk; where it hangs, they hang, and nothing else.
const CHECKS: usize = 16;

/// Threads beyond the number of transfers, each of which has a slot: for health checks, for those that have just given
/// their slot back, and one that waits for requests.
const SPARE: usize = CHECKS + 4;

/// Admission, and what serves.
pub(super) struct Dispatch {
    shared: Arc<Shared>,
    slots: Arc<Slots>,
    worker: Worker,
    /// Health checks without a slot.
    checks: AtomicUsize,
}

impl Dispatch {
    pub(super) fn new(max_transfers: usize, shared: &Arc<Shared>, hosts: Hosts) -> Self {
        Self {
            shared: Arc::clone(shared),
            slots: Slots::new(max_transfers),
            worker: Worker::new(Arc::clone(shared), hosts),
            checks: AtomicUsize::new(0),
        }
    }

    /// The most threads that it takes to serve so many transfers.
    pub(super) fn most_threads(max_transfers: usize) -> usize {
        max_transfers.saturating_add(SPARE)
    }

    fn admit(&self, request: &tiny_http::Request, operation: Option<&Operation>) -> Admission<'_> {
        let slot = match self.shared.is_stopping() {
            true => Err(NoSlot::NoneForIt),
            false => self.slots.take(address_of(request)),
        };
        let why = match slot {
            Ok(slot) => return Admission::Slot(slot),
            Err(why) => why,
        };
        let is_check = operation == Some(&Operation::Health);
        if is_check && let Some(_place) = Check::begin(&self.checks) {
            return Admission::Check { _place };
        }
        if why == NoSlot::AllTaken {
            self.shared.make_room();
        }
        Admission::None
    }
}

impl Service for Dispatch {
    fn serve(&self, request: tiny_http::Request, is_relieved: bool) {
        let routed = look_up(&request);
        let admission = match is_relieved {
            true => self.admit(&request, routed.as_ref().ok()),
            false => Admission::None,
        };
        self.worker.serve(request, routed, admission);
    }
}

/// The place of a health check that has no slot; free again when dropped.
pub(super) struct Check<'c>(&'c AtomicUsize);

impl<'c> Check<'c> {
    fn begin(running: &'c AtomicUsize) -> Option<Self> {
        let more = |count| (count < CHECKS).then_some(count + 1);
        let begun = running.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more);
        begun.is_ok().then_some(Self(running))
    }
}

impl Drop for Check<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
