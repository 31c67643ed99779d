//! What RFC 9112, section 7.1, makes of an input, and the decoder and the framing held against it. Shared by the
//! tests of this crate and by those of http-nas, which replay the fuzzing corpus.
//!
//! The model has the whole input before it and reads it once from front to back, rule by rule.

use std::cell::Cell;
use std::io::{self, Read};

use chunked_transfer::{
    Decoder, Framing, MAX_EXTENSIONS, MAX_LINE, MAX_SIZE, MAX_SIZE_DIGITS, MAX_TRAILERS,
};

/// What an input is, by the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// A message, and perhaps more behind it.
    Whole,
    /// The beginning of a message.
    Cut,
    /// What no bytes behind it make a message of.
    Bad,
}

/// The data, how many bytes had to be seen to tell (the byte at fault counted), and what the input is.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub data: Vec<u8>,
    pub seen: usize,
    pub end: End,
}

pub struct Model<'a> {
    input: &'a [u8],
    seen: usize,
    data: Vec<u8>,
    /// The bytes of extensions in the lines that have ended.
    extensions: usize,
    /// The bytes of trailer lines that have ended.
    trailers: usize,
}

impl Model<'_> {
    pub fn decode(input: &[u8]) -> Outcome {
        let mut model = Model {
            input,
            seen: 0,
            data: Vec::new(),
            extensions: 0,
            trailers: 0,
        };
        let end = model.chunked_body().err().unwrap_or(End::Whole);
        Outcome {
            data: model.data,
            seen: model.seen,
            end,
        }
    }

    fn take(&mut self) -> Result<u8, End> {
        let byte = *self.input.get(self.seen).ok_or(End::Cut)?;
        self.seen += 1;
        Ok(byte)
    }

    /// chunked-body = *chunk last-chunk trailer-section CRLF
    fn chunked_body(&mut self) -> Result<(), End> {
        loop {
            let size = self.size_line()?;
            if size == 0 {
                break;
            }
            for _ in 0..size {
                let byte = self.take()?;
                self.data.push(byte);
            }
            let cr = self.take()?;
            self.expect(cr, b'\r')?;
            let lf = self.take()?;
            self.expect(lf, b'\n')?;
        }
        loop {
            let start = self.seen;
            let first = self.take()?;
            let empty = first == b'\r';
            // A line of n bytes costs its CRLF too, from its first byte on.
            self.rest_of_line(first, |model| {
                model.trailers + (model.seen - start) + 2 <= MAX_TRAILERS
            })?;
            if empty {
                return Ok(());
            }
            self.trailers += self.seen - start;
        }
    }

    /// chunk-size [ chunk-ext ] CRLF, where chunk-ext is white space, `;` and the rest of the line.
    fn size_line(&mut self) -> Result<u64, End> {
        let mut digits = String::new();
        let mut byte = self.take()?;
        while byte.is_ascii_hexdigit() {
            digits.push(char::from(byte));
            let size = u128::from_str_radix(&digits, 16).map_err(|_| End::Bad)?;
            if digits.len() > usize::from(MAX_SIZE_DIGITS) || size > u128::from(MAX_SIZE) {
                return Err(End::Bad);
            }
            byte = self.take()?;
        }
        let size = u64::from_str_radix(&digits, 16).map_err(|_| End::Bad)?;
        let start = self.seen - 1;
        let within = |model: &Self, more| {
            let line = model.seen - start + more;
            line <= MAX_LINE && model.extensions + line <= MAX_EXTENSIONS
        };
        if byte != b'\r' {
            while byte == b' ' || byte == b'\t' {
                // Behind white space a `;` has to come, and has to have room.
                if !within(self, 1) {
                    return Err(End::Bad);
                }
                byte = self.take()?;
            }
            self.expect(byte, b';')?;
        }
        self.rest_of_line(byte, |model| within(model, 0))?;
        self.extensions += self.seen - start - 2;
        Ok(size)
    }

    /// Text without control characters, then CRLF; `byte` is the first of it. Each byte of the text must be within
    /// a limit.
    fn rest_of_line(&mut self, mut byte: u8, within: impl Fn(&Self) -> bool) -> Result<(), End> {
        while byte != b'\r' {
            if byte == 127 || (byte < 32 && byte != b'\t') || !within(self) {
                return Err(End::Bad);
            }
            byte = self.take()?;
        }
        let lf = self.take()?;
        self.expect(lf, b'\n')
    }

    fn expect(&self, byte: u8, expected: u8) -> Result<(), End> {
        if byte == expected {
            Ok(())
        } else {
            Err(End::Bad)
        }
    }
}

