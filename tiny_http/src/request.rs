//! A request, as the interface of tiny_http has it, with the additions to that.
//!
//! Responsible for: what the interface promises, and what becomes of the reply. Not for: how bodies
//! and replies are transferred (`exchange.rs`, `response.rs`, `reply.rs`).

use std::cell::OnceCell;
use std::fmt;
use std::io::{self, BufWriter, Read, Write};
use std::net::SocketAddr;

use crate::body::BodyFault;
use crate::detached::Detached;
use crate::exchange::{Exchange, Input};
use crate::head::Head;
use crate::header::Header;
use crate::io::is_disconnect;
use crate::method::{HTTPVersion, Method};
use crate::pipe::Pipe;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::reply_head::{self, End, connection_field, date, upgrade_fields};
use crate::response::Response;
use crate::status::StatusCode;
use crate::stream::{ReadWrite, Stream};
use crate::wire::{Progress, WithoutWaiting};

/// A request of a client.
///
/// It can be moved to another thread. Dropped without a reply, it is answered with 500.
///
/// A client may send several requests at once. At most
/// [`Config::pipelined_requests`](crate::Config) are handed out at a time, each when the body of
/// the one before has been read; their replies are sent in the order of the requests.
pub struct Request {
    /// None once the connection was given to the program, or the request is over.
    exchange: Option<Exchange>,
    head: Head,
    refusal: Option<Refusal>,
    method: Method,
    headers: OnceCell<Vec<Header>>,
    secure: bool,
    /// What became of the reply, once it was begun.
    outcome: Option<Outcome>,
    /// Bytes of the reply's content that were sent.
    sent: u64,
}

/// What became of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It was sent, and another may follow.
    GoesOn,
    /// It was sent, and is the last.
    Ends,
    /// It was not sent completely.
    Broken,
}

impl Request {
    pub(crate) fn new(exchange: Exchange, head: Head) -> Self {
        Self {
            exchange: Some(exchange),
            refusal: None,
            // A token is ASCII, so this does not fail.
            method: head.method().parse().unwrap_or(Method::Get),
            head,
            headers: OnceCell::new(),
            secure: false,
            outcome: None,
            sent: 0,
        }
    }

    /// A request with a head that is refused: it has no fields and no body, and its connection ends
    /// with the reply.
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
        self.head.body_length()
    }

    /// The address of the client; none for Unix sockets.
    #[must_use]
    pub fn remote_addr(&self) -> Option<&SocketAddr> {
        self.exchange.as_ref()?.peer.as_ref()
    }

    /// The body. The first read sends `100 Continue` to a client that waits for it.
    ///
    /// The errors of reading are `UnexpectedEof` where the connection ends before the body does,
    /// `TimedOut` where the body stalls, `InvalidData` where its chunks are malformed.
    pub fn as_reader(&mut self) -> &mut dyn Read {
        self
    }

    /// The connection, to which the program writes the reply itself. When it is dropped, it is
    /// flushed, and the connection goes on as the request has asked for.
    #[must_use]
    pub fn into_writer(mut self) -> Box<dyn Write + Send + 'static> {
        let stream = Stream::new(self.exchange.take(), true);
        Box::new(BufWriter::new(stream))
    }

    /// Sends a reply that switches to another protocol, and returns the connection. It is closed
    /// when it is dropped.
    pub fn upgrade<R: Read>(
        mut self,
        protocol: &str,
        response: Response<R>,
    ) -> Box<dyn ReadWrite + Send> {
        // An error shows again in the stream.
        let _ = self.print(response, Some(protocol), &());
        Box::new(Stream::new(self.exchange.take(), false))
    }

    /// Sends a reply. It is no error that the client has gone.
    ///
    /// # Errors
    /// Those of the content's reader; that the content is shorter than declared. The connection is
    /// reset then, so that the client does not take a part for the whole.
    pub fn respond<R: Read>(self, response: Response<R>) -> io::Result<()> {
        self.respond_to(response, &())
    }

    /// Sends a reply, unless that would have to wait for the client.
    pub(crate) fn respond_at_once<R: Read>(self, response: Response<R>) -> io::Result<()> {
        self.respond_to(response, &WithoutWaiting)
    }
}

/// Additions to the interface of tiny_http.
impl Request {
    /// The head: its fields without a copy, its framing.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Why the head is refused, if it is. See [`Config::hands_out_refusals`](crate::Config).
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    /// The number of the connection. No other connection of the server has it.
    #[must_use]
    pub fn connection_id(&self) -> u64 {
        self.exchange.as_ref().map_or(0, |exchange| exchange.id)
    }

    /// Why reading the body has failed, if it has.
    #[must_use]
    pub fn body_fault(&self) -> Option<BodyFault> {
        self.exchange.as_ref()?.body_fault()
    }

