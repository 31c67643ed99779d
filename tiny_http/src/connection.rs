//! A connection of a server, from its acceptance to its end.
//!
//! Responsible for: taking it up, putting it down to wait, giving it back, closing it. Not for: what it says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use rustix::event::epoll;
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::conn::Conn;
use crate::engine::Engine;
use crate::io::Socket;
use crate::role::Refusal;
use crate::table::{Token, Wait};
use crate::turn::Order;

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) token: Token,
    /// No other connection of the server has this number.
    pub(crate) id: u64,
    pub(crate) socket: Arc<Socket>,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) input: Conn,
    /// When it was accepted, the reply before went out, the head began, or the last reply went out: whatever was last.
    pub(crate) since: Instant,
    pub(crate) counts: Counts,
    /// A head that was given up.
    pub(crate) refusal: Option<Refusal>,
    /// Where several requests are handed out at a time.
    pub(crate) order: Option<Arc<Order>>,
    /// Whether epoll knows the socket.
    registered: bool,
}

impl Connection {
    fn new(token: Token, id: u64, socket: Arc<Socket>, input: Conn) -> Box<Self> {
        Box::new(Self {
            token,
            id,
            socket,
            peer: None,
            input,
            since: Instant::now(),
            counts: Counts::begin(),
            refusal: None,
            order: None,
            registered: false,
        })
    }

    /// One that no server knows.
    pub(crate) fn of_body(socket: &Arc<Socket>, input: Conn) -> Box<Self> {
        Self::new(0, 0, Arc::clone(socket), input)
    }
}

/// What has gone through a connection.
#[derive(Debug)]
pub(crate) struct Counts {
    begun: Instant,
    pub(crate) requests: u64,
    /// All bytes that came, heads and framing among them.
    pub(crate) received: u64,
    /// Bytes of content.
    pub(crate) sent: u64,
}

impl Counts {
    fn begin() -> Self {
        Self {
            begun: Instant::now(),
            requests: 0,
            received: 0,
            sent: 0,
        }
    }
}

/// The trace of a connection, requests or none.
impl Drop for Connection {
    fn drop(&mut self) {
        let counts = &self.counts;
        if let Some(peer) = self.peer {
            log::debug!(
                "connection of {peer} ended after {:.3} s: {} requests, {} bytes received, {} sent",
                counts.begun.elapsed().as_secs_f64(),
                counts.requests,
                counts.received,
                counts.sent
            );
        }
    }
}

impl Engine {
    /// Takes up a connection that was accepted. None where there are as many as are allowed: it is closed.
    pub(crate) fn admit(
        &self,
        socket: OwnedFd,
        peer: Option<SocketAddr>,
    ) -> Option<Box<Connection>> {
        let mut state = self.lock();
        if state.table.len() >= self.config.max_connections {
            return None;
        }
        state.is_refusing = false;
        let token = state.table.insert();
        drop(state);
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let socket = Arc::new(Socket::Plain(socket));
        let mut connection = Connection::new(token, id, socket, Conn::default());
        connection.peer = peer;
        connection.order = (self.config.pipelined_requests > 1).then(Arc::default);
        Some(connection)
    }

    /// Takes a connection back whose request is over, for the next one.
    pub(crate) fn give_back(&self, mut connection: Box<Connection>) {
        connection.since = Instant::now();
        if !connection.input.next_message() {
            return self.close(connection);
        }
        if connection.input.pending().is_empty() {
            let deadline = connection.since + self.config.keep_alive;
            return self.wait(connection, Wait::Idle, deadline);
        }
        let mut state = self.lock();
        state.ready.push_back(connection);
        // The calling thread may come back for it, or not.
        self.leave(state, true);
    }

    /// Ends a connection.
    pub(crate) fn close(&self, connection: Box<Connection>) {
        let mut state = self.lock();
        state.table.remove(connection.token);
        self.note_end(state);
    }

    /// Puts a connection down to wait for its client.
    pub(crate) fn wait(&self, mut connection: Box<Connection>, wait: Wait, deadline: Instant) {
        let (token, socket) = (connection.token, Arc::clone(&connection.socket));
        let registered = std::mem::replace(&mut connection.registered, true);
        let mut state = self.lock();
        if state.draining && wait == Wait::Idle && connection.input.pending().is_empty() {
            drop(state);
            return self.close(connection);
        }
        state.table.wait(token, connection, wait, deadline);
        self.arm(&mut state, deadline);
        drop(state);
        let Some(descriptor) = socket.descriptor() else {
            return;
        };
        let flags = epoll::EventFlags::IN | epoll::EventFlags::RDHUP | epoll::EventFlags::ONESHOT;
        let data = epoll::EventData::new_u64(token);
        let result = match registered {
            // One that another thread puts down while it is being added (it was given up meanwhile) is not known yet.
            true => match epoll::modify(&self.epoll, descriptor, data, flags) {
                Err(Errno::NOENT) => epoll::add(&self.epoll, descriptor, data, flags),
                other => other,
            },
            false => epoll::add(&self.epoll, descriptor, data, flags),
        };
        if let Err(errno) = result {
            // Closing takes the lock, too, which must be free again by then.
            let taken = self.lock().table.take(token);
            if let Some((connection, _)) = taken {
                log::warn!("a connection is closed, for epoll_ctl says: {errno}");
                self.close(connection);
            }
        }
    }
}
