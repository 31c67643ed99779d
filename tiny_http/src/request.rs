//! A request, as the interface of tiny_http has it.
//!
//! Responsible for: what the interface promises. Not for: what a file server needs beyond it (`additions.rs`).

use std::cell::OnceCell;
use std::fmt;
use std::io::{self, BufWriter, IoSlice, Read, Write};
use std::net::SocketAddr;

use crate::encode::{End, Field, Next, Progress, Sink};
use crate::exchange::Exchange;
use crate::head::{Framing, Head};
use crate::presence::Presence;
use crate::response::upgrade_fields;
use crate::role::Refusal;
use crate::{HTTPVersion, Header, Method, Response};

/// A request of a client.
///
/// It can be handed to another thread. Dropped without a reply, it is answered with 500.
///
/// A client may send several requests at once. As many as [`Config::pipelined_requests`](crate::Config) says are handed
/// out at a time, each when the body of the one before has been read; their replies are sent in the order of the requests.
pub struct Request {
    /// None once it has been taken over, or is over.
    pub(crate) exchange: Option<Exchange>,
    pub(crate) head: Head,
    pub(crate) refusal: Option<Refusal>,
    method: Method,
    headers: OnceCell<Vec<Header>>,
    secure: bool,
    /// What became of the reply, once it was sent.
    outcome: Option<Outcome>,
    pub(crate) presence: Option<Presence>,
    /// Bytes of the reply's content that were sent.
    pub(crate) sent: u64,
}

/// What became of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It is out, and another may follow.
    GoesOn,
    /// It is out, and was the last.
    Ends,
    /// It is not whole.
    Broken,
}

impl Request {
    pub(crate) fn new(exchange: Exchange, head: Head) -> Self {
        Self {
            exchange: Some(exchange),
            refusal: None,
            // Token characters are ASCII.
            method: head.method().parse().unwrap_or(Method::Get),
            head,
            headers: OnceCell::new(),
            secure: false,
            outcome: None,
            presence: None,
            sent: 0,
        }
    }

    /// A request with a head that is refused: it has no fields and no body, and its connection ends with the reply.
    pub(crate) fn refused(exchange: Exchange, refusal: Refusal) -> Self {
        let method = refusal.method.parse().unwrap_or(Method::Get);
        let head = Head::of_parts(&method, &refusal.target, HTTPVersion(1, 1), &[]);
        let mut request = Self::new(exchange, head);
        request.refusal = Some(refusal);
        request
    }

    pub(crate) fn secured(mut self, secure: bool) -> Self {
        self.secure = secure;
        self
    }

    /// Whether it came through TLS.
    #[must_use]
    pub fn secure(&self) -> bool {
        self.secure
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The request target, as sent.
    #[must_use]
    pub fn url(&self) -> &str {
        self.head.target()
    }

    /// The header fields, in their order.
    #[must_use]
    pub fn headers(&self) -> &[Header] {
        self.headers.get_or_init(|| self.head.headers())
    }

    /// The version.
    #[must_use]
    pub fn http_version(&self) -> &HTTPVersion {
        &self.head.version
    }

    /// The length of the body in bytes, where one is declared.
    #[must_use]
    pub fn body_length(&self) -> Option<usize> {
        let declares = || {
            self.head
                .fields()
                .any(|(name, _)| name.eq_ignore_ascii_case("Content-Length"))
        };
        match self.head.framing {
            Framing::Length(length) => usize::try_from(length).ok(),
            Framing::Empty => declares().then_some(0),
            Framing::Chunked => None,
        }
    }

    /// The address of the client; none for Unix sockets.
    #[must_use]
    pub fn remote_addr(&self) -> Option<&SocketAddr> {
        self.exchange.as_ref()?.peer.as_ref()
    }

    /// The body. Where the client waits for it, the first read says `100 Continue`.
    ///
    /// Errors of reading are: `UnexpectedEof` where the connection ends before the body does, `TimedOut` where it stalls,
    /// `InvalidData` where its chunks are broken.
    pub fn as_reader(&mut self) -> &mut dyn Read {
        self
    }

    /// The connection, to which a reply is to be written as it stands. Dropped, it is flushed, and the connection goes on
    /// as the request has said.
    #[must_use]
    pub fn into_writer(mut self) -> Box<dyn Write + Send + 'static> {
        let stream = Stream::of(&mut self, Outcome::GoesOn);
        Box::new(BufWriter::new(stream))
    }

    /// Sends a reply that goes over to another protocol, and gives the connection as it is. Dropped, it is closed.
    pub fn upgrade<R: Read>(
        mut self,
        protocol: &str,
        response: Response<R>,
    ) -> Box<dyn ReadWrite + Send> {
        // What cannot be sent is found again in the stream.
        let _ = self.print(response, Some(protocol), &());
        Box::new(Stream::of(&mut self, Outcome::Ends))
    }

    /// Sends a reply. That the client has gone is no error.
    ///
    /// # Errors
    /// Those of the content's reader; that it is not as long as was told. The connection is broken off then, so that the
    /// client takes no part for the whole.
    pub fn respond<R: Read>(self, response: Response<R>) -> io::Result<()> {
        self.respond_to(response, &())
    }

