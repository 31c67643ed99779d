//! Transfers under way: what the log says of those that last, and of each at its end.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Shared;

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
    client: SocketAddr,
    method: String,
    name: String,
    started: Instant,
    received: AtomicU64,
    sent: AtomicU64,
    /// When the next line is due.
    due: Mutex<Instant>,
}

impl Default for Transfers {
    fn default() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanos = since.map_or(0, |since| since.as_nanos());
        Self {
            running: Mutex::default(),
            next: AtomicU64::new(1),
            prefix: format!("{:08x}", (nanos >> 10) & 0xffff_ffff),
        }
    }
}

impl Transfers {
    /// Enters a request.
    pub(super) fn begin(&self, client: SocketAddr, method: String, name: String) -> Arc<Transfer> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        let transfer = Arc::new(Transfer {
            number,
            id: format!("{}-{number}", self.prefix),
            client,
            method,
            name,
            started,
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            due: Mutex::new(started + LASTS_FROM),
        });
        self.lock().insert(number, Arc::clone(&transfer));
        transfer
    }

    /// Strikes a request off, and logs how it ended.
    pub(super) fn end(&self, transfer: &Transfer, status: u16, cause: Option<&str>) {
        self.lock().remove(&transfer.number);
        transfer.log_end(status, cause);
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
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transfer {
    /// Says how many bytes of content have come and gone.
    pub(super) fn count(&self, received: u64, sent: u64) {
        self.received.store(received, Ordering::Relaxed);
        self.sent.store(sent, Ordering::Relaxed);
    }

    fn log_if_due(&self, now: Instant) {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        if now < *due {
            return;
        }
        let first = *due == self.started + LASTS_FROM;
        // A look that came late must not be made up for.
        while *due <= now {
            *due += EVERY;
        }
        let what = if first {
            "transfer started"
        } else {
            "transfer running"
        };
        log::info!(
            id = self.id.as_str(), client:% = self.client, method = self.method.as_str(),
            name = self.name.as_str(), "in" = self.received(), out = self.sent(),
            seconds = self.seconds();
            "{what}"
        );
    }

    fn log_end(&self, status: u16, cause: Option<&str>) {
        let level = match status {
            500 => log::Level::Error,
            501.. => log::Level::Warn,
            _ => log::Level::Info,
        };
        match cause {
            None => log::log!(
                level,
                id = self.id.as_str(), client:% = self.client, method = self.method.as_str(),
                name = self.name.as_str(), status = status, "in" = self.received(),
                out = self.sent(), seconds = self.seconds();
                "request"
            ),
            Some(cause) => log::log!(
                level,
                id = self.id.as_str(), client:% = self.client, method = self.method.as_str(),
                name = self.name.as_str(), status = status, "in" = self.received(),
                out = self.sent(), seconds = self.seconds(), cause = cause;
                "request"
            ),
        }
    }

    fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The time since the start, in seconds to the millisecond.
    fn seconds(&self) -> f64 {
        (self.started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0
    }
}

/// Looks at the transfers every now and then, on a thread of its own.
///
/// # Errors
/// One line, where there is no thread to be had.
pub(super) fn watch(shared: Arc<Shared>) -> Result<(), String> {
    let look = move || {
        loop {
            std::thread::sleep(TICK);
            shared.transfers.look();
        }
    };
    std::thread::Builder::new()
        .name("transfers".to_owned())
        .spawn(look)
        .map(drop)
        .map_err(|error| format!("cannot start a thread: {error}"))
}
