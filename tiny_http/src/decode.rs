//! The body of a message in the bytes that are received, and its end (RFC 9112, section 6).
//!
//! Responsible for: telling data from framing. Not for: buffers, sockets.

use crate::chunks::{ChunkFault, Chunks};
use crate::head::Framing;

/// A body of which a part has been received.
#[derive(Clone, Debug)]
pub(crate) enum Decoder {
    /// This many bytes are still to come.
    Length(u64),
    Chunked(Chunks),
}

impl Decoder {
    pub(crate) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Empty => Self::Length(0),
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(Chunks::new()),
        }
    }

    /// Takes framing from the front of the input, up to the next data or the end, and returns how
    /// many bytes it took.
    pub(crate) fn advance(&mut self, input: &[u8]) -> Result<usize, ChunkFault> {
        match self {
            Self::Length(_) => Ok(0),
            Self::Chunked(chunks) => chunks.advance(input),
        }
    }

    /// How many bytes of data come next; 0 where framing comes next, and at the end.
    pub(crate) fn data_remaining(&self) -> u64 {
        match self {
            Self::Length(left) => *left,
            Self::Chunked(chunks) => chunks.data_remaining(),
        }
    }

    /// Skips data, of which at least this many bytes come next.
    pub(crate) fn skip_data(&mut self, count: u64) {
        match self {
            Self::Length(left) => *left = left.saturating_sub(count),
            Self::Chunked(chunks) => chunks.skip_data(count),
        }
    }

    pub(crate) fn is_whole(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunks) => chunks.is_done(),
        }
    }
}
