//! How much of the free space is promised to uploads under way, beyond the blocks that they have.
//!
//! Space is promised for the part of a declared length that is still to come, but only for as much
//! as the upload is believed to bring. In its first seconds that is [`UNPROVEN`] at most. Then it
//! is what would come within an hour at its present rate, but no more than came in the last
//! seconds, or than [`MIN_AHEAD`] if less came. So uploads that cannot all fit are refused early,
//! and an upload that declares all the space and sends a byte now and then keeps no other out.
//!
//! Responsible for: adding up, with times and lengths as values. Not for: the disk.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How much an upload is promised for its declared length alone, in bytes.
const UNPROVEN: u64 = 64 << 20;

/// For how long an upload is promised that.
const UNPROVEN_TIME: Duration = Duration::from_secs(10);

/// The limit of what an upload is promised by its rate is what came in the last one or two periods,
/// or this, in bytes, if it is more: a burst says little of what comes next.
const MIN_AHEAD: u64 = 64 << 20;

/// The rate of an upload is that of the last one or two periods of this length.
const PERIOD: Duration = Duration::from_secs(10);

/// An upload is promised what it would bring in this time, in seconds, at its present rate.
const HORIZON: u64 = 3600;

/// For how long the space that was found to be free is taken to be there.
const SPARE_TIME: Duration = Duration::from_millis(100);

/// More bytes than can be written in that time.
pub(super) const AMPLE: u64 = 4 << 30;

/// The uploads to which space is promised, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Promises {
    uploads: BTreeMap<u64, Promise>,
    next: u64,
    /// The space beyond what is kept free and promised, in bytes, and when it was found.
    spare: Option<(Instant, u64)>,
}

/// What is known of one upload.
#[derive(Debug)]
pub(super) struct Promise {
    /// The length of its body, in bytes.
    declared: u64,
    /// Whether it is appended to another file in the end, so that it takes its length twice.
    twice: bool,
    /// Bytes that have blocks on the disk, because they were received or are reserved.
    reserved: u64,
    /// Bytes that have been received.
    received: u64,
    begun: Instant,
    /// When the present period and the one before began, and how much had been received by then.
    periods: [(Instant, u64); 2],
}

impl Promises {
    /// The number of an upload that begins: earlier ones have lower numbers.
    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Adds an upload.
    pub(super) fn add(&mut self, number: u64, (declared, twice): (u64, bool), now: Instant) {
        let promise = Promise {
            declared,
            twice,
            reserved: 0,
            received: 0,
            begun: now,
            periods: [(now, 0); 2],
        };
        self.uploads.insert(number, promise);
        self.spare = None;
    }

    /// Records how much space there is beyond what is kept free and promised.
    pub(super) fn record_spare(&mut self, spare: u64, now: Instant) {
        self.spare = Some((now, spare));
    }

    /// Whether the space that was found a moment ago is enough for this many bytes, and for all
    /// that may have been written since.
    pub(super) fn has_spare(&self, needed: u64, now: Instant) -> bool {
        self.spare.is_some_and(|(at, spare)| {
            now.saturating_duration_since(at) < SPARE_TIME && spare >= needed.saturating_add(AMPLE)
        })
    }

    /// Records how many bytes of an upload have been received, and how many have blocks.
    pub(super) fn record(&mut self, number: u64, (received, reserved): (u64, u64), now: Instant) {
        if let Some(promise) = self.uploads.get_mut(&number) {
            promise.received = received;
            promise.reserved = reserved.max(received);
            promise.next_period(now);
        }
    }

    /// Records how many bytes have been received of an upload to which nothing is promised, because
    /// its length is unknown or small.
    pub(super) fn record_unpromised(&mut self, number: u64, received: u64, now: Instant) {
        if !self.uploads.contains_key(&number) {
            self.add(number, (0, false), now);
        }
        self.record(number, (received, received), now);
    }

    /// What uploads other than this one have on the disk, in bytes, as far as it has been recorded.
    pub(super) fn occupied(&self, number: Option<u64>) -> u64 {
        let others = self.uploads.iter().filter(|(it, _)| Some(**it) != number);
        let occupied = others.map(|(_, promise)| promise.reserved);
        occupied.fold(0, u64::saturating_add)
    }

    /// Removes an upload.
    pub(super) fn remove(&mut self, number: u64) {
        self.uploads.remove(&number);
    }

    /// What is promised to the uploads that began before this one, where this much space may be
    /// used. What is promised for declared lengths alone is half of that at most.
    pub(super) fn before(&mut self, number: u64, usable: u64, now: Instant) -> u64 {
        let (mut earned, mut for_declared) = (0_u64, 0_u64);
        for promise in self.uploads.range_mut(..number).map(|(_, promise)| promise) {
            promise.update(now);
            let by_rate = promise.by_rate(now);
            earned = earned.saturating_add(promise.space(by_rate));
            let by_declared = promise.by_declared(now).saturating_sub(by_rate);
            for_declared = for_declared.saturating_add(by_declared);
        }
        earned.saturating_add(for_declared.min(usable / 2))
    }
}

impl Promise {
    fn next_period(&mut self, now: Instant) {
        let [present, _] = self.periods;
        if now.saturating_duration_since(present.0) >= PERIOD {
            self.periods = [(now, self.received), present];
        }
    }

    /// Begins a period if the present one is over. If nothing has been recorded for two periods,
    /// what came before no longer counts.
    fn update(&mut self, now: Instant) {
        let [(since, _), _] = self.periods;
        match now.saturating_duration_since(since) >= 2 * PERIOD {
            true => self.periods = [(now, self.received); 2],
            false => self.next_period(now),
        }
    }

