//! The reading side: the data of a chunked message, taken from a source of its bytes.
//!
//! In here: the calls to the source, and what becomes of its end and its errors. Not in here: the grammar, which is in
//! `framing`; buffers, since the source is expected to have one.

use std::io::{self, Read};

use crate::framing::{Fault, Framing};

/// Reads the data of one chunked message from `R`.
///
/// - `Ok(0)` for a buffer that is not empty means that the message was read to its end, last chunk and trailer section
///   included. Only that tells a whole body: a reader that stops before it knows nothing of what follows.
/// - A source that ends sooner gives [`UnexpectedEof`](io::ErrorKind::UnexpectedEof); bytes that are no chunked message
///   give [`InvalidData`](io::ErrorKind::InvalidData) with the [`Fault`] inside; an error of the source is passed on.
///   Each is final: later reads give an error of the same kind and leave the source alone.
///   [`Interrupted`](io::ErrorKind::Interrupted) alone is not, and the read may be repeated.
/// - No byte behind the message's end is taken from the source, nor is the source called once the end is reached.
///
/// Data go from the source into the caller's buffer, at most one chunk in a call, and are never held back for the
/// framing behind them. Framing is read byte by byte, so the source should be buffered.
#[derive(Debug)]
pub struct Decoder<R> {
    source: R,
    framing: Framing,
    failure: Option<Failure>,
}

/// What every later read tells again.
#[derive(Clone, Copy, Debug)]
enum Failure {
    Source(io::ErrorKind),
    Ended,
    Framing(Fault),
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Source(kind) => kind.into(),
            Failure::Ended => io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "chunked message ended before its last chunk",
            ),
            Failure::Framing(fault) => io::Error::new(io::ErrorKind::InvalidData, fault),
        }
    }
}

impl<R: Read> Decoder<R> {
    /// A decoder for the message that starts with the next byte of `source`.
    pub const fn new(source: R) -> Self {
        Decoder {
            source,
            framing: Framing::new(),
            failure: None,
        }
    }

    /// Reads on to the next data and says how many there are at most; none at the end of the message.
    fn find_data(&mut self) -> io::Result<u64> {
        while self.framing.data_remaining() == 0 && !self.framing.is_done() {
            let mut byte = [0];
            self.fetch(&mut byte)?;
            if let Err(fault) = self.framing.advance(&byte) {
                return Err(self.fail(Failure::Framing(fault)));
            }
        }
        Ok(self.framing.data_remaining())
    }

