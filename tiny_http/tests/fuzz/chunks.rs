//! The framing of chunks, compared with a simple model of RFC 9112, section 7.1, for any division
//! of the input.
//!
//! The model has the whole input and reads it once from front to back, rule by rule.

use tiny_http::fuzzing::{
    Chunks, MAX_EXTENSIONS, MAX_LINE, MAX_SIZE, MAX_SIZE_DIGITS, MAX_TRAILERS,
};

/// The kinds of input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// A message, and perhaps more behind it.
    Whole,
    /// The beginning of a message.
    Cut,
    /// What is no message, whatever follows.
    Bad,
}

/// The data, the number of bytes up to the one that decides (a byte at fault included), and the
/// kind of input.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub data: Vec<u8>,
    pub seen: usize,
    pub end: End,
}

/// The outcome by the model.
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

struct Model<'a> {
    input: &'a [u8],
    seen: usize,
    data: Vec<u8>,
    /// The bytes of extensions in the lines that have ended.
    extensions: usize,
    /// The bytes of trailer lines that have ended.
    trailers: usize,
}

impl Model<'_> {
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
            // A line counts with its CRLF, from its first byte on.
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
                // Behind white space a `;` has to follow within the limit.
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

    /// Text without control characters, then CRLF; `byte` is its first byte. Each byte of the text
    /// must be within a limit.
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

/// Whether the input is a complete message.
pub fn check(input: &[u8]) -> bool {
    let expected = decode(input);
    for size in [1, 2, 7, usize::MAX] {
        assert_eq!(decoded(input, size), expected, "in parts of {size}");
    }
    expected.end == End::Whole
}

/// The outcome by the code, fed in parts of this size.
fn decoded(input: &[u8], size: usize) -> Outcome {
    let mut chunks = Chunks::new();
    let (mut data, mut seen) = (Vec::new(), 0);
    loop {
        if chunks.is_done() {
            return Outcome {
                data,
                seen,
                end: End::Whole,
            };
        }
        let rest = &input[seen..];
        if rest.is_empty() {
            return Outcome {
                data,
                seen,
                end: End::Cut,
            };
        }
        let fed = &rest[..rest.len().min(size)];
        let mut before = chunks.clone();
        match chunks.advance(fed) {
            Ok(taken) => seen += taken,
            Err(fault) => {
                assert_eq!(chunks.advance(b"0"), Err(fault), "it is final");
                // The byte at fault is the first one that is not taken alone.
                let is_faulty = |byte: &u8| before.advance(std::slice::from_ref(byte)).is_err();
                seen += fed.iter().position(is_faulty).map_or(0, |at| at + 1);
                return Outcome {
                    data,
                    seen,
                    end: End::Bad,
                };
            }
        }
        let left = usize::try_from(chunks.data_remaining()).unwrap_or(usize::MAX);
        let count = left.min(input.len() - seen).min(size);
        data.extend_from_slice(&input[seen..seen + count]);
        chunks.skip_data(count as u64);
        seen += count;
    }
}
