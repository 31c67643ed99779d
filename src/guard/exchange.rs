//! One request and its reply, on a connection of ours.

use std::fs::File;
use std::io::{self, IoSlice, Read};
use std::net::SocketAddr;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use rustix::net::SendFlags;

use super::connection::Connection;
use super::held::Held;
use super::inbound::{RefusedHead, Verdict};
use super::presence::Presence;
use super::sending::{self, End, Occupied, Outgoing, send_some};
use super::{linger, table};
use crate::http::framing::{BodyFault, Framing};
use crate::http::request_head::Head;

/// The word to a client that waits with its body (RFC 9110, section 15.2.1). It has no fields: none makes sense.
pub(super) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A request that is being served. Dropped without [`Exchange::finish`], it closes its connection.
pub struct Exchange {
    /// The request and its connection, until it ends.
    held: Option<Held>,
    peer: SocketAddr,
    client: Arc<str>,
    head: Verdict,
    body: BodyState,
    /// Whether the client is still to be told that it may send the body.
    waits_for_continue: bool,
    /// Bytes of the body received.
    received: u64,
    /// Bytes of the reply's content sent.
    sent: u64,
    /// Whether the reply is out as a whole, so that another may follow it.
    whole: bool,
    /// What is known of the client, once somebody has asked.
    presence: Option<Presence>,
}

/// The input of a request's connection.
pub struct Input(Option<Arc<Connection>>);

