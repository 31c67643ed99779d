//! The bytes that a client sends on one connection, divided into heads and bodies: a state machine
//! that is fed with bytes.
//!
//! Responsible for: which bytes are of which message. Not for: sockets, time, replies. So tests can
//! divide the input at any byte.

use crate::chunks::ChunkFault;
use crate::decode::Decoder;
use crate::head::Head;
use crate::refusal::{HeadFault, Refusal};
use crate::role::{end_of_head, parse_head};

/// The parser of one connection's input. It has no buffer while no byte is pending.
#[derive(Debug)]
pub struct Parser {
    buffer: Vec<u8>,
    /// How many bytes of the buffer have been used.
    used: usize,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// A head is being received.
    Head {
        /// How many pending bytes have been searched for the end of the head.
        searched: usize,
        /// Whether an empty line before the head has been skipped.
        blank_skipped: bool,
    },
    Body(Decoder),
    /// No further message: where it would begin is not known.
    Lost,
}

/// What comes next of a body.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// This many bytes of it were copied.
    Bytes(usize),
    /// Nothing is pending. This many bytes of the body come next from the client.
    Data(u64),
    /// Framing comes next, and more of it has to be received.
    Framing,
    /// It is complete.
    End,
}

impl Default for Parser {
    fn default() -> Self {
        Self {
            buffer: Vec::new(),
            used: 0,
            phase: Phase::HEAD,
        }
    }
}

impl Phase {
    const HEAD: Self = Self::Head {
        searched: 0,
        blank_skipped: false,
    };
}

impl Parser {
    /// The parser of a connection on which these bytes of a body have come.
    pub(crate) fn of_body(body: &[u8], decoder: Decoder) -> Self {
        Self {
            buffer: body.to_vec(),
            used: 0,
            phase: Phase::Body(decoder),
        }
    }

    /// The buffer to which bytes from the client are to be appended, with room for this many.
    pub fn room(&mut self, room: usize) -> &mut Vec<u8> {
        self.buffer.drain(..self.used);
        self.used = 0;
        self.buffer.reserve(room);
        &mut self.buffer
    }

    /// Releases the memory that pending bytes do not need.
    pub fn shrink(&mut self) {
        self.room(0).shrink_to_fit();
    }