    /// Sends a reply, if the client takes it at once.
    pub(crate) fn respond_at_once<R: Read>(self, response: Response<R>) -> io::Result<()> {
        self.respond_to(response, &AtOnce)
    }

    fn respond_to<R: Read>(
        mut self,
        response: Response<R>,
        progress: &dyn Progress,
    ) -> io::Result<()> {
        let printed = self.print(response, None, progress);
        let is_gone = |error: &io::Error| {
            use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut};
            matches!(
                error.kind(),
                BrokenPipe | ConnectionAborted | ConnectionReset | TimedOut
            )
        };
        printed.or_else(|error| if is_gone(&error) { Ok(()) } else { Err(error) })
    }

    fn print<R: Read>(
        &mut self,
        response: Response<R>,
        upgrade: Option<&str>,
        progress: &dyn Progress,
    ) -> io::Result<()> {
        let te = self.head.field("TE");
        let is_head = self.method == Method::Head;
        let (end, mut fields) = match upgrade {
            Some(protocol) => (End::Head, upgrade_fields(protocol)),
            None => response.framing(&self.head.version, te.as_deref(), is_head),
        };
        let goes_on = self.begin_reply(end)? && upgrade.is_none();
        if upgrade.is_none() {
            fields.extend(connection_field(goes_on, &self.head.version));
        }
        let printed = match &self.exchange {
            Some(exchange) => {
                response.print(exchange.wire(progress), &self.head.version, &fields, end)
            }
            None => Ok(()),
        };
        self.end_reply(printed, goes_on)
    }

    /// Begins a reply whose content ends so; says whether another may follow.
    pub(crate) fn begin_reply(&mut self, end: End) -> io::Result<bool> {
        let Some(exchange) = &mut self.exchange else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        exchange.skip_body();
        exchange.wait_for_turn();
        let goes_on = exchange.may_go_on() && end != End::Close;
        // As long as it is under way: what panics in it must not be followed by another head.
        self.outcome = Some(Outcome::Broken);
        Ok(goes_on)
    }

    /// Notes what became of the reply.
    pub(crate) fn end_reply(&mut self, sent: io::Result<()>, goes_on: bool) -> io::Result<()> {
        self.outcome = Some(match (&sent, goes_on) {
            (Err(_), _) => Outcome::Broken,
            (Ok(()), true) => Outcome::GoesOn,
            (Ok(()), false) => Outcome::Ends,
        });
        sent
    }

    fn end(&mut self) {
        let Some(mut exchange) = self.exchange.take() else {
            return;
        };
        exchange.count(self.sent);
        match self.outcome {
            Some(Outcome::Broken) => exchange.reset(),
            outcome => exchange.finish(outcome == Some(Outcome::GoesOn)),
        }
    }
}

/// What a reply says of the connection (RFC 9112, section 9.3): HTTP/1.1 goes on unless it is said, HTTP/1.0 does not.
pub(crate) fn connection_field(goes_on: bool, version: &HTTPVersion) -> Option<Field> {
    let option = match (goes_on, *version < (1, 1)) {
        (false, _) => "close",
        (true, true) => "keep-alive",
        (true, false) => return None,
    };
    Some(("Connection", option.to_owned()))
}

/// Nobody waits for the client.
struct AtOnce;

impl Progress for AtOnce {
    fn may_wait(&self) -> bool {
        false
    }
}

/// Reading gives the body.
impl Read for Request {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match &mut self.exchange {
            Some(exchange) => exchange.read(out),
            None => Ok(0),
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (method, url) = (self.method(), self.url());
        write!(f, "Request({method} {url} from {:?})", self.remote_addr())
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if self.exchange.is_some() && self.outcome.is_none() {
            let response = Response::empty(500);
            // Nobody can be told.
            let _ = self.print(response, None, &());
        }
        self.end();
    }
}

/// What can be read and written.
pub trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

/// A connection that is no longer HTTP, or to which its user writes HTTP.
struct Stream {
    exchange: Option<Exchange>,
    at_end: Outcome,
}

impl Stream {
    fn of(request: &mut Request, at_end: Outcome) -> Self {
        let exchange = request.exchange.take();
        Self { exchange, at_end }
    }

    fn exchange(&mut self) -> io::Result<&mut Exchange> {
        self.exchange
            .as_mut()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Read for Stream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let exchange = self.exchange()?;
        match exchange.take_pending(out) {
            0 => {}
            pending => return Ok(pending),
        }
        loop {
            match exchange.socket.receive(out) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    exchange.socket.wait_readable(None)?;
                }
                received => return received,
            }
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let exchange = self.exchange()?;
        exchange.wait_for_turn();
        let mut wire = exchange.wire(&());
        wire.send(&mut [IoSlice::new(bytes)], Next::Later)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            exchange.finish(self.at_end == Outcome::GoesOn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_may_go_to_another_thread() {
        fn check<T: Send>() {}
        check::<Request>();
    }
}
