//! The bytes of an archive, block by block or piece by piece, through one buffer.

use std::io::{ErrorKind, Read};

use super::block::BLOCK;
use super::fault::{Error, Fault};

/// The size of the buffer in bytes.
const BUFFER: usize = 16 * BLOCK;

/// What is read, and the part of it that has not been used yet.
#[derive(Debug)]
pub(super) struct Input<R> {
    source: R,
    buffer: Box<[u8]>,
    /// Which part of the buffer has not been used.
    start: usize,
    end: usize,
}

impl<R: Read> Input<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            start: 0,
            end: 0,
        }
    }

    pub(super) fn source(&mut self) -> &mut R {
        &mut self.source
    }

    pub(super) fn into_source(self) -> R {
        self.source
    }

    /// The next bytes, at most this many; none at the end.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn up_to(&mut self, most: u64) -> Result<&[u8], Error> {
        while self.start == self.end {
            match self.source.read(&mut self.buffer) {
                Ok(0) => return Ok(&[]),
                Ok(read) => (self.start, self.end) = (0, read),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        let there = self.end - self.start;
        let count = usize::try_from(most).map_or(there, |most| most.min(there));
        let taken = self.start..self.start + count;
        self.start += count;
        Ok(&self.buffer[taken])
    }

    /// The next byte.
    ///
    /// # Errors
    /// [`Fault::Cut`]; those of reading.
    pub(super) fn byte(&mut self) -> Result<u8, Error> {
        let byte = self.up_to(1)?.first().copied();
        byte.ok_or(Fault::Cut.into())
    }

    /// The next block; `None` at the end.
    ///
    /// # Errors
    /// [`Fault::Cut`] in the middle of a block; those of reading.
    pub(super) fn block(&mut self) -> Result<Option<[u8; BLOCK]>, Error> {
        match self.part_of_block()? {
            (block, BLOCK) => Ok(Some(block)),
            (_, 0) => Ok(None),
            _ => Err(Fault::Cut.into()),
        }
    }

    /// The next block, as far as it is there, and the length of that.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn part_of_block(&mut self) -> Result<([u8; BLOCK], usize), Error> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            let part = self.up_to((BLOCK - filled) as u64)?;
            if part.is_empty() {
                break;
            }
            block[filled..filled + part.len()].copy_from_slice(part);
            filled += part.len();
        }
        Ok((block, filled))
    }

    /// Passes over this many bytes.
    ///
    /// # Errors
    /// [`Fault::Cut`]; those of reading.
    pub(super) fn skip(&mut self, mut count: u64) -> Result<(), Error> {
        while count > 0 {
            match self.up_to(count)?.len() {
                0 => return Err(Fault::Cut.into()),
                skipped => count -= skipped as u64,
            }
        }
        Ok(())
    }

    /// Takes this many bytes behind those that there are.
    ///
    /// # Errors
    /// [`Fault::Cut`]; those of reading.
    pub(super) fn append_to(&mut self, bytes: &mut Vec<u8>, count: u64) -> Result<(), Error> {
        let mut left = count;
        while left > 0 {
            let part = self.up_to(left)?;
            if part.is_empty() {
                return Err(Fault::Cut.into());
            }
            bytes.extend_from_slice(part);
            left -= part.len() as u64;
        }
        Ok(())
    }
}
