//! Slots: how many requests are carried out at once, in all and for one client.
//!
//! Responsible for: counting and waiting. Not for: which addresses are those of one client
//! (`client.rs`), what becomes of a request without a slot (`admission.rs`).

use std::cell::Cell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::client::counted;
use crate::sync::lock;

/// One slot in this many is out of reach of a single client, so that none can take them all.
const RESERVED_ONE_IN: usize = 16;

/// How long a request waits for slots that are about to become free. Their threads wait neither for
/// a client nor for the disk, only for a processor.
const ENDING_TIMEOUT: Duration = Duration::from_millis(250);

/// The maximum number of requests that wait like this at once: each holds a thread that others
/// need.
const MAX_WAITING: usize = 2;

/// A fixed number of slots.
pub(super) struct Slots {
    taken: Mutex<Taken>,
    /// Notified of each change while a request waits.
    changed: Condvar,
    max: usize,
}

#[derive(Default)]
struct Taken {
    all: Count,
    by_address: HashMap<IpAddr, Count>,
    /// Requests that wait for slots to become free.
    waiting: usize,
}

/// A number of slots.
#[derive(Clone, Copy, Default)]
struct Count {
    taken: usize,
    /// Those of them that are about to become free.
    ending: usize,
}

/// A slot that is taken by a request; free again when dropped.
///
/// A client that has received a whole reply expects its slot to be free for its next request. So a
/// slot is marked as ending while the last bytes are sent, and a request that finds no other waits
/// for it.
pub(super) struct Slot {
    slots: Arc<Slots>,
    address: IpAddr,
    is_ending: Cell<bool>,
}

/// Why a request gets no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoSlot {
    /// All are taken.
    AllTaken,
    /// Some are free, but not for this client.
    NoneForIt,
}

impl Slots {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            taken: Mutex::default(),
            changed: Condvar::new(),
            max,
        })
    }

    /// Takes a slot for a client, if one that it may have is free or about to become free.
    ///
    /// # Errors
    /// Where none is free within [`ENDING_TIMEOUT`].
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Result<Slot, NoSlot> {
        let address = counted(address);
        let mut taken = lock(&self.taken);
        let mut deadline = None;
        loop {
            let of_address = taken.by_address.get(&address).copied().unwrap_or_default();
            if self.has_room(taken.all.taken, of_address.taken) {
                break;
            }
            let why = match taken.all.taken < self.max {
                true => NoSlot::NoneForIt,
                false => NoSlot::AllTaken,
            };
            let staying = |count: Count| count.taken - count.ending;
            if !self.has_room(staying(taken.all), staying(of_address)) {
                return Err(why);
            }
            let now = Instant::now();
            let left = deadline
                .get_or_insert(now + ENDING_TIMEOUT)
                .duration_since(now);
            if left.is_zero() || taken.waiting >= MAX_WAITING {
                return Err(why);
            }
            taken.waiting += 1;
            let waited = self.changed.wait_timeout(taken, left);
            (taken, _) = waited.unwrap_or_else(PoisonError::into_inner);
            taken.waiting -= 1;
        }
        taken.all.taken += 1;
        taken.by_address.entry(address).or_default().taken += 1;
        Ok(Slot {
            slots: Arc::clone(self),
            address,
            is_ending: Cell::new(false),
        })
    }

    /// Whether one more may be taken beside `all`, of which `of_address` are of the same client.
    fn has_room(&self, all: usize, of_address: usize) -> bool {
        all < self.max && of_address < self.max - self.max / RESERVED_ONE_IN
    }
}

impl Slot {
    /// Sets whether the slot is about to become free: whether its thread has finished waiting for
    /// its client.
    pub(super) fn set_ending(&self, is_ending: bool) {
        if self.is_ending.replace(is_ending) != is_ending {
            self.change(|count| match is_ending {
                true => count.ending += 1,
                false => count.ending -= 1,
            });
        }
    }

    fn change(&self, change: impl Fn(&mut Count)) {
        let mut taken = lock(&self.slots.taken);
        change(&mut taken.all);
        if let Some(of_address) = taken.by_address.get_mut(&self.address) {
            change(of_address);
            if of_address.taken == 0 {
                taken.by_address.remove(&self.address);
            }
        }
        if taken.waiting > 0 {
            self.slots.changed.notify_all();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let is_ending = usize::from(self.is_ending.get());
        self.change(|count| {
            count.taken -= 1;
            count.ending -= is_ending;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn address(last: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
    }

    #[test]
    fn there_are_as_many_slots_as_there_are() {
        let slots = Slots::new(2);
        let first = slots.take(address(1));
        let second = slots.take(address(2));
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(slots.take(address(3)).err(), Some(NoSlot::AllTaken));
        drop(first);
        assert!(slots.take(address(1)).is_ok());
    }

    #[test]
    fn one_address_cannot_have_them_all() {
        for (max, for_one) in [(1, 1), (4, 4), (15, 15), (16, 15), (512, 480)] {
            let slots = Slots::new(max);
            let held: Vec<_> = (0..max)
                .map_while(|_| slots.take(address(1)).ok())
                .collect();
            assert_eq!(held.len(), for_one, "{max}");
            let why = slots.take(address(1)).err();
            let expected = match for_one < max {
                true => NoSlot::NoneForIt,
                false => NoSlot::AllTaken,
            };
            assert_eq!(why, Some(expected), "{max}");
            let others: Vec<_> = (0..max)
                .map_while(|_| slots.take(address(2)).ok())
                .collect();
            assert_eq!(others.len(), max - for_one, "{max}");
            drop(held);
            assert!(slots.take(address(1)).is_ok());
        }
    }

    // symptom: a client of IPv6 took all slots.
    // cause:   each of its addresses had a share of its own, and it has 2^64.
    // fix:     what is counted is its network.
    #[test]
    fn the_addresses_of_one_client_have_one_share() {
        let slots = Slots::new(16);
        let address = |last: u16| IpAddr::from([0x2001, 0xdb8, 1, 2, 0, 0, 0, last]);
        let held: Vec<_> = (0..16)
            .map_while(|last| slots.take(address(last)).ok())
            .collect();
        assert_eq!(held.len(), 15);
        let other = IpAddr::from([0x2001, 0xdb8, 1, 3, 0, 0, 0, 1]);
        assert!(slots.take(other).is_ok());
    }

    #[test]
    fn a_slot_that_is_ending_is_waited_for_and_no_other() {
        let slots = Slots::new(1);
        let Ok(slot) = slots.take(address(1)) else {
            panic!("none is free");
        };
        slot.set_ending(true);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| slots.take(address(2)).is_ok());
            while lock(&slots.taken).waiting == 0 {
                std::thread::yield_now();
            }
            drop(slot);
            assert!(waiting.join().is_ok_and(|has_it| has_it));
        });
        let Ok(slot) = slots.take(address(1)) else {
            panic!("none is free");
        };
        slot.set_ending(true);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| slots.take(address(2)).is_err());
            while lock(&slots.taken).waiting == 0 {
                std::thread::yield_now();
            }
            // Its client does not take the last bytes after all.
            slot.set_ending(false);
            assert!(waiting.join().is_ok_and(|has_none| has_none));
        });
        drop(slot);
        assert!(slots.take(address(2)).is_ok());
        assert!(lock(&slots.taken).by_address.is_empty());
    }
}
