//! What a client sends on one connection, cut into heads and bodies.
//!
//! In: raw bytes from a source; out come exactly the bytes of one message, and then nothing until the next one is
//! called for. Out: sockets, waiting and threads; the source is a value, so that tests can cut its bytes anywhere.

use std::io;
use std::mem::MaybeUninit;

use chunked_transfer::Framing as Chunks;

use super::pending::{Pending, copy};
use crate::http::framing::{self, Fault, Framing, MAX_HEAD};
use crate::http::request_head::Head;

/// The field by which a request of tiny_http says which connection it is from.
pub(super) const MARK: &str = "Id";

/// How much is asked for at a time while a head is gathered, in bytes.
const HEAD_READ: usize = 2048;

/// Where raw bytes come from. None is their end.
pub(super) trait Source {
    /// Reads into the buffer, and gives back the part of it that has been filled.
    fn read<'b>(&mut self, buffer: &'b mut [MaybeUninit<u8>]) -> io::Result<&'b [u8]>;

    /// Reads into the room behind the bytes, of which there is some; says how much that is.
    fn read_ahead(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize>;

    /// Reads what is to be of a head behind it, with room for so many bytes; says how much that is. The limits of time
    /// are those of heads.
    fn read_head(&mut self, head: &mut Vec<u8>, room: usize) -> io::Result<usize>;
}

/// What is known of a head that is whole.
pub(super) type Verdict = Result<Head, RefusedHead>;

/// What reading has led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'b> {
    /// These bytes come next; none where no more will come.
    Bytes(&'b [u8]),
    /// A head is whole; these are its first bytes.
    Head(&'b [u8], Verdict),
    /// The message is complete, and the next one has not been called for.
    Complete,
}

/// A head that tiny_http is not to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedHead {
    /// Why.
    pub fault: Fault,
    /// The method, as far as it can be told, in visible ASCII.
    pub method: String,
    /// The request target, likewise.
    pub target: String,
}

/// The state of one connection's input.
#[derive(Debug)]
pub(super) struct Inbound {
    /// What the heads that are handed out are marked with.
    mark: String,
    phase: Phase,
    pending: Pending,
    /// A head was refused: where the next message would begin is not known.
    refused: bool,
    /// The client sends no message after this one.
    is_last: bool,
}

#[derive(Debug)]
enum Phase {
    /// A head is being gathered; no end of it is in so many bytes.
    Head {
        searched: usize,
        blank_skipped: bool,
    },
    /// A head is being handed out, from the byte at `at`; then `body` follows.
    Handing {
        head: Vec<u8>,
        at: usize,
        body: Framing,
    },
    /// So many bytes of the body are still to come.
    Length(u64),
    Chunked(Chunks),
    Complete,
    /// Nothing more is handed out.
    Ended,
}

impl Inbound {
    pub(super) fn new(mark: String) -> Self {
        Self {
            mark,
            phase: Phase::head(),
            pending: Pending::default(),
            refused: false,
            is_last: false,
        }
    }

    /// Calls for the next message, after one that is complete. Behind a head that was refused there is none.
    pub(super) fn next_message(&mut self) {
        if self.refused {
            self.end();
        } else if matches!(self.phase, Phase::Complete) {
            self.phase = Phase::head();
        }
    }

    /// Whether the client sends no message after this one. One whose head was refused may be sending it still.
    pub(super) fn is_last(&self) -> bool {
        self.is_last
    }

    /// Hands out nothing more, and forgets what is pending.
    pub(super) fn end(&mut self) {
        self.phase = Phase::Ended;
        self.pending = Pending::default();
    }

