//! Whether the client of a request is still connected, for replies that take long to make.
//!
//! The end of a client's input (FIN) is ambiguous: a client may end its half of the connection and
//! wait for the reply (RFC 9112, section 9.6), and a client that has closed the connection sends
//! the same. They differ in how they respond to something sent: a closed socket responds with a
//! reset. So at the end of the input an interim response is sent, which every client of HTTP/1.1
//! has to be able to parse and may ignore (RFC 9110, sections 15.2 and 15.2.1). A client of
//! HTTP/1.0 must not be sent one, and is considered gone after a while.
//!
//! Responsible for: examining a connection's socket. Not for: what follows from that.

use std::io::IoSlice;
use std::time::{Duration, Instant};

use rustix::net::sockopt;

use crate::io::{Peer, Socket};
use crate::wire::CONTINUE;

/// For how long after the end of its input a client of HTTP/1.0 counts as connected.
const HTTP10_GRACE: Duration = Duration::from_secs(10);

/// TCP keepalive (tcp(7)): a client that vanishes without a FIN is found after 25 s.
const PROBE_AFTER: Duration = Duration::from_secs(10);
const PROBE_EVERY: Duration = Duration::from_secs(5);
const PROBES: u32 = 3;

/// How long the interim response may go without an acknowledgement.
const UNANSWERED: Duration = Duration::from_secs(60);

/// What is known about the client of one request.
#[derive(Debug)]
pub(crate) struct Presence {
    /// When the end of its input was seen.
    ended: Option<Instant>,
}

impl Presence {
    /// Begins to watch a client.
    pub(crate) fn of(socket: &Socket) -> Self {
        probe(socket);
        Self { ended: None }
    }

    /// Whether the client is known to be gone.
    pub(crate) fn is_gone(&mut self, socket: &Socket, is_http10: bool) -> bool {
        match socket.peer() {
            Peer::Gone => return true,
            Peer::Open => return false,
            Peer::SendsNothing => {}
        }
        let since = *self.ended.get_or_insert_with(|| {
            if !is_http10 {
                // Where it cannot be sent, what was sent before has not been acknowledged, either.
                limit_unacknowledged(socket, UNANSWERED);
                let _ = socket.send(&[IoSlice::new(CONTINUE)], false);
            }
            Instant::now()
        });
        is_http10 && since.elapsed() > HTTP10_GRACE
    }
}

/// Has the system find out about a client that vanishes without a FIN.
pub(crate) fn probe(socket: &Socket) {
    if let Some(socket) = socket.descriptor() {
        // Where these fail, only such a client goes unnoticed.
        let _ = sockopt::set_tcp_keepidle(socket, PROBE_AFTER);
        let _ = sockopt::set_tcp_keepintvl(socket, PROBE_EVERY);
        let _ = sockopt::set_tcp_keepcnt(socket, PROBES);
        let _ = sockopt::set_socket_keepalive(socket, true);
    }
}

/// Has a connection end where what is sent goes without an acknowledgement for this long.
pub(crate) fn limit_unacknowledged(socket: &Socket, limit: Duration) {
    if let Some(socket) = socket.descriptor() {
        let milliseconds = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
        // Where it fails, as for Unix sockets, the limit is that of the system.
        let _ = sockopt::set_tcp_user_timeout(socket, milliseconds);
    }
}
