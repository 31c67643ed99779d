//! Admission control: a request takes a slot, or is refused.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tiny_http::Method;

use super::client::address_of;
use super::shared::Shared;
use super::slots::{NoSlot, Slot, Slots};
use crate::http::route::{Operation, Report};

/// Health checks without a slot that may run at once. They access the disk; where it hangs, only
/// their own threads hang.
const MAX_CHECKS: usize = 16;

/// Threads beyond one for each transfer: for health checks without a slot, for requests that have
/// just given back their slots, and for the one thread that waits for requests.
const SPARE_THREADS: usize = MAX_CHECKS + 4;

/// What takes neither a slot nor a thread, except for HEAD.
pub(super) const WATCH: Operation = Operation::Report(Report::Watch);

/// The maximum number of threads needed to serve this many transfers at once.
pub(super) fn max_threads(max_transfers: usize) -> usize {
    max_transfers.saturating_add(SPARE_THREADS)
}

/// What a request was admitted with.
pub(super) enum Admission<'a> {
    /// A slot, with which any operation is carried out.
    Slot(Slot),
    /// A place among the health checks, with which no other operation is carried out.
    Check { _place: CheckPlace<'a> },
    /// A place among the clients that watch, for that alone.
    Watch(Slot),
    /// Nothing: it is answered, or refused, without waiting for its client.
    Nothing,
}

impl Admission<'_> {
    pub(super) fn slot(&self) -> Option<&Slot> {
        match self {
            Self::Slot(slot) => Some(slot),
            Self::Check { .. } | Self::Watch(_) | Self::Nothing => None,
        }
    }

    pub(super) fn permits(&self, operation: &Operation) -> bool {
        match self {
            Self::Slot(_) => true,
            Self::Check { .. } => operation.is_about_server(),
            Self::Watch(_) => *operation == WATCH,
            Self::Nothing => operation.waits_for_nothing(),
        }
    }
}

/// Counts what has been admitted.
pub(super) struct AdmissionControl {
    shared: Arc<Shared>,
    slots: Arc<Slots>,
    /// Health checks without a slot.
    checks: AtomicUsize,
}

impl AdmissionControl {
    pub(super) fn new(shared: Arc<Shared>, max_transfers: usize) -> Self {
        Self {
            shared,
            slots: Slots::new(max_transfers),
            checks: AtomicUsize::new(0),
        }
    }

    /// Admits a request, whose operation is known where it has one. Without `may_wait` only what
    /// waits for nothing is.
    pub(super) fn admit(
        &self,
        request: &tiny_http::Request,
        operation: Option<&Operation>,
        may_wait: bool,
    ) -> Admission<'_> {
        if operation == Some(&WATCH) && *request.method() != Method::Head {
            return self.admit_watch(address_of(request));
        }
        if !may_wait || operation.is_some_and(Operation::waits_for_nothing) {
            return Admission::Nothing;
        }
        let slot = match self.shared.shutdown.has_begun() {
            true => Err(NoSlot::NoneForIt),
            false => self.slots.take(address_of(request)),
        };
        let why = match slot {
            Ok(slot) => return Admission::Slot(slot),
            Err(why) => why,
        };
        let is_check = operation.is_some_and(Operation::is_about_server);
        if is_check && let Some(_place) = CheckPlace::take(&self.checks) {
            return Admission::Check { _place };
        }
        if why == NoSlot::AllTaken {
            self.shared.make_room();
        }
        Admission::Nothing
    }

    /// Admits a client that watches. It takes no slot, and waits for nothing.
    fn admit_watch(&self, client: IpAddr) -> Admission<'_> {
        if self.shared.shutdown.has_begun() {
            return Admission::Nothing;
        }
        let place = self.shared.watchers.place(client);
        place.map_or(Admission::Nothing, Admission::Watch)
    }
}

/// The place of a health check without a slot, given back when dropped.
pub(super) struct CheckPlace<'c>(&'c AtomicUsize);

impl<'c> CheckPlace<'c> {
    fn take(running: &'c AtomicUsize) -> Option<Self> {
        let more = |count| (count < MAX_CHECKS).then_some(count + 1);
        let taken = running.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more);
        taken.is_ok().then_some(Self(running))
    }
}

impl Drop for CheckPlace<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