    /// Whether all of the message has been handed out.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.phase, Phase::Complete)
    }

    /// Whether a head has been begun but not ended.
    pub(super) fn in_head(&self) -> bool {
        matches!(self.phase, Phase::Head { .. })
    }

    /// Whether so many bytes of the body have come already.
    pub(super) fn has_pending(&self, length: u64) -> bool {
        self.pending.len() as u64 >= length
    }

    /// Whether no byte of a next head has come.
    pub(super) fn is_idle(&self) -> bool {
        self.in_head() && self.pending.is_empty()
    }

    /// Reads what comes next of the message into the buffer, which is not empty.
    pub(super) fn read<'b>(
        &mut self,
        buffer: &'b mut [MaybeUninit<u8>],
        source: &mut impl Source,
    ) -> io::Result<Step<'b>> {
        let mut found = None;
        if self.in_head() {
            let Some(verdict) = self.gather_head(source)? else {
                self.end();
                return Ok(Step::Bytes(&[]));
            };
            self.refused = verdict.is_err();
            self.is_last = verdict.as_ref().is_ok_and(|head| !head.persistent);
            let body = verdict.as_ref().map_or(Framing::Empty, |head| head.framing);
            let head = stand_in(body, &self.mark);
            self.phase = Phase::Handing { head, at: 0, body };
            found = Some(verdict);
        }
        let bytes = match &mut self.phase {
            Phase::Handing { head, at, .. } => {
                let taken = copy(&head[*at..], buffer);
                *at += taken.len();
                taken
            }
            Phase::Length(left) => {
                let most = usize::try_from(*left).unwrap_or(usize::MAX);
                let taken = self.pending.take(limit(buffer, most), source)?;
                *left -= taken.len() as u64;
                if taken.is_empty() {
                    self.phase = Phase::Ended;
                }
                taken
            }
            Phase::Chunked(chunks) => {
                let most = usize::try_from(chunks.at_least()).unwrap_or(usize::MAX);
                let taken = self.pending.take_ahead(limit(buffer, most), source)?;
                let (belonging, broken) = follow(chunks, taken);
                let is_over = taken.is_empty() || broken;
                if is_over || chunks.is_done() {
                    self.pending.end_ahead();
                }
                if is_over {
                    self.phase = Phase::Ended;
                }
                &taken[..belonging]
            }
            Phase::Complete => return Ok(Step::Complete),
            Phase::Ended | Phase::Head { .. } => &[],
        };
        self.advance();
        Ok(match found {
            Some(verdict) => Step::Head(bytes, verdict),
            None => Step::Bytes(bytes),
        })
    }

    /// Goes over to the next phase where the present one is over.
    fn advance(&mut self) {
        let next = match &self.phase {
            Phase::Handing { head, at, body } if *at == head.len() => match body {
                Framing::Empty => Phase::Complete,
                Framing::Length(length) => Phase::Length(*length),
                Framing::Chunked => Phase::Chunked(Chunks::new()),
            },
            Phase::Length(0) => Phase::Complete,
            Phase::Chunked(chunks) if chunks.is_done() => Phase::Complete,
            _ => return,
        };
        self.phase = next;
    }

    /// Reads until a head is whole or known to be refused; `None` where the bytes end before.
    fn gather_head(&mut self, source: &mut impl Source) -> io::Result<Option<Verdict>> {
        loop {
            let Phase::Head {
                searched,
                blank_skipped,
            } = &mut self.phase
            else {
                return Ok(None);
            };
            // RFC 9112, section 2.2: one empty line before a request line is ignored.
            if !*blank_skipped && self.pending.as_slice().starts_with(b"\r\n") {
                self.pending.consume(2);
                *blank_skipped = true;
                *searched = 0;
            }
            let end = framing::end_of_head(self.pending.as_slice(), *searched);
            *searched = self.pending.len();
            match end {
                Some(end) if end <= MAX_HEAD => {
                    let head = &self.pending.as_slice()[..end];
                    let verdict = judge(head, framing::check(head));
                    self.pending.consume(end);
                    return Ok(Some(verdict));
                }
                // Without a CR before it, a LF ends no line: the end would never come.
                None if framing::has_bare_lf(self.pending.as_slice()) => {
                    return Ok(Some(judge(self.pending.as_slice(), Err(Fault::BareLf))));
                }
                None if self.pending.len() < MAX_HEAD => {}
                _ => {
                    return Ok(Some(judge(self.pending.as_slice(), Err(Fault::TooLong))));
                }
            }
            let received = match source.read_head(self.pending.growing(), HEAD_READ) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    // With nothing begun, the connection just ends.
                    let begun = !self.pending.is_empty();
                    return Ok(begun.then(|| judge(self.pending.as_slice(), Err(Fault::Stalled))));
                }
                Err(error) => return Err(error),
            };
            if received == 0 {
                return Ok(None);
            }
        }
    }
}

/// What is known of a head, whole or not.
fn judge(raw: &[u8], checked: Result<Head, Fault>) -> Verdict {
    checked.map_err(|fault| {
        let (method, target) = framing::describe(raw);
        RefusedHead {
            fault,
            method,
            target,
        }
    })
}

/// The head that tiny_http is given in place of the client's, so that it makes a request of it: how the body is
/// delimited, and whose it is.
///
/// It needs nothing else, and what it does not see it cannot misread: it searches `Connection` for parts of words, and
/// closes the connection without a word where a byte is not ASCII. It also reads a head byte by byte. Unless it is told
/// of an expectation, it waits for a short body before it hands out the request; it says nothing to the client in any
/// case.
fn stand_in(framing: Framing, mark: &str) -> Vec<u8> {
    let body = match framing {
        Framing::Empty => String::new(),
        Framing::Length(length) => {
            format!("Content-Length: {length}\r\nExpect: 100-continue\r\n")
        }
        Framing::Chunked => "Transfer-Encoding: chunked\r\n".to_owned(),
    };
    let head = [
        "GET / HTTP/1.1\r\n",
        MARK,
        ": ",
        mark,
        "\r\n",
        &body,
        "\r\n",
    ];
    head.concat().into_bytes()
}

