//! The order of replies on a connection whose client pipelines its requests (RFC 9112, section
//! 9.3.2).
//!
//! Responsible for: which reply is next. Not for: how many requests are handed out at a time.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::sync::lock;

/// The requests of one connection that are in flight: handed out, with a reply that is not over.
#[derive(Debug, Default)]
pub(crate) struct Pipeline {
    counts: Mutex<Counts>,
    advanced: Condvar,
}

#[derive(Debug, Default)]
struct Counts {
    /// Requests that have been handed out.
    issued: u64,
    /// Requests whose replies are over.
    over: u64,
}

impl Pipeline {
    /// The slot of one more reply, after all others.
    pub(crate) fn add(self: &Arc<Self>) -> ReplySlot {
        let mut counts = lock(&self.counts);
        counts.issued += 1;
        ReplySlot {
            pipeline: Arc::clone(self),
            number: counts.issued - 1,
        }
    }

    /// How many requests are in flight.
    pub(crate) fn in_flight(&self) -> u64 {
        let counts = lock(&self.counts);
        counts.issued - counts.over
    }
}

/// The place of one reply among those of its connection. Dropping it ends the reply; where those
/// before are not over yet, dropping waits for them.
#[derive(Debug)]
pub(crate) struct ReplySlot {
    pipeline: Arc<Pipeline>,
    number: u64,
}

impl ReplySlot {
    /// Waits until the replies before are over.
    pub(crate) fn wait(&self) {
        let is_waiting = |counts: &mut Counts| counts.over < self.number;
        let counts = self
            .pipeline
            .advanced
            .wait_while(lock(&self.pipeline.counts), is_waiting);
        drop(counts.unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether the replies before are over.
    pub(crate) fn is_next(&self) -> bool {
        lock(&self.pipeline.counts).over == self.number
    }

    /// How many requests of the connection are in flight.
    pub(crate) fn in_flight(&self) -> u64 {
        self.pipeline.in_flight()
    }
}

impl Drop for ReplySlot {
    fn drop(&mut self) {
        self.wait();
        lock(&self.pipeline.counts).over += 1;
        self.pipeline.advanced.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn replies_come_in_the_order_of_their_requests() {
        let pipeline = Arc::new(Pipeline::default());
        let slots: Vec<ReplySlot> = (0..8).map(|_| pipeline.add()).collect();
        assert_eq!(slots[0].in_flight(), 8);
        let written = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for (number, slot) in slots.into_iter().enumerate().rev() {
                let written = &written;
                scope.spawn(move || {
                    slot.wait();
                    lock(written).push(number);
                });
            }
        });
        assert_eq!(*lock(&written), (0..8).collect::<Vec<_>>());
        assert_eq!(pipeline.add().in_flight(), 1);
    }

    #[test]
    fn a_slot_that_is_dropped_early_does_not_overtake_those_before_it() {
        let pipeline = Arc::new(Pipeline::default());
        let (first, second) = (pipeline.add(), pipeline.add());
        let dropped = thread::spawn(move || drop(second));
        let began = std::time::Instant::now();
        while began.elapsed() < std::time::Duration::from_millis(50) {
            assert_eq!(first.in_flight(), 2);
            thread::yield_now();
        }
        drop(first);
        assert!(dropped.join().is_ok());
        assert_eq!(pipeline.add().in_flight(), 1);
    }
}
