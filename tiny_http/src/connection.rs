//! One connection of a server, as a value that a thread or the table of connections has.
//!
//! Responsible for: what is known of a connection, and the line of its end in the log. Not for:
//! when it waits and when it is closed (`lifecycle.rs`).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::io::Socket;
use crate::parser::Parser;
use crate::pipeline::Pipeline;
use crate::refusal::Refusal;
use crate::table::Token;

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) token: Token,
    /// No other connection of the server has this number.
    pub(crate) id: u64,
    pub(crate) socket: Arc<Socket>,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) input: Parser,
    /// When its current wait began: at accepting, at the first byte of a head, or at the end of a
    /// reply.
    pub(crate) since: Instant,
    pub(crate) counts: Counts,
    /// Why its next head is refused, if that is known before the request is handed out.
    pub(crate) refusal: Option<Refusal>,
    /// Where several requests may be in flight.
    pub(crate) pipeline: Option<Arc<Pipeline>>,
    /// Whether epoll knows the socket.
    pub(crate) is_registered: bool,
}

impl Connection {
    pub(crate) fn new(
        token: Token,
        id: u64,
        socket: Socket,
        peer: Option<SocketAddr>,
        input: Parser,
    ) -> Box<Self> {
        let now = Instant::now();
        Box::new(Self {
            token,
            id,
            socket: Arc::new(socket),
            peer,
            input,
            since: now,
            counts: Counts::new(now),
            refusal: None,
            pipeline: None,
            is_registered: false,
        })
    }
}

/// How much has gone through a connection.
#[derive(Debug)]
pub(crate) struct Counts {
    began: Instant,
    pub(crate) requests: u64,
    /// All bytes that came, heads and framing included.
    pub(crate) received: u64,
    /// Bytes of content.
    pub(crate) sent: u64,
}

impl Counts {
    fn new(began: Instant) -> Self {
        Self {
            began,
            requests: 0,
            received: 0,
            sent: 0,
        }
    }
}

/// Logs the end of a connection, whether or not it has had a request.
impl Drop for Connection {
    fn drop(&mut self) {
        let counts = &self.counts;
        if let Some(peer) = self.peer {
            log::debug!(
                "connection of {peer} ended after {:.3} s: {} requests, {} bytes received, {} sent",
                counts.began.elapsed().as_secs_f64(),
                counts.requests,
                counts.received,
                counts.sent
            );
        }
    }
}
