//! One request and its reply on a connection.
//!
//! Responsible for: when the body is received and the reply sent, whether and how the connection
//! goes on after the reply. Not for: what is asked and what is replied.

use std::io::{self, IoSlice, Read};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::body::{Body, BodyFault};
use crate::connection::Connection;
use crate::decode::Decoder;
use crate::engine::Engine;
use crate::head::{Framing, Head};
use crate::io::{READ_SIZE, Socket};
use crate::lifecycle;
use crate::parser::Parser;
use crate::pipe::Pipe;
use crate::pipeline::ReplySlot;
use crate::presence::Presence;
use crate::wire::{CONTINUE, Next, Progress, Sink as _, Wire};

/// A request that was handed out. Dropped without [`Exchange::finish`], it closes its connection.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// None in tests.
    engine: Option<Arc<Engine>>,
    pub(crate) socket: Arc<Socket>,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) id: u64,
    /// The connection, unless the next request is being read from it already.
    connection: Option<Box<Connection>>,
    /// The place of the reply, where several requests of the connection may be in flight.
    slot: Option<ReplySlot>,
    body: Body,
    /// Whether the client waits for `100 Continue` before it sends the body.
    waits_for_continue: bool,
    /// Whether the client accepts another reply on the connection.
    persistent: bool,
    /// Whether what follows the request may be another protocol.
    offers_upgrade: bool,
    /// Whether the length of the body is declared; that of a chunked body is not known beforehand.
    has_length: bool,
    /// Once another thread may end the input: whether it has.
    is_input_ended: Option<Arc<AtomicBool>>,
    /// Once it was asked whether the client is gone.
    presence: Option<Presence>,
}

impl Exchange {
    /// The exchange that begins with a head.
    pub(crate) fn new(engine: &Arc<Engine>, connection: Box<Connection>, head: &Head) -> Self {
        let mut exchange = Self::refused(engine, connection);
        exchange.persistent = head.persistent;
        exchange.offers_upgrade = head.offers_upgrade;
        exchange.waits_for_continue = head.expects_continue;
        exchange.has_length = head.framing != Framing::Chunked;
        if head.framing != Framing::Empty {
            exchange.body = Body::coming(Some(engine.config.body_timeout));
        }
        exchange.release_early();
        exchange
    }

    /// The exchange that begins with a head that is refused: it has no body, and nothing follows
    /// it.
    pub(crate) fn refused(engine: &Arc<Engine>, connection: Box<Connection>) -> Self {
        let mut exchange = Self::on(connection);
        exchange.engine = Some(Arc::clone(engine));
        exchange
    }

    /// An exchange without a client, for tests: the body is given, and the reply is dropped.
    pub(crate) fn of_body(body: &[u8], peer: SocketAddr, decoder: Decoder) -> Self {
        let input = Parser::of_body(body, decoder);
        let connection = Connection::new(0, 0, Socket::Nowhere, None, input);
        let mut exchange = Self::on(connection);
        exchange.peer = Some(peer);
        exchange.body = Body::coming(None);
        exchange
    }

    fn on(connection: Box<Connection>) -> Self {
        Self {
            engine: None,
            socket: Arc::clone(&connection.socket),
            peer: connection.peer,
            id: connection.id,
            slot: connection.pipeline.as_ref().map(|pipeline| pipeline.add()),
            connection: Some(connection),
            body: Body::empty(),
            waits_for_continue: false,
            persistent: false,
            offers_upgrade: false,
            has_length: false,
            is_input_ended: None,
            presence: None,
        }
    }

    /// Counts a request of the connection, and the bytes of content that were sent in reply to it.
    pub(crate) fn count(&mut self, sent: u64) {
        if let Some(connection) = &mut self.connection {
            connection.counts.requests += 1;
            connection.counts.sent += sent;
        }
    }

    /// Why reading the body has failed, if it has.
    pub(crate) fn body_fault(&self) -> Option<BodyFault> {
        self.body.fault()
    }

