//! From tiny_http to the workers.
//!
//! A loop waits for tiny_http's requests and gives each to a worker of the pool. It never reads from a client, writes
//! to one or touches the disk, so no client and no disk can hold it up.

use std::sync::Arc;

use super::Shared;
use super::pool::Pool;
use super::slots::Slots;
use super::worker::{Job, Worker};

/// Threads beyond the number of transfers: for those that are through, but for sending their last bytes.
const SPARE: usize = 16;

/// Threads that answer what finds the pool full: health checks, and 503 for the rest.
const RESERVE: usize = 4;

/// Requests that wait for these threads at most; above that, connections are closed without a word.
const RESERVE_QUEUE: usize = 1024;

/// The pools, and who gets into which.
pub(super) struct Dispatch {
    shared: Arc<Shared>,
    slots: Arc<Slots>,
    workers: Pool<Job>,
    reserve: Pool<Job>,
}

impl Dispatch {
    pub(super) fn new(max_transfers: usize, shared: &Arc<Shared>) -> Self {
        let slots = Slots::new(max_transfers);
        let worker = || {
            let worker = Worker::new(Arc::clone(shared), Arc::clone(&slots));
            move |job| worker.serve(job)
        };
        let reserve = Pool::new("reserve", RESERVE, RESERVE_QUEUE, worker());
        reserve.keep(RESERVE);
        Self {
            shared: Arc::clone(shared),
            workers: Pool::new("worker", max_transfers + SPARE, 0, worker()),
            reserve,
            slots,
        }
    }

    /// Receives requests for ever. A server of tiny_http that accepts no more still has its connections.
    pub(super) fn receive(&self, http: &tiny_http::Server) {
        loop {
            if let Ok(request) = http.recv() {
                self.hand_out(request);
            }
        }
    }

    /// Requests being served.
    pub(super) fn busy(&self) -> usize {
        self.workers.busy() + self.reserve.busy()
    }

    fn hand_out(&self, request: tiny_http::Request) {
        let address = request.remote_addr().map(|peer| peer.ip().to_canonical());
        let slot = address.and_then(|address| self.slots.take(address));
        let slot = slot.filter(|_| !self.shared.is_stopping());
        let refused = match slot {
            None => Job::refused(request),
            Some(slot) => match self.workers.submit(Job::admitted(request, slot)) {
                Ok(()) => return,
                Err(job) => job.without_slot(),
            },
        };
        if let Err(job) = self.reserve.submit(refused) {
            // Too many even to be refused in words.
            job.drop_connection();
        }
    }
}
