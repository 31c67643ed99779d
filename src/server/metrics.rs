//! Counters of all requests that have ended, for Prometheus.
//!
//! Responsible for: counting, without a lock and without a cache line that all threads write to.
//! Not for: gauges, which are read when they are asked for (`status.rs`).

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::api::{Op, Reason};
use crate::http::exposition::{Exposition, MetricKind};
use crate::http::route::Report;

/// Threads share the counters of a shard if there are more of them.
const SHARDS: usize = 8;

/// The methods that have a series of their own; all others share one.
const METHODS: [&str; 5] = ["GET", "HEAD", "POST", "PUT", "DELETE"];

/// The statuses that have a series of their own; all others share one.
const STATUSES: [u16; 24] = [
    200, 204, 206, 304, 400, 401, 403, 404, 405, 408, 409, 411, 412, 413, 414, 415, 416, 417, 421,
    431, 500, 501, 503, 507,
];

/// The upper bounds of durations, in microseconds, and how they are written, in seconds.
const BOUNDS: [(u64, &str); 12] = [
    (250, "0.00025"),
    (1_000, "0.001"),
    (5_000, "0.005"),
    (25_000, "0.025"),
    (100_000, "0.1"),
    (500_000, "0.5"),
    (2_500_000, "2.5"),
    (10_000_000, "10"),
    (60_000_000, "60"),
    (300_000_000, "300"),
    (1_800_000_000, "1800"),
    (7_200_000_000, "7200"),
];

/// The counters of all threads.
#[derive(Default)]
pub(super) struct Metrics {
    shards: [Shard; SHARDS],
}

/// The counters of some threads, on cache lines of their own.
#[derive(Default)]
#[repr(align(128))]
struct Shard {
    requests: [[AtomicU64; STATUSES.len() + 1]; METHODS.len() + 1],
    refusals: [AtomicU64; Reason::ALL.len()],
    durations: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    appends: AtomicU64,
}

/// A request that has ended.
pub(super) struct Ended<'r> {
    pub(super) method: &'r str,
    pub(super) status: u16,
    /// Why it was refused, if it was.
    pub(super) reason: Option<Reason>,
    /// What it has done; none where it led to no operation.
    pub(super) op: Option<Op>,
    pub(super) duration: Duration,
    /// Bytes of content that were received and sent.
    pub(super) received: u64,
    pub(super) sent: u64,
}

impl Metrics {
    /// Counts a request.
    pub(super) fn count(&self, ended: &Ended<'_>) {
        let add = |counter: &AtomicU64, count| {
            counter.fetch_add(count, Ordering::Relaxed);
        };
        let shard = &self.shards[shard_of_this_thread()];
        let method = METHODS.iter().position(|method| *method == ended.method);
        let status = STATUSES.iter().position(|status| *status == ended.status);
        let of_method = &shard.requests[method.unwrap_or(METHODS.len())];
        add(&of_method[status.unwrap_or(STATUSES.len())], 1);
        if let Some(reason) = ended.reason {
            add(&shard.refusals[reason as usize], 1);
        }
        // A client that watches does so for hours: that says nothing about how long requests take.
        if !matches!(ended.op, Some(Op::Report(Report::Watch))) {
            let microseconds = u64::try_from(ended.duration.as_micros()).unwrap_or(u64::MAX);
            let bound = BOUNDS.iter().position(|(most, _)| microseconds <= *most);
            add(&shard.durations[bound.unwrap_or(BOUNDS.len())], 1);
            add(&shard.microseconds, microseconds);
        }
        add(&shard.received, ended.received);
        add(&shard.sent, ended.sent);
        if ended.status == 200 && matches!(ended.op, Some(Op::Append)) {
            add(&shard.appends, 1);
        }
    }

    /// Writes all counters. Requests have a series for each method and status that there has been.
    pub(super) fn write(&self, text: &mut Exposition) {
        const REQUESTS: &str = "http_nas_requests_total";
        text.metric(
            REQUESTS,
            MetricKind::Counter,
            "Requests that have ended, by method and status.",
        );
        for at in 0..=METHODS.len() {
            let method = METHODS.get(at).unwrap_or(&"other");
            for of_status in 0..=STATUSES.len() {
                let count = self.sum(|shard| &shard.requests[at][of_status]);
                if count > 0 {
                    let status = STATUSES.get(of_status).map(u16::to_string);
                    let status = status.unwrap_or_else(|| "other".to_owned());
                    text.sample(
                        REQUESTS,
                        &[("method", method), ("status", status.as_str())],
                        count,
                    );
                }
            }
        }
        self.write_refusals(text);
        for (name, help, count) in [
            (
                "http_nas_received_bytes_total",
                "Bytes of content received, as far as their requests have ended.",
                self.sum(|shard| &shard.received),
            ),
            (
                "http_nas_sent_bytes_total",
                "Bytes of content sent, as far as their requests have ended.",
                self.sum(|shard| &shard.sent),
            ),
            (
                "http_nas_appends_total",
                "Appends that took place.",
                self.sum(|shard| &shard.appends),
            ),
        ] {
            text.single(name, MetricKind::Counter, help, count);
        }
        self.write_durations(text);
    }

