//! Sparse files: which pieces of a file have content. What is between them are holes, which are
//! read as zeros.

use std::io::Read;

use super::block::{BLOCK, Field, padding};
use super::decimal::Decimal;
use super::fault::{Error, Fault};
use super::header::{Header, field, length};
use super::input::Input;

/// The maximum number of pieces of a file.
const MAX_PIECES: usize = 4096;

/// The fields of GNU tar's own format: the first pieces, whether there are more in the block that
/// follows, and the length of the file with its holes.
const PIECES: usize = 386;
const PIECES_IN_HEADER: usize = 4;
const IS_EXTENDED: usize = 482;
const REAL_LENGTH: Field = (483, 12);

/// The fields of a block with more pieces.
const PIECES_IN_BLOCK: usize = 21;
const IS_BLOCK_EXTENDED: usize = 504;

/// The length of each number of a piece.
const NUMBER: usize = 12;

/// A part of a file that has content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// The pieces of a file, in order.
#[derive(Debug, Default)]
pub(super) struct Map {
    pieces: Vec<Piece>,
    /// The offset of a piece whose length is still to come.
    offset: Option<u64>,
}

impl Map {
    /// Takes the next number: an offset, or the length of the piece there.
    ///
    /// # Errors
    /// Those of [`Map::length`].
    pub(super) fn number(&mut self, number: u64) -> Result<(), Fault> {
        match self.offset {
            None => self.offset(number),
            Some(_) => self.length(number),
        }
    }

    /// Takes the offset of the next piece.
    ///
    /// # Errors
    /// [`Fault::Sparse`] where the length of the piece before is missing.
    pub(super) fn offset(&mut self, offset: u64) -> Result<(), Fault> {
        match self.offset.replace(offset) {
            None => Ok(()),
            Some(_) => Err(Fault::Sparse),
        }
    }

    /// Takes the length of the piece whose offset has come.
    ///
    /// # Errors
    /// [`Fault::Sparse`] where there is no offset, or the piece is not behind the one before;
    /// [`Fault::Pieces`].
    pub(super) fn length(&mut self, length: u64) -> Result<(), Fault> {
        let offset = self.offset.take().ok_or(Fault::Sparse)?;
        let before = self
            .pieces
            .last()
            .map_or(0, |last| last.offset + last.length);
        let end = offset.checked_add(length);
        if offset < before || end.is_none_or(|end| i64::try_from(end).is_err()) {
            return Err(Fault::Sparse);
        }
        if self.pieces.len() == MAX_PIECES {
            return Err(Fault::Pieces(MAX_PIECES));
        }
        self.pieces.push(Piece { offset, length });
        Ok(())
    }

    /// Whether there are this many pieces.
    pub(super) fn has(&self, pieces: u64) -> bool {
        self.pieces.len() as u64 == pieces
    }

    /// The pieces of a file of length `real`, whose content has `content` bytes.
    ///
    /// # Errors
    /// [`Fault::Sparse`] where the map is not one of such a file, or a piece is followed by another
    /// in the middle of a block: for some programs that one begins with the next block.
    pub(super) fn pieces(self, real: u64, content: u64) -> Result<Vec<Piece>, Fault> {
        let end = self
            .pieces
            .last()
            .map_or(0, |last| last.offset + last.length);
        // Each is behind the one before, so that the sum is below the end.
        let sum: u64 = self.pieces.iter().map(|piece| piece.length).sum();
        let mut with_content = self.pieces.iter().rev().filter(|piece| piece.length > 0);
        let _last = with_content.next();
        let is_aligned = with_content.all(|piece| padding(piece.length) == 0);
        match self.offset.is_none() && end <= real && sum == content && is_aligned {
            true => Ok(self.pieces),
            false => Err(Fault::Sparse),
        }
    }

    /// Reads the map of GNU tar's own format, from the header and the blocks behind it; returns it
    /// with the length of the file.
    ///
    /// # Errors
    /// [`Fault::Number`] and those of [`Map::length`]; those of reading.
    pub(super) fn of_header<R: Read>(
        header: &Header<'_>,
        input: &mut Input<R>,
    ) -> Result<(Self, u64), Error> {
        let mut map = Self::default();
        let mut is_full = map.read_pieces(header.bytes(), (PIECES, PIECES_IN_HEADER))?;
        let mut is_extended = header.bytes()[IS_EXTENDED] != 0;
        while is_extended {
            // Programs differ on whether there is such a block behind the last piece.
            if !is_full {
                return Err(Fault::Sparse.into());
            }
            let block = input.block()?.ok_or(Fault::Cut)?;
            is_full = map.read_pieces(&block, (0, PIECES_IN_BLOCK))?;
            is_extended = block[IS_BLOCK_EXTENDED] != 0;
        }
        Ok((map, header.length_in(REAL_LENGTH)?))
    }

    /// Reads pieces from a block, up to the first that is empty; returns whether all are there.
    fn read_pieces(
        &mut self,
        block: &[u8; BLOCK],
        (start, count): (usize, usize),
    ) -> Result<bool, Fault> {
        for number in 0..count {
            let at = start + number * 2 * NUMBER;
            if block[at + NUMBER] == 0 {
                return Ok(false);
            }
            self.offset(length(field(block, (at, NUMBER)))?)?;
            self.length(length(field(block, (at + NUMBER, NUMBER)))?)?;
        }
        Ok(true)
    }

    /// Reads the map of version 1.0, which is at the beginning of the content; returns it with its
    /// length in bytes. It has one number a line: how many pieces there are, and their offsets and
    /// lengths.
    ///
    /// # Errors
    /// [`Fault::Sparse`], [`Fault::Records`], those of [`Map::length`]; those of reading.
    pub(super) fn of_content<R: Read>(
        input: &mut Input<R>,
        content: u64,
    ) -> Result<(Self, u64), Error> {
        let mut left = content;
        let mut line = |input: &mut Input<R>| {
            let mut number = Decimal::default();
            loop {
                left = left.checked_sub(1).ok_or(Fault::Sparse)?;
                match input.byte()? {
                    b'\n' => return Ok::<_, Error>((number.end()?, left)),
                    byte => number.push(byte)?,
                }
            }
        };
        let (count, mut rest) = line(input)?;
        let mut map = Self::default();
        for _ in 0..count {
            map.offset(line(input)?.0)?;
            let (length, behind) = line(input)?;
            map.length(length)?;
            rest = behind;
        }
        let taken = content - rest;
        let padding = padding(taken) as u64;
        if padding > rest {
            return Err(Fault::Sparse.into());
        }
        input.skip(padding)?;
        Ok((map, taken + padding))
    }
}
