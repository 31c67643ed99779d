//! The framing of a message in the chunked transfer coding (RFC 9112, section 7.1), as a state
//! machine that is fed in parts of any size.
//!
//! Responsible for: the grammar and its limits. Not for: I/O, buffers, the meaning of extensions
//! and trailer fields. A recipient need not understand either (sections 7.1.1 and 7.1.2), so they
//! are skipped; only what could hide the end of a line or grow without bound is refused in them.

use std::fmt;

/// The largest chunk in bytes: what a signed 64-bit file offset can hold.
pub const MAX_SIZE: u64 = i64::MAX as u64;
/// The most digits in a chunk-size, including leading zeros.
pub const MAX_SIZE_DIGITS: u8 = 16;
/// The most bytes of chunk extensions in one chunk-size line, from the white space or `;` after
/// the size to the end of the line.
pub const MAX_LINE: usize = 4096;
/// The most bytes of chunk extensions in one message (section 7.1.1 asks for such a limit).
pub const MAX_EXTENSIONS: usize = 16 * 1024;
/// The most bytes of trailer lines in one message, including the ends of the lines, without the
/// empty line at the end.
pub const MAX_TRAILERS: usize = 16 * 1024;

const CR: u8 = b'\r';
const LF: u8 = b'\n';

/// Why bytes are not a chunked message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkFault {
    /// A chunk-size is missing, or there is something other than hexadecimal digits in it or after
    /// it.
    Size,
    /// A chunk-size has more than [`MAX_SIZE_DIGITS`] digits or is above [`MAX_SIZE`].
    SizeTooLarge,
    /// A line ends with a bare LF, or a CR stands within it.
    LineEnd,
    /// A control character other than a tab stands in an extension or a trailer line.
    Control,
    /// The extensions of one chunk are longer than [`MAX_LINE`].
    LineTooLong,
    /// The extensions of all chunks together are longer than [`MAX_EXTENSIONS`].
    ExtensionsTooLong,
    /// The trailer section is longer than [`MAX_TRAILERS`].
    TrailersTooLong,
    /// The data of a chunk are not followed by CRLF.
    DataEnd,
}

impl fmt::Display for ChunkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ChunkFault::Size => "chunk size is not a hexadecimal number",
            ChunkFault::SizeTooLarge => "chunk size is too large",
            ChunkFault::LineEnd => "line of the chunked coding does not end with CRLF",
            ChunkFault::Control => "control character in a chunk extension or trailer",
            ChunkFault::LineTooLong => "chunk extensions of one chunk are too long",
            ChunkFault::ExtensionsTooLong => "chunk extensions are too long in total",
            ChunkFault::TrailersTooLong => "trailer section is too long",
            ChunkFault::DataEnd => "chunk data are not followed by CRLF",
        })
    }
}

impl std::error::Error for ChunkFault {}

/// Which byte comes next.
#[derive(Clone, Copy, Debug)]
enum State {
    /// The first digit of a chunk-size, or a byte after the first.
    Size,
    /// A byte after white space that follows a chunk-size: `;` or more white space.
    Blank,
    /// A byte of the extensions, or the CR of their line.
    Extension,
    /// The LF of a chunk-size line.
    SizeLf,
    /// Chunk data, at least one byte.
    Data,
    /// The CR after chunk data.
    DataCr,
    /// The LF after chunk data.
    DataLf,
    /// The first byte of a trailer line, or the CR of the empty line at the end.
    TrailerStart,
    /// A byte of a trailer line, or its CR.
    Trailer,
    /// The LF of a trailer line.
    TrailerLf,
    /// The last byte of the message.
    EndLf,
    /// One that is not of this message, which is complete.
    Done,
    /// Any: the message is malformed.
    Failed(ChunkFault),
}

/// The state of a chunked message of which a part has been read. It is fed with the bytes in order,
/// in parts of any size.
///
/// [`advance`](Self::advance) takes framing, [`skip_data`](Self::skip_data) skips
/// [`data_remaining`](Self::data_remaining) bytes of data. A fault is final: every later call
/// returns it.
#[derive(Clone, Debug)]
pub struct Chunks {
    state: State,
    /// The part of the chunk-size that has been read; within data, the bytes of data that remain.
    size: u64,
    digits: u8,
    line: usize,
    extensions: usize,
    trailers: usize,
}

impl Default for Chunks {
    fn default() -> Self {
        Self::new()
    }
}

impl Chunks {
    /// The state of a message of which no byte has been read.
    pub const fn new() -> Self {
        Chunks {
            state: State::Size,
            size: 0,
            digits: 0,
            line: 0,
            extensions: 0,
            trailers: 0,
        }
    }

    /// Takes framing bytes from the front of `input`, up to the next chunk data or the end of the
    /// message, and returns how many it took. Takes none where data come next or the message is
    /// complete.
    pub fn advance(&mut self, input: &[u8]) -> Result<usize, ChunkFault> {
        if let State::Failed(fault) = self.state {
            return Err(fault);
        }
        for (taken, &byte) in input.iter().enumerate() {
            match self.next(byte) {
                Ok(Some(state)) => self.state = state,
                Ok(None) => return Ok(taken),
                Err(fault) => {
                    self.state = State::Failed(fault);
                    return Err(fault);
                }
            }
        }
        Ok(input.len())
    }

