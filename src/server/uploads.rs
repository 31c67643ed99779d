//! The bodies that are being received, and their rates.
//!
//! Responsible for: measuring each rate, and dropping the bodies below the minimum rate when asked
//! to. Not for: when slots or space are short enough to ask.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tiny_http::Input;

use crate::sync::lock;

/// The period over which a rate is measured. A body that began later is never too slow.
const WINDOW: Duration = Duration::from_secs(60);

/// The time between two samples of a body.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(5);

/// The least time between two searches for slow bodies.
const SEARCH_INTERVAL: Duration = Duration::from_secs(1);

/// The bodies that are being received.
pub(super) struct Uploads {
    /// In bytes a second; 0 for none.
    min_rate: u64,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    uploads: HashMap<u64, Arc<Upload>>,
    next: u64,
    last_search: Option<Instant>,
}

/// A body that is being received, until this is dropped.
pub(super) struct Receiving<'u> {
    uploads: &'u Uploads,
    upload: Arc<Upload>,
    number: u64,
}

struct Upload {
    input: Option<Input>,
    received: AtomicU64,
    /// Whether its thread waits for the client at the moment.
    is_awaited: AtomicBool,
    is_dropped: AtomicBool,
    samples: Mutex<Samples>,
}

impl Uploads {
    pub(super) fn new(min_rate: u64) -> Self {
        let running = Mutex::default();
        Self { min_rate, running }
    }

    /// Adds a body.
    pub(super) fn begin(&self, input: Option<Input>) -> Receiving<'_> {
        let upload = Arc::new(Upload {
            input,
            received: AtomicU64::new(0),
            is_awaited: AtomicBool::new(false),
            is_dropped: AtomicBool::new(false),
            samples: Mutex::new(Samples::begin(Instant::now())),
        });
        let mut running = lock(&self.running);
        let number = running.next;
        running.next += 1;
        running.uploads.insert(number, Arc::clone(&upload));
        Receiving {
            uploads: self,
            upload,
            number,
        }
    }

    /// Drops the bodies that are too slow, since what they occupy is short. Does not block.
    pub(super) fn drop_slow(&self) {
        let now = Instant::now();
        let mut running = lock(&self.running);
        let is_due = |last: Instant| now.saturating_duration_since(last) >= SEARCH_INTERVAL;
        if self.min_rate == 0 || !running.last_search.is_none_or(is_due) {
            return;
        }
        running.last_search = Some(now);
        // Under the lock no body can end, so that its connection cannot already serve another
        // request.
        for upload in running.uploads.values() {
            if upload.is_too_slow(self.min_rate, now) {
                upload.is_dropped.store(true, Ordering::SeqCst);
                upload.input.iter().for_each(Input::end);
            }
        }
    }
}

impl Upload {
    fn is_too_slow(&self, min_rate: u64, now: Instant) -> bool {
        let received = self.received.load(Ordering::Relaxed);
        self.is_awaited.load(Ordering::Relaxed)
            && !self.is_dropped.load(Ordering::Relaxed)
            && lock(&self.samples).is_below(min_rate, received, now)
    }
}

impl Receiving<'_> {
    /// Calls `read` to receive more of the body; it returns how much has been received in all.
    pub(super) fn read<T>(&self, read: impl FnOnce() -> (T, u64)) -> T {
        self.upload.is_awaited.store(true, Ordering::Relaxed);
        let (outcome, received) = read();
        self.upload.is_awaited.store(false, Ordering::Relaxed);
        self.upload.received.store(received, Ordering::Relaxed);
        lock(&self.upload.samples).add(received, Instant::now());
        outcome
    }

    /// Whether it was dropped because it was too slow.
    pub(super) fn is_dropped(&self) -> bool {
        self.upload.is_dropped.load(Ordering::SeqCst)
    }
}

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        lock(&self.uploads.running).uploads.remove(&self.number);
    }
}

/// How much of a body had been received at which time, over the last [`WINDOW`] and a little more.
struct Samples(VecDeque<(Instant, u64)>);

impl Samples {
    fn begin(now: Instant) -> Self {
        Self(VecDeque::from([(now, 0)]))
    }

    fn add(&mut self, received: u64, now: Instant) {
        let age = |(at, _): &(Instant, u64)| now.saturating_duration_since(*at);
        if self
            .0
            .back()
            .is_none_or(|last| age(last) >= SAMPLE_INTERVAL)
        {
            self.0.push_back((now, received));
            // The first sample is the last one before the window.
            while self.0.get(1).is_some_and(|second| age(second) >= WINDOW) {
                self.0.pop_front();
            }
        }
    }

    /// Whether the rate over the window is below `min_rate` bytes a second.
    fn is_below(&self, min_rate: u64, received: u64, now: Instant) -> bool {
        let age = |at: Instant| now.saturating_duration_since(at);
        let before = self.0.iter().rev().find(|(at, _)| age(*at) >= WINDOW);
        before.is_some_and(|&(at, had)| {
            let least = min_rate.saturating_mul(age(at).as_secs());
            received.saturating_sub(had) < least
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_minute() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for (samples_at, seconds, received, expected) in [
            (&[][..], 59, 0, false),
            (&[], 60, 0, true),
            (&[], 60, 60 * 1024, false),
            (&[], 60, 60 * 1024 - 1, true),
            // Much was received, then nothing: it is too slow a minute later.
            (&[(5, 1 << 20)], 64, 1 << 20, false),
            (&[(5, 1 << 20)], 65, 1 << 20, true),
            // The rate is measured from a sample that is a window old.
            (&[(5, 1), (10, 2), (70, 3)], 70, 3, true),
            (&[(5, 1), (10, 2), (70, 3)], 71, 1 << 20, false),
        ] {
            let mut samples = Samples::begin(start);
            for (second, received) in samples_at {
                samples.add(*received, at(*second));
            }
            let is_below = samples.is_below(1024, received, at(seconds));
            assert_eq!(is_below, expected, "{samples_at:?} {seconds} {received}");
        }
        // The number of samples is limited.
        let mut samples = Samples::begin(start);
        (0..100_000).for_each(|tick| samples.add(tick, start + Duration::from_millis(10 * tick)));
        assert!(samples.0.len() <= 14, "{}", samples.0.len());
    }
}