/// Marsaglia's xorshift64: the same numbers in every run.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// A source that gives at most as much in a call as `pieces` says; where that is nothing, it is interrupted.
struct Source<'a, P> {
    rest: &'a [u8],
    pieces: P,
}

impl<P: FnMut() -> usize> Read for Source<'_, P> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let piece = (self.pieces)();
        if piece == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let count = piece.min(buf.len()).min(self.rest.len());
        let (given, rest) = self.rest.split_at(count);
        buf[..count].copy_from_slice(given);
        self.rest = rest;
        Ok(count)
    }
}

fn end_of(read: &io::Result<usize>) -> End {
    match read {
        Ok(0) => End::Whole,
        Ok(count) => panic!("{count} bytes of data where the end is told"),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => End::Cut,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => End::Bad,
        Err(error) => panic!("neither the end nor a fault: {error}"),
    }
}

/// Decodes with read buffers of the sizes given, and sees that the end stays what it is and the source is left alone.
pub fn decode(
    input: &[u8],
    mut pieces: impl FnMut() -> usize,
    mut room: impl FnMut() -> usize,
) -> Outcome {
    let calls = Cell::new(0);
    let mut source = Source {
        rest: input,
        pieces: || {
            calls.set(calls.get() + 1);
            pieces()
        },
    };
    let mut decoder = Decoder::new(&mut source);
    let mut data = Vec::new();
    let mut buf = [0; 64];
    let mut interrupted = 0;
    let end = loop {
        match decoder.read(&mut buf[..room()]) {
            Ok(count) if count > 0 => data.extend_from_slice(&buf[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                interrupted += 1;
                assert!(interrupted <= calls.get(), "an interruption was told twice");
            }
            end => break end_of(&end),
        }
    };
    let calls_to_end = calls.get();
    let again: Vec<End> = (0..3).map(|_| end_of(&decoder.read(&mut buf))).collect();
    let shown = input.escape_ascii();
    assert_eq!(again, [end; 3], "{shown}: the end changed");
    assert_eq!(calls.get(), calls_to_end, "{shown}: read behind the end");
    let seen = input.len() - source.rest.len();
    Outcome { data, seen, end }
}

/// Decodes and scans `input` in pieces of the sizes given.
pub fn check(input: &[u8], mut pieces: impl FnMut() -> usize, room: impl FnMut() -> usize) -> End {
    let expected = Model::decode(input);
    check_scan(input, &expected, || pieces().max(1));
    check_scan_of_least(input, &expected);
    let outcome = decode(input, pieces, room);
    assert_eq!(outcome, expected, "{}", input.escape_ascii());
    expected.end
}

/// Scans pieces of any size: every byte of the message is taken and none behind it.
pub fn check_scan(input: &[u8], expected: &Outcome, mut pieces: impl FnMut() -> usize) {
    let shown = input.escape_ascii();
    let mut framing = Framing::new();
    let mut taken = 0;
    while taken < input.len() {
        let piece = &input[taken..input.len().min(taken.saturating_add(pieces()))];
        match framing.scan(piece) {
            Err(_) => {
                assert_eq!(expected.end, End::Bad, "{shown}");
                assert!(
                    expected.seen > taken && expected.seen <= taken + piece.len(),
                    "{shown}"
                );
                return;
            }
            Ok(count) if framing.is_done() => {
                taken += count;
                break;
            }
            Ok(count) => {
                assert_eq!(count, piece.len(), "{shown}: bytes left before the end");
                taken += count;
            }
        }
    }
    let end = if framing.is_done() {
        End::Whole
    } else {
        End::Cut
    };
    assert_eq!((end, taken), (expected.end, expected.seen), "{shown}");
}

/// Reads as a server may that must not read past the message: never more than at_least, which is all of the message.
fn check_scan_of_least(input: &[u8], expected: &Outcome) {
    let shown = input.escape_ascii();
    let mut framing = Framing::new();
    let mut taken = 0;
    while taken < input.len() && !framing.is_done() {
        let least = usize::try_from(framing.at_least()).unwrap_or(usize::MAX);
        let piece = &input[taken..input.len().min(taken.saturating_add(least))];
        match framing.scan(piece) {
            Err(_) => return,
            Ok(count) => assert_eq!(count, piece.len(), "{shown}: asked for too much"),
        }
        taken += piece.len();
    }
    assert_eq!(taken, expected.seen, "{shown}");
}