    /// How many bytes of chunk data come next; 0 where framing comes next, and at the end.
    pub const fn data_remaining(&self) -> u64 {
        match self.state {
            State::Data => self.size,
            _ => 0,
        }
    }

    /// Skips the next `count` bytes of data. More than [`data_remaining`](Self::data_remaining)
    /// counts as all of them.
    pub fn skip_data(&mut self, count: u64) {
        if let State::Data = self.state {
            self.size = self.size.saturating_sub(count);
            if self.size == 0 {
                self.state = State::DataCr;
            }
        }
    }

    /// Whether the message is complete.
    pub const fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// The state after `byte`; none where that is not a byte of framing.
    fn next(&mut self, byte: u8) -> Result<Option<State>, ChunkFault> {
        Ok(Some(match (self.state, byte) {
            (State::Data | State::Done, _) => return Ok(None),
            (State::Failed(fault), _) => return Err(fault),
            (State::Size, _) => self.size_byte(byte)?,
            (State::Blank, b';') => State::Extension,
            (State::Blank, b' ' | b'\t') => {
                self.charge_extension(1)?;
                State::Blank
            }
            (State::Blank, _) => return Err(ChunkFault::Size),
            (State::Extension, CR) => State::SizeLf,
            (State::Extension, _) => {
                check_text(byte)?;
                self.charge_extension(1)?;
                State::Extension
            }
            (State::SizeLf, LF) => self.size_line_end(),
            (State::DataCr, CR) => State::DataLf,
            (State::DataLf, LF) => State::Size,
            (State::DataCr | State::DataLf, _) => return Err(ChunkFault::DataEnd),
            (State::TrailerStart, CR) => State::EndLf,
            (State::Trailer, CR) => State::TrailerLf,
            (State::TrailerStart | State::Trailer, _) => self.trailer_byte(byte)?,
            (State::TrailerLf, LF) => State::TrailerStart,
            (State::EndLf, LF) => State::Done,
            (State::SizeLf | State::TrailerLf | State::EndLf, _) => {
                return Err(ChunkFault::LineEnd);
            }
        }))
    }

    fn size_byte(&mut self, byte: u8) -> Result<State, ChunkFault> {
        if let Some(digit) = char::from(byte).to_digit(16) {
            // Bounding the digits first keeps the shift within 64 bits.
            if self.digits == MAX_SIZE_DIGITS {
                return Err(ChunkFault::SizeTooLarge);
            }
            self.digits += 1;
            self.size = self.size << 4 | u64::from(digit);
            return match self.size {
                0..=MAX_SIZE => Ok(State::Size),
                _ => Err(ChunkFault::SizeTooLarge),
            };
        }
        match byte {
            _ if self.digits == 0 => Err(ChunkFault::Size),
            CR => Ok(State::SizeLf),
            LF => Err(ChunkFault::LineEnd),
            b';' => {
                self.charge_extension(1)?;
                Ok(State::Extension)
            }
            // White space is allowed only before an extension (section 7.1.1, BWS), so the `;` that
            // has to follow is counted with it.
            b' ' | b'\t' => {
                self.charge_extension(2)?;
                Ok(State::Blank)
            }
            _ => Err(ChunkFault::Size),
        }
    }

    fn size_line_end(&mut self) -> State {
        self.digits = 0;
        self.line = 0;
        match self.size {
            0 => State::TrailerStart,
            _ => State::Data,
        }
    }

    /// The CRLF of a line is counted with its first byte.
    fn trailer_byte(&mut self, byte: u8) -> Result<State, ChunkFault> {
        check_text(byte)?;
        self.trailers += match self.state {
            State::TrailerStart => 3,
            _ => 1,
        };
        if self.trailers > MAX_TRAILERS {
            return Err(ChunkFault::TrailersTooLong);
        }
        Ok(State::Trailer)
    }

    fn charge_extension(&mut self, bytes: usize) -> Result<(), ChunkFault> {
        self.line += bytes;
        self.extensions += bytes;
        if self.line > MAX_LINE {
            return Err(ChunkFault::LineTooLong);
        }
        if self.extensions > MAX_EXTENSIONS {
            return Err(ChunkFault::ExtensionsTooLong);
        }
        Ok(())
    }
}

/// Checks a byte of an extension or a trailer line other than its CR. RFC 9112, section 2.2, lets a
/// recipient take a bare LF for the end of a line; another recipient of the same bytes may see no
/// end there, so it is refused.
fn check_text(byte: u8) -> Result<(), ChunkFault> {
    match byte {
        LF => Err(ChunkFault::LineEnd),
        b'\t' => Ok(()),
        _ if byte.is_ascii_control() => Err(ChunkFault::Control),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
