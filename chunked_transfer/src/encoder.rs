//! The writing side: data given in pieces of any size leave as chunks.
//!
//! In here: gathering data into chunks, and the end of the message. Not in here: trailers and extensions, which are
//! never written.

use std::io::{self, Write};

/// The most data in one chunk: enough that framing and calls cost next to nothing, little enough to have for each of
/// many connections.
pub const CHUNK: usize = 32 * 1024;

/// The room for the longest size line, `8000\r\n`.
const SIZE_LINE: usize = 6;
const _: () = assert!(CHUNK < 0x1_0000, "a size of at most four digits");

const CRLF: &[u8] = b"\r\n";
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Writes one chunked message to `W`.
///
/// Only [`finish`](Self::finish) writes the last chunk. An encoder that is dropped instead writes nothing, neither the
/// last chunk nor the data gathered, so that a message whose making failed looks broken to its recipient (RFC 9112,
/// section 8: without the zero-sized chunk it is incomplete).
///
/// **tiny_http does not call `finish`**: it copies into an encoder and drops it. A reply that tiny_http itself sends
/// chunked thus never ends. A server on it must give its replies a length (or a chunked threshold out of reach), or
/// write them through an encoder of its own.
///
/// Data are gathered up to [`CHUNK`] bytes; a chunk leaves in one `write_all`, when it is full, at a `flush`, or at the
/// end. After an error of the output nothing more is written, and every later call gives an error of the same kind:
/// how much of a chunk went out is not known, so whatever followed would be taken for its data.
#[derive(Debug)]
pub struct Encoder<W> {
    output: W,
    /// Room for the size line, then the data gathered: so a chunk is one slice.
    buffer: Vec<u8>,
    failure: Option<io::ErrorKind>,
}

impl<W: Write> Encoder<W> {
    /// An encoder for a message that starts with the next byte of `output`.
    pub fn new(output: W) -> Self {
        let mut buffer = Vec::with_capacity(SIZE_LINE + CHUNK + CRLF.len() + LAST_CHUNK.len());
        buffer.resize(SIZE_LINE, 0);
        Encoder {
            output,
            buffer,
            failure: None,
        }
    }

    /// Ends the message: sends what is gathered and the last chunk in one `write_all`, flushes the output and gives it
    /// back. On an error the output is dropped; no other message can follow on it.
    pub fn finish(mut self) -> io::Result<W> {
        self.send(LAST_CHUNK)?;
        self.output.flush()?;
        Ok(self.output)
    }

    /// Sends what is gathered, if anything, and `end` behind it. An empty chunk is never sent: it would be the last.
    fn send(&mut self, end: &[u8]) -> io::Result<()> {
        self.check()?;
        let gathered = self.buffer.len() - SIZE_LINE;
        let mut start = SIZE_LINE;
        if gathered > 0 {
            let size_line = format!("{gathered:X}\r\n");
            start -= size_line.len();
            self.buffer[start..SIZE_LINE].copy_from_slice(size_line.as_bytes());
            self.buffer.extend_from_slice(CRLF);
        }
        self.buffer.extend_from_slice(end);
        let sent = self.output.write_all(&self.buffer[start..]);
        self.buffer.truncate(SIZE_LINE);
        sent.inspect_err(|error| self.failure = Some(error.kind()))
    }

