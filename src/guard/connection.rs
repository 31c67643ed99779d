//! One connection: whose turn it is on it, and what tiny_http receives from it.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread::ThreadId;
use std::time::Instant;

use super::inbound::{Inbound, Step, Verdict};
use super::socket::{HEAD_TIMEOUT, Socket, has_input, wait_readable};
use super::{handover, table};
use crate::sync::lock;

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// The number of its socket, which no other socket has or will have (`SO_COOKIE` of socket(7)).
    pub(super) cookie: u64,
    pub(super) peer: SocketAddr,
    /// The same as text, for the log.
    pub(super) client: Arc<str>,
    /// The descriptor that was accepted. tiny_http owns it, so it may be closed at any time.
    pub(super) fd: RawFd,
    /// Which of tiny_http's servers has it.
    pub(super) server: u64,
    accepted: Instant,
    traffic: Traffic,
    /// The thread of tiny_http that reads from it, once that has begun.
    reader: OnceLock<ThreadId>,
    /// Whether that thread has been told of the end of the connection. Changed only with `turn` locked.
    reader_ended: AtomicBool,
    /// Since when it waits for a request; none while one is being served.
    waiting_since: Mutex<Option<Instant>>,
    /// Whether it was shut down to make room for another.
    evicted: AtomicBool,
    inbound: Mutex<Inbound>,
    turn: Mutex<Turn>,
    /// Whether the thread of tiny_http waits to be told of a new turn. Changed only with `turn` locked.
    is_awaited: AtomicBool,
    turned: Condvar,
}

/// What has gone over a connection.
#[derive(Debug, Default)]
struct Traffic {
    /// Requests that were replied to.
    requests: AtomicU64,
    /// Bytes that have come, heads and framing included.
    received: AtomicU64,
    /// Bytes of content that were sent.
    sent: AtomicU64,
}

/// Whose turn it is.
#[derive(Debug)]
enum Turn {
    /// The client's, to send a head.
    Client,
    /// The server's: a head has been handed to tiny_http, its request is to come.
    Offered(Verdict),
    /// The worker's on this thread, which has the request.
    Worker(ThreadId),
    /// Nobody's any more: tiny_http receives nothing, although it may still read.
    Closed,
    /// Nobody's any more, and tiny_http reads only to find the end.
    Gone,
}