    /// How many bytes of the body have been taken.
    pub(crate) fn received(&self) -> u64 {
        self.body.received()
    }

    /// Whether another request may follow on this connection.
    pub(crate) fn may_go_on(&self) -> bool {
        // Where the next request has been read already, it is to be answered even by a server that
        // stops.
        let engine = self.connection.as_ref().and(self.engine.as_ref());
        let is_stopping = engine.is_some_and(|engine| engine.is_stopping());
        let is_ended = self.is_input_ended.as_ref();
        let is_ended = is_ended.is_some_and(|is_ended| is_ended.load(Ordering::SeqCst));
        self.persistent && self.body.is_whole() && !is_stopping && !is_ended
    }

    /// Reads what comes next of the body, and with `waits` waits for it. The first call sends
    /// `100 Continue` to a client that waits for it.
    pub(crate) fn read_body(&mut self, out: &mut [u8], waits: bool) -> io::Result<usize> {
        if !out.is_empty() {
            self.invite_body()?;
        }
        self.receive_body(|body, connection| body.read(connection, out, waits))
    }

    /// Reads what has come of the body, without waiting. A client that waits for `100 Continue`
    /// goes on waiting.
    pub(crate) fn read_ready(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.waits_for_continue {
            true => Err(io::ErrorKind::WouldBlock.into()),
            false => self.read_body(out, false),
        }
    }

    /// Moves what comes next of the body into a pipe that is empty, and returns how many bytes that
    /// were; 0 at the end.
    pub(crate) fn fill(&mut self, pipe: &mut Pipe) -> io::Result<usize> {
        self.invite_body()?;
        self.receive_body(|body, connection| body.fill(connection, pipe))
    }

    fn receive_body(
        &mut self,
        receive: impl FnOnce(&mut Body, &mut Connection) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let Some(connection) = &mut self.connection else {
            return Ok(0);
        };
        let was_coming = self.body.is_coming();
        let received = receive(&mut self.body, connection);
        if was_coming && self.body.is_whole() {
            self.release_early();
        }
        received
    }

    /// Tells a client that waits for it to send the body.
    fn invite_body(&mut self) -> io::Result<()> {
        if !self.body.is_coming() || !std::mem::take(&mut self.waits_for_continue) {
            return Ok(());
        }
        self.wait_for_replies_before();
        let sent = self
            .wire(&())
            .send(&mut [IoSlice::new(CONTINUE)], Next::Later);
        sent.map_err(|_| {
            // Otherwise the client would wait for the response, and the server for the body.
            self.socket.end();
            self.body.fail(BodyFault::EndedEarly)
        })
    }

    /// Gives the connection back for its next request before the reply to this one is sent, if one
    /// more request may be in flight.
    fn release_early(&mut self) {
        let (Some(slot), Some(engine)) = (&self.slot, &self.engine) else {
            return;
        };
        let goes_on = self.persistent
            && !self.offers_upgrade
            && self.body.is_whole()
            && slot.in_flight() < engine.config.pipelined_requests;
        if goes_on && let Some(connection) = self.connection.take() {
            lifecycle::give_back(engine, connection);
        }
    }

    /// Discards the rest of a body of declared length where it is short and has come already, so
    /// that the connection can go on.
    pub(crate) fn skip_body(&mut self) {
        if !self.body.is_coming() || self.waits_for_continue || !self.has_length {
            return;
        }
        let end = self.received().saturating_add(self.max_skipped());
        let mut buffer = [0; READ_SIZE];
        // The body remembers an error.
        while self.received() < end
            && self
                .read_body(&mut buffer, false)
                .is_ok_and(|read| read > 0)
        {}
    }

    /// The most that is discarded of what the client sends and nothing reads, in bytes.
    pub(crate) fn max_skipped(&self) -> u64 {
        let engine = self.engine.as_ref();
        engine.map_or(0, |engine| engine.config.max_skipped)
    }

