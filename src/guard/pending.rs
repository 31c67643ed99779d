//! Bytes that a client has sent and that nobody has been given yet.

use std::io;
use std::mem::MaybeUninit;

use super::inbound::Source;

/// How much is read ahead at first, in bytes.
const LEAST_AHEAD: usize = 4 * 1024;

/// How much is read ahead where pieces stay small, in bytes: what makes the calls for it cheap, and little enough to
/// have for each of many connections.
const MOST_AHEAD: usize = 64 * 1024;

/// Pieces from this length on are read to where they belong, without a copy, in bytes.
const LARGE: usize = 16 * 1024;

/// Received, but not handed out yet.
#[derive(Debug, Default)]
pub(super) struct Pending {
    bytes: Vec<u8>,
    /// So many of them have been handed out.
    taken: usize,
    /// How much was read ahead last; none since a large piece.
    ahead: usize,
}

impl Pending {
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, with room for so many behind them.
    pub(super) fn with_room(&mut self, room: usize) -> &mut Vec<u8> {
        self.bytes.reserve(room);
        &mut self.bytes
    }

    /// Takes the first bytes off. With the last of them goes the memory: an idle connection is to cost none.
    pub(super) fn consume(&mut self, length: usize) {
        self.taken = self.bytes.len().min(self.taken + length);
        if self.is_empty() {
            let ahead = self.ahead;
            *self = Self::default();
            self.ahead = ahead;
        }
    }

    /// Hands out the first bytes, or else what the source gives.
    pub(super) fn take<'b>(
        &mut self,
        buffer: &'b mut [MaybeUninit<u8>],
        source: &mut impl Source,
    ) -> io::Result<&'b [u8]> {
        if self.is_empty() {
            return source.read(buffer);
        }
        let taken = copy(self.as_slice(), buffer);
        self.consume(taken.len());
        Ok(taken)
    }

    /// As [`Pending::take`], where small pieces are taken one after another: reads ahead, and further each time.
    pub(super) fn take_ahead<'b>(
        &mut self,
        buffer: &'b mut [MaybeUninit<u8>],
        source: &mut impl Source,
    ) -> io::Result<&'b [u8]> {
        if self.is_empty() && buffer.len() >= LARGE {
            self.ahead = 0;
            return source.read(buffer);
        }
        if self.is_empty() {
            self.ahead = (self.ahead * 4).clamp(LEAST_AHEAD, MOST_AHEAD);
            // Not on the stack: a frame of this size is touched as a whole, in each thread that comes near.
            let mut room = Vec::<u8>::with_capacity(self.ahead);
            let received = source.read(room.spare_capacity_mut())?;
            if received.len() < self.ahead / 2 {
                // They do not come faster than they are taken.
                self.ahead = 0;
            }
            self.bytes.extend_from_slice(received);
        }
        let taken = copy(self.as_slice(), buffer);
        self.consume(taken.len());
        Ok(taken)
    }
}

pub(super) fn copy<'b>(from: &[u8], to: &'b mut [MaybeUninit<u8>]) -> &'b [u8] {
    let length = from.len().min(to.len());
    to[..length].write_copy_of_slice(&from[..length])
}
