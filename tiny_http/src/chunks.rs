//! Where the chunks of a message lie and where it ends: RFC 9112, section 7.1, as a machine fed in pieces of any size.
//!
//! Responsible for: the grammar and its limits. Not for: I/O, buffers, the meaning of extensions and trailer fields. Both
//! are optional to understand (sections 7.1.1 and 7.1.2) and are passed over;
//! only what could hide a line end or grow without bound is refused in them.

use std::fmt;

/// The largest chunk in bytes: what a signed 64-bit file offset can hold.
pub const MAX_SIZE: u64 = i64::MAX as u64;
/// The most digits in a chunk-size, leading zeros counted.
pub const MAX_SIZE_DIGITS: u8 = 16;
/// The most bytes of chunk extensions in one chunk-size line, from the blank or `;` behind the size to the line end.
pub const MAX_LINE: usize = 4096;
/// The most bytes of chunk extensions in one message (section 7.1.1 asks for such a limit).
pub const MAX_EXTENSIONS: usize = 16 * 1024;
/// The most bytes of trailer lines in one message, their line ends counted, without the empty line at the end.
pub const MAX_TRAILERS: usize = 16 * 1024;

const CR: u8 = b'\r';
const LF: u8 = b'\n';

/// Why bytes are not a chunked message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkFault {
    /// A chunk-size is missing or has something other than hexadecimal digits in or behind it.
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

/// What the next byte is.
#[derive(Clone, Copy, Debug)]
enum State {
    /// The first digit of a chunk-size, or one behind it.
    Size,
    /// Behind white space that follows a chunk-size; only `;` or more of it may come.
    Blank,
    /// In the extensions, up to the line's CR.
    Extension,
    /// The LF of a chunk-size line.
    SizeLf,
    /// Chunk data, at least one byte.
    Data,
    /// The CR behind chunk data.
    DataCr,
    /// The LF behind chunk data.
    DataLf,
    /// The first byte of a trailer line, or the CR of the empty line at the end.
    TrailerStart,
    /// In a trailer line, up to its CR.
    Trailer,
    /// The LF of a trailer line.
    TrailerLf,
    /// The last byte of the message.
    EndLf,
    /// Not of this message.
    Done,
    /// Of no meaning any more.
    Failed(ChunkFault),
}

/// How far a chunked message has come: fed with its bytes in order, in pieces of any size.
///
/// [`advance`](Self::advance) takes framing, [`skip_data`](Self::skip_data) passes over
/// [`data_remaining`](Self::data_remaining) bytes of data. A fault is final: from then on every call gives it again.
#[derive(Clone, Debug)]
pub struct Chunks {
    state: State,
    /// The chunk-size as read so far; within data, the bytes of data left.
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
    /// The framing of a message of which nothing was read.
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

    /// Takes framing bytes from the front of `input`, up to the next chunk data or the end of the message, and says
    /// how many it took. Takes none where data come next or the message is done.
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

    /// Notes that the next `count` bytes of data were passed over. More than
    /// [`data_remaining`](Self::data_remaining) counts as all of them.
    pub fn skip_data(&mut self, count: u64) {
        if let State::Data = self.state {
            self.size = self.size.saturating_sub(count);
            if self.size == 0 {
                self.state = State::DataCr;
            }
        }
    }

    /// Whether the whole message was taken.
    pub const fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// The state behind `byte`, or none when it is not a byte of framing.
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
            // White space is allowed only before an extension (section 7.1.1, BWS). The `;` it obliges to is charged
            // with it.
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

