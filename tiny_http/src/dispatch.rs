//! What is done with a socket that has something to read: accepting, gathering a head, lingering.
//!
//! Responsible for: one step of one connection, without waiting. Not for: who does it (`engine.rs`), and what follows a
//! head (`exchange.rs`).

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketFlags};

use crate::connection::Connection;
use crate::engine::Engine;
use crate::exchange::Exchange;
use crate::io::Discarded;
use crate::role::Refusal;
use crate::table::Wait;
use crate::{Listener, Request, Response};

/// How much is asked for at a time while a head is gathered, in bytes: enough for a head and a small body.
pub(crate) const READ: usize = 8192;

/// After a failure, how long until it is accepted again.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// How long a connection stays, once it was accepted or its reply is out, however many wait for its place.
const GRACE: Duration = Duration::from_millis(100);

/// How many connections are accepted before others have their turn.
const ACCEPTED: usize = 64;

impl Engine {
    /// Accepts connections, until one of them has sent a request already. Accepting never ends for a failure.
    pub(crate) fn accept(self: &Arc<Self>, number: u64) -> Option<Request> {
        let listener = self.listener(number)?;
        for _ in 0..ACCEPTED {
            if self.connections() >= self.config.max_connections {
                // Room is made only for a client that is there; one that comes right now wakes a thread.
                if !has_client(&listener) {
                    break;
                }
                if !self.make_room() && self.is_any_waiting() {
                    self.pause();
                    return None;
                }
            }
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let (socket, peer) = match rustix::net::acceptfrom_with(&listener, flags) {
                Ok(accepted) => accepted,
                Err(Errno::WOULDBLOCK) => break,
                // accept(2): errors of the connection that was to be accepted.
                Err(Errno::INTR | Errno::CONNABORTED | Errno::PROTO | Errno::PERM) => continue,
                Err(errno) => {
                    let is_shortage = matches!(
                        errno,
                        Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS
                    );
                    // accept(2) takes a descriptor first, also where no client waits.
                    if is_shortage && !has_client(&listener) {
                        break;
                    }
                    if is_shortage && self.make_room() {
                        continue;
                    }
                    self.note_refusal(&errno);
                    self.pause();
                    return None;
                }
            };
            let peer = peer.and_then(|peer| address(&peer));
            let Some(connection) = self.admit(socket, peer) else {
                self.note_refusal(&"as many as are allowed are in a transfer");
                continue;
            };
            if let Some(request) = self.readable(connection) {
                self.listen(number);
                return Some(request);
            }
        }
        self.listen(number);
        None
    }

    /// Accepts nothing for a while.
    pub(crate) fn pause(&self) {
        let again = Instant::now() + ACCEPT_AGAIN;
        let mut state = self.lock();
        state.accept_again = Some(again);
        self.arm(&mut state, again);
    }

    /// Tells the log once that no connection can be taken up, however many come.
    pub(crate) fn note_refusal(&self, why: &dyn Display) {
        if !std::mem::replace(&mut self.lock().is_refusing, true) {
            log::warn!("new connections are refused for now: {why}");
        }
    }

    /// Whether there are connections that are in no transfer.
    fn is_any_waiting(&self) -> bool {
        self.lock().table.is_any_waiting()
    }

    /// Closes the connection that has waited longest, idle ones first; not one that has sent something meanwhile, nor one
    /// that has hardly had the time to.
    fn make_room(&self) -> bool {
        let evicted = self.lock().table.evict(|connection| {
            connection.since.elapsed() >= GRACE && !connection.socket.has_input()
        });
        evicted.is_some()
    }