impl Connection {
    pub(super) fn new(cookie: u64, peer: SocketAddr, fd: RawFd, server: u64) -> Self {
        Self {
            cookie,
            peer,
            client: peer.to_string().into(),
            fd,
            server,
            accepted: Instant::now(),
            traffic: Traffic::default(),
            reader: OnceLock::new(),
            reader_ended: AtomicBool::new(false),
            waiting_since: Mutex::new(Some(Instant::now())),
            evicted: AtomicBool::new(false),
            inbound: Mutex::new(Inbound::new(cookie.to_string())),
            turn: Mutex::new(Turn::Client),
            is_awaited: AtomicBool::new(false),
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
        self.reader.get_or_init(|| {
            handover::end(self);
            std::thread::current().id()
        });
        // Only one thread reads at a time. It waits for the client with this lock held, for the worker without.
        let mut inbound = lock(&self.inbound);
        let mut is_readable = false;
        loop {
            if matches!(*lock(&self.turn), Turn::Closed | Turn::Gone) {
                inbound.end();
            }
            let was_in_head = inbound.in_head();
            let is_idle = inbound.is_idle();
            let mut source = Socket {
                socket,
                received: &self.traffic.received,
                is_idle,
                is_readable: std::mem::take(&mut is_readable),
                deadline: self.head_deadline(is_idle),
            };
            let step = inbound.read(buffer, &mut source).inspect_err(|error| {
                if was_in_head && error.kind() != io::ErrorKind::Interrupted {
                    table::forget(self);
                }
            })?;
            let received = match step {
                // The thread of tiny_http need not wait for the reply: it has nothing more to do than to end.
                Step::Complete if inbound.is_last() => 0,
                Step::Complete => {
                    // A head that has come already is not waited for.
                    let waits_for_client = !inbound.has_pending(1);
                    // The worker, which has the turn, asks for the state of the message.
                    drop(inbound);
                    if waits_for_client && self.is_under_way() {
                        // The client's next byte is waited for first: in most cases the reply is out by then, and nobody
                        // had to wake this thread only for it to go to sleep again. Nothing is read before the turn has
                        // come. A failure is found again when the socket is read.
                        is_readable =
                            wait_readable(socket, Instant::now() + table::keep_alive()).is_ok();
                    }
                    let is_our_turn = self.wait_for_turn();
                    inbound = lock(&self.inbound);
                    if is_our_turn {
                        inbound.next_message();
                        continue;
                    }
                    0
                }
                Step::Head(received, verdict) => match self.offer(verdict) {
                    true => received.len(),
                    false => 0,
                },
                Step::Bytes(received) => received.len(),
            };
            if received == 0 && (was_in_head || self.end_reader()) {
                // tiny_http ends the connection now.
                table::forget(self);
            }
            return Ok(received);
        }
    }

    /// Takes the request that was offered, for the calling thread. `None`: nothing was, and what tiny_http takes for a
    /// request must not be carried out.
    pub(super) fn take(&self) -> Option<Verdict> {
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

    /// The method and the target of the request that is offered, unless its head is refused.
    pub(super) fn offered(&self) -> Option<(String, String)> {
        match &*lock(&self.turn) {
            Turn::Offered(Ok(head)) => Some((head.method().to_owned(), head.target().to_owned())),
            _ => None,
        }
    }

    /// Whether so many bytes of the body have come already, of which tiny_http has none yet.
    pub(super) fn has_pending(&self, length: u64) -> bool {
        lock(&self.inbound).has_pending(length)
    }

    /// Counts a request that is over, and the bytes of content that its reply has sent.
    pub(super) fn count(&self, sent: u64) {
        self.traffic.requests.fetch_add(1, Ordering::Relaxed);
        self.traffic.sent.fetch_add(sent, Ordering::Relaxed);
    }

    /// Gives the turn back to the client: the reply is out.
    pub(super) fn next_turn(&self) {
        let mut turn = lock(&self.turn);
        if !matches!(*turn, Turn::Closed | Turn::Gone) {
            *lock(&self.waiting_since) = Some(Instant::now());
            *turn = Turn::Client;
        }
        self.tell();
    }

    /// Tells the thread that waits for a new turn, if it does. The caller has `turn` locked.
    fn tell(&self) {
        if self.is_awaited.swap(false, Ordering::Relaxed) {
            self.turned.notify_all();
        }
    }

    /// Ends the connection for tiny_http: it receives nothing more. The worker, too, finds the end of the body.
    ///
    /// The connection stays in the table: as long as tiny_http can read from it, it must be known as one that is over.
    ///
    /// A thread that waits for the client finds it out when the socket is shut down, which is up to the caller.
    pub(super) fn close(&self) {
        let mut turn = lock(&self.turn);
        *turn = Turn::Closed;
        self.tell();
    }

    /// Ends the connection, with nothing left for tiny_http to read but the end. Its thread may have been told of that
    /// before; of the two, who comes last strikes the connection off: as long as tiny_http can read from it, it must be
    /// known.
    pub(super) fn leave(&self) {
        let mut turn = lock(&self.turn);
        *turn = Turn::Gone;
        self.tell();
        let has_ended = self.reader_ended.load(Ordering::Relaxed);
        drop(turn);
        if has_ended {
            table::forget(self);
        }
    }

    /// Notes that the calling thread, if it is tiny_http's, is told of the end; whether nobody else has a part in the
    /// connection any more.
    fn end_reader(&self) -> bool {
        let turn = lock(&self.turn);
        let is_reader = self.reader.get() == Some(&std::thread::current().id());
        if is_reader {
            self.reader_ended.store(true, Ordering::Relaxed);
        }
        is_reader && matches!(*turn, Turn::Gone)
    }

    /// Whether all of the message has been handed to tiny_http.
    pub(super) fn is_complete(&self) -> bool {
        lock(&self.inbound).is_complete()
    }

    /// Whether no thread of tiny_http has begun to read from it for too long.
    pub(super) fn is_stranded(&self) -> bool {
        self.reader.get().is_none() && self.accepted.elapsed() > handover::TIMEOUT
    }

    /// Since when the connection waits for a request, unless it was shut down already.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        (*lock(&self.waiting_since)).filter(|_| !self.is_evicted())
    }

    /// Shuts the connection down, which its thread finds as its end, unless a request has begun to come meanwhile.
    ///
    /// One that comes from then on is not carried out: its reply would not get out.
    pub(super) fn evict(&self) -> bool {
        let Some(socket) = self.duplicate() else {
            return false;
        };
        let mut turn = lock(&self.turn);
        if !matches!(*turn, Turn::Client) || has_input(&socket) {
            return false;
        }
        *turn = Turn::Gone;
        self.tell();
        drop(turn);
        self.shut_down(&socket);
        true
    }

    /// Shuts a connection down that no thread will read from.
    pub(super) fn strand(&self) {
        self.duplicate()
            .iter()
            .for_each(|socket| self.shut_down(socket));
    }

    /// Has whoever reads from the connection find its end.
    pub(super) fn end_input(&self) {
        let socket = table::with_spare_descriptor(|| self.duplicate());
        // One that is down already is what is wanted.
        socket.iter().for_each(|socket| {
            let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Read);
        });
    }

