//! Bytes that a client has sent and that nobody has been given yet.

use std::io;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::inbound::Source;
use super::table;

/// How much is read ahead at first, in bytes.
const LEAST_AHEAD: usize = 4 * 1024;

/// How much is read ahead of a body that comes fast, in bytes: each call has the client told that there is room again,
/// which costs more than to copy what it gave.
const MOST_AHEAD: usize = 256 * 1024;

/// Pieces from this length on are read to where they belong, without a copy, in bytes.
const LARGE: usize = MOST_AHEAD / 2;

/// What connections have of what may be read ahead of all bodies ([`super::Limits::read_ahead`]), in bytes.
static AHEAD: AtomicUsize = AtomicUsize::new(0);

/// Received, but not handed out yet.
#[derive(Debug, Default)]
pub(super) struct Pending {
    bytes: Vec<u8>,
    /// So many of them have been handed out.
    taken: usize,
    /// How much is to be read ahead next.
    ahead: usize,
    /// What this connection has of [`AHEAD`], for as long as it reads ahead so much; then it keeps the memory.
    granted: usize,
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

    /// The bytes, for others to be put behind them.
    pub(super) fn growing(&mut self) -> &mut Vec<u8> {
        // A client that always sends the beginning of a next message with the end of one never has it empty.
        self.bytes.drain(..std::mem::take(&mut self.taken));
        &mut self.bytes
    }

    /// Takes the first bytes off. With the last of them goes the memory, unless more is to be read ahead: an idle
    /// connection is to cost none.
    pub(super) fn consume(&mut self, length: usize) {
        self.taken = self.bytes.len().min(self.taken + length);
        if self.is_empty() {
            self.taken = 0;
            match self.granted {
                0 => self.bytes = Vec::new(),
                _ => self.bytes.clear(),
            }
        }
    }

    /// Ends reading ahead.
    pub(super) fn end_ahead(&mut self) {
        self.ahead = 0;
        self.bytes = self.as_slice().to_vec();
        self.taken = 0;
        self.give_back();
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

    /// As [`Pending::take`], where pieces are taken one after another: reads ahead, further where more has come.
    pub(super) fn take_ahead<'b>(
        &mut self,
        buffer: &'b mut [MaybeUninit<u8>],
        source: &mut impl Source,
    ) -> io::Result<&'b [u8]> {
        if self.is_empty() && buffer.len() >= LARGE {
            return source.read(buffer);
        }
        if self.is_empty() {
            let ahead = self.room_ahead();
            if self.bytes.capacity() != ahead {
                // Not on the stack: a frame of this size is touched as a whole, in each thread that comes near.
                self.bytes = Vec::with_capacity(ahead);
            }
            let received = source.read_ahead(&mut self.bytes)?;
            self.ahead = received.saturating_mul(4);
        }
        let taken = copy(self.as_slice(), buffer);
        self.consume(taken.len());
        Ok(taken)
    }

    /// How much to read ahead: up to four times what has come last, and more than the least only as long as all that is
    /// read ahead has room for it.
    fn room_ahead(&mut self) -> usize {
        for step in [MOST_AHEAD, MOST_AHEAD / 4, MOST_AHEAD / 16] {
            if step <= self.ahead && self.is_granted(step) {
                return step;
            }
        }
        self.give_back();
        LEAST_AHEAD
    }

    fn is_granted(&mut self, bytes: usize) -> bool {
        if self.granted == bytes {
            return true;
        }
        self.give_back();
        self.granted = bytes;
        let others = AHEAD.fetch_add(bytes, Ordering::Relaxed);
        let fits = others + bytes <= table::read_ahead();
        if !fits {
            self.give_back();
        }
        fits
    }

    fn give_back(&mut self) {
        AHEAD.fetch_sub(std::mem::take(&mut self.granted), Ordering::Relaxed);
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.end_ahead();
    }
}

pub(super) fn copy<'b>(from: &[u8], to: &'b mut [MaybeUninit<u8>]) -> &'b [u8] {
    let length = from.len().min(to.len());
    to[..length].write_copy_of_slice(&from[..length])
}
