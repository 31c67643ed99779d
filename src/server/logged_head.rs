//! The parts of a request's head that are logged, each cut to a maximum length.

use std::net::SocketAddr;

use crate::http::forwarded::{Origin, TrustedProxies};
use crate::http::name::Name;
use crate::http::route::Operation;

/// The longest name in the log, in bytes: the longest that a file can have.
const MAX_NAME: usize = 4096;

/// The longest header field in the log, in bytes.
const MAX_FIELD: usize = 256;

/// The longest method in the log, in bytes.
const MAX_METHOD: usize = 32;

/// The parts that are logged of the head of a request and of its connection.
pub(super) struct LoggedHead {
    /// The peer of the connection.
    pub(super) client: String,
    pub(super) method: String,
    pub(super) name: String,
    pub(super) agent: Option<String>,
    pub(super) origin: Origin,
}

impl LoggedHead {
    /// Of a request that leads to this operation, if it leads to one.
    pub(super) fn of(
        request: &tiny_http::Request,
        operation: Option<&Operation>,
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
            client: peer.map_or("unix".to_owned(), ToString::to_string),
            method: cut(head.method().to_owned(), MAX_METHOD),
            name: cut(name.unwrap_or_else(|| request.url().to_owned()), MAX_NAME),
            agent: agent.map(|agent| cut(agent, MAX_FIELD)),
            origin: match origin {
                Origin::Peer => Origin::Peer,
                Origin::Forwarded(address) => Origin::Forwarded(cut(address, MAX_FIELD)),
                Origin::Claimed(claim) => Origin::Claimed(cut(claim, MAX_FIELD)),
            },
        }
    }
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
