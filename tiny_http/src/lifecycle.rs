//! A connection of a server from its acceptance to its end.
//!
//! Responsible for: taking it up, having it wait, taking it back after a request, closing it. Not
//! for: which thread gets it next (`engine.rs`), and what is received and sent on it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::connection::Connection;
use crate::engine::Engine;
use crate::io::{Discarded, Socket};
use crate::parser::Parser;
use crate::poller::Event;
use crate::table::Wait;

/// The minimum time for which a connection is kept after it was accepted or its reply was sent,
/// even if others need its place.
const GRACE: Duration = Duration::from_millis(100);

/// Takes up a connection that was accepted. None where there are as many as are allowed: it is
/// closed.
pub(crate) fn admit(
    engine: &Engine,
    socket: OwnedFd,
    peer: Option<SocketAddr>,
) -> Option<Box<Connection>> {
    let mut state = engine.lock();
    if state.table.len() >= engine.config.max_connections {
        return None;
    }
    state.is_refusing = false;
    let token = state.table.insert();
    drop(state);
    let id = engine.next_id.fetch_add(1, Ordering::Relaxed);
    let socket = Socket::Plain(socket);
    let mut connection = Connection::new(token, id, socket, peer, Parser::default());
    connection.pipeline = (engine.config.pipelined_requests > 1).then(Arc::default);
    Some(connection)
}

/// Closes the connection that has waited longest, idle ones first; returns whether there is one. A
/// connection with input stays, and one that has just begun to wait.
pub(crate) fn make_room(engine: &Engine) -> bool {
    let evicted = engine
        .lock()
        .table
        .evict(|connection| connection.since.elapsed() >= GRACE && !connection.socket.has_input());
    evicted.is_some()
}

/// Has a connection wait for its client.
pub(crate) fn wait(
    engine: &Engine,
    mut connection: Box<Connection>,
    wait: Wait,
    deadline: Instant,
) {
    let (token, socket) = (connection.token, Arc::clone(&connection.socket));
    let is_registered = std::mem::replace(&mut connection.is_registered, true);
    let mut state = engine.lock();
    if state.is_draining && wait == Wait::Idle && connection.input.pending().is_empty() {
        drop(state);
        return close(engine, connection);
    }
    state.table.wait(token, connection, wait, deadline);
    engine.set_timer(&mut state, deadline);
    drop(state);
    let Some(descriptor) = socket.descriptor() else {
        return;
    };
    let event = Event::Connection(token);
    let result = match is_registered {
        // While one thread adds the socket, another may have taken the connection up because its
        // deadline has come, and be here first.
        true => match engine.poller.rearm(descriptor, event) {
            Err(Errno::NOENT) => engine.poller.add(descriptor, event),
            other => other,
        },
        false => engine.poller.add(descriptor, event),
    };
    if let Err(errno) = result {
        // The lock must be released here: `close` takes it, too.
        let taken = engine.lock().table.take(token);
        if let Some((connection, _)) = taken {
            log::warn!("a connection is closed: epoll_ctl failed: {errno}");
            close(engine, connection);
        }
    }
}

/// Takes a connection back whose request is over, for the next one.
pub(crate) fn give_back(engine: &Engine, mut connection: Box<Connection>) {
    connection.since = Instant::now();
    if !connection.input.next_message() {
        return close(engine, connection);
    }
    if connection.input.pending().is_empty() {
        let deadline = connection.since + engine.config.keep_alive;
        return wait(engine, connection, Wait::Idle, deadline);
    }
    let mut state = engine.lock();
    state.ready.push_back(connection);
    // The calling thread may come back for it, or not.
    engine.leave(state, true);
}

/// Puts a connection aside whose next head is refused, until the replies before are over. Returns
/// it where they are.
pub(crate) fn defer_refused(
    engine: &Engine,
    connection: Box<Connection>,
) -> Option<Box<Connection>> {
    let mut state = engine.lock();
    let pipeline = connection.pipeline.as_ref();
    if pipeline.is_some_and(|pipeline| pipeline.in_flight() > 0) {
        state.refused.push_back(connection);
        return None;
    }
    Some(connection)
}

/// Has the refused head of a connection answered, if there is one and the replies before it are
/// over.
pub(crate) fn release_refused(engine: &Engine, id: u64) {
    let mut state = engine.lock();
    if state.ready_refused(id) {
        engine.leave(state, true);
    }
}

/// Closes a connection whose last reply is sent, but whose client may still be sending: once the
/// client has closed it, or after a while.
///
/// A socket that is closed with unread bytes resets its connection, and a client that is reset
/// may lose the reply. So what still comes is discarded (RFC 9112, section 9.6).
pub(crate) fn linger(engine: &Engine, mut connection: Box<Connection>) {
    connection.socket.end_output();
    connection.since = Instant::now();
    connection.input.end();
    discard(engine, connection);
}

/// Discards what has come on a connection that lingers.
pub(crate) fn discard(engine: &Engine, connection: Box<Connection>) {
    let now = Instant::now();
    let last = connection.since + engine.config.linger_timeout;
    match connection.socket.discard().1 {
        Discarded::Some | Discarded::All if now < last => {
            let deadline = last.min(now + engine.config.linger_idle);
            wait(engine, connection, Wait::Linger, deadline);
        }
        _ => close(engine, connection),
    }
}

/// Closes a connection.
pub(crate) fn close(engine: &Engine, connection: Box<Connection>) {
    let mut state = engine.lock();
    state.table.remove(connection.token);
    engine.notify_if_over(state);
}
