//! The settings of a server, which tiny_http does not have.

use std::time::Duration;

/// Limits, and how much the server does by itself. [`Default`] behaves as tiny_http does.
#[derive(Clone, Debug)]
pub struct Config {
    /// The longest request head, in bytes, from the request line to the empty line.
    pub max_head: usize,
    /// The most connections at a time. Beyond that, the connections that have waited longest idle
    /// are closed to make room; a new one is closed only where all are in a transfer.
    pub max_connections: usize,
    /// How long a request head may take from its first byte to its last.
    pub head_timeout: Duration,
    /// How long a connection may go without a byte of a request.
    pub keep_alive: Duration,
    /// How long a body may go without a byte.
    pub body_timeout: Duration,
    /// How long a client may accept no byte of a reply.
    pub reply_timeout: Duration,
    /// How long input is discarded after the last reply, for a client that is still sending.
    pub linger_timeout: Duration,
    /// How long that goes on without a byte.
    pub linger_idle: Duration,
    /// The most of a body that the program has not read and that is discarded to keep its
    /// connection, in bytes.
    pub max_skipped: u64,
    /// The most requests of one connection at a time. With 1, a request is handed out when the
    /// reply to the one before is over.
    pub pipelined_requests: u64,
    /// The most threads that wait for the sockets at the same time; other threads that call `recv`
    /// wait for one of them to leave.
    pub pollers: usize,
    /// Whether requests with a head that is refused are handed out, so that the program answers
    /// them.
    pub hands_out_refusals: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_head: 16 * 1024,
            max_connections: usize::MAX,
            head_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            body_timeout: Duration::from_secs(60),
            reply_timeout: Duration::from_secs(60),
            linger_timeout: Duration::from_secs(30),
            linger_idle: Duration::from_secs(5),
            max_skipped: 64 * 1024,
            pipelined_requests: 16,
            pollers: 3,
            hands_out_refusals: false,
        }
    }
}
