//! From tiny_http to the workers: who gets in, and what becomes of the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Shared;
use super::crew::{Crew, Duty};
use super::pool::Pool;
use super::slots::Slots;
use super::worker::{Job, Worker};
use crate::guard::Incoming;

/// Threads beyond the number of transfers: for those that are through, but for sending their last bytes.
const SPARE: usize = 16;

/// Threads that answer what is not let in: health checks, and 503 for the rest.
const RESERVE: usize = 4;

/// Requests that wait for these threads at most; above that, connections are closed without a word.
const RESERVE_QUEUE: usize = 1024;

/// Admission, and the threads that serve.
pub(super) struct Dispatch {
    shared: Arc<Shared>,
    slots: Arc<Slots>,
    worker: Worker,
    most: usize,
    /// Requests that workers are serving.
    running: AtomicUsize,
    reserve: Pool<Job>,
}

impl Dispatch {
    pub(super) fn new(max_transfers: usize, shared: &Arc<Shared>) -> Self {
        let slots = Slots::new(max_transfers);
        let worker = || Worker::new(Arc::clone(shared), Arc::clone(&slots));
        let refusing = worker();
        let reserve = Pool::new("reserve", RESERVE, RESERVE_QUEUE, move |job| {
            refusing.serve(job);
        });
        reserve.keep(RESERVE);
        Self {
            shared: Arc::clone(shared),
            worker: worker(),
            most: max_transfers + SPARE,
            running: AtomicUsize::new(0),
            reserve,
            slots,
        }
    }

    /// Serves what a server of tiny_http receives, until nothing more will come from it.
    ///
    /// # Errors
    /// Where no thread can be had.
    pub(super) fn receive(self: &Arc<Self>, incoming: Incoming) -> Result<(), String> {
        Crew::start(incoming, Arc::clone(self), self.most)
    }

    /// Requests being served.
    pub(super) fn busy(&self) -> usize {
        self.running.load(Ordering::SeqCst) + self.reserve.busy()
    }

    fn refuse(&self, job: Job) {
        if let Err(job) = self.reserve.submit(job) {
            // Too many even to be refused in words.
            job.drop_connection();
        }
    }
}

impl Duty for Dispatch {
    type Job = Job;

    fn admit(&self, request: tiny_http::Request) -> Option<Job> {
        let address = request.remote_addr().map(|peer| peer.ip().to_canonical());
        let slot = address.and_then(|address| self.slots.take(address));
        match slot.filter(|_| !self.shared.is_stopping()) {
            Some(slot) => {
                self.running.fetch_add(1, Ordering::SeqCst);
                Some(Job::admitted(request, slot))
            }
            None => {
                self.refuse(Job::refused(request));
                None
            }
        }
    }

    fn serve(&self, job: Job) {
        let _running = Running(&self.running);
        self.worker.serve(job);
    }

    fn turn_away(&self, job: Job) {
        let _running = Running(&self.running);
        self.refuse(job.without_slot());
    }
}

/// Counts a request down at its end, however that comes.
struct Running<'r>(&'r AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
