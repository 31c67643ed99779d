//! The number of transfers at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Slots for a fixed number of transfers.
pub(super) struct Slots {
    taken: AtomicUsize,
    most: usize,
}

/// A slot that is taken; free again when dropped.
///
/// It is given back right before the last bytes of a reply go out: a client that has its reply can count on it.
pub(super) struct Slot(Arc<Slots>);

impl Slots {
    pub(super) fn new(most: usize) -> Arc<Self> {
        let taken = AtomicUsize::new(0);
        Arc::new(Self { taken, most })
    }

    /// Takes a slot, if one is free.
    pub(super) fn take(self: &Arc<Self>) -> Option<Slot> {
        let free = |taken| (taken < self.most).then_some(taken + 1);
        self.taken
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, free)
            .ok()
            .map(|_| Slot(Arc::clone(self)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_slots_as_there_are() {
        let slots = Slots::new(2);
        let first = slots.take();
        let second = slots.take();
        assert!(first.is_some() && second.is_some());
        assert!(slots.take().is_none());
        drop(first);
        assert!(slots.take().is_some());
    }
}
