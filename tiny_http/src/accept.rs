//! Accepting connections, through errors and shortages.
//!
//! Responsible for: accept(2), its errors, and making room where descriptors, memory or the limit
//! of connections have run out. Not for: reading from the connections (`read_head.rs`).

use std::net::SocketAddr;
use std::sync::Arc;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketFlags};

use crate::connection::Connection;
use crate::engine::Engine;
use crate::io::events_now;
use crate::lifecycle;
use crate::listen::Listener;
use crate::read_head;
use crate::request::Request;

/// How many connections are accepted before the thread looks for other work.
const MAX_ACCEPTED: usize = 64;

/// What became of an attempt to accept.
enum Attempt {
    Accepted(Box<Connection>),
    /// The connection has ended already, or another one has been closed to make room.
    Again,
    /// No client waits.
    NoClient,
    /// No connection can be accepted for now.
    Exhausted,
}

/// Accepts connections, until one of them has sent a request already. No error ends accepting.
pub(crate) fn accept(engine: &Arc<Engine>, number: usize) -> Option<Request> {
    let listener = engine.listener(number)?;
    let mut request = None;
    for _ in 0..MAX_ACCEPTED {
        match attempt(engine, &listener) {
            Attempt::Accepted(connection) => request = read_head::receive(engine, connection),
            Attempt::Again => {}
            Attempt::NoClient => break,
            Attempt::Exhausted => {
                engine.pause_accepting();
                return None;
            }
        }
        if request.is_some() {
            break;
        }
    }
    engine.listen(number);
    request
}

fn attempt(engine: &Engine, listener: &Listener) -> Attempt {
    if engine.connections() >= engine.config.max_connections {
        // No connection is closed for a client that has gone. A client that comes at this moment
        // causes the listener's next event.
        if !has_client(listener) {
            return Attempt::NoClient;
        }
        if !lifecycle::make_room(engine) && engine.is_any_waiting() {
            return Attempt::Exhausted;
        }
    }
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    match rustix::net::acceptfrom_with(listener, flags) {
        Ok((socket, peer)) => {
            let peer = peer.and_then(|peer| address_of(&peer));
            match lifecycle::admit(engine, socket, peer) {
                Some(connection) => Attempt::Accepted(connection),
                None => {
                    engine.log_refusal(&"as many as are allowed are in a transfer");
                    Attempt::Again
                }
            }
        }
        Err(Errno::WOULDBLOCK) => Attempt::NoClient,
        // accept(2): errors of the connection that was to be accepted.
        Err(Errno::INTR | Errno::CONNABORTED | Errno::PROTO | Errno::PERM) => Attempt::Again,
        Err(errno) => after_error(engine, listener, errno),
    }
}

/// Makes room where that helps against an error of accept(2).
fn after_error(engine: &Engine, listener: &Listener, errno: Errno) -> Attempt {
    let is_shortage = matches!(
        errno,
        Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS
    );
    // accept(2) reserves a descriptor before it checks for a client, so it may fail without one.
    if is_shortage && !has_client(listener) {
        return Attempt::NoClient;
    }
    if is_shortage && lifecycle::make_room(engine) {
        return Attempt::Again;
    }
    engine.log_refusal(&errno);
    Attempt::Exhausted
}

/// Whether a client waits to be accepted.
fn has_client(listener: &Listener) -> bool {
    !events_now(listener, PollFlags::IN).is_empty()
}

/// The address of a client of TCP. On a socket for both families an IPv4 client has the address
/// `::ffff:192.0.2.1`, which is given as `192.0.2.1`.
fn address_of(peer: &SocketAddrAny) -> Option<SocketAddr> {
    let peer = SocketAddr::try_from(peer.clone()).ok()?;
    Some(SocketAddr::new(peer.ip().to_canonical(), peer.port()))
}