    fn check(&self) -> io::Result<()> {
        match self.failure {
            None => Ok(()),
            Some(kind) => Err(kind.into()),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.check()?;
        let room = SIZE_LINE + CHUNK - self.buffer.len();
        let count = room.min(data.len());
        self.buffer.extend_from_slice(&data[..count]);
        if count == room {
            self.send(b"")?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send(b"")?;
        let flushed = self.output.flush();
        flushed.inspect_err(|error| {
            // Nothing of the message is lost by an interrupted flush; it may be repeated.
            if error.kind() != io::ErrorKind::Interrupted {
                self.failure = Some(error.kind());
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Decoder;
    use std::io::Read;

    /// An output that keeps its calls, and fails once: at the write numbered `fails_at`, or at a flush.
    #[derive(Default)]
    struct Output {
        writes: Vec<Vec<u8>>,
        flushes: usize,
        fails_at: Option<usize>,
        flush_fails: Option<io::ErrorKind>,
    }

    impl Write for Output {
        fn write(&mut self, data: &[u8]) -> io::Result<usize> {
            if self.fails_at == Some(self.writes.len()) {
                // Only this once: what comes behind a failure would get through.
                self.fails_at = None;
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.writes.push(data.to_vec());
            Ok(data.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            self.flushes += 1;
            self.flush_fails
                .take()
                .map_or(Ok(()), |kind| Err(kind.into()))
        }
    }

    /// `None` stands for a flush.
    type Acts = &'static [Option<&'static str>];

    fn act(encoder: &mut Encoder<impl Write>, acts: Acts) -> io::Result<()> {
        acts.iter().try_for_each(|act| match act {
            Some(data) => encoder.write_all(data.as_bytes()),
            None => encoder.flush(),
        })
    }

    #[test]
    fn what_leaves_and_in_which_calls() -> io::Result<()> {
        let rows: &[(Acts, &[&str])] = &[
            (&[], &["0\r\n\r\n"]),
            (&[Some("")], &["0\r\n\r\n"]),
            (&[None], &["0\r\n\r\n"]),
            (&[Some("abc")], &["3\r\nabc\r\n0\r\n\r\n"]),
            (&[Some("abc"), Some("de")], &["5\r\nabcde\r\n0\r\n\r\n"]),
            (
                &[Some("abc"), None, None, Some("0123456789")],
                &["3\r\nabc\r\n", "A\r\n0123456789\r\n0\r\n\r\n"],
            ),
        ];
        for &(acts, expected) in rows {
            let mut encoder = Encoder::new(Output::default());
            act(&mut encoder, acts)?;
            let output = encoder.finish()?;
            let writes = output.writes.iter().map(|write| write.as_slice());
            assert!(
                writes.eq(expected.iter().map(|write| write.as_bytes())),
                "{acts:?}"
            );
            let flushes = acts.iter().filter(|act| act.is_none()).count();
            assert_eq!(output.flushes, flushes + 1, "{acts:?}");
        }
        Ok(())
    }

    #[test]
    fn chunks_are_full_at_the_limit_and_decode_to_the_same_data() -> io::Result<()> {
        let rows: &[(usize, &[usize])] = &[
            (CHUNK - 1, &[CHUNK - 1]),
            (CHUNK, &[CHUNK]),
            (CHUNK + 1, &[CHUNK, 1]),
            (2 * CHUNK, &[CHUNK, CHUNK]),
            (3 * CHUNK + 0x123, &[CHUNK, CHUNK, CHUNK, 0x123]),
        ];
        for &(length, chunks) in rows {
            for piece in [1000, CHUNK, length] {
                let data: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
                let mut encoder = Encoder::new(Output::default());
                for part in data.chunks(piece) {
                    encoder.write_all(part)?;
                }
                let capacity = encoder.buffer.capacity();
                assert!(capacity < 2 * CHUNK, "{length} in {piece}: {capacity}");
                let wire = encoder.finish()?.writes.concat();
                let mut expected = Vec::new();
                let mut at = 0;
                for &chunk in chunks {
                    expected.extend(format!("{chunk:X}\r\n").bytes());
                    expected.extend(&data[at..at + chunk]);
                    expected.extend(CRLF);
                    at += chunk;
                }
                expected.extend(LAST_CHUNK);
                assert!(wire == expected, "{length} in {piece}");
                let mut decoded = Vec::new();
                Decoder::new(&wire[..]).read_to_end(&mut decoded)?;
                assert!(decoded == data, "{length} in {piece}, decoded");
            }
        }
        Ok(())
    }

    #[test]
    fn a_dropped_encoder_ends_nothing() -> io::Result<()> {
        let rows: &[(Acts, &str)] = &[
            (&[], ""),
            (&[Some("abc")], ""),
            (&[Some("abc"), None], "3\r\nabc\r\n"),
            (&[Some("abc"), None, Some("de")], "3\r\nabc\r\n"),
        ];
        for &(acts, expected) in rows {
            let mut output = Output::default();
            let mut encoder = Encoder::new(&mut output);
            act(&mut encoder, acts)?;
            drop(encoder);
            assert_eq!(output.writes.concat(), expected.as_bytes(), "{acts:?}");
        }
        Ok(())
    }

    #[test]
    fn nothing_is_written_behind_a_failure() {
        for fails_at in 0..2 {
            let mut output = Output {
                fails_at: Some(fails_at),
                ..Output::default()
            };
            let mut encoder = Encoder::new(&mut output);
            let acts: Acts = &[Some("abc"), None, Some("de"), None];
            let kind = Err(io::ErrorKind::BrokenPipe);
            let first = act(&mut encoder, acts);
            assert_eq!(first.map_err(|error| error.kind()), kind);
            for later in [
                encoder.write(b"fg").map(drop),
                encoder.write(b"").map(drop),
                encoder.flush(),
                encoder.finish().map(drop),
            ] {
                assert_eq!(later.map_err(|error| error.kind()), kind, "{fails_at}");
            }
            let expected: &[u8] = if fails_at == 0 { b"" } else { b"3\r\nabc\r\n" };
            assert_eq!(output.writes.concat(), expected, "{fails_at}");
            assert_eq!(output.flushes, fails_at, "{fails_at}");
        }
    }

    #[test]
    fn a_failed_flush_is_final_unless_it_was_interrupted() {
        use io::ErrorKind::{BrokenPipe, Interrupted};
        let rows = [
            (BrokenPipe, Err(BrokenPipe), "3\r\nabc\r\n"),
            (Interrupted, Ok(()), "3\r\nabc\r\n0\r\n\r\n"),
        ];
        for (kind, ends, expected) in rows {
            let mut output = Output {
                flush_fails: Some(kind),
                ..Output::default()
            };
            let mut encoder = Encoder::new(&mut output);
            let first = act(&mut encoder, &[Some("abc"), None]);
            assert_eq!(first.map_err(|error| error.kind()), Err(kind));
            let end = encoder.finish().map(drop);
            assert_eq!(end.map_err(|error| error.kind()), ends, "{kind}");
            assert_eq!(output.writes.concat(), expected.as_bytes(), "{kind}");
        }
    }
}