    /// A line's first byte is charged with the line's end.
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

/// A byte of an extension or a trailer line that is not its CR. RFC 9112, section 2.2, lets a recipient take a bare
/// LF for a line end; another recipient of the same bytes may see no line end there, so it is refused.
fn check_text(byte: u8) -> Result<(), ChunkFault> {
    match byte {
        LF => Err(ChunkFault::LineEnd),
        b'\t' => Ok(()),
        _ if byte.is_ascii_control() => Err(ChunkFault::Control),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes framing and data from the front of the input, and says how many bytes are of the message.
    fn scan(chunks: &mut Chunks, input: &[u8]) -> Result<usize, ChunkFault> {
        let mut taken = 0;
        loop {
            taken += chunks.advance(&input[taken..])?;
            let data = chunks.data_remaining().min((input.len() - taken) as u64);
            if data == 0 {
                return Ok(taken);
            }
            chunks.skip_data(data);
            taken += usize::try_from(data).unwrap_or(usize::MAX);
        }
    }

    /// What became of a message fed at once: bytes taken, and whether it is whole.
    fn fed(input: &[u8]) -> Result<(usize, bool), ChunkFault> {
        let mut chunks = Chunks::new();
        let taken = scan(&mut chunks, input)?;
        Ok((taken, chunks.is_done()))
    }

    #[test]
    fn messages_and_their_ends() {
        let rows: &[(&str, bool)] = &[
            ("", false),
            ("0", false),
            ("00", false),
            ("0000000000000000", false),
            ("0\r", false),
            ("0\r\n", false),
            ("0\r\n\r", false),
            ("0\r\n\r\n", true),
            ("0;", false),
            ("0 ", false),
            ("0 \t ", false),
            ("0 ;", false),
            ("0 ; a=\"b;c\"\r\n\r\n", true),
            ("0;\u{e9}\r\n\r\n", true),
            ("0;\r\n\r\n", true),
            ("0\r\nA", false),
            ("0\r\nA: b\r", false),
            ("0\r\nA: b\r\n", false),
            ("0\r\nA: b\r\nC:\td\r\n\r\n", true),
            ("10", false),
            ("1F", false),
            ("1f", false),
            ("7fffffffffffffff", false),
            ("0000000000000001", false),
            ("10 ", false),
            ("10;a", false),
            ("10;a\r", false),
            ("10\r\n", false),
            ("10\r\n0\r\n\r\n", false),
            ("3\r\nabc", false),
            ("3\r\nabc\r", false),
            ("3\r\nabc\r\n", false),
            ("3\r\nabc\r\n0", false),
            ("3\r\nabc\r\n2;x\r\n\r\n\r\n0\r\n\r\n", true),
        ];
        for &(input, is_whole) in rows {
            assert_eq!(
                fed(input.as_bytes()),
                Ok((input.len(), is_whole)),
                "{input:?}"
            );
        }
    }

    #[test]
    fn what_follows_the_message_is_left() {
        for (message, behind) in [
            ("0\r\n\r\n", "GET"),
            ("0\r\n\r\n", "\r\n"),
            ("1\r\nx\r\n0\r\na:b\r\n\r\n", "0\r\n\r\n"),
        ] {
            let input = [message, behind].concat();
            assert_eq!(
                fed(input.as_bytes()),
                Ok((message.len(), true)),
                "{input:?}"
            );
        }
    }

    /// Each row's last byte is the one at fault.
    #[test]
    fn faults() {
        let rows: &[(&[u8], ChunkFault)] = &[
            (b"\r", ChunkFault::Size),
            (b"\n", ChunkFault::Size),
            (b";", ChunkFault::Size),
            (b" ", ChunkFault::Size),
            (b"+", ChunkFault::Size),
            (b"-", ChunkFault::Size),
            (b"0x", ChunkFault::Size),
            (b"g", ChunkFault::Size),
            (b"1_", ChunkFault::Size),
            (b"1\0", ChunkFault::Size),
            (b"1 \r", ChunkFault::Size),
            (b"1 1", ChunkFault::Size),
            (b"1\xb2", ChunkFault::Size),
            (b"00000000000000000", ChunkFault::SizeTooLarge),
            (b"00000000000000001", ChunkFault::SizeTooLarge),
            (b"8000000000000000", ChunkFault::SizeTooLarge),
            (b"ffffffffffffffff", ChunkFault::SizeTooLarge),
            (b"10000000000000000", ChunkFault::SizeTooLarge),
            (b"0\n", ChunkFault::LineEnd),
            (b"0\rx", ChunkFault::LineEnd),
            (b"0\r\r", ChunkFault::LineEnd),
            (b"1;a\n", ChunkFault::LineEnd),
            (b"1;a\rb", ChunkFault::LineEnd),
            (b"0\r\n\n", ChunkFault::LineEnd),
            (b"0\r\n\r\r", ChunkFault::LineEnd),
            (b"0\r\nA: b\n", ChunkFault::LineEnd),
            (b"0\r\nA: b\rc", ChunkFault::LineEnd),
            (b"1;\0", ChunkFault::Control),
            (b"1;\x7f", ChunkFault::Control),
            (b"0\r\n\0", ChunkFault::Control),
            (b"0\r\nA: \x1b", ChunkFault::Control),
            (b"1\r\nx0", ChunkFault::DataEnd),
            (b"1\r\nx\n", ChunkFault::DataEnd),
            (b"1\r\nx\rx", ChunkFault::DataEnd),
            (b"1\r\nx\r\r", ChunkFault::DataEnd),
        ];
        for &(input, fault) in rows {
            let shown = input.escape_ascii();
            assert_eq!(fed(input), Err(fault), "{shown}");
            assert!(
                fed(&input[..input.len() - 1]).is_ok(),
                "fault too early: {shown}"
            );
            let mut chunks = Chunks::new();
            assert_eq!(scan(&mut chunks, input), Err(fault), "{shown}");
            for again in [&b""[..], b"0\r\n\r\n"] {
                assert_eq!(chunks.advance(again), Err(fault), "not final: {shown}");
                assert_eq!(scan(&mut chunks, again), Err(fault), "not final: {shown}");
            }
            assert!(!chunks.is_done());
        }
    }

    /// Each row at its limit, then the byte that is one too many.
    fn limits() -> Vec<(Vec<u8>, u8, ChunkFault)> {
        let text = |bytes: usize| "x".repeat(bytes);
        let full_line = format!("1;{}\r\ny\r\n", text(MAX_LINE - 1));
        let lines = full_line.repeat(MAX_EXTENSIONS / MAX_LINE);
        let trailers = format!("0\r\n{}\r\n", text(MAX_TRAILERS - 5));
        vec![
            (
                format!("1;{}", text(MAX_LINE - 1)),
                b'x',
                ChunkFault::LineTooLong,
            ),
            (
                format!("1{}", " ".repeat(MAX_LINE - 1)),
                b' ',
                ChunkFault::LineTooLong,
            ),
            (
                format!("1 ;{}", text(MAX_LINE - 2)),
                b'x',
                ChunkFault::LineTooLong,
            ),
            (format!("{lines}1"), b';', ChunkFault::ExtensionsTooLong),
            (format!("{lines}1"), b' ', ChunkFault::ExtensionsTooLong),
            (
                format!("0\r\n{}", text(MAX_TRAILERS - 2)),
                b'x',
                ChunkFault::TrailersTooLong,
            ),
            (format!("{trailers}x"), b'x', ChunkFault::TrailersTooLong),
            (
                format!("0\r\n{}", "x\r\n".repeat(MAX_TRAILERS / 3)),
                b'x',
                ChunkFault::TrailersTooLong,
            ),
        ]
        .into_iter()
        .map(|(input, byte, fault)| (input.into_bytes(), byte, fault))
        .collect()
    }

    #[test]
    fn limits_hold_to_the_byte() {
        for (mut input, byte, fault) in limits() {
            let shown = input.escape_ascii().to_string();
            let row = &shown[..shown.len().min(20)];
            assert!(fed(&input).is_ok(), "{row} at its limit");
            input.push(byte);
            assert_eq!(fed(&input), Err(fault), "{row} and {}", byte as char);
        }
    }

    #[test]
    fn advance_stops_at_data_and_skip_data_passes_it() {
        let mut chunks = Chunks::new();
        assert_eq!(chunks.advance(b"4;x\r\n0\r\n\r\n"), Ok(5));
        assert_eq!(
            (chunks.data_remaining(), chunks.advance(b"0\r\n")),
            (4, Ok(0))
        );
        chunks.skip_data(3);
        assert_eq!(chunks.data_remaining(), 1);
        chunks.skip_data(2);
        assert_eq!(chunks.data_remaining(), 0);
        chunks.skip_data(1);
        assert_eq!(chunks.advance(b"\r\n0\r\n\r\n0"), Ok(7));
        assert_eq!((chunks.is_done(), chunks.advance(b"0\r\n")), (true, Ok(0)));
    }
}
