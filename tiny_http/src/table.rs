//! The connections of a server, found by their tokens, and the deadlines of those that wait.
//!
//! Responsible for: tokens that never stand for another connection, deadlines, the order in which
//! waiting connections make room. Not for: sockets and the clock; times are values.

use std::collections::BTreeSet;
use std::time::Instant;

/// Identifies a connection: the index of its slot in the lower half, the generation of the slot in
/// the upper half. A token is not used again before its slot has been used 2^32 times.
pub(crate) type Token = u64;

/// What a connection waits for, in the order in which connections make room for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// A request, of which no byte has come.
    Idle,
    /// That the client closes it, after the last reply.
    Linger,
    /// The rest of a head.
    Head,
}

const WAITS: [Wait; 3] = [Wait::Idle, Wait::Linger, Wait::Head];

#[derive(Debug)]
pub(crate) struct Table<C> {
    slots: Vec<Slot<C>>,
    free: Vec<u32>,
    /// The deadlines of each kind of wait, earliest first.
    deadlines: [BTreeSet<(Instant, Token)>; WAITS.len()],
}

#[derive(Debug)]
struct Slot<C> {
    generation: u32,
    state: SlotState<C>,
}

#[derive(Debug)]
enum SlotState<C> {
    Free,
    /// A thread owns the connection.
    Busy,
    Waiting(C, Wait, Instant),
}

impl<C> Table<C> {
    pub(crate) fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            deadlines: [const { BTreeSet::new() }; WAITS.len()],
        }
    }

    /// How many connections there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// A token for a new connection, owned by the calling thread.
    pub(crate) fn insert(&mut self) -> Token {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                state: SlotState::Free,
            });
            // A process has fewer descriptors than that.
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[index as usize];
        slot.state = SlotState::Busy;
        u64::from(slot.generation) << 32 | u64::from(index)
    }

    /// Has a connection, owned by the calling thread, wait until a deadline.
    pub(crate) fn wait(&mut self, token: Token, connection: C, wait: Wait, deadline: Instant) {
        if let Some(slot) = self.slot(token) {
            slot.state = SlotState::Waiting(connection, wait, deadline);
            self.deadlines[wait as usize].insert((deadline, token));
        }
    }

    /// Takes up a connection that waits. None where the token stands for none, or another thread
    /// owns the connection.
    pub(crate) fn take(&mut self, token: Token) -> Option<(C, Wait)> {
        let slot = self.slot(token)?;
        match std::mem::replace(&mut slot.state, SlotState::Busy) {
            SlotState::Waiting(connection, wait, deadline) => {
                self.deadlines[wait as usize].remove(&(deadline, token));
                Some((connection, wait))
            }
            other => {
                slot.state = other;
                None
            }
        }
    }

    /// Removes a connection that the calling thread owns.
    pub(crate) fn remove(&mut self, token: Token) {
        if let Some(slot) = self.slot(token) {
            slot.state = SlotState::Free;
            slot.generation = slot.generation.wrapping_add(1);
            self.free.push(token as u32);
        }
    }

    /// Whether any connection waits for its client.
    pub(crate) fn is_any_waiting(&self) -> bool {
        self.deadlines.iter().any(|waiting| !waiting.is_empty())
    }

    /// The earliest deadline.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let firsts = self.deadlines.iter().filter_map(BTreeSet::first);
        firsts.map(|(deadline, _)| *deadline).min()
    }

    /// Takes up a connection whose deadline has come.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<(Token, C, Wait)> {
        let mut firsts = self.deadlines.iter().filter_map(BTreeSet::first);
        let token = firsts.find(|(deadline, _)| *deadline <= now)?.1;
        self.take(token)
            .map(|(connection, wait)| (token, connection, wait))
    }

    /// Removes and returns the connection that has waited longest, idle ones first, of those that
    /// `may_go` accepts.
    pub(crate) fn evict(&mut self, may_go: impl Fn(&C) -> bool) -> Option<C> {
        let all = self.deadlines.iter().flatten();
        let token = all
            .map(|(_, token)| *token)
            .find(|token| self.may_go(*token, &may_go))?;
        let (connection, _) = self.take(token)?;
        self.remove(token);
        Some(connection)
    }

    fn may_go(&self, token: Token, may_go: impl Fn(&C) -> bool) -> bool {
        let slot = &self.slots[token as u32 as usize];
        matches!(&slot.state, SlotState::Waiting(connection, ..) if may_go(connection))
    }

    fn slot(&mut self, token: Token) -> Option<&mut Slot<C>> {
        let slot = self.slots.get_mut(token as u32 as usize)?;
        let is_same =
            slot.generation == (token >> 32) as u32 && !matches!(slot.state, SlotState::Free);
        is_same.then_some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_token_never_means_another_connection() {
        let mut table = Table::new();
        let now = Instant::now();
        let mut old = Vec::new();
        for number in 0..1000 {
            let token = table.insert();
            table.wait(token, number, Wait::Idle, now);
            assert!(old.iter().all(|old| table.take(*old).is_none()), "{number}");
            assert_eq!(table.take(token), Some((number, Wait::Idle)));
            assert_eq!(table.take(token), None, "it is not there twice");
            table.remove(token);
            table.remove(token);
            assert_eq!(table.len(), 0);
            old.push(token);
        }
    }

    #[test]
    fn deadlines_come_in_their_order() {
        let mut table = Table::new();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for (name, wait, seconds) in [
            ("a", Wait::Head, 3),
            ("b", Wait::Idle, 2),
            ("c", Wait::Linger, 1),
            ("d", Wait::Idle, 4),
        ] {
            let token = table.insert();
            table.wait(token, name, wait, at(seconds));
        }
        for (name, seconds) in [("c", 1), ("b", 2), ("a", 3), ("d", 4)] {
            assert_eq!(table.next_deadline(), Some(at(seconds)));
            assert_eq!(table.expired(at(seconds) - Duration::from_nanos(1)), None);
            let expired = table.expired(at(seconds)).map(|(_, name, _)| name);
            assert_eq!(expired, Some(name));
        }
        assert_eq!(table.next_deadline(), None);
    }

    #[test]
    fn those_that_have_waited_longest_idle_make_room() {
        let mut table = Table::new();
        let now = Instant::now();
        for (name, wait, seconds) in [
            ("a", Wait::Head, 1),
            ("b", Wait::Idle, 9),
            ("c", Wait::Linger, 1),
            ("d", Wait::Idle, 8),
            ("e", Wait::Idle, 7),
        ] {
            let token = table.insert();
            table.wait(token, name, wait, now + Duration::from_secs(seconds));
        }
        let _busy = table.insert();
        // A connection with input stays.
        let evicted: Vec<_> = std::iter::from_fn(|| table.evict(|name| *name != "d")).collect();
        assert_eq!(evicted, ["e", "b", "c", "a"]);
        assert_eq!(table.len(), 2);
    }
}
