//! What uploads under way have been promised of the free space, beyond the blocks that they have on the disk.
//!
//! A declared length is a promise only as far as it is credible: as far as the upload would come within an hour at its
//! present rate, but no more than came in the last seconds or [`AT_LEAST_AHEAD`]; and for its first seconds up to
//! [`ON_ITS_WORD`]. So uploads that cannot all fit are refused early, and one
//! that declares all the space and sends a byte now and then keeps nobody out.
//!
//! Responsible for: adding up, with times and lengths as values. Not for: the disk.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How much an upload is promised for its declaration alone, in bytes.
const ON_ITS_WORD: u64 = 64 << 20;

/// For how long it is.
const WORD_COUNTS: Duration = Duration::from_secs(10);

/// An upload is promised this much more, in bytes, or what came in the last one or two periods, whatever is more: a burst says
/// little of what comes next.
const AT_LEAST_AHEAD: u64 = 64 << 20;

/// The rate of an upload is that of the last one or two periods of this length.
const PERIOD: Duration = Duration::from_secs(10);

/// An upload is promised what it brings in this time, in seconds, at its present rate.
const HORIZON: u64 = 3600;

/// How long space counts that was found to be there.
const SPARE_COUNTS: Duration = Duration::from_millis(100);

/// More than is written in that time, in bytes.
pub(super) const MUCH: u64 = 4 << 30;

/// The uploads that have a promise, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Promises {
    uploads: BTreeMap<u64, Promise>,
    next: u64,
    /// The space beyond what is kept free and promised, in bytes, and when it was found.
    spare: Option<(Instant, u64)>,
}

/// One upload.
#[derive(Debug)]
pub(super) struct Promise {
    /// The length of its body, in bytes.
    declared: u64,
    /// Whether it will be copied behind another file, so that it takes its length twice.
    twice: bool,
    /// Bytes that have blocks on the disk, come or reserved.
    reserved: u64,
    /// Bytes that have come.
    come: u64,
    begun: Instant,
    /// When a period began, and how much had come then: the present one, and the one before.
    periods: [(Instant, u64); 2],
}

impl Promises {
    /// A number for an upload that begins: those before it have lower ones.
    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Enters an upload.
    pub(super) fn enter(&mut self, number: u64, (declared, twice): (u64, bool), now: Instant) {
        let promise = Promise {
            declared,
            twice,
            reserved: 0,
            come: 0,
            begun: now,
            periods: [(now, 0); 2],
        };
        self.uploads.insert(number, promise);
        self.spare = None;
    }

    /// Notes how much space there is beyond what is kept free and promised.
    pub(super) fn note_spare(&mut self, spare: u64, now: Instant) {
        self.spare = Some((now, spare));
    }

    /// Whether there was so much space a moment ago that a write of so many bytes, and all that may have been written since,
    /// fits.
    pub(super) fn has_spare(&self, needed: u64, now: Instant) -> bool {
        self.spare.is_some_and(|(at, spare)| {
            now.saturating_duration_since(at) < SPARE_COUNTS && spare >= needed.saturating_add(MUCH)
        })
    }

    /// Notes how far an upload is.
    pub(super) fn note(&mut self, number: u64, (come, reserved): (u64, u64), now: Instant) {
        if let Some(promise) = self.uploads.get_mut(&number) {
            promise.come = come;
            promise.reserved = reserved.max(come);
            promise.turn_period(now);
        }
    }

    /// Notes how far an upload is that is promised nothing, for want of a length or for a small one.
    pub(super) fn note_unpromised(&mut self, number: u64, come: u64, now: Instant) {
        if !self.uploads.contains_key(&number) {
            self.enter(number, (0, false), now);
        }
        self.note(number, (come, come), now);
    }

    /// What uploads but this one have on the disk, in bytes, as far as it has been noted.
    pub(super) fn occupied(&self, number: Option<u64>) -> u64 {
        let others = self.uploads.iter().filter(|(it, _)| Some(**it) != number);
        let occupied = others.map(|(_, promise)| promise.reserved);
        occupied.fold(0, u64::saturating_add)
    }

