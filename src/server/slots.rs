//! The number of transfers at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use crate::sync::lock;

/// One in so many slots is kept from a single address, so that no one client can take them all.
const KEPT: usize = 16;

/// Slots for a fixed number of transfers.
pub(super) struct Slots {
    taken: Mutex<Taken>,
    most: usize,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A slot that is taken; free again when dropped.
///
/// It is given back right before the last bytes of a reply go out: a client that has its reply can count on it.
pub(super) struct Slot {
    slots: Arc<Slots>,
    address: IpAddr,
}

impl Slots {
    pub(super) fn new(most: usize) -> Arc<Self> {
        let taken = Mutex::default();
        Arc::new(Self { taken, most })
    }

    /// Takes a slot for a client, if one is free that it may have.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Slot> {
        let mut taken = lock(&self.taken);
        let of_address = taken.by_address.get(&address).copied().unwrap_or(0);
        if taken.all >= self.most || of_address >= self.most - self.most / KEPT {
            return None;
        }
        taken.all += 1;
        taken.by_address.insert(address, of_address + 1);
        let slots = Arc::clone(self);
        Some(Slot { slots, address })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = lock(&self.slots.taken);
        taken.all -= 1;
        if let Some(of_address) = taken.by_address.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                taken.by_address.remove(&self.address);
            }
        }
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
        assert!(first.is_some() && second.is_some());
        assert!(slots.take(address(3)).is_none());
        drop(first);
        assert!(slots.take(address(1)).is_some());
    }

    #[test]
    fn one_address_cannot_have_them_all() {
        for (most, for_one) in [(1, 1), (4, 4), (15, 15), (16, 15), (512, 480)] {
            let slots = Slots::new(most);
            let held: Vec<_> = (0..most).map_while(|_| slots.take(address(1))).collect();
            assert_eq!(held.len(), for_one, "{most}");
            let others: Vec<_> = (0..most).map_while(|_| slots.take(address(2))).collect();
            assert_eq!(others.len(), most - for_one, "{most}");
            drop(held);
            assert!(slots.take(address(1)).is_some());
        }
    }
}
