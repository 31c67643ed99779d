//! Why a body did not come whole, and the status that says so.

use std::fmt;

/// Why a body did not come whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFault {
    /// 408: it came more slowly than the minimum rate while others waited for its slot or space.
    TooSlow,
    /// The engine could not read it.
    Connection(tiny_http::BodyFault),
}

impl BodyFault {
    /// The status of the reply to it.
    #[must_use]
    pub(crate) fn status(self) -> u16 {
        use tiny_http::BodyFault::{EndedEarly, Malformed, Stalled};
        match self {
            Self::TooSlow | Self::Connection(Stalled) => 408,
            Self::Connection(EndedEarly | Malformed) => 400,
        }
    }
}

impl From<tiny_http::BodyFault> for BodyFault {
    fn from(fault: tiny_http::BodyFault) -> Self {
        Self::Connection(fault)
    }
}

impl std::error::Error for BodyFault {}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSlow => {
                f.write_str("the body came too slowly while others waited for its place")
            }
            Self::Connection(fault) => fault.fmt(f),
        }
    }
}
