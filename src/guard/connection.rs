//! The connections: from accept to close, and whose turn it is on each.
//!
//! A connection is known by the address of its peer, which is what tiny_http says of a request. No two open
//! connections have the same one; a peer that tried (from one port to two of our addresses) is not admitted twice.

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, sockopt};

use super::inbound::{Inbound, Message, RefusedHead, Source, Step};

/// How long a client may go without sending a byte of a body, or without taking one of a reply.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a connection may stay open between two requests.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long a request head may take from its first byte to its last.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

static TABLE: LazyLock<Mutex<Table>> = LazyLock::new(|| {
    Mutex::new(Table {
        by_peer: HashMap::new(),
        sweep_at: 64,
    })
});

struct Table {
    by_peer: HashMap<SocketAddr, Arc<Connection>>,
    /// At so many entries, those of closed connections are removed.
    sweep_at: usize,
}

/// The connection that was accepted last, until a thread of tiny_http reads from it.
///
/// tiny_http gives a connection to its queue where it has counted a waiting thread, although that thread may have been
/// woken for the connection before: in a burst of connections, some would wait until another one ends. Accepted one by
/// one, each finds the count true.
static HANDOVER: Handover = Handover {
    taken: Mutex::new(true),
    changed: Condvar::new(),
};

/// How long a connection that no thread takes up may hold up the ones behind it.
const HANDOVER_TIMEOUT: Duration = Duration::from_secs(1);

struct Handover {
    taken: Mutex<bool>,
    changed: Condvar,
}

/// Waits until the connection that was accepted last has been taken up.
pub(super) fn wait_for_handover() {
    let taken = lock(&HANDOVER.taken);
    // A panic of another holder changes nothing about the flag.
    drop(
        HANDOVER
            .changed
            .wait_timeout_while(taken, HANDOVER_TIMEOUT, |taken| !*taken),
    );
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    /// The descriptor that was accepted. tiny_http owns it, so it may be closed at any time.
    pub(super) fd: RawFd,
    /// Whether a thread of tiny_http has begun to read from it.
    taken_up: AtomicBool,
    inbound: Mutex<Inbound>,
    turn: Mutex<Turn>,
    turned: Condvar,
}

/// Whose turn it is.
#[derive(Debug)]
enum Turn {
    /// The client's, to send a head.
    Client,
    /// The server's: a head has been handed to tiny_http, its request is to come.
    Offered(Result<Message, RefusedHead>),
    /// The worker's on this thread, which has the request.
    Worker(ThreadId),
    /// Nobody's any more.
    Closed,
}

/// Takes up a connection that has just been accepted. `false`: it is to be closed.
pub(super) fn admit(socket: BorrowedFd<'_>, fd: RawFd) -> bool {
    // A connection that is gone already has no peer.
    let Ok(Some(peer)) = peer_of(socket) else {
        return false;
    };
    for timeout in [sockopt::Timeout::Recv, sockopt::Timeout::Send] {
        if sockopt::set_socket_timeout(socket, timeout, Some(IDLE_TIMEOUT)).is_err() {
            return false;
        }
    }
    let mut table = lock(&TABLE);
    let known = table.by_peer.get(&peer);
    if known.is_some_and(|known| known.fd != fd && known.is_open()) {
        log::warn!("refused a second connection from {peer}: the first is still open");
        return false;
    }
    table
        .by_peer
        .insert(peer, Arc::new(Connection::new(peer, fd)));
    if table.by_peer.len() >= table.sweep_at {
        table.by_peer.retain(|_, connection| connection.is_open());
        table.sweep_at = 64.max(table.by_peer.len() * 2);
    }
    *lock(&HANDOVER.taken) = false;
    true
}

/// The connection that a socket is of, or `None` for a socket that is none of ours.
///
/// # Errors
/// `ECONNRESET` for a socket that has lost its peer: what the kernel still has of its bytes is not to be taken for
/// another connection's, and nobody waits for a reply to it.
pub(super) fn of(socket: BorrowedFd<'_>) -> io::Result<Option<Arc<Connection>>> {
    match peer_of(socket) {
        Ok(Some(peer)) => Ok(with_peer(&peer)),
        Ok(None) => Ok(None),
        Err(Errno::NOTCONN) => Err(Errno::CONNRESET.into()),
        Err(errno) => Err(errno.into()),
    }
}

/// The open connection with this peer.
pub(super) fn with_peer(peer: &SocketAddr) -> Option<Arc<Connection>> {
    lock(&TABLE).by_peer.get(peer).cloned()
}

/// The peer of an Internet socket; `None` for one of another family.
pub(super) fn peer_of(socket: BorrowedFd<'_>) -> Result<Option<SocketAddr>, Errno> {
    match rustix::net::getpeername(socket) {
        Ok(Some(address)) => Ok(SocketAddr::try_from(address).ok()),
        Ok(None) => Ok(None),
        Err(errno) => Err(errno),
    }
}

impl Connection {
    fn new(peer: SocketAddr, fd: RawFd) -> Self {
        Self {
            peer,
            fd,
            taken_up: AtomicBool::new(false),
            inbound: Mutex::new(Inbound::new()),
            turn: Mutex::new(Turn::Client),
            turned: Condvar::new(),
        }
    }

