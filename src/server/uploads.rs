//! Bodies that are being received, and which of them come too slowly to be worth what they occupy.
//!
//! Responsible for: the rate of each, and dropping those below the floor where slots or space are short. Not for: when that
//! is.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tiny_http::Input;

use crate::sync::lock;

/// Over how long the rate of a body is measured; a younger one is never too slow.
const WINDOW: Duration = Duration::from_secs(60);

/// How often it is noted how far a body is.
const MARK_EVERY: Duration = Duration::from_secs(5);

/// How often bodies are looked for that come too slowly.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The bodies.
pub(super) struct Uploads {
    /// Bytes a second; 0 for no floor.
    floor: u64,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    uploads: HashMap<u64, Arc<Upload>>,
    next: u64,
    looked: Option<Instant>,
}

/// A body that is being received; struck off when dropped.
pub(super) struct Receiving<'u> {
    uploads: &'u Uploads,
    upload: Arc<Upload>,
    number: u64,
}

struct Upload {
    input: Option<Input>,
    received: AtomicU64,
    /// Whether its thread waits for the client, and for nothing else.
    is_awaited: AtomicBool,
    is_dropped: AtomicBool,
    marks: Mutex<Marks>,
}

impl Uploads {
    pub(super) fn new(floor: u64) -> Self {
        let running = Mutex::default();
        Self { floor, running }
    }

    /// Enters a body.
    pub(super) fn begin(&self, input: Option<Input>) -> Receiving<'_> {
        let upload = Arc::new(Upload {
            input,
            received: AtomicU64::new(0),
            is_awaited: AtomicBool::new(false),
            is_dropped: AtomicBool::new(false),
            marks: Mutex::new(Marks::begin(Instant::now())),
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

    /// Drops the bodies that come too slowly: something that they occupy is short. Waits for nothing.
    pub(super) fn drop_slow(&self) {
        let now = Instant::now();
        let mut running = lock(&self.running);
        let is_due = |looked: Instant| now.saturating_duration_since(looked) >= LOOK_EVERY;
        if self.floor == 0 || !running.looked.is_none_or(is_due) {
            return;
        }
        running.looked = Some(now);
        // Under the lock: none of them can come to its end and its connection go over to another request.
        for upload in running.uploads.values() {
            if upload.is_too_slow(self.floor, now) {
                upload.is_dropped.store(true, Ordering::SeqCst);
                upload.input.iter().for_each(Input::end);
            }
        }
    }
}

impl Upload {
    fn is_too_slow(&self, floor: u64, now: Instant) -> bool {
        let received = self.received.load(Ordering::Relaxed);
        self.is_awaited.load(Ordering::Relaxed)
            && !self.is_dropped.load(Ordering::Relaxed)
            && lock(&self.marks).is_below(floor, received, now)
    }
}

impl Receiving<'_> {
    /// Reads more of the body; `read` says how much of it has come by then.
    pub(super) fn read<T>(&self, read: impl FnOnce() -> (T, u64)) -> T {
        self.upload.is_awaited.store(true, Ordering::Relaxed);
        let (outcome, received) = read();
        self.upload.is_awaited.store(false, Ordering::Relaxed);
        self.upload.received.store(received, Ordering::Relaxed);
        lock(&self.upload.marks).note(received, Instant::now());
        outcome
    }

    /// Whether it was dropped for coming too slowly.
    pub(super) fn is_dropped(&self) -> bool {
        self.upload.is_dropped.load(Ordering::SeqCst)
    }
}

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        lock(&self.uploads.running).uploads.remove(&self.number);
    }
}

/// How much of a body had come when, over the last [`WINDOW`] and a little more.
struct Marks(VecDeque<(Instant, u64)>);

impl Marks {
    fn begin(now: Instant) -> Self {
        Self(VecDeque::from([(now, 0)]))
    }

    fn note(&mut self, received: u64, now: Instant) {
        let age = |(at, _): &(Instant, u64)| now.saturating_duration_since(*at);
        if self.0.back().is_none_or(|last| age(last) >= MARK_EVERY) {
            self.0.push_back((now, received));
            // The first mark is the last one of before the window.
            while self.0.get(1).is_some_and(|second| age(second) >= WINDOW) {
                self.0.pop_front();
            }
        }
    }

    /// Whether less than so many bytes a second have come over the window.
    fn is_below(&self, floor: u64, received: u64, now: Instant) -> bool {
        let age = |at: Instant| now.saturating_duration_since(at);
        let before = self.0.iter().rev().find(|(at, _)| age(*at) >= WINDOW);
        before.is_some_and(|&(at, had)| {
            let least = floor.saturating_mul(age(at).as_secs());
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
        for (notes, seconds, received, expected) in [
            (&[][..], 59, 0, false),
            (&[], 60, 0, true),
            (&[], 60, 60 * 1024, false),
            (&[], 60, 60 * 1024 - 1, true),
            // Much came, and then nothing: too slow a minute later.
            (&[(5, 1 << 20)], 64, 1 << 20, false),
            (&[(5, 1 << 20)], 65, 1 << 20, true),
            // What has come a moment ago counts only from the next mark on, which is as of before it.
            (&[(5, 1), (10, 2), (70, 3)], 70, 3, true),
            (&[(5, 1), (10, 2), (70, 3)], 71, 1 << 20, false),
        ] {
            let mut marks = Marks::begin(start);
            for (second, received) in notes {
                marks.note(*received, at(*second));
            }
            let is_below = marks.is_below(1024, received, at(seconds));
            assert_eq!(is_below, expected, "{notes:?} {seconds} {received}");
        }
        // Marks do not pile up.
        let mut marks = Marks::begin(start);
        (0..100_000).for_each(|tick| marks.note(tick, start + Duration::from_millis(10 * tick)));
        assert!(marks.0.len() <= 14, "{}", marks.0.len());
    }
}
