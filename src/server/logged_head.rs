//! The parts of a request's head that are logged, each cut to a maximum length.

use std::net::{IpAddr, SocketAddr};

use tiny_http::Framing;

use crate::http::forwarded::{Origin, TrustedProxies};
use crate::http::name::Name;
use crate::http::policy::Caller;
use crate::http::route::Operation;
use crate::http::target::without_secrets;
use crate::time::Timestamp;

/// The longest name in the log, in bytes: the longest that a file can have.
const MAX_NAME: usize = 4096;

/// The longest header field in the log, in bytes.
const MAX_FIELD: usize = 256;

/// The longest id of a request or trace that a client may give, in bytes.
const MAX_ID: usize = 128;

/// What takes the place of the address of a client that has connected to a Unix socket.
const UNIX: &str = "unix";

/// The longest method in the log, in bytes.
const MAX_METHOD: usize = 32;

/// The parts that are logged of the head of a request and of its connection.
pub(super) struct LoggedHead {
    /// The peer of the connection, with its port.
    pub(super) client: String,
    /// The address of the peer; none of one that has connected to a Unix socket.
    address: Option<IpAddr>,
    /// The name of the token.
    pub(super) by: Option<String>,
    pub(super) method: String,
    pub(super) name: String,
    pub(super) agent: Option<String>,
    pub(super) origin: Origin,
    /// The id that the client gave the request (`X-Request-Id`).
    pub(super) request_id: Option<String>,
    /// Its place in a trace (W3C Trace Context).
    pub(super) traceparent: Option<String>,
    /// The declared length of the body in bytes.
    pub(super) length: Option<u64>,
    pub(super) received_at: Timestamp,
}

impl LoggedHead {
    /// Of a request of this caller that leads to this operation, if it leads to one.
    pub(super) fn of(
        request: &tiny_http::Request,
        (caller, operation): (&Caller, Option<&Operation>),
        trusted: &TrustedProxies,
    ) -> Self {
        let head = request.head();
        let peer = request.remote_addr();
        let name = operation.and_then(Operation::name).map(Name::to_string);
        let agent = head.field("User-Agent");
        let x_forwarded_for = head.field("X-Forwarded-For");
        let forwarded = head.field("Forwarded");
        let origin = Origin::of(
            peer.map(SocketAddr::ip),
            x_forwarded_for.as_deref(),
            forwarded.as_deref(),
            trusted,
        );
        Self {
            client: peer.map_or(UNIX.to_owned(), ToString::to_string),
            by: caller.token().map(str::to_owned),
            address: peer.map(|peer| peer.ip().to_canonical()),
            method: cut(head.method().to_owned(), MAX_METHOD),
            name: cut(
                name.unwrap_or_else(|| without_secrets(request.url())),
                MAX_NAME,
            ),
            request_id: plain(head.field("X-Request-Id")),
            traceparent: plain(head.field("traceparent")),
            length: match head.framing {
                Framing::Length(length) => Some(length),
                Framing::Empty | Framing::Chunked => None,
            },
            received_at: Timestamp::now(),
            agent: agent.map(|agent| cut(agent, MAX_FIELD)),
            origin: match origin {
                Origin::Peer => Origin::Peer,
                Origin::Forwarded(address) => Origin::Forwarded(cut(address, MAX_FIELD)),
                Origin::Claimed(claim) => Origin::Claimed(cut(claim, MAX_FIELD)),
            },
        }
    }

    /// The peer of the connection, without its port.
    pub(super) fn address(&self) -> String {
        let address = self.address.map(|address| address.to_string());
        address.unwrap_or(UNIX.to_owned())
    }
}

/// An id, if it can be one: visible ASCII, not too long.
fn plain(id: Option<String>) -> Option<String> {
    id.filter(|id| {
        let is_visible = id.bytes().all(|byte| byte.is_ascii_graphic());
        is_visible && !id.is_empty() && id.len() <= MAX_ID
    })
}

/// Cuts a text to this many bytes, and marks that it is cut.
fn cut(mut text: String, max: usize) -> String {
    if text.len() > max {
        text.truncate(text.floor_char_boundary(max));
        text.push('\u{2026}');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        for (text, max, expected) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "abc\u{2026}"),
            ("a\u{e9}b", 2, "a\u{2026}"),
            ("\u{1f600}", 1, "\u{2026}"),
            ("", 0, ""),
        ] {
            assert_eq!(cut(text.to_owned(), max), expected, "{text}");
        }
    }
}
