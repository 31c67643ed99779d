//! Where the chunks of a message lie and where it ends: RFC 9112, section 7.1, as a machine fed in pieces of any size.
//!
//! In here: the grammar, its limits, and how many bytes must still come. Not in here: I/O, buffers, the meaning of
//! extensions and trailer fields. Both are optional to understand (sections 7.1.1 and 7.1.2) and are passed over;
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

/// The length of `0\r\n\r\n`, the shortest message and the shortest that can follow a chunk.
const SHORTEST_END: u64 = 5;

/// Why bytes are not a chunked message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
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

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Size => "chunk size is not a hexadecimal number",
            Fault::SizeTooLarge => "chunk size is too large",
            Fault::LineEnd => "line of the chunked coding does not end with CRLF",
            Fault::Control => "control character in a chunk extension or trailer",
            Fault::LineTooLong => "chunk extensions of one chunk are too long",
            Fault::ExtensionsTooLong => "chunk extensions are too long in total",
            Fault::TrailersTooLong => "trailer section is too long",
            Fault::DataEnd => "chunk data are not followed by CRLF",
        })
    }
}

impl std::error::Error for Fault {}

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
    Failed(Fault),
}

/// How far a chunked message has come: fed with its bytes in order, in pieces of any size.
///
/// Whoever wants the data calls [`advance`](Self::advance) on framing bytes and passes over
/// [`data_remaining`](Self::data_remaining) bytes of data with [`skip_data`](Self::skip_data). Whoever only wants to
/// know where the message ends calls [`scan`](Self::scan) on everything. A fault is final: from then on every call
/// gives it again.
#[derive(Clone, Debug)]
pub struct Framing {
    state: State,
    /// The chunk-size as read so far; within data, the bytes of data left.
    size: u64,
    digits: u8,
    line: usize,
    extensions: usize,
    trailers: usize,
}

impl Default for Framing {
    fn default() -> Self {
        Self::new()
    }
}