    fn write_refusals(&self, text: &mut Exposition) {
        const REFUSALS: &str = "http_nas_refusals_total";
        let help = "Requests that were not carried out, by the reason.";
        text.metric(REFUSALS, MetricKind::Counter, help);
        for reason in Reason::ALL {
            let count = self.sum(|shard| &shard.refusals[reason as usize]);
            text.sample(REFUSALS, &[("reason", reason.word())], count);
        }
    }

    fn write_durations(&self, text: &mut Exposition) {
        let help = "Time from the head of a request to the end of its reply.";
        text.metric(
            "http_nas_request_duration_seconds",
            MetricKind::Histogram,
            help,
        );
        let mut count = 0;
        for at in 0..=BOUNDS.len() {
            count += self.sum(|shard| &shard.durations[at]);
            let bound = BOUNDS.get(at).map_or("+Inf", |(_, text)| *text);
            text.sample(
                "http_nas_request_duration_seconds_bucket",
                &[("le", bound)],
                count,
            );
        }
        let microseconds = self.sum(|shard| &shard.microseconds);
        let seconds = Duration::from_micros(microseconds).as_secs_f64();
        text.sample("http_nas_request_duration_seconds_sum", &[], seconds);
        text.sample("http_nas_request_duration_seconds_count", &[], count);
    }

    fn sum(&self, counter: impl Fn(&Shard) -> &AtomicU64) -> u64 {
        let counts = self
            .shards
            .iter()
            .map(|shard| counter(shard).load(Ordering::Relaxed));
        counts.fold(0, u64::wrapping_add)
    }
}

/// The shard of the calling thread: threads take them in turn when they first ask.
fn shard_of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SHARD: Cell<Option<usize>> = const { Cell::new(None) };
    }
    SHARD.get().unwrap_or_else(|| {
        let shard = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
        SHARD.set(Some(shard));
        shard
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(method: &str, status: u16, microseconds: u64) -> Ended<'_> {
        Ended {
            method,
            status,
            reason: (status == 503).then_some(Reason::Slots),
            op: Some(Op::Append),
            duration: Duration::from_micros(microseconds),
            received: 10,
            sent: 100,
        }
    }

    #[test]
    fn requests_of_all_threads_are_counted_by_method_status_and_duration() {
        let metrics = Metrics::default();
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    metrics.count(&ended("PUT", 200, 250));
                    metrics.count(&ended("PUT", 503, 251));
                    metrics.count(&ended("BREW", 418, 9_000_000_000));
                    metrics.count(&Ended {
                        op: Some(Op::Report(Report::Watch)),
                        ..ended("GET", 200, 1)
                    });
                });
            }
        });
        let mut text = Exposition::default();
        metrics.write(&mut text);
        let text = text.into_text();
        for line in [
            "http_nas_requests_total{method=\"PUT\",status=\"200\"} 20",
            "http_nas_requests_total{method=\"PUT\",status=\"503\"} 20",
            "http_nas_requests_total{method=\"other\",status=\"other\"} 20",
            "http_nas_refusals_total{reason=\"slots\"} 20",
            "http_nas_refusals_total{reason=\"space\"} 0",
            "http_nas_received_bytes_total 800",
            "http_nas_sent_bytes_total 8000",
            "http_nas_requests_total{method=\"GET\",status=\"200\"} 20",
            "http_nas_appends_total 20",
            "http_nas_request_duration_seconds_bucket{le=\"0.00025\"} 20",
            "http_nas_request_duration_seconds_bucket{le=\"0.001\"} 40",
            "http_nas_request_duration_seconds_bucket{le=\"7200\"} 40",
            "http_nas_request_duration_seconds_bucket{le=\"+Inf\"} 60",
            "http_nas_request_duration_seconds_count 60",
            "http_nas_request_duration_seconds_sum 180000.01002",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
        assert!(!text.contains("HEAD"), "{text}");
    }
}
