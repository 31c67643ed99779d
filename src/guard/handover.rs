//! From accept to the thread that reads.
//!
//! tiny_http gives a connection to its queue where it has counted a waiting thread, although that thread may have been
//! woken for the connection before: in a burst of connections, some would wait until another one ends. So no more are
//! accepted ahead of the threads that take them up than there are threads for certain: those that have come to the end
//! of a connection a moment ago. tiny_http keeps them for 5 seconds. Where none is known, each connection is accepted
//! when the one before has been taken up, and finds the count true.
//!
//! Where no thread can be had, tiny_http drops the connection and its accepting thread dies. A duplicate of the socket
//! is kept then, so that the next thread that accepts is given the same connection again.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Condvar, LazyLock, Mutex};
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::table;
use crate::sync::lock;

/// How long connections that no thread takes up may hold up the ones behind them.
pub(super) const TIMEOUT: Duration = Duration::from_secs(1);

/// Threads that have been idle for one whole period and a part of another are known; tiny_http keeps them for longer than
/// two.
const PERIOD: Duration = Duration::from_secs(2);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

static HANDOVER: Mutex<Handover> = Mutex::new(Handover {
    accepted: BTreeSet::new(),
    idle: Idle {
        server: 0,
        period: 0,
        threads: [0; 2],
    },
    is_awaited: false,
    left: None,
});
static CHANGED: Condvar = Condvar::new();

thread_local! {
    /// Which server's connection this thread of tiny_http has taken up last, until that ends.
    static SERVER: Cell<Option<u64>> = const { Cell::new(None) };

    /// Where this thread is counted as idle: for which server, and in which period.
    static COUNTED: Cell<Option<(u64, u64)>> = const { Cell::new(None) };
}

struct Handover {
    /// The cookies of connections that have been accepted and that no thread has taken up.
    accepted: BTreeSet<u64>,
    idle: Idle,
    /// Whether the accepting thread waits for a change.
    is_awaited: bool,
    /// The connection that was to be taken up when the accepting thread died.
    left: Option<OwnedFd>,
}

/// Threads of the newest server that are known to be idle.
struct Idle {
    server: u64,
    period: u64,
    /// Those that have become so in this period, and those in the one before.
    threads: [usize; 2],
}

impl Idle {
    /// Goes over to the present period of a server.
    fn bring_up(&mut self, server: u64) {
        let period = START.elapsed().as_secs() / PERIOD.as_secs();
        if self.server != server || period > self.period + 1 {
            self.threads = [0; 2];
        } else if period == self.period + 1 {
            self.threads = [0, self.threads[0]];
        }
        (self.server, self.period) = (server, period);
    }

    fn add(&mut self, server: u64) {
        // A server that accepts no more gets no connections.
        if server >= self.server {
            self.bring_up(server);
            self.threads[0] += 1;
            COUNTED.set(Some((server, self.period)));
        }
    }

    fn remove(&mut self, (server, period): (u64, u64)) {
        let place = self.period.checked_sub(period);
        let place = place.and_then(|place| usize::try_from(place).ok());
        let counted = place.and_then(|place| self.threads.get_mut(place));
        if let Some(threads) = counted.filter(|_| server == self.server) {
            *threads = threads.saturating_sub(1);
        }
    }
}

impl Handover {
    /// Whether one connection more may be accepted.
    fn is_free(&mut self, server: u64) -> bool {
        self.idle.bring_up(server);
        self.accepted.is_empty() || self.accepted.len() < self.idle.threads.iter().sum()
    }

    fn tell(&mut self) {
        if std::mem::take(&mut self.is_awaited) {
            CHANGED.notify_one();
        }
    }
}

/// Waits until one connection more may be accepted for a server.
pub(super) fn wait(server: u64) {
    let handover = lock(&HANDOVER);
    let is_held_up = |handover: &mut Handover| {
        handover.is_awaited = !handover.is_free(server);
        handover.is_awaited
    };
    // A holder that panicked changes nothing about it.
    let waited = CHANGED.wait_timeout_while(handover, TIMEOUT, is_held_up);
    let (mut handover, waited) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
    if waited.timed_out() {
        handover.accepted.clear();
    }
}

/// A connection has been accepted.
pub(super) fn begin(cookie: u64) {
    lock(&HANDOVER).accepted.insert(cookie);
}

/// The calling thread of tiny_http reads from a connection.
pub(super) fn end(connection: &Connection) {
    SERVER.set(Some(connection.server));
    let mut handover = lock(&HANDOVER);
    if let Some(counted) = COUNTED.take() {
        handover.idle.remove(counted);
    }
    handover.accepted.remove(&connection.cookie);
    handover.tell();
}

/// The calling thread is through with the connection that it has taken up, if it is one of tiny_http's.
pub(super) fn become_idle() {
    if let Some(server) = SERVER.take()
        // A thread that panics will take up no other.
        && !std::thread::panicking()
    {
        let mut handover = lock(&HANDOVER);
        handover.idle.add(server);
        handover.tell();
    }
}

/// The accepting thread gives a connection up, which is still open.
pub(super) fn keep(cookie: u64, socket: BorrowedFd<'_>) {
    let mut handover = lock(&HANDOVER);
    // Each of its two descriptors is given up.
    if handover.accepted.remove(&cookie) {
        let duplicate = || rustix::io::fcntl_dupfd_cloexec(socket, 0).ok();
        handover.left = table::with_spare_descriptor(duplicate);
    }
}

/// The connection that was left by the thread that accepted before.
pub(super) fn take_left() -> Option<OwnedFd> {
    lock(&HANDOVER).left.take()
}