    fn shut_down(&self, socket: &OwnedFd) {
        self.evicted.store(true, Ordering::Relaxed);
        // One that is down already is what is wanted.
        let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Both);
    }

    /// Whether it was shut down to make room for another.
    pub(super) fn is_evicted(&self) -> bool {
        self.evicted.load(Ordering::Relaxed)
    }

    /// Offers a request to the workers; `false` where the connection has ended meanwhile.
    fn offer(&self, verdict: Verdict) -> bool {
        let mut turn = lock(&self.turn);
        let is_open = !matches!(*turn, Turn::Closed | Turn::Gone);
        if is_open {
            *lock(&self.waiting_since) = None;
            *turn = Turn::Offered(verdict);
        }
        is_open
    }

    /// Whether another thread is carrying a request out, or is about to.
    fn is_under_way(&self) -> bool {
        match *lock(&self.turn) {
            Turn::Offered(_) => true,
            Turn::Worker(thread) => thread != std::thread::current().id(),
            Turn::Client | Turn::Closed | Turn::Gone => false,
        }
    }

    /// Waits until the client has its turn; `false` where there is none any more.
    fn wait_for_turn(&self) -> bool {
        let mut turn = lock(&self.turn);
        loop {
            match &*turn {
                Turn::Client => return true,
                Turn::Closed | Turn::Gone => return false,
                // The worker itself reads on behind the end of its body: for it, there is nothing.
                Turn::Worker(thread) if *thread == std::thread::current().id() => return false,
                Turn::Worker(_) | Turn::Offered(_) => {}
            }
            self.is_awaited.store(true, Ordering::Relaxed);
            turn = self
                .turned
                .wait(turn)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// By when the next bytes of a head must come.
    fn head_deadline(&self, is_idle: bool) -> Instant {
        match *lock(&self.waiting_since) {
            Some(since) if is_idle => since + table::keep_alive(),
            _ => Instant::now() + HEAD_TIMEOUT,
        }
    }
}

/// The trace of a connection, requests or none.
impl Drop for Connection {
    fn drop(&mut self) {
        let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
        log::debug!(
            "connection of {} ended after {:.3} s: {} requests, {} bytes received, {} sent",
            self.client,
            self.accepted.elapsed().as_secs_f64(),
            count(&self.traffic.requests),
            count(&self.traffic.received),
            count(&self.traffic.sent)
        );
    }
}
