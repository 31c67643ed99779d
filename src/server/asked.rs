//! What a request says of itself, for the log.
//!
//! Nothing of it is longer than a line of the log may have.

use std::net::SocketAddr;

use crate::http::forwarded::{Origin, TrustedProxies};
use crate::http::name::Name;
use crate::http::route::Operation;

/// The longest name in the log, in bytes: that of a name that can be stored.
const MAX_NAME: usize = 4096;

/// The longest header field in the log, in bytes.
const MAX_FIELD: usize = 256;

/// The longest method in the log, in bytes.
const MAX_WORD: usize = 32;

/// What a request says at its start. Each part of it is cut to a length that a line of the log can have.
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) name: String,
    pub(super) agent: Option<String>,
    pub(super) origin: Origin,
}

impl Asked {
    /// What is known of a request from its head, and of what it asks for from its route.
    pub(super) fn of(
        request: &tiny_http::Request,
        operation: Option<&Operation>,
        trusted: &TrustedProxies,
    ) -> Self {
        let head = request.head();
        let name = operation.and_then(Operation::name).map(Name::to_string);
        let agent = head.field("User-Agent");
        let x_forwarded_for = head.field("X-Forwarded-For");
        let forwarded = head.field("Forwarded");
        let origin = Origin::of(
            request.remote_addr().map(SocketAddr::ip),
            x_forwarded_for.as_deref(),
            forwarded.as_deref(),
            trusted,
        );
        Self {
            method: cut(head.method().to_owned(), MAX_WORD),
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

/// Cuts a text off at a length, and marks that it is cut.
fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('\u{2026}');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        for (text, most, expected) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "abc\u{2026}"),
            ("a\u{e9}b", 2, "a\u{2026}"),
            ("\u{1f600}", 1, "\u{2026}"),
            ("", 0, ""),
        ] {
            assert_eq!(cut(text.to_owned(), most), expected, "{text}");
        }
    }
}
