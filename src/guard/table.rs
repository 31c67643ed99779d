//! The table of connections: who is there, and who may come.
//!
//! A connection is known by the cookie of its socket, with which the heads are marked that tiny_http makes requests of.
//! (What tiny_http itself says of a request is the address of the peer, which may be that of another connection by the
//! time the request is served.)

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::sockopt;

use super::connection::Connection;
use super::{handover, listener};
use crate::sync::lock;

/// How many idle connections make room for new ones at a time.
const EVICTED_AT_ONCE: usize = 32;

/// How often the table is searched for connections that ended without a word.
const SWEEP_EVERY: Duration = Duration::from_millis(100);

/// Descriptors that are not for connections: the storage, the log, the listener, and a reserve.
const OTHER_DESCRIPTORS: usize = 24;

/// Descriptors of a connection: two of tiny_http's, and one for the file.
const PER_CONNECTION: usize = 3;

/// Descriptor numbers this close to the limit are a sign that it is nearly reached; tiny_http needs another one for
/// each connection, and accepts no more where it gets none.
const LAST_DESCRIPTORS: usize = 4;

/// How long a worker takes from the last byte of a reply to the end of the request, where it has to wait for its turn
/// on a processor.
const ENDS_WITHIN: Duration = Duration::from_millis(50);

/// The limits on connections.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections open at once.
    pub max_connections: usize,
    /// How long a client may go without sending a byte of a body, or without taking one of a reply.
    pub idle_timeout: Duration,
    /// How long a connection may stay open without a request.
    pub keep_alive: Duration,
    /// Descriptors open at once, as the system limits them.
    pub descriptors: usize,
    /// What may be read ahead of all bodies together, in bytes.
    pub read_ahead: usize,
}

static LIMITS: OnceLock<Limits> = OnceLock::new();

static TABLE: LazyLock<Mutex<Table>> = LazyLock::new(Mutex::default);

/// Told of connections that have gone, where somebody waits for it.
static HAVE_GONE: Condvar = Condvar::new();

/// A descriptor for when there are no others: ending a connection takes one for a moment.
static SPARE: Mutex<Option<OwnedFd>> = Mutex::new(None);

#[derive(Default)]
struct Table {
    by_cookie: BTreeMap<u64, Arc<Connection>>,
    /// Connections that were shut down to make room, and have not gone yet.
    evicted: usize,
    swept: Option<Instant>,
    /// Whether somebody waits for connections to go.
    is_awaited: bool,
    /// The most connections there were since memory was given back.
    peak: usize,
    /// When most of them had gone, if that is not long ago.
    shrunk: Option<Instant>,
    /// Since when new connections have been refused, as far as the log knows.
    refusing: Option<Instant>,
}

/// Sets the limits, once, before the first connection.
pub(super) fn configure(limits: Limits) {
    // Set twice only by tests in one process, with the same effect.
    let _ = LIMITS.set(limits);
    with_spare_descriptor(|| {});
}

/// Runs something that needs a descriptor for a moment, with a spare one given up for it.
pub(super) fn with_spare_descriptor<T>(run: impl FnOnce() -> T) -> T {
    let mut spare = lock(&SPARE);
    drop(spare.take());
    let outcome = run();
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    *spare = rustix::fs::openat(CWD, "/", flags, Mode::empty()).ok();
    outcome
}

fn limits() -> Limits {
    *LIMITS.get_or_init(|| Limits {
        max_connections: 4096,
        idle_timeout: Duration::from_secs(60),
        keep_alive: Duration::from_secs(75),
        descriptors: 1024,
        read_ahead: 1 << 20,
    })
}

/// What may be read ahead of all bodies together, in bytes.
pub(super) fn read_ahead() -> usize {
    limits().read_ahead
}

/// How long a connection may stay open without a request.
pub(super) fn keep_alive() -> Duration {
    limits().keep_alive
}

impl Limits {
    /// As many connections as the flag and the descriptors allow.
    fn connections(&self) -> usize {
        self.max_connections.min(self.by_descriptors())
    }

    /// As many connections as the descriptors allow.
    fn by_descriptors(&self) -> usize {
        (self.descriptors.saturating_sub(OTHER_DESCRIPTORS) / PER_CONNECTION).max(1)
    }
}

