//! Which requests may compute: as many at once as there are processors, while the others wait.
//!
//! They do so in time slices. When the slice of a computation is over, it makes way for one that
//! waits: first for one of the client (`client.rs`) whose last slice was the longest ago, so that
//! neither one long computation nor many of one client keep a short one of another client waiting.
//!
//! Responsible for: permits to compute. Not for: what is computed, and whether it is worth going on
//! with (`computation.rs`).

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Mutex;
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::client::counted;
use crate::sync::lock;

/// How long a computation goes on while others wait.
const SLICE: Duration = Duration::from_millis(100);

/// How often a computation that waits checks whether its result is still wanted.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// Grants permits to compute, and keeps the computations that run and that wait for one.
pub(super) struct Scheduler {
    state: Mutex<State>,
    max_running: usize,
}

#[derive(Default)]
struct State {
    running: usize,
    /// How many slices have been granted.
    slices: u64,
    /// The number of the next computation that waits.
    next: u64,
    by_address: HashMap<IpAddr, Queue>,
    /// Computations that have been granted a slice, and whose threads have not noticed yet.
    granted: HashSet<u64>,
}

/// The computations of one client address.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<(u64, Thread)>,
    running: usize,
    /// The number of its last slice; at first that of the last slice granted to any address.
    last: u64,
}

/// Permission to compute, given back when dropped.
pub(super) struct Permit<'c> {
    scheduler: &'c Scheduler,
    address: IpAddr,
    since: Instant,
}

impl Scheduler {
    /// A scheduler that lets as many computations run at once as the process has processors.
    pub(super) fn new() -> Self {
        let max_running = std::thread::available_parallelism().map_or(1, usize::from);
        let state = Mutex::default();
        Self { state, max_running }
    }

    /// Waits for a permit; gives up when `check`, which is called several times a second, fails.
    pub(super) fn wait<E>(
        &self,
        address: IpAddr,
        check: &mut dyn FnMut() -> Result<(), E>,
    ) -> Result<Permit<'_>, E> {
        let address = counted(address);
        let number = lock(&self.state).enter(address);
        self.lock_and_grant(|_| {});
        loop {
            if lock(&self.state).granted.remove(&number) {
                return Ok(Permit {
                    scheduler: self,
                    address,
                    since: Instant::now(),
                });
            }
            if let Err(error) = check() {
                self.lock_and_grant(|state| state.withdraw(number, address));
                return Err(error);
            }
            std::thread::park_timeout(CHECK_INTERVAL);
        }
    }

    /// How many computations wait.
    pub(super) fn waiting(&self) -> usize {
        let state = lock(&self.state);
        state
            .by_address
            .values()
            .map(|queue| queue.waiting.len())
            .sum()
    }

    /// Changes the state, and grants the slices that are free then.
    fn lock_and_grant(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.state);
        change(&mut state);
        while state.running < self.max_running && state.grant() {}
    }
}

impl<'c> Permit<'c> {
    /// Renews the permit: after a wait if its slice is over and other computations wait.
    pub(super) fn renew<E>(
        self,
        check: &mut dyn FnMut() -> Result<(), E>,
    ) -> Result<Permit<'c>, E> {
        if self.since.elapsed() < SLICE || !lock(&self.scheduler.state).is_awaited() {
            return Ok(self);
        }
        let (scheduler, address) = (self.scheduler, self.address);
        drop(self);
        scheduler.wait(address, check)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let address = self.address;
        self.scheduler.lock_and_grant(|state| state.leave(address));
    }
}

impl State {
    fn is_awaited(&self) -> bool {
        self.by_address
            .values()
            .any(|queue| !queue.waiting.is_empty())
    }

    /// Adds the calling thread to those that wait; returns its number.
    fn enter(&mut self, address: IpAddr) -> u64 {
        let number = self.next;
        self.next += 1;
        // A new queue comes after those that wait already: its client may have had a slice a moment
        // ago.
        let last = self.slices;
        let queue = self.by_address.entry(address).or_insert_with(|| Queue {
            last,
            ..Queue::default()
        });
        queue.waiting.push_back((number, std::thread::current()));
        number
    }

    /// Grants a slice to a computation that waits; `false` if none does.
    fn grant(&mut self) -> bool {
        let waiting = self.by_address.values_mut();
        let waiting = waiting.filter(|queue| !queue.waiting.is_empty());
        let first = |queue: &&mut Queue| {
            let number = queue.waiting.front().map(|(number, _)| *number);
            (queue.last, number)
        };
        let Some(queue) = waiting.min_by_key(first) else {
            return false;
        };
        if let Some((number, thread)) = queue.waiting.pop_front() {
            self.slices += 1;
            self.running += 1;
            queue.last = self.slices;
            queue.running += 1;
            self.granted.insert(number);
            thread.unpark();
        }
        true
    }

    /// Ends a slice.
    fn leave(&mut self, address: IpAddr) {
        self.running -= 1;
        if let Some(queue) = self.by_address.get_mut(&address) {
            queue.running -= 1;
        }
        self.forget_if_unused(address);
    }