impl Input {
    /// Ends it: what has not come of the request's body will not. To be called before the exchange ends, for then the
    /// connection may have another request.
    pub fn end(&self) {
        self.0.iter().for_each(|connection| connection.end_input());
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum BodyState {
    Coming,
    Whole,
    Failed(BodyFault),
}

impl Exchange {
    /// Takes up a request from tiny_http. `None`: it is not to be carried out, since its connection is gone or was
    /// closed for what it sent before.
    #[must_use]
    pub fn begin(request: tiny_http::Request) -> Option<Self> {
        let held = Held::of(request)?;
        let Some(head) = held.connection().take() else {
            linger::end(held);
            return None;
        };
        table::serve(Some(held.connection()));
        let body = match &head {
            Ok(head) if head.framing != Framing::Empty => BodyState::Coming,
            _ => BodyState::Whole,
        };
        let waits_for_continue = matches!(&head, Ok(head) if head.expects_continue);
        Some(Self {
            peer: held.connection().peer,
            client: Arc::clone(&held.connection().client),
            held: Some(held),
            waits_for_continue,
            head,
            body,
            received: 0,
            sent: 0,
            whole: false,
            presence: None,
        })
    }

    /// The address of the client.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The same as text.
    #[must_use]
    pub fn client(&self) -> &Arc<str> {
        &self.client
    }

    /// The head of the request, where it is not refused.
    ///
    /// # Errors
    /// Why it is.
    pub fn head(&self) -> Result<&Head, &RefusedHead> {
        self.head.as_ref()
    }

    /// The method, as sent.
    #[must_use]
    pub fn method(&self) -> String {
        match &self.head {
            Ok(head) => head.method().to_owned(),
            Err(refusal) => refusal.method.clone(),
        }
    }

    /// The request target, as sent.
    #[must_use]
    pub fn target(&self) -> String {
        match &self.head {
            Ok(head) => head.target().to_owned(),
            Err(refusal) => refusal.target.clone(),
        }
    }

    /// Whether the request is of HTTP/1.0.
    #[must_use]
    pub fn is_http10(&self) -> bool {
        self.head.as_ref().is_ok_and(|head| head.is_http10)
    }

    /// The values of a header field, joined by commas where it is repeated (RFC 9110, section 5.3).
    #[must_use]
    pub fn header(&self, name: &'static str) -> Option<String> {
        self.head.as_ref().ok()?.field(name)
    }

    /// The declared length of the body in bytes; `None` where only its end will tell.
    #[must_use]
    pub fn declared(&self) -> Option<u64> {
        match self.framing() {
            Framing::Length(length) => Some(length),
            Framing::Chunked => None,
            Framing::Empty => Some(0),
        }
    }

    /// How the body is delimited. A refused head has none.
    fn framing(&self) -> Framing {
        let head = self.head.as_ref();
        head.map_or(Framing::Empty, |head| head.framing)
    }

    /// Why reading the body has failed, if it has.
    #[must_use]
    pub fn body_fault(&self) -> Option<BodyFault> {
        match self.body {
            BodyState::Failed(fault) => Some(fault),
            BodyState::Coming | BodyState::Whole => None,
        }
    }

    /// Bytes of the body received, and bytes of content sent.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.received, self.sent)
    }

    /// Whether another request may follow on this connection, if the reply gets out whole.
    #[must_use]
    pub fn may_go_on(&self) -> bool {
        self.head.as_ref().is_ok_and(|head| head.persistent) && self.body == BodyState::Whole
    }

    /// What of it can be ended by another thread: its input.
    #[must_use]
    pub fn input(&self) -> Input {
        Input(self.held.as_ref().map(|held| Arc::clone(held.connection())))
    }

    /// Whether the client is known to be gone, so that nobody waits for the reply. To be asked again and again while a
    /// reply is made that takes long.
    pub fn is_client_gone(&mut self) -> bool {
        let is_http10 = self.is_http10();
        let Some(held) = &self.held else {
            return true;
        };
        let socket = held.socket();
        let presence = self.presence.get_or_insert_with(|| Presence::of(socket));
        presence.is_gone(socket, is_http10)
    }

    /// Reads a body that nobody has asked for, so that the connection can go on, where all of it has come already.
    pub fn skip_pending_body(&mut self) {
        if self.body == BodyState::Coming
            && let Some(length) = self.declared()
            && let Some(held) = &self.held
            && held.connection().has_pending(length - self.received)
        {
            self.waits_for_continue = false;
            // A failure is kept in the state of the body.
            let _ = io::copy(self, &mut io::sink());
        }
    }

    /// Sends a head and the content that goes with it.
    ///
    /// # Errors
    /// What the system says, `WouldBlock` where the client may not be waited for. The connection is of no more use then.
    pub fn send(&mut self, head: &[u8], content: &[u8], occupied: &dyn Occupied) -> io::Result<()> {
        let mut unsent = [head, content];
        let sent = sending::send_last(self.socket()?, &mut unsent, occupied);
        self.sent = (content.len() - unsent[1].len()) as u64;
        self.whole = sent.is_ok();
        sent
    }

    /// Sends a head and a part of a file.
    ///
    /// # Errors
    /// What the system says; `UnexpectedEof` where the file has become shorter meanwhile. The connection is of no more
    /// use then: a client must not take a part for the whole.
    pub fn send_file(
        &mut self,
        head: &[u8],
        (file, mut part): (&File, Range<u64>),
        occupied: &dyn Occupied,
    ) -> io::Result<()> {
        let start = part.start;
        let sent = sending::send_file(self.socket()?, head, (file, &mut part), occupied);
        self.sent = part.start - start;
        self.whole = sent.is_ok();
        sent
    }

    /// Sends a head and whatever `write` writes: of a length that the head has told, else in chunks, or to the end of
    /// the connection where the client does not know chunks (HTTP/1.0).
    ///
    /// # Errors
    /// Those of `write`, or what the system says; that it has written another length than was told. The connection is of no more use then: a client must not take a part
    /// for the whole.
    pub fn send_stream(
        &mut self,
        head: &[u8],
        length: Option<u64>,
        occupied: &dyn Occupied,
        write: impl FnOnce(&mut Outgoing<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let end = match length {
            Some(length) => End::Length(length),
            None if self.is_http10() => End::Close,
            None => End::LastChunk,
        };
        let socket = self.held.as_ref().ok_or_else(gone)?.socket();
        match end {
            // With nothing to follow, the head would wait for 200 ms.
            End::Length(0) => sending::send_last(socket, &mut [head, &[]], occupied)?,
            _ => sending::send_head(socket, head)?,
        }
        let mut outgoing = Outgoing::new(socket, end, occupied);
        let written = write(&mut outgoing);
        self.sent = outgoing.sent();
        match written {
            Ok(()) => outgoing.finish()?,
            Err(error) => {
                outgoing.abort();
                return Err(error);
            }
        }
        self.whole = end != End::Close;
        Ok(())
    }

    /// Ends the exchange: gives the connection back for the next request, or closes it where it cannot go on.
    pub fn finish(mut self, go_on: bool) {
        self.end(go_on && self.whole && self.may_go_on());
    }

    fn end(&mut self, go_on: bool) {
        let Some(held) = self.held.take() else {
            return;
        };
        table::serve(None);
        let connection = Arc::clone(held.connection());
        connection.count(self.sent);
        let is_last = matches!(&self.head, Ok(head) if !head.persistent);
        if go_on {
            held.abandon();
            connection.next_turn();
        } else if is_last && self.body == BodyState::Whole {
            // The client itself sends nothing more, and the thread of tiny_http does not wait for it: with the request, the
            // connection is closed.
            connection.leave();
            held.abandon();
        } else {
            linger::retire(held);
        }
    }

    fn socket(&self) -> io::Result<BorrowedFd<'_>> {
        self.held.as_ref().map(Held::socket).ok_or_else(gone)
    }
}

/// Reading gives the body. The first call says `100 Continue` to a client that waits for it.
impl Read for Exchange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let framing = self.framing();
        let Some(held) = &mut self.held else {
            return Ok(0);
        };
        if self.body != BodyState::Coming || buffer.is_empty() {
            return Ok(0);
        }
        if std::mem::take(&mut self.waits_for_continue) {
            // Where it does not get out, neither will the body come.
            let word = [IoSlice::new(CONTINUE)];
            let _ = send_some(held.socket(), &word, SendFlags::DONTWAIT);
        }
        match held.body().read(buffer) {
            Ok(0) => {
                // tiny_http reports the end of the connection as the end of the body; and whatever it takes for the
                // end of chunks, the guard has seen the message through, or it is none.
                let is_short = match framing {
                    Framing::Length(length) => self.received < length,
                    Framing::Chunked => !held.connection().is_complete(),
                    Framing::Empty => false,
                };
                if is_short {
                    self.body = BodyState::Failed(BodyFault::EndedEarly);
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                self.body = BodyState::Whole;
                Ok(0)
            }
            Ok(read) => {
                self.received += read as u64;
                if framing == Framing::Length(self.received) {
                    self.body = BodyState::Whole;
                }
                Ok(read)
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::Interrupted {
                    self.body = BodyState::Failed(fault_of(&error));
                }
                Err(error)
            }
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.end(false);
    }
}

fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

fn fault_of(error: &io::Error) -> BodyFault {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => BodyFault::Stalled,
        io::ErrorKind::InvalidData => BodyFault::Malformed,
        _ => BodyFault::EndedEarly,
    }
}