impl Framing {
    /// The framing of a message of which nothing was read.
    pub const fn new() -> Self {
        Framing {
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
    pub fn advance(&mut self, input: &[u8]) -> Result<usize, Fault> {
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

    /// Takes framing and data from the front of `input`, up to the end of the message, and says how many bytes it
    /// took: fewer than there are only when the message is done. Data are skipped at once, whatever their length.
    pub fn scan(&mut self, input: &[u8]) -> Result<usize, Fault> {
        let mut taken = 0;
        loop {
            taken += self.advance(&input[taken..])?;
            let left = usize::try_from(self.data_remaining()).unwrap_or(usize::MAX);
            let skipped = left.min(input.len() - taken);
            if skipped == 0 {
                return Ok(taken);
            }
            self.skip_data(skipped as u64);
            taken += skipped;
        }
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

    /// The least number of bytes that must follow for the message to be complete; 0 when it is done or at fault.
    ///
    /// A reader may always ask its source for that many: they belong to this message, whatever they are. There is
    /// always a message that ends with exactly that many, so no more could be asked for.
    pub const fn at_least(&self) -> u64 {
        let behind_size_line = match self.size {
            0 => 2,
            size => size.saturating_add(2 + SHORTEST_END),
        };
        match self.state {
            State::Size if self.digits == 0 => SHORTEST_END,
            State::Size | State::Extension => behind_size_line.saturating_add(2),
            State::Blank => behind_size_line.saturating_add(3),
            State::SizeLf => behind_size_line.saturating_add(1),
            State::Data => behind_size_line,
            State::DataCr => 2 + SHORTEST_END,
            State::DataLf => 1 + SHORTEST_END,
            State::TrailerStart => 2,
            State::Trailer => 4,
            State::TrailerLf => 3,
            State::EndLf => 1,
            State::Done | State::Failed(_) => 0,
        }
    }

    /// The state behind `byte`, or none when it is not a byte of framing.
    fn next(&mut self, byte: u8) -> Result<Option<State>, Fault> {
        Ok(Some(match (self.state, byte) {
            (State::Data | State::Done, _) => return Ok(None),
            (State::Failed(fault), _) => return Err(fault),
            (State::Size, _) => self.size_byte(byte)?,
            (State::Blank, b';') => State::Extension,
            (State::Blank, b' ' | b'\t') => {
                self.charge_extension(1)?;
                State::Blank
            }
            (State::Blank, _) => return Err(Fault::Size),
            (State::Extension, CR) => State::SizeLf,
            (State::Extension, _) => {
                check_text(byte)?;
                self.charge_extension(1)?;
                State::Extension
            }
            (State::SizeLf, LF) => self.size_line_end(),
            (State::DataCr, CR) => State::DataLf,
            (State::DataLf, LF) => State::Size,
            (State::DataCr | State::DataLf, _) => return Err(Fault::DataEnd),
            (State::TrailerStart, CR) => State::EndLf,
            (State::Trailer, CR) => State::TrailerLf,
            (State::TrailerStart | State::Trailer, _) => self.trailer_byte(byte)?,
            (State::TrailerLf, LF) => State::TrailerStart,
            (State::EndLf, LF) => State::Done,
            (State::SizeLf | State::TrailerLf | State::EndLf, _) => return Err(Fault::LineEnd),
        }))
    }

    fn size_byte(&mut self, byte: u8) -> Result<State, Fault> {
        if let Some(digit) = char::from(byte).to_digit(16) {
            // Bounding the digits first keeps the shift within 64 bits.
            if self.digits == MAX_SIZE_DIGITS {
                return Err(Fault::SizeTooLarge);
            }
            self.digits += 1;
            self.size = self.size << 4 | u64::from(digit);
            return match self.size {
                0..=MAX_SIZE => Ok(State::Size),
                _ => Err(Fault::SizeTooLarge),
            };
        }
        match byte {
            _ if self.digits == 0 => Err(Fault::Size),
            CR => Ok(State::SizeLf),
            LF => Err(Fault::LineEnd),
            b';' => {
                self.charge_extension(1)?;
                Ok(State::Extension)
            }
            // White space is allowed only before an extension (section 7.1.1, BWS). The `;` it obliges to is charged
            // with it: else white space up to the limit would leave a message that nothing can complete.
            b' ' | b'\t' => {
                self.charge_extension(2)?;
                Ok(State::Blank)
            }
            _ => Err(Fault::Size),
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

    /// A line's first byte is charged with the line's end, for the reason given at the white space behind a size.
    fn trailer_byte(&mut self, byte: u8) -> Result<State, Fault> {
        check_text(byte)?;
        self.trailers += match self.state {
            State::TrailerStart => 3,
            _ => 1,
        };
        if self.trailers > MAX_TRAILERS {
            return Err(Fault::TrailersTooLong);
        }
        Ok(State::Trailer)
    }

    fn charge_extension(&mut self, bytes: usize) -> Result<(), Fault> {
        self.line += bytes;
        self.extensions += bytes;
        if self.line > MAX_LINE {
            return Err(Fault::LineTooLong);
        }
        if self.extensions > MAX_EXTENSIONS {
            return Err(Fault::ExtensionsTooLong);
        }
        Ok(())
    }
}

/// A byte of an extension or a trailer line that is not its CR. RFC 9112, section 2.2, lets a recipient take a bare
/// LF for a line end; another recipient of the same bytes may see no line end there, so it is refused.
fn check_text(byte: u8) -> Result<(), Fault> {
    match byte {
        LF => Err(Fault::LineEnd),
        b'\t' => Ok(()),
        _ if byte.is_ascii_control() => Err(Fault::Control),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What became of a message fed at once: bytes taken and at_least, or the fault.
    fn fed(input: &[u8]) -> Result<(usize, u64), Fault> {
        let mut framing = Framing::new();
        let taken = framing.scan(input)?;
        assert_eq!(framing.is_done(), framing.at_least() == 0);
        Ok((taken, framing.at_least()))
    }

    #[test]
    fn messages_and_their_least_rest() {
        let rows: &[(&str, u64)] = &[
            ("", 5),
            ("0", 4),
            ("00", 4),
            ("0000000000000000", 4),
            ("0\r", 3),
            ("0\r\n", 2),
            ("0\r\n\r", 1),
            ("0\r\n\r\n", 0),
            ("0;", 4),
            ("0 ", 5),
            ("0 \t ", 5),
            ("0 ;", 4),
            ("0 ; a=\"b;c\"\r\n\r\n", 0),
            ("0;\u{e9}\r\n\r\n", 0),
            ("0;\r\n\r\n", 0),
            ("0\r\nA", 4),
            ("0\r\nA: b\r", 3),
            ("0\r\nA: b\r\n", 2),
            ("0\r\nA: b\r\nC:\td\r\n\r\n", 0),
            ("10", 2 + 16 + 2 + 5),
            ("1F", 2 + 31 + 2 + 5),
            ("1f", 2 + 31 + 2 + 5),
            ("7fffffffffffffff", 2 + MAX_SIZE + 2 + 5),
            ("0000000000000001", 2 + 1 + 2 + 5),
            ("10 ", 3 + 16 + 2 + 5),
            ("10;a", 2 + 16 + 2 + 5),
            ("10;a\r", 1 + 16 + 2 + 5),
            ("10\r\n", 16 + 2 + 5),
            ("10\r\n0\r\n\r\n", 11 + 2 + 5),
            ("3\r\nabc", 2 + 5),
            ("3\r\nabc\r", 1 + 5),
            ("3\r\nabc\r\n", 5),
            ("3\r\nabc\r\n0", 4),
            ("3\r\nabc\r\n2;x\r\n\r\n\r\n0\r\n\r\n", 0),
        ];
        for &(input, rest) in rows {
            assert_eq!(fed(input.as_bytes()), Ok((input.len(), rest)), "{input:?}");
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
            assert_eq!(fed(input.as_bytes()), Ok((message.len(), 0)), "{input:?}");
        }
    }

    /// Each row's last byte is the one at fault.
    #[test]
    fn faults() {
        let rows: &[(&[u8], Fault)] = &[
            (b"\r", Fault::Size),
            (b"\n", Fault::Size),
            (b";", Fault::Size),
            (b" ", Fault::Size),
            (b"+", Fault::Size),
            (b"-", Fault::Size),
            (b"0x", Fault::Size),
            (b"g", Fault::Size),
            (b"1_", Fault::Size),
            (b"1\0", Fault::Size),
            (b"1 \r", Fault::Size),
            (b"1 1", Fault::Size),
            (b"1\xb2", Fault::Size),
            (b"00000000000000000", Fault::SizeTooLarge),
            (b"00000000000000001", Fault::SizeTooLarge),
            (b"8000000000000000", Fault::SizeTooLarge),
            (b"ffffffffffffffff", Fault::SizeTooLarge),
            (b"10000000000000000", Fault::SizeTooLarge),
            (b"0\n", Fault::LineEnd),
            (b"0\rx", Fault::LineEnd),
            (b"0\r\r", Fault::LineEnd),
            (b"1;a\n", Fault::LineEnd),
            (b"1;a\rb", Fault::LineEnd),
            (b"0\r\n\n", Fault::LineEnd),
            (b"0\r\n\r\r", Fault::LineEnd),
            (b"0\r\nA: b\n", Fault::LineEnd),
            (b"0\r\nA: b\rc", Fault::LineEnd),
            (b"1;\0", Fault::Control),
            (b"1;\x7f", Fault::Control),
            (b"0\r\n\0", Fault::Control),
            (b"0\r\nA: \x1b", Fault::Control),
            (b"1\r\nx0", Fault::DataEnd),
            (b"1\r\nx\n", Fault::DataEnd),
            (b"1\r\nx\rx", Fault::DataEnd),
            (b"1\r\nx\r\r", Fault::DataEnd),
        ];
        for &(input, fault) in rows {
            let shown = input.escape_ascii();
            assert_eq!(fed(input), Err(fault), "{shown}");
            assert!(
                fed(&input[..input.len() - 1]).is_ok(),
                "fault too early: {shown}"
            );
            let mut framing = Framing::new();
            assert_eq!(framing.scan(input), Err(fault), "{shown}");
            for again in [&b""[..], b"0\r\n\r\n"] {
                assert_eq!(framing.advance(again), Err(fault), "not final: {shown}");
                assert_eq!(framing.scan(again), Err(fault), "not final: {shown}");
            }
            assert_eq!((framing.is_done(), framing.at_least()), (false, 0));
        }
    }

    /// Each row at its limit, then the byte that is one too many.
    fn limits() -> Vec<(Vec<u8>, u8, Fault)> {
        let text = |bytes: usize| "x".repeat(bytes);
        let full_line = format!("1;{}\r\ny\r\n", text(MAX_LINE - 1));
        let lines = full_line.repeat(MAX_EXTENSIONS / MAX_LINE);
        let trailers = format!("0\r\n{}\r\n", text(MAX_TRAILERS - 5));
        vec![
            (
                format!("1;{}", text(MAX_LINE - 1)),
                b'x',
                Fault::LineTooLong,
            ),
            (
                format!("1{}", " ".repeat(MAX_LINE - 1)),
                b' ',
                Fault::LineTooLong,
            ),
            (
                format!("1 ;{}", text(MAX_LINE - 2)),
                b'x',
                Fault::LineTooLong,
            ),
            (format!("{lines}1"), b';', Fault::ExtensionsTooLong),
            (format!("{lines}1"), b' ', Fault::ExtensionsTooLong),
            (
                format!("0\r\n{}", text(MAX_TRAILERS - 2)),
                b'x',
                Fault::TrailersTooLong,
            ),
            (format!("{trailers}x"), b'x', Fault::TrailersTooLong),
            (
                format!("0\r\n{}", "x\r\n".repeat(MAX_TRAILERS / 3)),
                b'x',
                Fault::TrailersTooLong,
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

    /// No byte brings the end nearer than by one, and some byte brings it nearer by one. Held at every step, that is
    /// what at_least promises: a bound from below, and one that is reached.
    fn check_step(framing: &Framing, shown: &dyn fmt::Debug) {
        let least = framing.at_least();
        assert_eq!(framing.is_done(), least == 0, "{shown:?}");
        let after = (0..=255u8).filter_map(|byte| {
            let mut next = framing.clone();
            next.scan(&[byte]).is_ok().then(|| next.at_least())
        });
        assert_eq!(after.min(), Some(least.saturating_sub(1)), "{shown:?}");
    }

    /// Walks to the end by a byte that brings it nearer, wherever there is one.
    fn check_shortest_way(mut framing: Framing, shown: &dyn fmt::Debug) {
        while !framing.is_done() {
            check_step(&framing, shown);
            // All data but the last byte at once: a chunk may have 2^63 bytes.
            framing.skip_data(framing.data_remaining().saturating_sub(1));
            let least = framing.at_least();
            let next = b"\r\n0;x".iter().find_map(|&byte| {
                let mut next = framing.clone();
                (next.scan(&[byte]).is_ok() && next.at_least() == least - 1).then_some(next)
            });
            framing = next.unwrap_or_else(|| panic!("no way to the end: {shown:?}, {framing:?}"));
        }
    }

    #[test]
    fn at_least_is_the_shortest_way_from_every_prefix() {
        let mut messages: Vec<Vec<u8>> = [
            "0\r\n\r\n",
            "000;a=b\r\nA: b\r\nC: d\r\n\r\n",
            "1\r\nx\r\n2 ;y\r\nxx\r\n10\t;z=\"\t\"\r\n0123456789abcdef\r\n0\r\n\r\n",
            "0000000000000003\r\n\r\n0\r\n0000000000000000\r\nA\r\n\r\n",
            "7fffffffffffffff ;\r\nx",
        ]
        .map(|message| message.as_bytes().to_vec())
        .into();
        for message in &messages {
            for end in 0..=message.len() {
                let mut framing = Framing::new();
                assert_eq!(framing.scan(&message[..end]), Ok(end));
                check_shortest_way(framing, &message[..end].escape_ascii().to_string());
            }
        }
        messages = limits().into_iter().map(|(input, ..)| input).collect();
        for (row, input) in messages.iter().enumerate() {
            let mut framing = Framing::new();
            assert_eq!(framing.scan(input), Ok(input.len()));
            check_shortest_way(framing, &format!("limit {row}"));
        }
    }

    /// The shortest completion of at most `budget` bytes over a small alphabet, found by trying everything.
    fn shortest(framing: &Framing, budget: u64, prefix: &mut Vec<u8>) -> Option<u64> {
        if framing.is_done() {
            return Some(0);
        }
        let mut best = None;
        for &byte in b"01; \r\n" {
            let mut next = framing.clone();
            if budget == 0 || next.scan(&[byte]).is_err() {
                continue;
            }
            prefix.push(byte);
            let found = shortest(&next, budget - 1, prefix).map(|rest| rest + 1);
            prefix.pop();
            best = [best, found].into_iter().flatten().min();
        }
        let shown = prefix.escape_ascii();
        match best {
            Some(rest) => assert_eq!(framing.at_least(), rest, "{shown}"),
            None => assert!(framing.at_least() > budget, "{shown}"),
        }
        best
    }

    #[test]
    fn at_least_agrees_with_trying_everything() {
        assert_eq!(shortest(&Framing::new(), 9, &mut Vec::new()), Some(5));
        // A chunk and the end are ten bytes more than its first digit: too deep to try from the start.
        for start in ["1", "1 ", "1\r", "1\r\n", "2\r\n", "01;"] {
            let mut framing = Framing::new();
            assert!(framing.scan(start.as_bytes()).is_ok());
            shortest(&framing, 10, &mut start.as_bytes().to_vec());
        }
    }

    #[test]
    fn advance_stops_at_data_and_skip_data_passes_it() {
        let mut framing = Framing::new();
        assert_eq!(framing.advance(b"4;x\r\n0\r\n\r\n"), Ok(5));
        assert_eq!(
            (framing.data_remaining(), framing.advance(b"0\r\n")),
            (4, Ok(0))
        );
        framing.skip_data(3);
        assert_eq!(framing.data_remaining(), 1);
        framing.skip_data(2);
        assert_eq!(framing.data_remaining(), 0);
        framing.skip_data(1);
        assert_eq!(framing.advance(b"\r\n0\r\n\r\n0"), Ok(7));
        assert_eq!(
            (framing.is_done(), framing.advance(b"0\r\n")),
            (true, Ok(0))
        );
    }
}