    /// What is still to be reserved.
    fn left(&self) -> u64 {
        self.declared.saturating_sub(self.reserved)
    }

    /// How much of what is left is promised for its rate.
    fn by_rate(&self, now: Instant) -> u64 {
        let [_, (since, before)] = self.periods;
        let seconds = now.saturating_duration_since(since).as_secs().max(1);
        let in_periods = self.received.saturating_sub(before);
        let in_time = (in_periods / seconds).saturating_mul(HORIZON);
        self.left().min(in_time).min(in_periods.max(MIN_AHEAD))
    }

    /// How much of what is left is promised for its declared length alone.
    fn by_declared(&self, now: Instant) -> u64 {
        match now.saturating_duration_since(self.begun) < UNPROVEN_TIME {
            true => self.left().min(UNPROVEN),
            false => 0,
        }
    }

    /// The space that this much more of it takes, with the copy of what has been received.
    fn space(&self, more: u64) -> u64 {
        match self.twice {
            true => self.received.saturating_add(more.saturating_mul(2)),
            false => more,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;
    const USABLE: u64 = 1000 * GIB;

    /// What is promised to an upload that has brought this much by these seconds after its start.
    fn promised(upload: (u64, bool), notes: &[(u64, u64)], seconds: u64, usable: u64) -> u64 {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut promises = Promises::default();
        let number = promises.number();
        promises.add(number, upload, start);
        for (second, received) in notes {
            promises.record(number, (*received, *received), at(*second));
        }
        let newcomer = promises.number();
        promises.before(newcomer, usable, at(seconds))
    }

    #[test]
    fn a_declaration_counts_for_a_while_and_then_what_comes() {
        for (declared, notes, seconds, usable, expected) in [
            (10 * MIB, &[][..], 0, USABLE, 10 * MIB),
            (10 * GIB, &[], 9, USABLE, 64 * MIB),
            (10 * GIB, &[], 9, 100 * MIB, 50 * MIB),
            (10 * GIB, &[], 10, USABLE, 0),
            // A byte now and then.
            (10 * GIB, &[(9, 1), (20, 2), (40, 3)], 45, USABLE, 0),
            // 100 MiB/s: as much will come again.
            (10 * GIB, &[(1, 100 * MIB)], 1, USABLE, 100 * MIB),
            (10 * GIB, &[(1, 100 * MIB)], 11, USABLE, 100 * MIB),
            (
                10 * GIB,
                &[(9, 900 * MIB), (15, 1500 * MIB)],
                15,
                USABLE,
                1500 * MIB,
            ),
            (GIB, &[(9, 900 * MIB)], 9, USABLE, 124 * MIB),
            // A burst, and what may be expected after it.
            (10 * GIB, &[(1, 8 * MIB)], 12, USABLE, 64 * MIB),
            // Nothing for a while, in which nothing was asked.
            (10 * GIB, &[(1, 100 * MIB)], 40, USABLE, 0),
            (10 * GIB, &[(1, 100 * MIB), (40, 101 * MIB)], 60, USABLE, 0),
            // Slow, and recorded less often than a period is long.
            (10 * GIB, &[(25, MIB), (50, 2 * MIB)], 50, USABLE, 64 * MIB),
            // Then nothing more comes.
            (
                10 * GIB,
                &[(1, 100 * MIB), (12, 100 * MIB), (23, 100 * MIB)],
                34,
                USABLE,
                0,
            ),
            (GIB, &[(1, GIB)], 1, USABLE, 0),
        ] {
            let found = promised((declared, false), notes, seconds, usable);
            assert_eq!(found, expected, "{declared} {notes:?} {seconds} {usable}");
        }
        // 10 KiB/s: what comes in an hour.
        let found = promised((10 * GIB, false), &[(10, 100 << 10)], 10, USABLE);
        assert_eq!(found, 3600 * (10 << 10));
    }

    #[test]
    fn what_is_copied_counts_twice() {
        let found = promised((GIB, true), &[(1, GIB / 4)], 1, USABLE);
        assert_eq!(found, GIB / 4 + 2 * (GIB / 4));
        assert_eq!(promised((GIB, true), &[(1, GIB)], 100, USABLE), GIB);
    }

    #[test]
    fn an_upload_gives_way_to_those_before_it_alone() {
        let now = Instant::now();
        let mut promises = Promises::default();
        let [first, second] = [promises.number(), promises.number()];
        for number in [first, second] {
            promises.add(number, (10 * GIB, false), now);
            promises.record(number, (GIB, 2 * GIB), now);
        }
        assert_eq!(promises.before(first, USABLE, now), 0);
        assert_eq!(promises.before(second, USABLE, now), GIB);
        assert_eq!(promises.before(u64::MAX, USABLE, now), 2 * GIB);
        assert_eq!(promises.occupied(None), 4 * GIB);
        assert_eq!(promises.occupied(Some(second)), 2 * GIB);
        promises.remove(first);
        assert_eq!(promises.before(u64::MAX, USABLE, now), GIB);
        let third = promises.number();
        promises.record_unpromised(third, MIB, now);
        promises.record_unpromised(third, 2 * MIB, now);
        assert_eq!(promises.before(u64::MAX, USABLE, now), GIB);
        assert_eq!(promises.occupied(Some(second)), 2 * MIB);
    }
}