    /// Receives what tiny_http may see next. Waits for the reply to the request before, if that is still to come.
    ///
    /// # Errors
    /// `ETIMEDOUT` where the client has stalled; what the system says otherwise.
    pub(super) fn receive(
        &self,
        socket: BorrowedFd<'_>,
        buffer: &mut [MaybeUninit<u8>],
    ) -> io::Result<usize> {
        if !self.taken_up.swap(true, Ordering::Relaxed) {
            *lock(&HANDOVER.taken) = true;
            HANDOVER.changed.notify_one();
        }
        // Only the one thread that reads the connection ever waits with this lock held.
        let mut inbound = lock(&self.inbound);
        loop {
            if matches!(*lock(&self.turn), Turn::Closed) {
                inbound.end();
            }
            let idle = inbound.is_idle();
            let mut source = Socket {
                socket,
                in_head: inbound.in_head(),
                idle,
                deadline: None,
            };
            let received = match inbound.read(buffer, &mut source)? {
                Step::Complete => {
                    if !self.wait_for_turn() {
                        return Ok(0);
                    }
                    inbound.next_message();
                    continue;
                }
                Step::Head(received, verdict) => {
                    self.offer(verdict);
                    received.len()
                }
                Step::Bytes(received) => received.len(),
            };
            if received == 0 && idle {
                // tiny_http ends the connection now.
                self.forget();
            }
            return Ok(received);
        }
    }

    /// Takes the request that was offered, for the calling thread. `None`: nothing was, and what tiny_http takes for a
    /// request must not be carried out.
    pub(super) fn take(&self) -> Option<Result<Message, RefusedHead>> {
        let mut turn = lock(&self.turn);
        let worker = Turn::Worker(std::thread::current().id());
        match std::mem::replace(&mut *turn, worker) {
            Turn::Offered(verdict) => Some(verdict),
            other => {
                *turn = other;
                None
            }
        }
    }

    /// Whether so many bytes of the body have come already, of which tiny_http has none yet.
    pub(super) fn has_pending(&self, length: u64) -> bool {
        lock(&self.inbound).has_pending(length)
    }

    /// Gives the turn back to the client: the reply is out.
    pub(super) fn next_turn(&self) {
        let mut turn = lock(&self.turn);
        if !matches!(*turn, Turn::Closed) {
            *turn = Turn::Client;
        }
        self.turned.notify_all();
    }

    /// Ends the connection for tiny_http: it receives nothing more.
    ///
    /// The connection stays in the table until its descriptor is closed: as long as tiny_http can read from it, it
    /// must be known as one that is over.
    pub(super) fn close(&self) {
        *lock(&self.turn) = Turn::Closed;
        self.turned.notify_all();
    }

    fn offer(&self, verdict: Result<Message, RefusedHead>) {
        let mut turn = lock(&self.turn);
        if !matches!(*turn, Turn::Closed) {
            *turn = Turn::Offered(verdict);
        }
    }

    /// Waits until the client has its turn; `false` where there is none any more.
    fn wait_for_turn(&self) -> bool {
        let mut turn = lock(&self.turn);
        loop {
            match &*turn {
                Turn::Client => return true,
                Turn::Closed => return false,
                // The worker itself reads on behind the end of its body: for it, there is nothing.
                Turn::Worker(thread) if *thread == std::thread::current().id() => return false,
                Turn::Worker(_) | Turn::Offered(_) => {}
            }
            turn = self
                .turned
                .wait(turn)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes the connection out of the table, unless another one has its place already.
    fn forget(&self) {
        let mut table = lock(&TABLE);
        let known = table.by_peer.get(&self.peer);
        if known.is_some_and(|known| std::ptr::eq(&raw const **known, self)) {
            table.by_peer.remove(&self.peer);
        }
    }
}

/// The socket of a connection as a source of bytes, with the limits of time for a head.
struct Socket<'f> {
    socket: BorrowedFd<'f>,
    in_head: bool,
    /// Whether not even the first byte of a head has come.
    idle: bool,
    /// When the last byte of a head must have come; set from its first byte on.
    deadline: Option<Instant>,
}

impl Source for Socket<'_> {
    fn read<'b>(&mut self, buffer: &'b mut [MaybeUninit<u8>]) -> io::Result<&'b [u8]> {
        if self.in_head {
            let limit = if self.idle { KEEP_ALIVE } else { HEAD_TIMEOUT };
            let limit = self.deadline.unwrap_or_else(|| Instant::now() + limit);
            wait_readable(self.socket, limit)?;
        }
        match rustix::net::recv(self.socket, buffer, RecvFlags::empty()) {
            Ok(((received, _), _)) => {
                if !received.is_empty() {
                    // From the first byte of a head on, the limit is for its last.
                    self.deadline
                        .get_or_insert_with(|| Instant::now() + HEAD_TIMEOUT);
                }
                Ok(received)
            }
            // SO_RCVTIMEO has run out (socket(7)).
            Err(Errno::WOULDBLOCK) => Err(Errno::TIMEDOUT.into()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Waits until a socket has something to read, at most until the deadline.
fn wait_readable(socket: BorrowedFd<'_>, deadline: Instant) -> io::Result<()> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = rustix::event::Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        let mut polled = [PollFd::from_borrowed_fd(socket, PollFlags::IN)];
        match rustix::event::poll(&mut polled, Some(&timeout)) {
            Ok(0) => return Err(Errno::TIMEDOUT.into()),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// A lock that outlives a panic of its holder: the state behind it is changed in single steps.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
