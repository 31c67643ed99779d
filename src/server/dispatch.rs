//! From tiny_http to the workers: who gets in, and what becomes of the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Shared;
use super::crew::{Crew, Duty};
use super::pool::Pool;
use super::slots::{NoSlot, Slots};
use super::worker::{Job, Worker};
use crate::guard::Incoming;
use crate::http::hosts::Hosts;

/// Threads beyond the number of transfers, each of which has a slot: for the loop, and for those that have just given
/// theirs back.
const SPARE: usize = 16;

/// Threads of each kind that answer what is not let in: health checks, and 503 for the rest.
const RESERVE: usize = 4;

/// Requests that wait for the threads of a kind at most; above that, connections are closed without a word.
const RESERVE_QUEUE: usize = 1024;

/// Admission, and the threads that serve.
pub(super) struct Dispatch {
    shared: Arc<Shared>,
    slots: Arc<Slots>,
    worker: Worker,
    most: usize,
    /// Requests that workers are serving.
    running: AtomicUsize,
    /// Health checks that have no slot. They look at the disk; where it hangs, they hang, and nothing else.
    checks: Pool<Job>,
    /// What is refused, which waits for nothing.
    refusals: Pool<Job>,
}

impl Dispatch {
    pub(super) fn new(max_transfers: usize, shared: &Arc<Shared>, hosts: &Arc<Hosts>) -> Self {
        let slots = Slots::new(max_transfers);
        let worker = || Worker::new(Arc::clone(shared), Arc::clone(hosts));
        let reserve = |name| {
            let worker = worker();
            let pool = Pool::new(name, RESERVE, RESERVE_QUEUE, move |job| worker.serve(job));
            pool.keep(RESERVE);
            pool
        };
        Self {
            shared: Arc::clone(shared),
            worker: worker(),
            most: max_transfers + SPARE,
            running: AtomicUsize::new(0),
            checks: reserve("check"),
            refusals: reserve("refusal"),
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
        self.running.load(Ordering::SeqCst) + self.checks.busy() + self.refusals.busy()
    }

    fn refuse(&self, job: Job) {
        let pool = match job.is_health_check() {
            true => &self.checks,
            false => &self.refusals,
        };
        if let Err(job) = pool.submit(job) {
            // Too many even to be refused in words.
            job.drop_connection();
        }
    }
}

impl Duty for Dispatch {
    type Job = Job;

    fn admit(&self, request: tiny_http::Request) -> Option<Job> {
        let slot = match request.remote_addr() {
            Some(peer) if !self.shared.is_stopping() => self.slots.take(peer.ip()),
            _ => Err(NoSlot::NoneForIt),
        };
        match slot {
            Ok(slot) => {
                self.running.fetch_add(1, Ordering::SeqCst);
                Some(Job::admitted(request, slot))
            }
            Err(why) => {
                if why == NoSlot::AllTaken {
                    self.shared.make_room();
                }
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
