//! The order of replies on a connection whose client sends several requests at once (RFC 9112, section 9.3.2).
//!
//! Responsible for: whose reply is next. Not for: how many requests are handed out at a time.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::sync::lock;

/// The replies of one connection.
#[derive(Debug, Default)]
pub(crate) struct Order {
    counts: Mutex<Counts>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Counts {
    /// Requests that have been handed out.
    issued: u64,
    /// Requests whose replies are over.
    over: u64,
}

impl Order {
    /// A turn behind all others.
    pub(crate) fn issue(self: &Arc<Self>) -> Turn {
        let mut counts = lock(&self.counts);
        counts.issued += 1;
        Turn {
            order: Arc::clone(self),
            number: counts.issued - 1,
        }
    }

    /// How many requests are under way.
    pub(crate) fn under_way(&self) -> u64 {
        let counts = lock(&self.counts);
        counts.issued - counts.over
    }
}

/// The turn of one reply. Dropped, it passes to the next; where it had not come yet, it is waited for.
#[derive(Debug)]
pub(crate) struct Turn {
    order: Arc<Order>,
    number: u64,
}

impl Turn {
    /// Waits until the replies before are over.
    pub(crate) fn wait(&self) {
        let is_waiting = |counts: &mut Counts| counts.over < self.number;
        let counts = self
            .order
            .moved
            .wait_while(lock(&self.order.counts), is_waiting);
        drop(counts.unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether the replies before are over.
    pub(crate) fn has_come(&self) -> bool {
        lock(&self.order.counts).over == self.number
    }

    /// How many requests are under way.
    pub(crate) fn under_way(&self) -> u64 {
        self.order.under_way()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.wait();
        lock(&self.order.counts).over += 1;
        self.order.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn turns_come_in_the_order_of_issue() {
        let order = Arc::new(Order::default());
        let turns: Vec<Turn> = (0..8).map(|_| order.issue()).collect();
        assert_eq!(turns[0].under_way(), 8);
        let written = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for (number, turn) in turns.into_iter().enumerate().rev() {
                let written = &written;
                scope.spawn(move || {
                    turn.wait();
                    lock(written).push(number);
                });
            }
        });
        assert_eq!(*lock(&written), (0..8).collect::<Vec<_>>());
        assert_eq!(order.issue().under_way(), 1);
    }

    #[test]
    fn a_turn_that_is_given_up_does_not_come_before_those_ahead_of_it() {
        let order = Arc::new(Order::default());
        let (first, second) = (order.issue(), order.issue());
        let given_up = thread::spawn(move || drop(second));
        let began = std::time::Instant::now();
        while began.elapsed() < std::time::Duration::from_millis(50) {
            assert_eq!(first.under_way(), 2);
            thread::yield_now();
        }
        drop(first);
        assert!(given_up.join().is_ok());
        assert_eq!(order.issue().under_way(), 1);
    }
}