    /// Strikes an upload off.
    pub(super) fn remove(&mut self, number: u64) {
        self.uploads.remove(&number);
    }

    /// What the uploads that began before this one are promised, of so much space that may be used. What is promised for
    /// declarations alone is half of that at most.
    pub(super) fn before(&mut self, number: u64, usable: u64, now: Instant) -> u64 {
        let (mut earned, mut on_word) = (0_u64, 0_u64);
        for promise in self.uploads.range_mut(..number).map(|(_, promise)| promise) {
            promise.look(now);
            let by_rate = promise.by_rate(now);
            earned = earned.saturating_add(promise.space(by_rate));
            let by_word = promise.by_word(now).saturating_sub(by_rate);
            on_word = on_word.saturating_add(by_word);
        }
        earned.saturating_add(on_word.min(usable / 2))
    }
}

impl Promise {
    fn turn_period(&mut self, now: Instant) {
        let [present, _] = self.periods;
        if now.saturating_duration_since(present.0) >= PERIOD {
            self.periods = [(now, self.come), present];
        }
    }

    /// Turns the period where nothing has been noted for one: where nothing has for two, what came before says nothing any more.
    fn look(&mut self, now: Instant) {
        let [(since, _), _] = self.periods;
        match now.saturating_duration_since(since) >= 2 * PERIOD {
            true => self.periods = [(now, self.come); 2],
            false => self.turn_period(now),
        }
    }

    /// What is left to be reserved.
    fn left(&self) -> u64 {
        self.declared.saturating_sub(self.reserved)
    }

    /// How much of what is left it would bring in time.
    fn by_rate(&self, now: Instant) -> u64 {
        let [_, (since, before)] = self.periods;
        let seconds = now.saturating_duration_since(since).as_secs().max(1);
        let came = self.come.saturating_sub(before);
        let in_time = (came / seconds).saturating_mul(HORIZON);
        self.left().min(in_time).min(came.max(AT_LEAST_AHEAD))
    }

    /// How much of what is left it is believed to bring.
    fn by_word(&self, now: Instant) -> u64 {
        match now.saturating_duration_since(self.begun) < WORD_COUNTS {
            true => self.left().min(ON_ITS_WORD),
            false => 0,
        }
    }

    /// The space that so much more of it takes, with the copy of what has come.
    fn space(&self, more: u64) -> u64 {
        match self.twice {
            true => self.come.saturating_add(more.saturating_mul(2)),
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

    /// One upload that has brought so much by these seconds after its beginning.
    fn promised(upload: (u64, bool), notes: &[(u64, u64)], seconds: u64, usable: u64) -> u64 {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut promises = Promises::default();
        let number = promises.number();
        promises.enter(number, upload, start);
        for (second, come) in notes {
            promises.note(number, (*come, *come), at(*second));
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
            // Nothing for a while, and nobody has looked meanwhile.
            (10 * GIB, &[(1, 100 * MIB)], 40, USABLE, 0),
            (10 * GIB, &[(1, 100 * MIB), (40, 101 * MIB)], 60, USABLE, 0),
            // Slow, and noted less often than a period is long.
            (10 * GIB, &[(25, MIB), (50, 2 * MIB)], 50, USABLE, 64 * MIB),
            // Then nothing comes any more.
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
            promises.enter(number, (10 * GIB, false), now);
            promises.note(number, (GIB, 2 * GIB), now);
        }
        assert_eq!(promises.before(first, USABLE, now), 0);
        assert_eq!(promises.before(second, USABLE, now), GIB);
        assert_eq!(promises.before(u64::MAX, USABLE, now), 2 * GIB);
        assert_eq!(promises.occupied(None), 4 * GIB);
        assert_eq!(promises.occupied(Some(second)), 2 * GIB);
        promises.remove(first);
        assert_eq!(promises.before(u64::MAX, USABLE, now), GIB);
        let third = promises.number();
        promises.note_unpromised(third, MIB, now);
        promises.note_unpromised(third, 2 * MIB, now);
        assert_eq!(promises.before(u64::MAX, USABLE, now), GIB);
        assert_eq!(promises.occupied(Some(second)), 2 * MIB);
    }
}
