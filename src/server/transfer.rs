//! Transfers under way, and their lines in the log: while one takes long, and at its end.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use log::kv::Value;

use super::logged_head::LoggedHead;
use super::metrics::{Ended, Metrics};
use crate::api::{Annotations, Op, Reason, UnderWay};
use crate::http::forwarded::Origin;
use crate::logging;
use crate::storage::Provenance;
use crate::sync::{lock, start_thread};
use crate::time::Timestamp;

/// A transfer that takes longer than this has lines before its last one.
const FIRST_LINE_AFTER: Duration = Duration::from_secs(1);

/// The time between two such lines.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// The time between two searches for lines that are due.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// The transfers under way, by number.
pub(super) struct Transfers {
    running: Mutex<HashMap<u64, Arc<Transfer>>>,
    next: AtomicU64,
    /// The beginning of all ids of this process; another process has another one.
    prefix: String,
    metrics: Metrics,
}

/// One request, from its head to the end of its reply.
pub(super) struct Transfer {
    number: u64,
    id: String,
    head: LoggedHead,
    annotations: Annotations,
    started: Instant,
    received: AtomicU64,
    sent: AtomicU64,
    next_line: Mutex<NextLine>,
    /// Whether it waits, and transfers nothing.
    is_waiting: AtomicBool,
}

/// The next line of a transfer that takes long.
struct NextLine {
    at: Instant,
    is_first: bool,
}

impl Default for Transfers {
    fn default() -> Self {
        let now = Timestamp::now().nanoseconds();
        Self {
            running: Mutex::default(),
            next: AtomicU64::new(1),
            prefix: format!("{:08x}", (now >> 10) & 0xffff_ffff),
            metrics: Metrics::default(),
        }
    }
}

