//! How far the body of a request has come.
//!
//! Responsible for: the states, and what a fault is as an error of reading. Not for: reading (`exchange.rs`).

use std::fmt;
use std::io;

/// Why a body did not come whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFault {
    /// No byte came for longer than the limit.
    Stalled,
    /// The connection ended before the body did.
    EndedEarly,
    /// The chunked framing is broken.
    Malformed,
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stalled => "the body stopped coming",
            Self::EndedEarly => "the body ended early",
            Self::Malformed => "the chunks of the body are malformed",
        })
    }
}

impl std::error::Error for BodyFault {}

impl From<BodyFault> for io::Error {
    fn from(fault: BodyFault) -> Self {
        let kind = match fault {
            BodyFault::Stalled => io::ErrorKind::TimedOut,
            BodyFault::EndedEarly => io::ErrorKind::UnexpectedEof,
            BodyFault::Malformed => io::ErrorKind::InvalidData,
        };
        Self::new(kind, fault)
    }
}

/// How far a body has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyState {
    Coming,
    Whole,
    Failed(BodyFault),
}
