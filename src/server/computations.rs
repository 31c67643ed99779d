//! Requests that compute: as many at once as there are processors.
//!
//! The others wait, so that what reads and writes goes on. A computation that has had its slice of time makes room for one
//! that waits: first for one of the client (`client.rs`) whose last slice is the longest ago, so that neither one long computation nor
//! many of one client keep a short one of another waiting.
//!
//! Responsible for: whose turn it is. Not for: what is computed, and whether it is worth going on with (`computation.rs`).

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Mutex;
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::client::counted;
use crate::sync::lock;

/// How long a computation goes on while others wait.
const SLICE: Duration = Duration::from_millis(100);

/// How often one that waits looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(250);

/// The computations that run and those that wait.
pub(super) struct Computations {
    state: Mutex<State>,
    most: usize,
}

#[derive(Default)]
struct State {
    running: usize,
    /// Slices that have been given.
    slices: u64,
    /// The number of the next that waits.
    next: u64,
    by_address: HashMap<IpAddr, Queue>,
    /// Those that have waited and may run, and do not know it yet.
    granted: HashSet<u64>,
}

/// The computations of one address.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<(u64, Thread)>,
    running: usize,
    /// Which of the slices was its last, or the last of all when it came.
    last: u64,
}

/// The right to compute, until it is dropped.
pub(super) struct Turn<'c> {
    computations: &'c Computations,
    address: IpAddr,
    since: Instant,
}

impl Computations {
    /// As many at once as the process has processors.
    pub(super) fn new() -> Self {
        let most = std::thread::available_parallelism().map_or(1, usize::from);
        let state = Mutex::default();
        Self { state, most }
    }

    /// Waits for a turn; gives up as soon as `check` says so, which is asked several times a second.
    pub(super) fn wait<E>(
        &self,
        address: IpAddr,
        check: &mut dyn FnMut() -> Result<(), E>,
    ) -> Result<Turn<'_>, E> {
        let address = counted(address);
        let number = lock(&self.state).enter(address);
        self.lock_and_grant(|_| {});
        loop {
            if lock(&self.state).granted.remove(&number) {
                return Ok(Turn {
                    computations: self,
                    address,
                    since: Instant::now(),
                });
            }
            if let Err(error) = check() {
                self.lock_and_grant(|state| state.withdraw(number, address));
                return Err(error);
            }
            std::thread::park_timeout(LOOK);
        }
    }

    /// Changes the state, and lets those run that may by then.
    fn lock_and_grant(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.state);
        change(&mut state);
        while state.running < self.most && state.grant() {}
    }
}

impl<'c> Turn<'c> {
    /// Goes on, after a wait where the slice is over and others wait.
    pub(super) fn go_on<E>(self, check: &mut dyn FnMut() -> Result<(), E>) -> Result<Turn<'c>, E> {
        if self.since.elapsed() < SLICE || !lock(&self.computations.state).is_awaited() {
            return Ok(self);
        }
        let (computations, address) = (self.computations, self.address);
        drop(self);
        computations.wait(address, check)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let address = self.address;
        self.computations
            .lock_and_grant(|state| state.leave(address));
    }
}

impl State {
    fn is_awaited(&self) -> bool {
        self.by_address
            .values()
            .any(|queue| !queue.waiting.is_empty())
    }

    /// Has the calling thread wait, under the number that is given back.
    fn enter(&mut self, address: IpAddr) -> u64 {
        let number = self.next;
        self.next += 1;
        // One that comes anew is behind those that wait already: it may have had a slice a moment ago.
        let last = self.slices;
        let queue = self.by_address.entry(address).or_insert_with(|| Queue {
            last,
            ..Queue::default()
        });
        queue.waiting.push_back((number, std::thread::current()));
        number
    }

    /// Lets one run that waits; `false` where none does.
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

    /// Ends the turn of one that runs.
    fn leave(&mut self, address: IpAddr) {
        self.running -= 1;
        if let Some(queue) = self.by_address.get_mut(&address) {
            queue.running -= 1;
        }
        self.forget_if_unused(address);
    }

    /// Ends the wait of one that is not wanted any more.
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

    // symptom: an address with two computations got no slice as long as as many others as there are processors, and one
    //          more, had one each.
    // cause:   an address whose only computation had had its slice was forgotten, and came first as one that had had none.
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
    fn who_gives_up_leaves_nothing() {
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
    fn a_turn_is_passed_on_and_a_wait_can_be_given_up() {
        let computations = Computations {
            state: Mutex::default(),
            most: 1,
        };
        let turn = computations.wait::<()>(address(1), &mut || Ok(()));
        let mut looks = 0;
        let given_up = computations.wait(address(1), &mut || {
            looks += 1;
            if looks < 3 { Ok(()) } else { Err(looks) }
        });
        assert_eq!(given_up.err(), Some(3));
        std::thread::scope(|scope| {
            let waits = || computations.wait::<()>(address(2), &mut || Ok(())).is_ok();
            let waiting = scope.spawn(waits);
            while !lock(&computations.state).is_awaited() {
                std::thread::yield_now();
            }
            drop(turn);
            assert!(waiting.join().is_ok_and(|had_a_turn| had_a_turn));
        });
        assert!(lock(&computations.state).by_address.is_empty());
    }

    #[test]
    fn the_addresses_of_one_client_are_one() {
        let computations = Computations::new();
        let turn = |address: [u16; 8]| {
            let address = IpAddr::from(address);
            computations.wait::<()>(address, &mut || Ok(()))
        };
        let turn = turn([0x2001, 0xdb8, 1, 2, 3, 4, 5, 6]);
        let network = IpAddr::from([0x2001, 0xdb8, 1, 2, 0, 0, 0, 0]);
        assert!(turn.is_ok_and(|turn| turn.address == network));
    }
}