impl Phase {
    fn head() -> Self {
        Self::Head {
            searched: 0,
            blank_skipped: false,
        }
    }
}

/// Follows chunked framing through bytes that have come; says how many of them to hand out, and whether the framing
/// is broken behind them.
///
/// A broken message is handed out up to the byte that breaks it, for the decoder to find, and not further: what is
/// behind it must not be taken for anything.
fn follow(chunks: &mut Chunks, bytes: &[u8]) -> (usize, bool) {
    let mut before = chunks.clone();
    match chunks.scan(bytes) {
        Ok(belonging) => (belonging, false),
        Err(_) => {
            let breaks = |byte: &u8| before.scan(std::slice::from_ref(byte)).is_err();
            let good = bytes.iter().position(breaks).unwrap_or(bytes.len());
            (bytes.len().min(good + 1), true)
        }
    }
}

fn limit(buffer: &mut [MaybeUninit<u8>], most: usize) -> &mut [MaybeUninit<u8>] {
    let most = buffer.len().min(most);
    &mut buffer[..most]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source that gives its bytes in pieces of a fixed length.
    struct Pieces<'a>(&'a [u8], usize);

    impl Source for Pieces<'_> {
        fn read<'b>(&mut self, buffer: &'b mut [MaybeUninit<u8>]) -> io::Result<&'b [u8]> {
            let length = self.0.len().min(self.1).min(buffer.len());
            let (now, later) = self.0.split_at(length);
            self.0 = later;
            Ok(copy(now, buffer))
        }

        fn read_ahead(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
            let mut room = vec![MaybeUninit::uninit(); bytes.capacity() - bytes.len()];
            let read = self.read(&mut room)?;
            bytes.extend_from_slice(read);
            Ok(read.len())
        }

        fn read_head(&mut self, head: &mut Vec<u8>, room: usize) -> io::Result<usize> {
            head.reserve(room);
            self.read_ahead(head)
        }
    }

    /// What came of an input: verdicts on heads, and the bytes of each message.
    fn messages(input: &[u8], piece: usize, buffer: usize) -> Vec<(Verdict, Vec<u8>)> {
        let mut inbound = Inbound::new("7".to_owned());
        let mut source = Pieces(input, piece);
        let mut out: Vec<(Verdict, Vec<u8>)> = Vec::new();
        loop {
            let mut room = vec![MaybeUninit::uninit(); buffer];
            let step = inbound.read(&mut room, &mut source);
            let bytes = match step.unwrap_or(Step::Bytes(&[])) {
                Step::Complete => {
                    inbound.next_message();
                    continue;
                }
                Step::Head(bytes, verdict) => {
                    out.push((verdict, Vec::new()));
                    bytes
                }
                Step::Bytes([]) => return out,
                Step::Bytes(bytes) => bytes,
            };
            if let Some((_, message)) = out.last_mut() {
                message.extend_from_slice(bytes);
            }
        }
    }

    /// What came of messages in their order: how they are delimited, and what tiny_http gets of them.
    fn accepted(input: &[u8], piece: usize, buffer: usize) -> Vec<(Framing, String)> {
        let messages = messages(input, piece, buffer).into_iter();
        let accepted = messages.map(|(verdict, bytes)| {
            let head = verdict.unwrap_or_else(|refused| panic!("{refused:?}"));
            (head.framing, String::from_utf8_lossy(&bytes).into_owned())
        });
        accepted.collect()
    }

    /// What tiny_http gets in place of a head, and what of its body is to follow.
    fn passed(framing: Framing, body: &str) -> (Framing, String) {
        let fields = match framing {
            Framing::Empty => "",
            Framing::Length(5) => "Content-Length: 5\r\nExpect: 100-continue\r\n",
            Framing::Length(_) => panic!("another length than that of the tests"),
            Framing::Chunked => "Transfer-Encoding: chunked\r\n",
        };
        let head = format!("GET / HTTP/1.1\r\nId: 7\r\n{fields}\r\n");
        (framing, head + body)
    }

    #[test]
    fn each_message_ends_where_it_ends_however_the_bytes_are_cut() {
        let get = "GET /a HTTP/1.1\r\nHost: h\r\nX: \u{e9}\r\nConnection: Upgrade\r\n\r\n";
        let sized = "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nGET /";
        let chunks = "3;x=y\r\nabc\r\n0\r\nT: v\r\n\r\n";
        let chunked = format!(
            "POST /c HTTP/1.1\r\nHost: h\r\nId: 8\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
        );
        let input = [get, sized, &chunked, "\r\n", get, &chunked, sized].concat();
        let expected = vec![
            passed(Framing::Empty, ""),
            passed(Framing::Length(5), "GET /"),
            passed(Framing::Chunked, chunks),
            passed(Framing::Empty, ""),
            passed(Framing::Chunked, chunks),
            passed(Framing::Length(5), "GET /"),
        ];
        for piece in [1, 2, 3, 7, 64, 1000] {
            for buffer in [1, 2, 5, 64, 1024] {
                let accepted = accepted(input.as_bytes(), piece, buffer);
                assert_eq!(accepted, expected, "{piece} {buffer}");
            }
        }
    }

    #[test]
    fn behind_a_refused_head_nothing_is_handed_out() {
        let smuggled = "DELETE /file/x HTTP/1.1\r\nHost: h\r\n\r\n";
        for (head, fault) in [
            ("GET / HTTP/2.0\r\n\r\n", Fault::Version),
            (
                "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: x\r\n\r\n",
                Fault::TransferEncoding,
            ),
            ("\r\n\r\n", Fault::RequestLine),
            ("GET / HTTP/1.1\nHost: h\n\n", Fault::BareLf),
        ] {
            let input = format!("{head}{smuggled}");
            let pieces = if fault == Fault::BareLf {
                &[1, 10][..]
            } else {
                &[1, 10, 1000]
            };
            for &piece in pieces {
                let mut inbound = Inbound::new("7".to_owned());
                let mut source = Pieces(input.as_bytes(), piece);
                let mut room = [MaybeUninit::uninit(); 1024];
                let step = inbound.read(&mut room, &mut source).ok();
                let refused = match step {
                    Some(Step::Head(bytes, Err(refused))) if bytes.starts_with(b"GET / ") => {
                        refused
                    }
                    other => panic!("{input:?}: {other:?}"),
                };
                assert_eq!(refused.fault, fault, "{input:?}");
                let step = inbound.read(&mut room, &mut source).ok();
                assert_eq!(step, Some(Step::Complete), "{input:?}");
                inbound.next_message();
                let step = inbound.read(&mut room, &mut source).ok();
                assert_eq!(step, Some(Step::Bytes(&[])), "{input:?}");
            }
        }
    }

    #[test]
    fn behind_broken_chunks_nothing_is_handed_out() {
        let head = "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
        let smuggled = "GET /b HTTP/2.0\r\n\r\n";
        for good in ["", "3\r\nabc\r\n", "3\r\nabc", "3\r", "0\r\n\r"] {
            for bad in ["z", "\u{1}", "\u{7f}"] {
                let input = format!("{head}{good}{bad}{smuggled}");
                let expected = vec![passed(Framing::Chunked, &format!("{good}{bad}"))];
                for piece in [1, 3, 1000] {
                    let accepted = accepted(input.as_bytes(), piece, 1024);
                    assert_eq!(accepted, expected, "{input:?} {piece}");
                }
            }
        }
    }

    #[test]
    fn a_head_may_be_16_kib_and_not_more() {
        for (padding, fits) in [(0, true), (1, false)] {
            let empty = "GET / HTTP/1.1\r\nHost: h\r\nX: \r\n\r\n".len();
            let value = "x".repeat(MAX_HEAD - empty + padding);
            let input = format!("GET / HTTP/1.1\r\nHost: h\r\nX: {value}\r\n\r\n");
            let got = messages(input.as_bytes(), 1000, 1024);
            let fault = got.first().and_then(|(v, _)| v.clone().err());
            assert_eq!(
                fault.map(|refused| refused.fault),
                (!fits).then_some(Fault::TooLong)
            );
        }
        let endless = vec![b'x'; 100_000];
        let got = messages(&endless, 4096, 1024);
        let fault = got.first().and_then(|(v, _)| v.clone().err());
        assert_eq!(fault.map(|refused| refused.fault), Some(Fault::TooLong));
    }

    #[test]
    fn input_that_ends_early_ends() {
        let input = b"POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcd";
        let whole = passed(Framing::Length(5), "abcd").1.len();
        for cut in 0..=input.len() {
            let got: usize = messages(&input[..cut], 1000, 1000)
                .iter()
                .map(|(_, bytes)| bytes.len())
                .sum();
            let missing = input.len() - cut;
            let expected = if missing > 4 { 0 } else { whole - missing };
            assert_eq!(got, expected, "{cut}");
        }
    }
}
