//! What a client sends on one connection, cut into heads and bodies.
//!
//! In: raw bytes from a source; out come exactly the bytes of one message, and then nothing until the next one is
//! called for. Out: sockets, waiting and threads; the source is a value, so that tests can cut its bytes anywhere.

use std::io;
use std::mem::MaybeUninit;

use chunked_transfer::Framing as Chunks;

use super::pending::{Pending, copy};
use crate::http::framing::{self, Fault, Framing, Head, MAX_HEAD};

/// How much is asked for at a time while a head is gathered, in bytes.
const HEAD_READ: usize = 2048;

/// Where raw bytes come from. None is their end.
pub(super) trait Source {
    /// Reads into the buffer, and gives back the part of it that has been filled.
    fn read<'b>(&mut self, buffer: &'b mut [MaybeUninit<u8>]) -> io::Result<&'b [u8]>;
}

/// What is known of a head that is whole.
pub(super) type Verdict = Result<Message, RefusedHead>;

/// What a head says of the message that it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) framing: Framing,
    /// Whether the connection may go on after it.
    pub(super) persistent: bool,
    /// Whether the client waits for `100 Continue`.
    pub(super) expects_continue: bool,
}

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
            let Some((head, verdict)) = self.gather_head(source)? else {
                self.end();
                return Ok(Step::Bytes(&[]));
            };
            let body = match &verdict {
                Ok(message) => message.framing,
                Err(_) => {
                    self.refused = true;
                    Framing::Empty
                }
            };
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
                if taken.is_empty() || broken {
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
    fn gather_head(&mut self, source: &mut impl Source) -> io::Result<Option<(Vec<u8>, Verdict)>> {
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
                    let head = self.pending.as_slice()[..end].to_vec();
                    self.pending.consume(end);
                    return Ok(Some(self.judge(&head, framing::check(&head, &self.mark))));
                }
                // Without a CR before it, a LF ends no line: the end would never come.
                None if framing::has_bare_lf(self.pending.as_slice()) => {
                    return Ok(Some(
                        self.judge(self.pending.as_slice(), Err(Fault::BareLf)),
                    ));
                }
                None if self.pending.len() < MAX_HEAD => {}
                _ => {
                    return Ok(Some(
                        self.judge(self.pending.as_slice(), Err(Fault::TooLong)),
                    ));
                }
            }
            let mut chunk = [MaybeUninit::uninit(); HEAD_READ];
            let received = match source.read(&mut chunk) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    // With nothing begun, the connection just ends.
                    let begun = !self.pending.is_empty();
                    return Ok(
                        begun.then(|| self.judge(self.pending.as_slice(), Err(Fault::Stalled)))
                    );
                }
                Err(error) => return Err(error),
            };
            if received.is_empty() {
                return Ok(None);
            }
            self.pending.push(received);
        }
    }
}

impl Inbound {
    /// What tiny_http is to be given for a head, and what is known of it.
    fn judge(&self, raw: &[u8], checked: Result<Head, Fault>) -> (Vec<u8>, Verdict) {
        match checked {
            Ok(head) => {
                let message = Message {
                    framing: head.framing,
                    persistent: head.persistent,
                    expects_continue: head.expects_continue,
                };
                (head.bytes, Ok(message))
            }
            Err(fault) => {
                let (method, target) = framing::describe(raw);
                let refused = RefusedHead {
                    fault,
                    method,
                    target,
                };
                (self.in_place_of_a_refused_head(), Err(refused))
            }
        }
    }

    /// tiny_http makes a request of it, whose reply says why.
    fn in_place_of_a_refused_head(&self) -> Vec<u8> {
        format!("GET / HTTP/1.1\r\n{}: {}\r\n\r\n", framing::MARK, self.mark).into_bytes()
    }
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

    fn ok(framing: Framing) -> Verdict {
        Ok(Message {
            framing,
            persistent: true,
            expects_continue: false,
        })
    }

    #[test]
    fn each_message_ends_where_it_ends_however_the_bytes_are_cut() {
        let get = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
        let sized = b"POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nGET /";
        let chunked =
            b"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: v\r\n\r\n";
        let marked = |message: &[u8]| {
            let end = framing::end_of_head(message, 0).unwrap_or_default() - 2;
            let mark = &b"Http-Nas-Connection: 7\r\nConnection: keep-alive\r\n"[..];
            [&message[..end], mark, &message[end..]].concat()
        };
        let mut input = Vec::new();
        for message in [&get[..], sized, chunked, b"\r\n", get, chunked, sized] {
            input.extend_from_slice(message);
        }
        // As passed on to tiny_http.
        let sized =
            b"POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nGET /";
        let expected = vec![
            (ok(Framing::Empty), marked(get)),
            (ok(Framing::Length(5)), marked(sized)),
            (ok(Framing::Chunked), marked(chunked)),
            (ok(Framing::Empty), marked(get)),
            (ok(Framing::Chunked), marked(chunked)),
            (ok(Framing::Length(5)), marked(sized)),
        ];
        for piece in [1, 2, 3, 7, 64, 1000] {
            for buffer in [1, 2, 5, 64, 1024] {
                assert_eq!(
                    messages(&input, piece, buffer),
                    expected,
                    "{piece} {buffer}"
                );
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
                let passed = head.strip_suffix("\r\n").unwrap_or(head);
                let mark = "Http-Nas-Connection: 7\r\nConnection: keep-alive\r\n\r\n";
                let whole = format!("{passed}{mark}{good}{bad}").into_bytes();
                for piece in [1, 3, 1000] {
                    let got = messages(input.as_bytes(), piece, 1024);
                    let expected = vec![(ok(Framing::Chunked), whole.clone())];
                    assert_eq!(got, expected, "{input:?} {piece}");
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
        for cut in 0..input.len() {
            let got: usize = messages(&input[..cut], 1000, 1000)
                .iter()
                .map(|(_, bytes)| bytes.len())
                .sum();
            let head = input.len() - 4;
            let added =
                "Expect: 100-continue\r\nHttp-Nas-Connection: 7\r\nConnection: keep-alive\r\n"
                    .len();
            assert_eq!(got, if cut < head { 0 } else { cut + added }, "{cut}");
        }
    }
}