impl Transfers {
    /// Adds a request, whose operation is known where it has one.
    pub(super) fn begin(&self, head: LoggedHead, op: Option<Op>) -> Arc<Transfer> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        let transfer = Arc::new(Transfer {
            number,
            id: format!("{}-{number}", self.prefix),
            head,
            annotations: Annotations::new(op),
            started,
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            next_line: Mutex::new(NextLine {
                at: started + FIRST_LINE_AFTER,
                is_first: true,
            }),
            is_waiting: AtomicBool::new(false),
        });
        self.lock().insert(number, Arc::clone(&transfer));
        transfer
    }

    /// The counters of requests that have ended.
    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The requests for files under way, the oldest first.
    pub(super) fn for_files(&self) -> Vec<Arc<Transfer>> {
        let mut running: Vec<Arc<Transfer>> = self.lock().values().cloned().collect();
        let is_for_file = |op| !matches!(op, Some(Op::Report(_) | Op::Preflight));
        let is_waiting = |transfer: &Transfer| transfer.is_waiting.load(Ordering::Relaxed);
        running.retain(|it| is_for_file(it.annotations.op()) && !is_waiting(it));
        running.sort_unstable_by_key(|transfer| transfer.number);
        running
    }

    /// Removes a request, counts it, and logs how it ended: with a reason where it was refused.
    pub(super) fn end(
        &self,
        transfer: &Transfer,
        (status, reason): (u16, Option<Reason>),
        cause: Option<&str>,
    ) {
        self.metrics.count(&Ended {
            method: &transfer.head.method,
            status,
            reason,
            op: transfer.annotations.op(),
            duration: transfer.started.elapsed(),
            received: transfer.received(),
            sent: transfer.sent(),
        });
        // One that was dropped has had its last line.
        if self.lock().remove(&transfer.number).is_some() {
            transfer.log_end(status, cause);
        }
    }

    /// Logs each request still under way as dropped.
    pub(super) fn give_up(&self) {
        for (_, transfer) in self.lock().drain() {
            let cause = Some("the server was stopped");
            transfer.log(log::Level::Warn, "transfer dropped", None, cause);
        }
    }

    /// Logs the lines that are due.
    fn log_due(&self) {
        let running: Vec<Arc<Transfer>> = self.lock().values().cloned().collect();
        let now = Instant::now();
        for transfer in running {
            transfer.log_if_due(now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Transfer>>> {
        lock(&self.running)
    }
}

impl Transfer {
    /// What the handler adds to the log line.
    pub(super) fn annotations(&self) -> &Annotations {
        &self.annotations
    }

    /// The id of its line in the log.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Where what it writes comes from: the client that the log believes it to be, without its
    /// port.
    pub(super) fn provenance(&self) -> Provenance {
        let head = &self.head;
        let client = match &head.origin {
            Origin::Forwarded(address) => address.clone(),
            Origin::Peer | Origin::Claimed(_) => head.address(),
        };
        Provenance {
            client: Some(client),
            request_id: Some(self.id.clone()),
            by: head.by.clone(),
            sha256: None,
        }
    }

    /// What is known of it, for a list of transfers.
    pub(super) fn under_way(&self) -> UnderWay<'_> {
        let head = &self.head;
        UnderWay {
            id: &self.id,
            client: &head.client,
            by: head.by.as_deref(),
            method: &head.method,
            name: &head.name,
            received: self.received(),
            sent: self.sent(),
            length: head.length,
            started: head.received_at,
        }
    }

    /// Sets how many bytes of content have been received and sent.
    pub(super) fn count(&self, received: u64, sent: u64) {
        self.received.store(received, Ordering::Relaxed);
        self.sent.store(sent, Ordering::Relaxed);
    }

    /// Sets whether it waits. It is not logged then, nor in the list of transfers.
    pub(super) fn set_waiting(&self, is_waiting: bool) {
        self.is_waiting.store(is_waiting, Ordering::Relaxed);
    }

    /// When it began.
    pub(super) fn started(&self) -> Instant {
        self.started
    }

    fn log_if_due(&self, now: Instant) {
        if self.is_waiting.load(Ordering::Relaxed) {
            return;
        }
        let mut next = lock(&self.next_line);
        if now < next.at {
            return;
        }
        let message = match std::mem::take(&mut next.is_first) {
            true => "transfer started",
            false => "transfer running",
        };
        // Only one line is logged, even if several intervals have passed.
        while next.at <= now {
            next.at += LINE_INTERVAL;
        }
        self.log(log::Level::Info, message, None, None);
    }

    fn log_end(&self, status: u16, cause: Option<&str>) {
        let op = self.annotations.op();
        let is_polled = matches!(op, Some(Op::Report(report)) if report.is_polled());
        let is_asked_before_others = op == Some(Op::Preflight);
        let level = match status {
            // Otherwise they would be most of the log.
            200 if is_polled => log::Level::Debug,
            204 if is_asked_before_others => log::Level::Debug,
            500 => log::Level::Error,
            501.. => log::Level::Warn,
            _ => log::Level::Info,
        };
        self.log(level, "request", Some(status), cause);
    }

    /// Logs a line with all that is known of the transfer.
    fn log(&self, level: log::Level, message: &str, status: Option<u16>, cause: Option<&str>) {
        let head = &self.head;
        let op = self.annotations.op();
        let new_name = self.annotations.new_name().map(|name| name.to_string());
        let (forwarded, claimed) = match &head.origin {
            Origin::Peer => (None, None),
            Origin::Forwarded(address) => (Some(address), None),
            Origin::Claimed(claim) => (None, Some(claim)),
        };
        let mut pairs = Vec::with_capacity(16);
        pairs.push(("id", Value::from(self.id.as_str())));
        pairs.push(("client", Value::from(head.client.as_str())));
        pairs.extend(text("by", head.by.as_ref()));
        pairs.extend(text("forwarded", forwarded));
        pairs.extend(text("claimed", claimed));
        pairs.extend(op.map(|op| ("op", Value::from(op.word()))));
        pairs.push(("method", Value::from(head.method.as_str())));
        pairs.push(("name", Value::from(head.name.as_str())));
        pairs.extend(text("to", new_name.as_ref()));
        pairs.extend(status.map(|status| ("status", Value::from(status))));
        pairs.push(("in", Value::from(self.received())));
        pairs.push(("out", Value::from(self.sent())));
        pairs.push(("seconds", Value::from(self.seconds())));
        pairs.extend(text("agent", head.agent.as_ref()));
        pairs.extend(text("request_id", head.request_id.as_ref()));
        pairs.extend(text("traceparent", head.traceparent.as_ref()));
        pairs.extend(cause.map(|cause| ("cause", Value::from(cause))));
        logging::event(level, module_path!(), message, &pairs);
    }

    fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The time since the start, in seconds to the microsecond.
    fn seconds(&self) -> f64 {
        (self.started.elapsed().as_secs_f64() * 1e6).round() / 1e6
    }
}

/// A key and its value, if there is one.
fn text<'v>(key: &'static str, value: Option<&'v String>) -> Option<(&'static str, Value<'v>)> {
    value.map(|value| (key, Value::from(value.as_str())))
}

/// Starts the thread that logs transfers that take long.
///
/// # Errors
/// A line for the user, if the thread cannot be started.
pub(super) fn watch(transfers: Arc<Transfers>) -> Result<(), String> {
    let run = move || {
        loop {
            std::thread::sleep(CHECK_INTERVAL);
            transfers.log_due();
        }
    };
    start_thread("transfers", run)
}