    /// Ends the wait of a computation that is cancelled.
    fn withdraw(&mut self, number: u64, address: IpAddr) {
        if self.granted.remove(&number) {
            self.leave(address);
        } else if let Some(queue) = self.by_address.get_mut(&address) {
            queue.waiting.retain(|(waiting, _)| *waiting != number);
        }
        self.forget_if_unused(address);
    }

    fn forget_if_unused(&mut self, address: IpAddr) {
        let unused = |queue: &Queue| queue.running == 0 && queue.waiting.is_empty();
        if self.by_address.get(&address).is_some_and(unused) {
            self.by_address.remove(&address);
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

    fn running(state: &mut State, most: usize) -> Vec<u64> {
        while state.running < most && state.grant() {}
        let mut granted: Vec<u64> = state.granted.drain().collect();
        granted.sort_unstable();
        granted
    }

    // symptom: an address with two computations got no slice as long as as many others as there are
    //          processors, and one more, had one each.
    // cause:   an address whose only computation had had its slice was forgotten, and came first as
    //          one that had had none.
    // fix:     one that comes anew is behind those that wait.
    #[test]
    fn no_address_is_passed_over_for_ever() {
        let address = |last: u8| IpAddr::from([10, 0, 0, last]);
        for most in [1, 2] {
            let mut state = State::default();
            let mut owners = HashMap::new();
            for owner in [1, 1, 2, 3, 4] {
                owners.insert(state.enter(address(owner)), owner);
            }
            let mut slices = HashMap::new();
            for _ in 0..400 {
                while state.running < most && state.grant() {}
                let granted: Vec<u64> = state.granted.drain().collect();
                for number in granted {
                    let owner = owners.remove(&number).unwrap_or(0);
                    *slices.entry(owner).or_insert(0) += 1;
                    state.leave(address(owner));
                    owners.insert(state.enter(address(owner)), owner);
                }
            }
            let all = slices.values().sum::<i32>();
            for owner in 1..=4 {
                let of_it = slices.get(&owner).copied().unwrap_or(0);
                assert!(of_it > all / 8, "{most} at once: {slices:?}");
            }
        }
    }

    #[test]
    fn one_address_does_not_keep_another_waiting() {
        let mut state = State::default();
        let of_one: Vec<u64> = (0..5).map(|_| state.enter(address(1))).collect();
        assert_eq!(running(&mut state, 2), of_one[..2]);
        // It comes behind the one that has waited for as long as any, and before all the rest.
        let other = state.enter(address(2));
        state.leave(address(1));
        assert_eq!(running(&mut state, 2), [of_one[2]]);
        state.leave(address(1));
        assert_eq!(running(&mut state, 2), [other]);
        let another = state.enter(address(2));
        state.leave(address(2));
        assert_eq!(running(&mut state, 2), [of_one[3]]);
        state.leave(address(1));
        assert_eq!(running(&mut state, 2), [another]);
    }

    #[test]
    fn a_computation_that_is_cancelled_leaves_nothing() {
        let mut state = State::default();
        let [first, second] = [1, 2].map(|it| state.enter(address(it)));
        while state.running < 1 && state.grant() {}
        // Granted, but not known to its thread.
        state.withdraw(first, address(1));
        assert_eq!(running(&mut state, 1), [second]);
        let third = state.enter(address(3));
        state.withdraw(third, address(3));
        state.leave(address(2));
        assert!(running(&mut state, 1).is_empty());
        assert!(state.by_address.is_empty() && state.granted.is_empty() && state.running == 0);
    }

    #[test]
    fn a_permit_is_passed_on_and_a_wait_can_be_given_up() {
        let scheduler = Scheduler {
            state: Mutex::default(),
            max_running: 1,
        };
        let permit = scheduler.wait::<()>(address(1), &mut || Ok(()));
        let mut checks = 0;
        let given_up = scheduler.wait(address(1), &mut || {
            checks += 1;
            if checks < 3 { Ok(()) } else { Err(checks) }
        });
        assert_eq!(given_up.err(), Some(3));
        std::thread::scope(|scope| {
            let waits = || scheduler.wait::<()>(address(2), &mut || Ok(())).is_ok();
            let waiting = scope.spawn(waits);
            while !lock(&scheduler.state).is_awaited() {
                std::thread::yield_now();
            }
            drop(permit);
            assert!(waiting.join().is_ok_and(|had_a_permit| had_a_permit));
        });
        assert!(lock(&scheduler.state).by_address.is_empty());
    }

    #[test]
    fn the_addresses_of_one_client_are_one() {
        let scheduler = Scheduler::new();
        let permit = |address: [u16; 8]| {
            let address = IpAddr::from(address);
            scheduler.wait::<()>(address, &mut || Ok(()))
        };
        let permit = permit([0x2001, 0xdb8, 1, 2, 3, 4, 5, 6]);
        let network = IpAddr::from([0x2001, 0xdb8, 1, 2, 0, 0, 0, 0]);
        assert!(permit.is_ok_and(|permit| permit.address == network));
    }
}