    /// Bytes of the body that have been read, and bytes of the reply's content that have been sent.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let received = self.exchange.as_ref().map_or(0, Exchange::received);
        (received, self.sent)
    }

    /// What another thread may end of the connection: its input.
    #[must_use]
    pub fn input(&mut self) -> Option<Input> {
        self.exchange.as_mut().map(Exchange::input)
    }

    /// Whether the client is known to be gone, so that a reply has no recipient. To be called
    /// repeatedly while a reply is made that takes long. It is not known as long as replies to
    /// earlier requests of the connection are under way.
    pub fn is_client_gone(&mut self) -> bool {
        let is_http10 = self.head.version < (1, 1);
        let exchange = self.exchange.as_mut();
        exchange.is_none_or(|exchange| exchange.is_client_gone(is_http10))
    }

    /// Reads what has come of the body, without waiting for more; 0 at its end.
    ///
    /// # Errors
    /// Those of [`as_reader`](Request::as_reader); `WouldBlock` where nothing has come, or the
    /// client waits for `100 Continue`.
    pub fn read_ready(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match &mut self.exchange {
            Some(exchange) => exchange.read_ready(out),
            None => Ok(0),
        }
    }

    /// Moves what comes next of the body into a pipe that is empty, without a copy in the program,
    /// and returns how many bytes that were; 0 at its end.
    ///
    /// # Errors
    /// Those of [`as_reader`](Request::as_reader), for which [`body_fault`](Request::body_fault) is
    /// set.
    pub fn fill(&mut self, pipe: &mut Pipe) -> io::Result<usize> {
        match &mut self.exchange {
            Some(exchange) => exchange.fill(pipe),
            None => Ok(0),
        }
    }

    /// Sends a reply. When the request is dropped, its connection goes on, or ends.
    ///
    /// # Errors
    /// Those of the content and of sending; `WouldBlock` where the [`Progress`] refuses to wait for
    /// the client. The connection is reset then.
    pub fn send(&mut self, reply: Reply<'_>, progress: &dyn Progress) -> io::Result<()> {
        let version = &self.head.version;
        let (end, mut own) = reply.framing(version, self.method == Method::Head);
        let goes_on = self.begin_reply(end)? && !reply.closes;
        own.push(("Date", date()));
        own.extend(connection_field(goes_on, &self.head.version));
        let Some(exchange) = &self.exchange else {
            return Ok(());
        };
        let sent = reply.write(exchange.wire(progress), &own, end, &mut self.sent);
        self.end_reply(sent, goes_on)
    }

    /// The exchange with the client; none once it is over.
    pub(crate) fn exchange(&self) -> Option<&Exchange> {
        self.exchange.as_ref()
    }

    /// Sends the head of a reply whose content comes later, and puts the request aside: it needs no
    /// thread until there is content. This does not wait for the client. The reply is the last of
    /// its connection, also where [`Config::pipelined_requests`](crate::Config) allows others and a
    /// later request has been handed out: that one cannot be answered. To a HEAD request, no
    /// content is sent.
    ///
    /// # Errors
    /// Those of sending. The connection is reset then.
    pub fn detach(mut self, status: StatusCode, fields: &[(&str, &str)]) -> io::Result<Detached> {
        let version = &self.head.version;
        let is_head = self.method == Method::Head;
        let (end, mut own) = reply_head::framing(status, None, *version > (1, 0), is_head);
        own.push(("Date", date()));
        own.extend(connection_field(false, version));
        self.begin_reply(end)?;
        let own = own.iter().map(|(name, value)| (*name, value.as_str()));
        let fields = fields.iter().copied().chain(own);
        let head = reply_head::head(&HTTPVersion(1, 1), status, fields);
        let exchange = self.exchange.take();
        Detached::begin(exchange.ok_or(io::ErrorKind::NotConnected)?, head, end)
    }
}

/// From the beginning of a reply to the end of the request.
impl Request {
    fn respond_to<R: Read>(
        mut self,
        response: Response<R>,
        progress: &dyn Progress,
    ) -> io::Result<()> {
        let printed = self.print(response, None, progress);
        printed.or_else(|error| {
            if is_disconnect(&error) {
                Ok(())
            } else {
                Err(error)
            }
        })
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

    /// Begins a reply whose content ends like this; returns whether another may follow.
    fn begin_reply(&mut self, end: End) -> io::Result<bool> {
        let Some(exchange) = &mut self.exchange else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        exchange.skip_body();
        exchange.wait_for_replies_before();
        let goes_on = exchange.may_go_on() && end != End::Close;
        // Until it has been sent: no second reply may follow a part of one where the program
        // panics.
        self.outcome = Some(Outcome::Broken);
        Ok(goes_on)
    }

    /// Notes what became of the reply.
    fn end_reply(&mut self, sent: io::Result<()>, goes_on: bool) -> io::Result<()> {
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
            // There is no caller to return an error to.
            let _ = self.print(response, None, &());
        }
        self.end();
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
