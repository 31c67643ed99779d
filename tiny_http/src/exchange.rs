//! One request and its reply on a connection.
//!
//! Responsible for: reading the body, whether and how the connection goes on behind the reply. Not for: what is asked and
//! what is replied.

use std::io::{self, IoSlice, Read};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use crate::body::{BodyFault, BodyState};
use crate::conn::{Conn, Step};
use crate::connection::Connection;
use crate::decode::Decoder;
use crate::dispatch::READ;
use crate::encode::{Next, Progress, Sink as _, Wire};
use crate::engine::Engine;
use crate::head::{Framing, Head};
use crate::io::Socket;
use crate::turn::Turn;

/// The word to a client that waits with its body (RFC 9110, section 15.2.1). It has no fields: none makes sense.
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A request under way. Dropped without [`Exchange::finish`], it closes its connection.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// None in tests.
    engine: Option<Arc<Engine>>,
    pub(crate) socket: Arc<Socket>,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) id: u64,
    /// The connection, unless it is being read for the next request already.
    connection: Option<Box<Connection>>,
    /// Where several requests of the connection may be under way.
    turn: Option<Turn>,
    body: BodyState,
    /// Whether the client is still to be told that it may send the body.
    waits_for_continue: bool,
    /// Whether the client takes a further reply on the connection.
    persistent: bool,
    /// Whether what follows the request may be another protocol.
    may_change: bool,
    /// Whether the body has a declared length. Where one in chunks ends, its client alone says.
    is_measured: bool,
    /// Bytes of the body received.
    pub(crate) received: u64,
    /// Once another thread may end what comes: whether it has.
    is_input_ended: Option<Arc<AtomicBool>>,
}

impl Exchange {
    /// The exchange that begins with a head.
    pub(crate) fn new(engine: &Arc<Engine>, connection: Box<Connection>, head: &Head) -> Self {
        let mut exchange = Self::refused(engine, connection);
        exchange.persistent = head.persistent;
        exchange.may_change = head.offers_upgrade;
        exchange.waits_for_continue = head.expects_continue;
        exchange.is_measured = head.framing != Framing::Chunked;
        if head.framing != Framing::Empty {
            exchange.body = BodyState::Coming;
        }
        exchange.hand_on();
        exchange
    }

    /// The exchange that begins with a head that is refused: it has no body, and nothing follows it.
    pub(crate) fn refused(engine: &Arc<Engine>, connection: Box<Connection>) -> Self {
        Self {
            engine: Some(Arc::clone(engine)),
            socket: Arc::clone(&connection.socket),
            peer: connection.peer,
            id: connection.id,
            turn: connection.order.as_ref().map(|order| order.issue()),
            connection: Some(connection),
            body: BodyState::Whole,
            waits_for_continue: false,
            persistent: false,
            may_change: false,
            is_measured: false,
            received: 0,
            is_input_ended: None,
        }
    }

    /// One with nobody: the body is this, and the reply goes nowhere.
    pub(crate) fn of_body(body: &[u8], peer: SocketAddr, decoder: Decoder) -> Self {
        let socket = Arc::new(Socket::Nowhere);
        Self {
            engine: None,
            connection: Some(Connection::of_body(&socket, Conn::of_body(body, decoder))),
            socket,
            peer: Some(peer),
            id: 0,
            turn: None,
            body: BodyState::Coming,
            waits_for_continue: false,
            persistent: false,
            may_change: false,
            is_measured: false,
            received: 0,
            is_input_ended: None,
        }
    }

    /// Notes a request of the connection, and bytes of content that were sent in reply to it.
    pub(crate) fn count(&mut self, sent: u64) {
        if let Some(connection) = &mut self.connection {
            connection.counts.requests += 1;
            connection.counts.sent += sent;
        }
    }

    /// Why reading the body has failed, if it has.
    pub(crate) fn body_fault(&self) -> Option<BodyFault> {
        match self.body {
            BodyState::Failed(fault) => Some(fault),
            BodyState::Coming | BodyState::Whole => None,
        }
    }