/// Takes up a connection that has just been accepted, and gives back the socket to go on with. `None`: it is closed.
pub(super) fn admit(socket: OwnedFd) -> Option<OwnedFd> {
    let limits = limits();
    // A connection that is gone already has no peer.
    let cookie = cookie_of(socket.as_fd()).ok()?;
    let peer = rustix::net::getpeername(&socket).ok()??;
    let peer = SocketAddr::try_from(peer).ok()?;
    // A socket of both families has IPv4 clients as ::ffff:192.0.2.1.
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    let mut table = lock(&TABLE);
    if !table.make_room(limits.connections()) {
        // Clients may have their replies already, and the workers not have come to the end of them.
        table.is_awaited = true;
        (table, _) = HAVE_GONE
            .wait_timeout(table, ENDS_WITHIN)
            .unwrap_or_else(PoisonError::into_inner);
    }
    if !table.make_room(limits.connections()) {
        table.note_refusal("as many connections as are allowed are in a transfer");
        return None;
    }
    let mut table = wait_for_descriptors(table, limits.by_descriptors());
    let Some(socket) =
        with_number_below(socket, limits.descriptors.saturating_sub(LAST_DESCRIPTORS))
    else {
        table.note_refusal("the limit of open descriptors is reached");
        return None;
    };
    let connection = Connection::new(cookie, peer, socket.as_raw_fd(), listener::number());
    table.by_cookie.insert(cookie, Arc::new(connection));
    table.peak = table.peak.max(table.by_cookie.len());
    handover::begin(cookie);
    Some(socket)
}