    /// Bytes that have been received and not used.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        &self.buffer[self.used..]
    }

    /// The next head, of at most `max` bytes, once it is complete or refused. No message follows
    /// one that is refused.
    ///
    /// Whether and why it is refused does not depend on how the bytes were divided when they were
    /// fed.
    pub fn head(&mut self, max: usize) -> Option<Result<Head, Refusal>> {
        let Phase::Head {
            searched,
            blank_skipped,
        } = &mut self.phase
        else {
            return None;
        };
        // RFC 9112, section 2.2: one empty line before a request line is ignored.
        if !*blank_skipped && self.buffer[self.used..].starts_with(b"\r\n") {
            self.used += 2;
            *blank_skipped = true;
            *searched = 0;
        }
        let pending = &self.buffer[self.used..];
        let searchable = &pending[..pending.len().min(max)];
        let result = match end_of_head(searchable, *searched) {
            Ok(Some(end)) => {
                self.used += end;
                parse_head(&searchable[..end]).map_err(|fault| Refusal::of(searchable, fault))
            }
            // A single CR may be the beginning of an empty line to be ignored, and is then not part
            // of the head.
            Ok(None) if pending.len() < max => {
                *searched = if pending == b"\r" { 0 } else { pending.len() };
                return None;
            }
            Ok(None) => Err(Refusal::of(searchable, HeadFault::TooLong)),
            Err(fault) => Err(Refusal::of(searchable, fault)),
        };
        self.phase = match &result {
            Ok(head) => Phase::Body(Decoder::new(head.framing)),
            Err(_) => Phase::Lost,
        };
        Some(result)
    }

    /// Gives up on a head that has not come in time, and returns the refusal. None where no byte of
    /// it has come.
    pub fn time_out(&mut self) -> Option<Refusal> {
        if !matches!(self.phase, Phase::Head { .. }) || self.pending().is_empty() {
            return None;
        }
        self.phase = Phase::Lost;
        Some(Refusal::of(self.pending(), HeadFault::Stalled))
    }

    /// What comes next of the body; pending bytes of it are copied.
    ///
    /// # Errors
    /// The fault of its chunks. It is final.
    pub fn body(&mut self, out: &mut [u8]) -> Result<Step, ChunkFault> {
        let Phase::Body(decoder) = &mut self.phase else {
            return Ok(Step::End);
        };
        self.used += decoder.advance(&self.buffer[self.used..])?;
        if decoder.is_whole() {
            return Ok(Step::End);
        }
        let data = decoder.data_remaining();
        let pending = &self.buffer[self.used..];
        if data == 0 {
            return Ok(Step::Framing);
        }
        if pending.is_empty() {
            return Ok(Step::Data(data));
        }
        let most = usize::try_from(data).unwrap_or(usize::MAX);
        let count = most.min(pending.len()).min(out.len());
        out[..count].copy_from_slice(&pending[..count]);
        self.used += count;
        decoder.skip_data(count as u64);
        Ok(Step::Bytes(count))
    }

    /// Skips bytes of the body that did not go through the parser: at most as many as
    /// [`Step::Data`] said.
    pub fn skip_data(&mut self, count: u64) {
        if let Phase::Body(decoder) = &mut self.phase {
            decoder.skip_data(count);
        }
    }

    /// Copies pending bytes, of whatever protocol.
    pub(crate) fn take_pending(&mut self, out: &mut [u8]) -> usize {
        let count = self.pending().len().min(out.len());
        out[..count].copy_from_slice(&self.pending()[..count]);
        self.used += count;
        count
    }

    /// Whether a head comes next, and no byte of it has come.
    #[must_use]
    pub fn is_new(&self) -> bool {
        matches!(self.phase, Phase::Head { .. }) && self.pending().is_empty()
    }

    /// Drops what is pending; there is no further message.
    pub fn end(&mut self) {
        *self = Self {
            phase: Phase::Lost,
            ..Self::default()
        };
    }

    /// Whether the message is complete: its head has been returned, and all of its body taken.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        matches!(&self.phase, Phase::Body(decoder) if decoder.is_whole())
    }

    /// Begins the next message, behind one that is complete, and releases memory. Returns whether
    /// there can be a next message.
    pub fn next_message(&mut self) -> bool {
        self.shrink();
        let is_whole = self.is_whole();
        self.phase = if is_whole { Phase::HEAD } else { Phase::Lost };
        is_whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 64;

    /// Feeds a part of the input and notes what it results in: heads by their targets, bodies,
    /// refusals.
    fn feed(parser: &mut Parser, part: &[u8], out: &mut Vec<String>) {
        parser.room(part.len()).extend_from_slice(part);
        loop {
            while let Some(head) = parser.head(MAX) {
                out.push(match head {
                    Ok(head) => head.target().to_owned(),
                    Err(refusal) => format!("{:?}", refusal.fault),
                });
            }
            let mut buffer = [0; 3];
            match parser.body(&mut buffer) {
                Ok(Step::Bytes(count)) => {
                    let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
                    match out.last_mut() {
                        Some(last) if last.starts_with('=') => last.push_str(&text),
                        _ => out.push(format!("={text}")),
                    }
                }
                Ok(Step::End) if parser.is_whole() => assert!(parser.next_message()),
                Ok(_) => return,
                Err(fault) => {
                    if out.last() != Some(&format!("{fault:?}")) {
                        out.push(format!("{fault:?}"));
                    }
                    return;
                }
            }
        }
    }

    #[test]
    fn messages_are_the_same_however_the_input_is_divided() {
        for (input, expected) in [
            (
                "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
                &["/a", "/b"][..],
            ),
            (
                "\r\nGET /a HTTP/1.1\r\n\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
                &["/a", "/b"],
            ),
            ("\r\n\r\nGET /a HTTP/1.1\r\n\r\n", &["RequestLine"]),
            ("\r\n\nGET /a HTTP/1.1\r\n\r\n", &["BareLf"]),
            ("\nGET /a HTTP/1.1\r\n\r\n", &["BareLf"]),
            ("\r\r\nGET /a HTTP/1.1\r\n\r\n", &["RequestLine"]),
            (
                "PUT /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\n\r\n",
                &["/a", "=hello", "/b"],
            ),
            (
                "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
                &["/a", "=abcde", "/b"],
            ),
            (
                "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabGET /b HTTP/1.1\r\n\r\n",
                &["/a", "=a", "DataEnd"],
            ),
            (
                "PUT /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhell",
                &["/a", "=hell"],
            ),
            ("GET /a HTTP/1.1\r\nX: y\n\r\n\r\n", &["BareLf"]),
            (
                "GET /a HTTP/3.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
                &["Version"],
            ),
            (
                "GET /a HTTP/1.1\r\nX: 0123456789012345678901234567890123456789\r\n\r\n",
                &["/a"],
            ),
            (
                "GET /a HTTP/1.1\r\nX: 01234567890123456789012345678901234567890\r\n\r\n",
                &["TooLong"],
            ),
        ] {
            for size in 1..=input.len() {
                let mut parser = Parser::default();
                let mut out = Vec::new();
                let parts = input.as_bytes().chunks(size);
                parts.for_each(|part| feed(&mut parser, part, &mut out));
                assert_eq!(out, expected, "{input:?} in parts of {size}");
            }
        }
    }

    #[test]
    fn a_head_that_has_not_begun_does_not_time_out() {
        let mut parser = Parser::default();
        assert_eq!(parser.time_out(), None);
        parser.room(2).extend_from_slice(b"GE");
        assert!(parser.head(MAX).is_none());
        assert_eq!(
            parser.time_out().map(|it| (it.fault, it.method)),
            Some((HeadFault::Stalled, "GE".to_owned()))
        );
        assert!(parser.head(MAX).is_none() && !parser.next_message());
    }

    #[test]
    fn data_can_be_skipped() {
        let mut parser = Parser::default();
        parser
            .room(64)
            .extend_from_slice(b"PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\nh");
        assert!(parser.head(MAX).is_some_and(|head| head.is_ok()));
        assert_eq!(parser.body(&mut [0; 8]), Ok(Step::Bytes(1)));
        assert_eq!(parser.body(&mut [0; 8]), Ok(Step::Data(4)));
        parser.skip_data(3);
        assert_eq!(parser.body(&mut [0; 8]), Ok(Step::Data(1)));
        parser.skip_data(1);
        assert_eq!(parser.body(&mut [0; 8]), Ok(Step::End));
        assert!(parser.next_message() && parser.pending().is_empty());
        assert_eq!(parser.buffer.capacity(), 0, "unused memory is released");
    }

    #[test]
    fn unused_memory_is_released() {
        let mut parser = Parser::default();
        parser.room(8192).extend_from_slice(b"GET");
        parser.shrink();
        assert_eq!(parser.buffer.capacity(), 3);
    }
}
