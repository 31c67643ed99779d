//! The cases: what is sent, and what the replies must be.
//!
//! Does not belong here: the server's start and end, the well-behaved client, and what is measured
//! in every case alike.

mod chunks;
mod connections;
mod framing;
mod heads;
mod lengths;
mod protocols;
mod refusals;
mod resets;
mod send_before_read;
mod slow;
mod tokens;

use std::io;

use crate::programs::Allowed;
use crate::scene::{Outcome, Scene};

pub use tokens::TOKEN;

/// One case.
#[derive(Debug)]
pub struct Case {
    pub name: &'static str,
    /// Flags that shorten the waiting or set the limit that the case is about, where the binary
    /// knows them.
    pub flags: &'static [(&'static str, &'static str)],
    pub allowed: Allowed,
    /// Whether our server takes a token, which the good client has.
    pub takes_token: bool,
    pub run: fn(&Scene) -> io::Result<Outcome>,
}

const fn case(name: &'static str, run: fn(&Scene) -> io::Result<Outcome>) -> Case {
    Case {
        name,
        flags: &[],
        allowed: Allowed::Everything,
        takes_token: false,
        run,
    }
}

/// All of them.
pub const CASES: &[Case] = &[
    case("idle-connections", connections::idle),
    case("slow-heads", slow::heads),
    Case {
        // Both families: the good client comes from another address than the attack (see
        // Server::for_others).
        flags: &[("--idle-timeout", "2s"), ("--host", "::")],
        ..case("slow-bodies", slow::bodies)
    },
    case("endless-headers", heads::endless_headers),
    case("ten-thousand-headers", heads::ten_thousand_headers),
    case("endless-chunk-size", chunks::endless_size),
    case("chunk-extensions", chunks::extensions),
    case("trailers", chunks::trailers),
    Case {
        flags: &[("--max-upload-size", "1GiB")],
        ..case("content-lengths", lengths::content_lengths)
    },
    case("transfer-encodings", framing::transfer_encodings),
    Case {
        allowed: Allowed::Descriptors(64),
        ..case("few-descriptors", connections::few)
    },
    Case {
        allowed: Allowed::Threads(64),
        ..case("few-threads", connections::few)
    },
    case("connect-and-reset", resets::connect_and_reset),
    case("unread-pipeline", slow::unread_pipeline),
    case("get-and-head-with-bodies", heads::get_and_head_with_bodies),
    case("old-and-foreign-protocols", protocols::old_and_foreign),
    case("half-close", connections::half_close),
    Case {
        flags: &[("--max-connections", "12000")],
        ..case("many-idle", connections::many_idle)
    },
    case("many-slow-heads", slow::many_heads),
    case("many-lingering", refusals::many_lingering),
    Case {
        flags: &[("--max-upload-size", "20TB")],
        ..case("send-before-read", send_before_read::all_of_it)
    },
    case("reset-in-each-state", resets::in_each_state),
    Case {
        takes_token: true,
        ..case("wrong-tokens", tokens::wrong_tokens)
    },
];