    /// Reads what has come of a head.
    pub(crate) fn readable(self: &Arc<Self>, mut connection: Box<Connection>) -> Option<Request> {
        let was_idle = connection.input.pending().is_empty();
        match connection
            .socket
            .receive_behind(connection.input.room(READ))
        {
            Ok(0) => self.close(connection),
            Ok(count) => {
                connection.counts.received += count as u64;
                if was_idle {
                    connection.since = Instant::now();
                }
                return self.advance(connection);
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => self.park(connection),
            Err(_) => self.close(connection),
        }
        None
    }

    /// Looks whether what has come of a head is a whole one.
    pub(crate) fn advance(self: &Arc<Self>, mut connection: Box<Connection>) -> Option<Request> {
        if let Some(refusal) = connection.refusal.take() {
            return self.refuse(connection, refusal);
        }
        match connection.input.head(self.config.max_head) {
            None => {
                self.park(connection);
                None
            }
            Some(Ok(head)) => Some(Request::new(Exchange::new(self, connection, &head), head)),
            Some(Err(refusal)) => self.refuse(connection, refusal),
        }
    }

    /// Waits for the rest of a head, or for its first byte.
    fn park(&self, mut connection: Box<Connection>) {
        connection.input.shrink();
        let (wait, limit) = match connection.input.pending().is_empty() {
            true => (Wait::Idle, self.config.keep_alive),
            false => (Wait::Head, self.config.head_timeout),
        };
        let deadline = connection.since + limit;
        self.wait(connection, wait, deadline);
    }

    /// Answers a head that is refused, unless the program does. Where replies before are under way, whoever ends the last
    /// of them answers it.
    fn refuse(
        self: &Arc<Self>,
        mut connection: Box<Connection>,
        refusal: Refusal,
    ) -> Option<Request> {
        let is_handed_out = self.config.hands_out_refusals;
        let order = connection.order.as_ref();
        let mut state = self.lock();
        if !is_handed_out && order.is_some_and(|order| order.under_way() > 0) {
            connection.refusal = Some(refusal);
            state.refused.push_back(connection);
            return None;
        }
        drop(state);
        let request = Request::refused(Exchange::refused(self, connection), refusal.clone());
        if is_handed_out {
            return Some(request);
        }
        log::debug!("a request is refused: {}", refusal.fault);
        let response = Response::from_string(format!("{}\n", refusal.fault));
        // Not for want of a client that reads it.
        let _ = request.respond_at_once(response.with_status_code(refusal.fault.status()));
        None
    }

    /// Answers a refused head of a connection, if there is one and the last reply before it is over.
    pub(crate) fn answer_refused(self: &Arc<Self>, id: u64) {
        let mut state = self.lock();
        let next = state.refused.iter().position(|it| {
            let order = it.order.as_ref();
            it.id == id && order.is_none_or(|order| order.under_way() == 0)
        });
        let next = next.and_then(|next| state.refused.swap_remove_back(next));
        drop(state);
        if let Some(connection) = next {
            self.advance(connection);
        }
    }

    /// Ends a connection whose client may still be sending. The last reply is out.
    ///
    /// A socket that is closed with bytes unread resets its connection, and a client that is reset may lose the reply. So
    /// the rest is thrown away for a while (RFC 9112, section 9.6).
    pub(crate) fn linger(self: &Arc<Self>, mut connection: Box<Connection>) {
        connection.socket.end_output();
        connection.since = Instant::now();
        connection.input.end();
        self.discard(connection);
    }

    /// Throws away what has come on a connection that lingers.
    pub(crate) fn discard(&self, connection: Box<Connection>) -> Option<Request> {
        let now = Instant::now();
        let last = connection.since + self.config.linger_timeout;
        match connection.socket.discard() {
            Discarded::Some | Discarded::All if now < last => {
                let deadline = last.min(now + self.config.linger_idle);
                self.wait(connection, Wait::Linger, deadline);
            }
            _ => self.close(connection),
        }
        None
    }
}

/// Whether a client waits to be accepted.
fn has_client(listener: &Listener) -> bool {
    let mut polled = [PollFd::new(listener, PollFlags::IN)];
    let now = Timespec::default();
    rustix::event::poll(&mut polled, Some(&now)).is_ok_and(|ready| ready > 0)
}

/// The address of a client of TCP. A socket of both families has IPv4 clients as `::ffff:192.0.2.1`.
fn address(peer: &SocketAddrAny) -> Option<std::net::SocketAddr> {
    let peer = std::net::SocketAddr::try_from(peer.clone()).ok()?;
    Some(std::net::SocketAddr::new(
        peer.ip().to_canonical(),
        peer.port(),
    ))
}