    /// Drops what has been received after the request. No other request follows.
    pub(crate) fn drop_pending(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.input.end();
        }
    }

    /// Discards what has come on the connection, unless the next request is being read from it.
    /// Returns how many bytes that were.
    pub(crate) fn discard_input(&mut self) -> u64 {
        let Some(connection) = &mut self.connection else {
            return 0;
        };
        let count = self.socket.discard().0 as u64;
        connection.counts.received += count;
        count
    }

    /// Waits until the replies to the requests before are over.
    pub(crate) fn wait_for_replies_before(&self) {
        self.slot.iter().for_each(ReplySlot::wait);
    }

    /// Whether the client is known to be gone.
    pub(crate) fn is_client_gone(&mut self, is_http10: bool) -> bool {
        // Finding out may send an interim response, which must not get into another reply.
        if self.slot.as_ref().is_some_and(|slot| !slot.is_next()) {
            return false;
        }
        let begin = || Presence::of(&self.socket);
        let presence = self.presence.get_or_insert_with(begin);
        presence.is_gone(&self.socket, is_http10)
    }

    /// The connection to the client, for the reply.
    pub(crate) fn wire<'s>(&'s self, progress: &'s dyn Progress) -> Wire<'s> {
        Wire {
            socket: &self.socket,
            progress,
            timeout: self.reply_timeout(),
        }
    }

    /// How long the client may accept nothing of a reply.
    pub(crate) fn reply_timeout(&self) -> Option<Duration> {
        let engine = self.engine.as_ref();
        engine.map(|engine| engine.config.reply_timeout)
    }

    /// Copies bytes that have come after the body, of another protocol.
    pub(crate) fn take_pending(&mut self, out: &mut [u8]) -> usize {
        let connection = self.connection.as_mut();
        connection.map_or(0, |connection| connection.input.take_pending(out))
    }

    /// What another thread may end of the connection.
    pub(crate) fn input(&mut self) -> Input {
        Input {
            socket: Arc::downgrade(&self.socket),
            is_ended: Arc::clone(self.is_input_ended.get_or_insert_default()),
        }
    }

    /// Ends the exchange: gives the connection back for the next request, or closes it where it
    /// cannot go on.
    pub(crate) fn finish(mut self, goes_on: bool) {
        let goes_on = goes_on && self.persistent && self.body.is_whole();
        self.end(goes_on);
    }

    /// Ends the exchange with a reply that is not whole.
    pub(crate) fn reset(mut self) {
        self.socket.reset();
        if let (Some(connection), Some(engine)) = (self.connection.take(), &self.engine) {
            lifecycle::close(engine, connection);
        }
    }

    fn end(&mut self, goes_on: bool) {
        let Some(connection) = self.connection.take() else {
            // The next request is being read already.
            if !goes_on && self.slot.is_some() {
                self.wait_for_replies_before();
                self.socket.end();
            }
            return;
        };
        let Some(engine) = &self.engine else { return };
        // Where the client sends nothing more, closing cuts nothing off. Some clients send an empty
        // line after a body.
        let is_client_done = !self.persistent
            && connection.input.is_whole()
            && connection.input.pending().is_empty()
            && !self.socket.has_input();
        match (goes_on, is_client_done) {
            (true, _) => lifecycle::give_back(engine, connection),
            (false, true) => lifecycle::close(engine, connection),
            (false, false) => lifecycle::linger(engine, connection),
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
        if let (Some(slot), Some(engine)) = (self.slot.take(), &self.engine) {
            drop(slot);
            lifecycle::release_refused(engine, self.id);
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
    /// Ends it: nothing more of the request's body comes, and the reply to the request is the last
    /// of its connection, even where the whole body has come. To be called before the request ends,
    /// because the connection may have another request then.
    pub fn end(&self) {
        self.is_ended.store(true, Ordering::SeqCst);
        if let Some(socket) = self.socket.upgrade() {
            socket.end_input();
        }
    }
}