    /// Reads once from the source, at a place where the message has not ended; so an end here is a failure.
    fn fetch(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.source.read(buf) {
            Ok(0) => Err(self.fail(Failure::Ended)),
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.failure = Some(Failure::Source(error.kind()));
                Err(error)
            }
            read => read,
        }
    }

    fn fail(&mut self, failure: Failure) -> io::Error {
        self.failure = Some(failure);
        failure.into()
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        if let Some(failure) = self.failure {
            return Err(failure.into());
        }
        let data = usize::try_from(self.find_data()?).unwrap_or(usize::MAX);
        if data == 0 {
            return Ok(0);
        }
        let wanted = data.min(buf.len());
        let count = self.fetch(&mut buf[..wanted])?;
        self.framing.skip_data(count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// A source that does one thing for each call, and counts the calls.
    struct Script {
        acts: VecDeque<Result<&'static [u8], io::ErrorKind>>,
        calls: usize,
    }

    impl Script {
        fn new<const N: usize>(acts: [Result<&'static [u8], io::ErrorKind>; N]) -> Self {
            Script {
                acts: acts.into(),
                calls: 0,
            }
        }
    }

    impl Read for Script {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.calls += 1;
            match self.acts.pop_front() {
                None => Ok(0),
                Some(Err(kind)) => Err(kind.into()),
                Some(Ok(bytes)) => {
                    let count = bytes.len().min(buf.len());
                    buf[..count].copy_from_slice(&bytes[..count]);
                    if count < bytes.len() {
                        self.acts.push_front(Ok(&bytes[count..]));
                    }
                    Ok(count)
                }
            }
        }
    }

    #[test]
    fn how_messages_end() {
        use io::ErrorKind::{InvalidData, UnexpectedEof};
        let rows: &[(&str, &str, Option<io::ErrorKind>)] = &[
            ("0\r\n\r\n", "", None),
            ("3\r\nabc\r\n0\r\n\r\n", "abc", None),
            (
                "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nA: b\r\n\r\n",
                "abcde",
                None,
            ),
            ("0\r\n\r\nGET / HTTP/1.1\r\n", "", None),
            ("", "", Some(UnexpectedEof)),
            ("3\r\nab", "ab", Some(UnexpectedEof)),
            ("3\r\nabc", "abc", Some(UnexpectedEof)),
            ("3\r\nabc\r\n", "abc", Some(UnexpectedEof)),
            ("3\r\nabc\r\n0\r\n", "abc", Some(UnexpectedEof)),
            ("3\r\nabc\r\n0\r\nA: b\r\n", "abc", Some(UnexpectedEof)),
            ("x", "", Some(InvalidData)),
            ("3\r\nabcd", "abc", Some(InvalidData)),
            ("3\r\nabc\r\n0\r\nA: b\n\r\n", "abc", Some(InvalidData)),
        ];
        for &(input, data, failure) in rows {
            let mut decoder = Decoder::new(input.as_bytes());
            let mut read = Vec::new();
            let end = decoder.read_to_end(&mut read).map_err(|error| error.kind());
            assert_eq!(end.err(), failure, "{input:?}");
            assert_eq!(read, data.as_bytes(), "{input:?}");
            let again = decoder.read(&mut [0; 8]).map_err(|error| error.kind());
            assert_eq!(again, failure.map_or(Ok(0), Err), "{input:?}, again");
        }
    }

    #[test]
    fn a_fault_is_inside_the_error_every_time() {
        let mut decoder = Decoder::new(&b"1\r\nxy"[..]);
        assert_eq!(decoder.read(&mut [0; 8]).ok(), Some(1));
        for _ in 0..3 {
            let error = decoder.read(&mut [0; 8]).expect_err("a byte too many");
            let fault = error.get_ref().and_then(|inner| inner.downcast_ref());
            assert_eq!(fault, Some(&Fault::DataEnd));
        }
    }

    #[test]
    fn data_are_not_held_back_for_the_framing_behind_them() {
        // Three calls for the size line; a read that went on behind its data would meet the error.
        let mut source = Script::new([
            Ok(b"5\r\n"),
            Ok(b"he"),
            Ok(b"llo"),
            Err(io::ErrorKind::Other),
        ]);
        let mut decoder = Decoder::new(&mut source);
        assert_eq!(decoder.read(&mut [0; 8]).ok(), Some(2));
        assert_eq!(decoder.read(&mut [0; 8]).ok(), Some(3));
        assert_eq!(decoder.source.calls, 3 + 2);
    }

    #[test]
    fn errors_of_the_source_are_final() {
        use io::ErrorKind::{ConnectionReset, TimedOut, WouldBlock};
        for kind in [ConnectionReset, TimedOut, WouldBlock] {
            for start in [&b"2"[..], b"2\r\nab"] {
                let mut source = Script::new([Ok(start), Err(kind), Ok(b"\r\nab\r\n0\r\n\r\n")]);
                let mut decoder = Decoder::new(&mut source);
                let first = decoder.read_to_end(&mut Vec::new());
                assert_eq!(first.map_err(|error| error.kind()), Err(kind));
                let calls = decoder.source.calls;
                let later = decoder.read(&mut [0; 8]);
                assert_eq!(later.map_err(|error| error.kind()), Err(kind), "later");
                assert_eq!(
                    decoder.source.calls, calls,
                    "{kind}: the source was read again"
                );
            }
        }
    }

    #[test]
    fn an_interruption_is_told_and_leaves_no_trace() {
        let interrupted = Err(io::ErrorKind::Interrupted);
        let mut source = Script::new([
            interrupted,
            Ok(b"2"),
            interrupted,
            Ok(b"\r\n"),
            interrupted,
            Ok(b"ab"),
            interrupted,
            Ok(b"\r\n0\r\n\r\n"),
        ]);
        let mut decoder = Decoder::new(&mut source);
        let told: Vec<_> = std::iter::repeat_with(|| decoder.read(&mut [0; 8]))
            .map(|read| read.map_err(|error| error.kind()))
            .take(6)
            .collect();
        let again = Err(io::ErrorKind::Interrupted);
        assert_eq!(told, [again, again, again, Ok(2), again, Ok(0)]);
    }

    #[test]
    fn an_empty_buffer_touches_nothing() {
        let mut source = Script::new([Ok(b"x")]);
        let mut decoder = Decoder::new(&mut source);
        assert_eq!(decoder.read(&mut []).ok(), Some(0));
        assert_eq!(decoder.source.calls, 0);
        assert!(decoder.read(&mut [0]).is_err());
        assert_eq!(decoder.read(&mut []).ok(), Some(0));
    }

    #[test]
    fn a_decoder_may_go_to_another_thread() {
        fn check<T: Send>(_: T) {}
        check(Decoder::new(Box::new(io::empty()) as Box<dyn Read + Send>));
    }
}