    /// Whether another request may follow on this connection.
    pub(crate) fn may_go_on(&self) -> bool {
        // Where the next request has been read already, it is to be answered too.
        let connection = self.connection.as_ref().and(self.engine.as_ref());
        let is_stopping = connection.is_some_and(|engine| engine.is_stopping());
        let input = self.is_input_ended.as_ref();
        let is_ended = input.is_some_and(|input| input.load(Ordering::SeqCst));
        self.persistent && self.body == BodyState::Whole && !is_stopping && !is_ended
    }

    /// Reads what comes next of the body. The first call says `100 Continue` to a client that waits for it.
    pub(crate) fn read_body(&mut self, out: &mut [u8], waits: bool) -> io::Result<usize> {
        loop {
            match self.next_of_body(out)? {
                Step::Bytes(count) => return Ok(count),
                Step::End => return Ok(0),
                Step::Data(left) => {
                    let most = usize::try_from(left).unwrap_or(usize::MAX).min(out.len());
                    let count =
                        self.receive(waits, |socket, _| socket.receive(&mut out[..most]))?;
                    self.pass(count as u64);
                    return Ok(count);
                }
                Step::Framing => {
                    self.receive(waits, |socket, input| {
                        socket.receive_behind(input.room(READ))
                    })?;
                }
            }
        }
    }

    /// Reads what has come of the body, without waiting, also for the client's turn to send it.
    pub(crate) fn read_ready(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.waits_for_continue {
            true => Err(io::ErrorKind::WouldBlock.into()),
            false => self.read_body(out, false),
        }
    }

    /// What comes next of the body; what has come already is copied.
    pub(crate) fn next_of_body(&mut self, out: &mut [u8]) -> io::Result<Step> {
        match self.body {
            BodyState::Coming => {}
            BodyState::Whole => return Ok(Step::End),
            BodyState::Failed(fault) => return Err(fault.into()),
        }
        if out.is_empty() {
            return Ok(Step::Bytes(0));
        }
        if std::mem::take(&mut self.waits_for_continue) {
            self.wait_for_turn();
            let word = &mut [IoSlice::new(CONTINUE)];
            if self.wire(&()).send(word, Next::Later).is_err() {
                // The client would wait for it, and the server for the body.
                self.socket.end();
                return Err(self.fail(BodyFault::EndedEarly));
            }
        }
        let Some(connection) = &mut self.connection else {
            return Ok(Step::End);
        };
        let Ok(step) = connection.input.body(out) else {
            return Err(self.fail(BodyFault::Malformed));
        };
        match step {
            Step::Bytes(count) => self.received += count as u64,
            Step::End => {}
            Step::Data(_) | Step::Framing => return Ok(step),
        }
        self.note_end_of_body();
        Ok(step)
    }

    /// Notes that so many bytes of the body were taken from the socket.
    pub(crate) fn pass(&mut self, count: u64) {
        self.received += count;
        self.connection
            .iter_mut()
            .for_each(|connection| connection.input.pass(count));
        self.note_end_of_body();
    }

