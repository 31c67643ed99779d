//! The decoder and the framing against a plain model of RFC 9112, section 7.1, over prefixes, splits, mutations and
//! pseudo-random inputs.
//!
//! The model has the whole input before it and reads it once from front to back, rule by rule. It has none of the
//! limits on extensions and trailers: the inputs here stay below them, and the tests of `framing` are at them.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};

use chunked_transfer::{Decoder, Framing, MAX_SIZE};

/// What an input is, by the model.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Whole,
    Cut,
    Bad,
}

/// The data, how many bytes had to be seen to tell (the byte at fault counted), and what the input is.
#[derive(Debug, PartialEq)]
struct Outcome {
    data: Vec<u8>,
    seen: usize,
    end: End,
}

struct Model<'a> {
    input: &'a [u8],
    seen: usize,
    data: Vec<u8>,
}

impl Model<'_> {
    fn decode(input: &[u8]) -> Outcome {
        let mut model = Model {
            input,
            seen: 0,
            data: Vec::new(),
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
            let first = self.take()?;
            let empty = first == b'\r';
            self.rest_of_line(first)?;
            if empty {
                return Ok(());
            }
        }
    }

    /// chunk-size [ chunk-ext ] CRLF, where chunk-ext is white space, `;` and the rest of the line.
    fn size_line(&mut self) -> Result<u64, End> {
        let mut digits = String::new();
        let mut byte = self.take()?;
        while byte.is_ascii_hexdigit() {
            digits.push(char::from(byte));
            let size = u128::from_str_radix(&digits, 16).map_err(|_| End::Bad)?;
            if digits.len() > 16 || size > u128::from(MAX_SIZE) {
                return Err(End::Bad);
            }
            byte = self.take()?;
        }
        let size = u64::from_str_radix(&digits, 16).map_err(|_| End::Bad)?;
        if byte != b'\r' {
            while byte == b' ' || byte == b'\t' {
                byte = self.take()?;
            }
            self.expect(byte, b';')?;
        }
        self.rest_of_line(byte)?;
        Ok(size)
    }

    /// Text without control characters, then CRLF; `byte` is the first of it.
    fn rest_of_line(&mut self, mut byte: u8) -> Result<(), End> {
        while byte != b'\r' {
            if byte == 127 || (byte < 32 && byte != b'\t') {
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
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
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
fn decode(
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
fn check(input: &[u8], mut pieces: impl FnMut() -> usize, room: impl FnMut() -> usize) -> End {
    let expected = Model::decode(input);
    check_scan(input, &expected, || pieces().max(1));
    check_scan_of_least(input, &expected);
    let outcome = decode(input, pieces, room);
    assert_eq!(outcome, expected, "{}", input.escape_ascii());
    expected.end
}

/// Scans pieces of any size: every byte of the message is taken and none behind it.
fn check_scan(input: &[u8], expected: &Outcome, mut pieces: impl FnMut() -> usize) {
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

const MESSAGES: [&str; 8] = [
    "0\r\n\r\n",
    "5\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n6;x=y\r\n world\r\n000\r\n\r\n",
    "1 ;a\r\nx\r\n1\t; b = \"c\td;\"\r\ny\r\n0 ;z\r\nA: b\r\nC:\r\n\r\n",
    "5\r\n0\r\n\r\n\r\n2\r\n\r\n\r\n0\r\n\r\n",
    "1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0000000000000000\r\n\r\n",
    "1a\r\n00000000000000000000000000\r\n0\r\nX: 0\r\n\r\n",
    "0000000000000002;\r\n\r\n\r\n0;;\r\n\r\n",
];

const ALL: fn() -> usize = || usize::MAX;
const FULL: fn() -> usize = || 64;

#[test]
fn a_message_is_whole_only_at_its_last_byte() {
    for message in MESSAGES.map(str::as_bytes) {
        for end in 0..=message.len() {
            let found = check(&message[..end], ALL, FULL);
            let expected = if end == message.len() {
                End::Whole
            } else {
                End::Cut
            };
            assert_eq!(found, expected, "{}", message[..end].escape_ascii());
        }
    }
}

#[test]
fn what_follows_a_message_is_left_in_the_source() {
    for message in MESSAGES {
        for behind in ["G", "\r\n", "0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n"] {
            let input = [message, behind].concat();
            let outcome = decode(input.as_bytes(), ALL, FULL);
            assert_eq!(
                (outcome.seen, outcome.end),
                (message.len(), End::Whole),
                "{input:?}"
            );
            check(input.as_bytes(), ALL, FULL);
        }
    }
}

#[test]
fn splits_make_no_difference() {
    for message in MESSAGES.map(str::as_bytes) {
        check(message, || 1, || 1);
        for first in 1..message.len() {
            let mut sizes = [first, message.len() - first].into_iter();
            check_scan(message, &Model::decode(message), || {
                sizes.next().unwrap_or(1)
            });
            check(message, || first, || 64);
            check(message, ALL, || first.min(64));
        }
    }
}

#[test]
fn every_mutation_of_a_byte_is_judged_as_the_model_does() {
    for message in MESSAGES.map(str::as_bytes) {
        for at in 0..message.len() {
            let mut input = message.to_vec();
            for byte in 0..=255 {
                input[at] = byte;
                check(&input, ALL, FULL);
            }
            let mut shorter = message.to_vec();
            shorter.remove(at);
            check(&shorter, ALL, FULL);
        }
    }
}

#[test]
fn pseudo_random_inputs_are_judged_as_the_model_does() {
    // Whole pieces of the grammar beside single bytes: else few inputs come past their first line.
    const PARTS: [&str; 18] = [
        "0",
        "1",
        "a",
        "F",
        ";",
        "\r",
        "\n",
        "x",
        " ",
        "\t",
        "\0",
        "\r\n",
        "\r\n",
        "1\r\nx\r\n",
        "3;x\r\nabc\r\n",
        "0\r\n\r\n",
        "0\r\n",
        "a: b\r\n",
    ];
    let random = RefCell::new(Random(0x9E37_79B9_7F4A_7C15));
    let below = |bound| random.borrow_mut().below(bound);
    let mut ends = [0; 3];
    for _ in 0..10_000 {
        let input: String = (0..=below(12)).map(|_| PARTS[below(PARTS.len())]).collect();
        let end = check(input.as_bytes(), || below(5), || 1 + below(9));
        ends[end as usize] += 1;
    }
    assert!(
        ends.iter().all(|&count| count > 500),
        "too few of a kind: {ends:?}"
    );
}
