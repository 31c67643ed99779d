//! A reply that is continued later, without a thread of its own: its head has been sent, and its
//! content is written whenever there is some, without waiting for the client.
//!
//! Responsible for: sending as much as the client takes, what is known of the client meanwhile, the
//! end of the reply. Not for: when there is something to do (`selector.rs`).

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::exchange::Exchange;
use crate::frame::Frame;
use crate::io::Peer;
use crate::presence;
use crate::reply_head::End;

/// A reply that is continued later, by any thread and without a thread meanwhile.
///
/// Its connection counts among those of the server, is not closed to make room for others, and has
/// no request after this one. Dropped before it was [finished](Detached::finish), it resets the
/// connection, so that the client does not take a part for the whole.
///
/// What the client still sends is discarded. A client that ends its half of the connection can go
/// on reading.
#[derive(Debug)]
pub struct Detached {
    /// None once the reply is over.
    exchange: Option<Exchange>,
    end: End,
    /// What is being sent, and has not been sent whole.
    frame: Option<Frame>,
    /// Bytes of content that have been sent.
    sent: u64,
    /// Bytes that the client has sent after its request.
    discarded: u64,
}

/// Why it makes no sense to continue a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientFault {
    /// The client is gone.
    Gone,
    /// It has sent more than [`Config::max_skipped`](crate::Config) bytes after its request.
    SendsTooMuch,
}

impl fmt::Display for ClientFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "the client is gone",
            Self::SendsTooMuch => "the client sends too much after its request",
        })
    }
}

impl Detached {
    /// The rest of a reply with this head, on the connection of an exchange.
    pub(crate) fn begin(mut exchange: Exchange, head: Vec<u8>, end: End) -> io::Result<Self> {
        exchange.drop_pending();
        presence::probe(&exchange.socket);
        if let Some(timeout) = exchange.reply_timeout() {
            presence::limit_unacknowledged(&exchange.socket, timeout);
        }
        let mut detached = Self {
            exchange: Some(exchange),
            end,
            frame: Some(Frame::bare(head)),
            sent: 0,
            discarded: 0,
        };
        detached.flush()?;
        Ok(detached)
    }

    /// Sends content as far as the client takes it without a wait. Returns whether that was all of
    /// it; [`flush`](Detached::flush) sends the rest.
    ///
    /// # Errors
    /// `WouldBlock` where the content before has not been sent whole: then nothing of this one is.
    /// Those of sending, after which nothing can be sent.
    pub fn send(&mut self, content: Arc<[u8]>) -> io::Result<bool> {
        if !self.flush()? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.frame = Frame::of(content, self.end);
        self.flush()
    }

    /// Goes on sending what is left, as far as the client takes it without a wait. Returns whether
    /// nothing is left.
    ///
    /// # Errors
    /// Those of sending, after which nothing can be sent.
    pub fn flush(&mut self) -> io::Result<bool> {
        let exchange = self.exchange.as_ref();
        let exchange = exchange.ok_or(io::ErrorKind::NotConnected)?;
        while let Some(frame) = &mut self.frame {
            match exchange.socket.send(&frame.rest(), false) {
                Ok(count) => self.sent += frame.advance(count) as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
            if frame.is_sent() {
                self.frame = None;
            }
        }
        Ok(true)
    }

    /// The content that has not been sent whole.
    #[must_use]
    pub fn unsent(&self) -> Option<&Arc<[u8]>> {
        self.frame.as_ref().map(Frame::content)
    }

    /// How many bytes of content have been sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Has the system keep about this many bytes at most that the client has not taken. Otherwise
    /// these may be some megabytes, as the speed of the connection suggests.
    pub fn limit_buffer(&self, bytes: usize) {
        if let Some(exchange) = &self.exchange {
            exchange.socket.limit_output(bytes);
        }
    }

    /// Why it makes no sense to go on, if so. Discards what the client has sent meanwhile.
    ///
    /// A client that has closed its connection, and has not just ended its half of it, is found out
    /// about when something is sent to it. One that vanishes is found out about after a while.
    pub fn client_fault(&mut self) -> Option<ClientFault> {
        let Some(exchange) = &mut self.exchange else {
            return Some(ClientFault::Gone);
        };
        self.discarded += exchange.discard_input();
        if self.discarded > exchange.max_skipped() {
            return Some(ClientFault::SendsTooMuch);
        }
        (exchange.socket.peer() == Peer::Gone).then_some(ClientFault::Gone)
    }

    /// Ends the reply, as a whole one. The connection is closed in the way of every last reply.
    ///
    /// # Errors
    /// `WouldBlock` where the client does not take what is left at once, and those of sending. The
    /// connection is reset then.
    pub fn finish(mut self) -> io::Result<()> {
        let mut is_sent = self.flush()?;
        if is_sent && self.end == End::LastChunk {
            self.frame = Some(Frame::bare(*b"0\r\n\r\n"));
            is_sent = self.flush()?;
        }
        if !is_sent {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if let Some(mut exchange) = self.exchange.take() {
            exchange.count(self.sent);
            exchange.finish(false);
        }
        Ok(())
    }

    /// The connection.
    pub(crate) fn exchange(&self) -> Option<&Exchange> {
        self.exchange.as_ref()
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        if let Some(mut exchange) = self.exchange.take() {
            exchange.count(self.sent);
            exchange.reset();
        }
    }
}