/// Waits until connections that were ended to make room have given their descriptors back, if they are needed.
fn wait_for_descriptors(mut table: MutexGuard<'_, Table>, most: usize) -> MutexGuard<'_, Table> {
    /// How long at most: their threads have nothing else to do.
    const LIMIT: Duration = Duration::from_secs(1);
    let deadline = Instant::now() + LIMIT;
    while table.by_cookie.len() >= most && table.evicted > 0 && Instant::now() < deadline {
        table.is_awaited = true;
        (table, _) = HAVE_GONE
            .wait_timeout(table, SWEEP_EVERY)
            .unwrap_or_else(PoisonError::into_inner);
        table.sweep();
    }
    table
}

/// The same socket under a number below this one: its own or another, if there is one.
fn with_number_below(socket: OwnedFd, limit: usize) -> Option<OwnedFd> {
    let is_below =
        |socket: &OwnedFd| usize::try_from(socket.as_raw_fd()).is_ok_and(|it| it < limit);
    if is_below(&socket) {
        return Some(socket);
    }
    let lowest = rustix::io::fcntl_dupfd_cloexec(&socket, 0).ok();
    lowest.filter(is_below)
}

/// Whether it is time to give memory back: for a while after most of many connections have gone, since the threads of
/// tiny_http that served them go later.
pub(super) fn is_shrinking() -> bool {
    /// So many connections make it worth the while.
    const MANY: usize = 32;
    /// tiny_http's threads wait 5 seconds for another connection, workers 10 for another request.
    const WHILE: Duration = Duration::from_secs(14);
    let mut table = lock(&TABLE);
    let now = Instant::now();
    if table.peak >= MANY && table.by_cookie.len() <= table.peak / 2 {
        table.peak = table.by_cookie.len();
        table.shrunk = Some(now);
    }
    table.shrunk = table.shrunk.filter(|shrunk| now - *shrunk < WHILE);
    table.shrunk.is_some()
}

/// Ends the connections that no thread has taken up for so long that none will: the thread that accepted them has died.
pub(super) fn end_stranded() {
    let table = lock(&TABLE);
    let stranded = table.by_cookie.values().filter(|c| c.is_stranded());
    with_spare_descriptor(|| stranded.for_each(|connection| connection.strand()));
}

/// Whether connections are left that this server of tiny_http has.
pub(super) fn has_connections_of(server: u64) -> bool {
    let mut table = lock(&TABLE);
    table.sweep();
    table.by_cookie.values().any(|it| it.server == server)
}

/// Ends connections that wait for a request, so that new ones can be had: for when the system has no thread left.
pub(super) fn evict_some() {
    lock(&TABLE).evict();
}

impl Table {
    /// Makes room for one more connection than there are: first those that have ended are struck off, then those that
    /// have waited longest for a request are ended. `false` where all are in a transfer.
    fn make_room(&mut self, most: usize) -> bool {
        if self.by_cookie.len() < most {
            return true;
        }
        self.sweep();
        self.by_cookie.len() - self.evicted < most || self.evict() > 0
    }

    /// Strikes off connections that have ended without a word, every now and then.
    fn sweep(&mut self) {
        let now = Instant::now();
        if self.swept.is_none_or(|swept| now - swept > SWEEP_EVERY) {
            self.by_cookie.retain(|_, connection| connection.is_open());
            self.evicted = self.by_cookie.values().filter(|c| c.is_evicted()).count();
            self.swept = Some(now);
        }
    }

    /// Shuts down the connections that have waited longest for a request, half of them at most: where few are allowed,
    /// a client between two requests is to keep its own. Says how many.
    fn evict(&mut self) -> usize {
        let mut waiting: Vec<(Instant, &Arc<Connection>)> = self
            .by_cookie
            .values()
            .filter_map(|connection| Some((connection.waiting_since()?, connection)))
            .collect();
        waiting.sort_unstable_by_key(|(since, _)| *since);
        let most = waiting.len().div_ceil(2).min(EVICTED_AT_ONCE);
        let evicted = with_spare_descriptor(|| {
            let evicted = waiting.iter().filter(|(_, connection)| connection.evict());
            evicted.take(most).count()
        });
        self.evicted += evicted;
        evicted
    }

    /// Says in the log that connections are refused, once a minute at most.
    fn note_refusal(&mut self, why: &str) {
        let now = Instant::now();
        let quiet = Duration::from_secs(60);
        if self.refusing.is_none_or(|since| now - since > quiet) {
            self.refusing = Some(now);
            log::warn!("new connections are refused: {why}");
        }
    }
}

thread_local! {
    /// The connection of the request that this thread serves, and the descriptor that it reads the body from, once that
    /// is known. As long as the request is there, so is the descriptor.
    static SERVED: RefCell<Option<(Arc<Connection>, Option<RawFd>)>> = const { RefCell::new(None) };

    /// The connection that this thread looked up last: a thread of tiny_http reads from one for as long as it lasts.
    static LAST: RefCell<Weak<Connection>> = const { RefCell::new(Weak::new()) };
}

/// Says which connection's request the calling thread serves from now on, if it serves one.
pub(super) fn serve(connection: Option<&Arc<Connection>>) {
    SERVED.set(connection.map(|connection| (Arc::clone(connection), None)));
}

/// The connection that a socket is of, or `None` for a descriptor that is none of ours.
pub(super) fn connection_of(socket: BorrowedFd<'_>) -> Option<Arc<Connection>> {
    let fd = socket.as_raw_fd();
    SERVED.with_borrow_mut(|served| match served {
        Some((connection, Some(known))) if *known == fd => Some(Arc::clone(connection)),
        served => {
            let found = last_with_cookie(cookie_of(socket).ok()?)?;
            if let Some((connection, known)) = served
                && Arc::ptr_eq(connection, &found)
            {
                *known = Some(fd);
            }
            Some(found)
        }
    })
}

/// As [`with_cookie`], without a look at the table where the connection is the same as the last time.
fn last_with_cookie(cookie: u64) -> Option<Arc<Connection>> {
    LAST.with_borrow_mut(|last| {
        let same = last.upgrade().filter(|last| last.cookie == cookie);
        same.or_else(|| {
            let found = with_cookie(cookie)?;
            *last = Arc::downgrade(&found);
            Some(found)
        })
    })
}

/// The connection whose socket has this cookie.
pub(super) fn with_cookie(cookie: u64) -> Option<Arc<Connection>> {
    lock(&TABLE).by_cookie.get(&cookie).cloned()
}

/// Strikes a connection off. tiny_http reads from it no more.
pub(super) fn forget(connection: &Connection) {
    let mut table = lock(&TABLE);
    let known = table.by_cookie.remove(&connection.cookie);
    if known.is_some_and(|known| known.is_evicted()) {
        table.evicted = table.evicted.saturating_sub(1);
    }
    if std::mem::take(&mut table.is_awaited) {
        HAVE_GONE.notify_one();
    }
}

/// The cookie of a socket.
///
/// # Errors
/// `ENOTSOCK` for what is none, `EBADF` for a number that is not open.
pub(super) fn cookie_of(socket: BorrowedFd<'_>) -> Result<u64, Errno> {
    sockopt::socket_cookie(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_other_things() {
        for (max_connections, descriptors, expected) in [
            (4096, 1_000_000, 4096),
            (4096, 1024, 333),
            (10, 1024, 10),
            (4096, 64, 13),
            (4096, 10, 1),
        ] {
            let limits = Limits {
                max_connections,
                idle_timeout: Duration::ZERO,
                keep_alive: Duration::ZERO,
                descriptors,
                read_ahead: 0,
            };
            assert_eq!(limits.connections(), expected, "{limits:?}");
        }
    }
}
