//! Transfers under way: what the log says of those that last, and of each at its end.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use log::kv::Value;

use super::asked::Asked;
use crate::api::{Annotations, Op};
use crate::http::forwarded::Origin;
use crate::http::name::Name;
use crate::sync::lock;
use crate::time::Timestamp;

/// How long a transfer goes on before its start is logged.
const LASTS_FROM: Duration = Duration::from_secs(1);

/// How often a transfer that lasts is logged.
const EVERY: Duration = Duration::from_secs(10);

/// How often the transfers are looked at.
const TICK: Duration = Duration::from_millis(250);

/// The transfers under way, by number.
pub(super) struct Transfers {
    running: Mutex<HashMap<u64, Arc<Transfer>>>,
    next: AtomicU64,
    /// Tells the ids of this process from those of others.
    prefix: String,
}

/// One request on its way.
pub(super) struct Transfer {
    number: u64,
    id: String,
    client: Arc<str>,
    asked: Asked,
    annotations: Annotations,
    started: Instant,
    received: AtomicU64,
    sent: AtomicU64,
    due: Mutex<Due>,
}

/// The next line of a transfer that lasts.
struct Due {
    at: Instant,
    /// Whether there has been one.
    started: bool,
}

impl Default for Transfers {
    fn default() -> Self {
        let now = Timestamp::now().nanoseconds();
        Self {
            running: Mutex::default(),
            next: AtomicU64::new(1),
            prefix: format!("{:08x}", (now >> 10) & 0xffff_ffff),
        }
    }
}

impl Transfers {
    /// Enters a request.
    pub(super) fn begin(&self, client: Arc<str>, asked: Asked, op: Option<Op>) -> Arc<Transfer> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        let transfer = Arc::new(Transfer {
            number,
            id: format!("{}-{number}", self.prefix),
            client,
            asked,
            annotations: Annotations::new(op),
            started,
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            due: Mutex::new(Due {
                at: started + LASTS_FROM,
                started: false,
            }),
        });
        self.lock().insert(number, Arc::clone(&transfer));
        transfer
    }

    /// Strikes a request off, and logs how it ended.
    pub(super) fn end(&self, transfer: &Transfer, status: u16, cause: Option<&str>) {
        // One that has been given up has its last line.
        if self.lock().remove(&transfer.number).is_some() {
            transfer.log_end(status, cause);
        }
    }

    /// Logs each request that is still under way as one that is given up.
    pub(super) fn give_up(&self) {
        for (_, transfer) in self.lock().drain() {
            let cause = Some("the server was stopped");
            transfer.log(log::Level::Warn, "transfer dropped", None, cause);
        }
    }

    /// Logs what is due.
    fn look(&self) {
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

    /// Says how many bytes of content have come and gone.
    pub(super) fn count(&self, received: u64, sent: u64) {
        self.received.store(received, Ordering::Relaxed);
        self.sent.store(sent, Ordering::Relaxed);
    }

    fn log_if_due(&self, now: Instant) {
        let mut due = lock(&self.due);
        if now < due.at {
            return;
        }
        let what = if due.started {
            "transfer running"
        } else {
            "transfer started"
        };
        due.started = true;
        // A look that came late must not be made up for.
        while due.at <= now {
            due.at += EVERY;
        }
        self.log(log::Level::Info, what, None, None);
    }

    fn log_end(&self, status: u16, cause: Option<&str>) {
        let level = match status {
            500 => log::Level::Error,
            501.. => log::Level::Warn,
            _ => log::Level::Info,
        };
        self.log(level, "request", Some(status), cause);
    }

    /// One line with all that is known of the transfer.
    fn log(&self, level: log::Level, what: &str, status: Option<u16>, cause: Option<&str>) {
        let asked = &self.asked;
        let op = self.annotations.op();
        let new_name = self.annotations.new_name().map(Name::to_string);
        let (forwarded, claimed) = match &asked.origin {
            Origin::Peer => (None, None),
            Origin::Forwarded(address) => (Some(address), None),
            Origin::Claimed(claim) => (None, Some(claim)),
        };
        let mut pairs = Vec::with_capacity(14);
        pairs.push(("id", Value::from(self.id.as_str())));
        pairs.push(("client", Value::from(&*self.client)));
        pairs.extend(text("forwarded", forwarded));
        pairs.extend(text("claimed", claimed));
        pairs.extend(op.map(|op| ("op", Value::from(op.word()))));
        pairs.push(("method", Value::from(asked.method.as_str())));
        pairs.push(("name", Value::from(asked.name.as_str())));
        pairs.extend(text("to", new_name.as_ref()));
        pairs.extend(status.map(|status| ("status", Value::from(status))));
        pairs.push(("in", Value::from(self.received())));
        pairs.push(("out", Value::from(self.sent())));
        pairs.push(("seconds", Value::from(self.seconds())));
        pairs.extend(text("agent", asked.agent.as_ref()));
        pairs.extend(cause.map(|cause| ("cause", Value::from(cause))));
        let pairs = pairs.as_slice();
        log::logger().log(
            &log::Record::builder()
                .level(level)
                .target(module_path!())
                .args(format_args!("{what}"))
                .key_values(&pairs)
                .build(),
        );
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

/// A pair of the log whose value may be missing.
fn text<'v>(key: &'static str, value: Option<&'v String>) -> Option<(&'static str, Value<'v>)> {
    value.map(|value| (key, Value::from(value.as_str())))
}

/// Looks at the transfers every now and then, on a thread of its own.
///
/// # Errors
/// One line, where there is no thread to be had.
pub(super) fn watch(transfers: Arc<Transfers>) -> Result<(), String> {
    let look = move || {
        loop {
            std::thread::sleep(TICK);
            transfers.look();
        }
    };
    std::thread::Builder::new()
        .name("transfers".to_owned())
        .spawn(look)
        .map(drop)
        .map_err(|error| format!("cannot start a thread: {error}"))
}