    /// Takes bytes of the body from the socket, when some have come.
    pub(crate) fn receive(
        &mut self,
        waits: bool,
        mut receive: impl FnMut(&Socket, &mut Conn) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let (Some(connection), Some(engine)) = (&mut self.connection, &self.engine) else {
            return Err(self.fail(BodyFault::EndedEarly));
        };
        loop {
            let error = match receive(&connection.socket, &mut connection.input) {
                Ok(0) => return Err(self.fail(BodyFault::EndedEarly)),
                Ok(count) => {
                    connection.counts.received += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => error,
                Err(error) if !waits => return Err(error),
                Err(_) => match connection
                    .socket
                    .wait_readable(Some(engine.config.body_timeout))
                {
                    Ok(()) => continue,
                    Err(error) => error,
                },
            };
            return Err(match error.kind() {
                io::ErrorKind::TimedOut => self.fail(BodyFault::Stalled),
                io::ErrorKind::ConnectionReset => self.fail(BodyFault::EndedEarly),
                _ => error,
            });
        }
    }

    fn fail(&mut self, fault: BodyFault) -> io::Error {
        self.body = BodyState::Failed(fault);
        fault.into()
    }

    fn note_end_of_body(&mut self) {
        if self
            .connection
            .as_ref()
            .is_some_and(|connection| connection.input.is_whole())
        {
            self.body = BodyState::Whole;
            self.hand_on();
        }
    }

    /// Has the next request of the connection read already, where as many may be under way.
    fn hand_on(&mut self) {
        let (Some(turn), Some(engine)) = (&self.turn, &self.engine) else {
            return;
        };
        let goes_on = self.persistent
            && !self.may_change
            && self.body == BodyState::Whole
            && turn.under_way() < engine.config.pipelined_requests;
        if goes_on && let Some(connection) = self.connection.take() {
            engine.give_back(connection);
        }
    }

    /// Throws the rest of a body of known length away where it is short and has come already, so that the connection can go on.
    pub(crate) fn skip_body(&mut self) {
        if self.body != BodyState::Coming || self.waits_for_continue || !self.is_measured {
            return;
        }
        let Some(most) = self.engine.as_ref().map(|engine| engine.config.max_skipped) else {
            return;
        };
        let end = self.received.saturating_add(most);
        let mut buffer = [0; READ];
        // A failure is kept in the state of the body.
        while self.received < end
            && self
                .read_body(&mut buffer, false)
                .is_ok_and(|read| read > 0)
        {}
    }

    /// Waits until the replies to the requests before are out.
    pub(crate) fn wait_for_turn(&self) {
        self.turn.iter().for_each(Turn::wait);
    }

    /// Whether they are.
    pub(crate) fn has_turn(&self) -> bool {
        self.turn.as_ref().is_none_or(Turn::has_come)
    }

    /// The way to the client.
    pub(crate) fn wire<'s>(&'s self, progress: &'s dyn Progress) -> Wire<'s> {
        let engine = self.engine.as_ref();
        Wire {
            socket: &self.socket,
            progress,
            timeout: engine.map(|engine| engine.config.reply_timeout),
        }
    }

    /// Bytes that have come behind the body, of another protocol.
    pub(crate) fn take_pending(&mut self, out: &mut [u8]) -> usize {
        let Some(connection) = &mut self.connection else {
            return 0;
        };
        connection.input.take_pending(out)
    }

    /// What of the connection another thread may end.
    pub(crate) fn input(&mut self) -> Input {
        Input {
            socket: Arc::downgrade(&self.socket),
            is_ended: Arc::clone(self.is_input_ended.get_or_insert_default()),
        }
    }

    /// Ends the exchange: gives the connection back for the next request, or closes it where it cannot go on.
    pub(crate) fn finish(mut self, goes_on: bool) {
        let goes_on = goes_on && self.persistent && self.body == BodyState::Whole;
        self.end(goes_on);
    }

    /// Ends the exchange with a reply that is not whole.
    pub(crate) fn reset(mut self) {
        self.socket.reset();
        if let (Some(connection), Some(engine)) = (self.connection.take(), &self.engine) {
            engine.close(connection);
        }
    }

    fn end(&mut self, goes_on: bool) {
        let Some(connection) = self.connection.take() else {
            // The next request is being read already.
            if !goes_on && self.turn.is_some() {
                self.wait_for_turn();
                self.socket.end();
            }
            return;
        };
        let Some(engine) = &self.engine else { return };
        // Where the client itself sends nothing more, there is nothing that the end could cut off. Some send an empty line
        // behind a body.
        let is_last = !self.persistent
            && connection.input.is_whole()
            && connection.input.pending().is_empty()
            && !self.socket.has_input();
        match (goes_on, is_last) {
            (true, _) => engine.give_back(connection),
            (false, true) => engine.close(connection),
            (false, false) => engine.linger(connection),
        }
    }
}

/// Reading gives the body.
impl Read for Exchange {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.read_body(out, true)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.connection.is_some() {
            self.end(false);
        }
        if let (Some(turn), Some(engine)) = (self.turn.take(), &self.engine) {
            drop(turn);
            engine.answer_refused(self.id);
        }
    }
}

/// The input of a request's connection, for another thread.
#[derive(Clone, Debug)]
pub struct Input {
    socket: Weak<Socket>,
    is_ended: Arc<AtomicBool>,
}

impl Input {
    /// Ends it: what has not come of the request's body will not, and the reply to the request is the last of its
    /// connection, also where all of it had come. To be called before the request ends, for then the connection may have
    /// another one.
    pub fn end(&self) {
        self.is_ended.store(true, Ordering::SeqCst);
        self.socket
            .upgrade()
            .iter()
            .for_each(|socket| socket.end_input());
    }
}
