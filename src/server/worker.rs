//! One request from first byte to last: take it up, carry it out, send the reply, log it.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::SystemTime;

use super::Shared;
use super::asked::Asked;
use super::request::Metered;
use super::slots::Slot;
use super::transfer::Transfer;
use crate::api::{self, Content, Error, Reply, Request, Sink, Store};
use crate::guard::{self, Exchange, Occupied, Outgoing};
use crate::http::accept;
use crate::http::admission;
use crate::http::date::imf_fixdate;
use crate::http::head::{browser_protection, response_head};
use crate::http::hosts::Hosts;
use crate::http::problem::Format;
use crate::http::route::{Operation, route};

/// 411 (RFC 9110, section 15.5.12).
const LENGTH_REQUIRED: u16 = 411;

/// A request for a worker.
pub(super) struct Job {
    request: tiny_http::Request,
    /// Without one, only a health check is carried out, and anything else refused as too much.
    slot: Option<Slot>,
}

impl Job {
    pub(super) fn admitted(request: tiny_http::Request, slot: Slot) -> Self {
        let slot = Some(slot);
        Self { request, slot }
    }

    pub(super) fn refused(request: tiny_http::Request) -> Self {
        let slot = None;
        Self { request, slot }
    }

    /// The same request, refused after all.
    pub(super) fn without_slot(self) -> Self {
        Self::refused(self.request)
    }

    /// Whether it asks for health, which it takes a look at the disk to answer, slot or none.
    pub(super) fn is_health_check(&self) -> bool {
        guard::wanted(&self.request)
            .is_some_and(|(method, target)| route(&method, &target) == Ok(Operation::Health))
    }

    /// Closes the connection without a reply.
    pub(super) fn drop_connection(self) {
        drop(Exchange::begin(self.request));
    }
}

/// What it takes to serve a request.
pub(super) struct Worker {
    shared: Arc<Shared>,
    /// The hosts that requests may name.
    hosts: Arc<Hosts>,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, hosts: Arc<Hosts>) -> Self {
        Self { shared, hosts }
    }

    /// Serves a request. Nothing that a client does, and no panic of a handler, goes beyond it.
    pub(super) fn serve(&self, job: Job) {
        let Job { request, slot } = job;
        let Some(mut exchange) = Exchange::begin(request) else {
            return;
        };
        let routed = look_up(&exchange);
        let is_head = exchange.method() == "HEAD";
        let asked = Asked::of(
            &exchange,
            routed.as_ref().ok(),
            &self.shared.trusted_proxies,
        );
        let transfers = &self.shared.transfers;
        let transfer = transfers.begin(Arc::clone(exchange.client()), asked);
        let operation = self.admit(&exchange, routed.as_ref().ok()).and(routed);
        let remark = match operation.as_ref().is_ok_and(Operation::takes_content) {
            true => remark(&exchange),
            false => None,
        };
        let outcome = operation.and_then(|operation| {
            let mut request = Metered::new(&mut exchange, &transfer, &self.shared);
            self.carry_out(&operation, slot.is_some(), &mut request)
        });
        let (reply, mut cause) = match outcome {
            Ok(reply) => (reply, remark.map(str::to_owned)),
            Err(error) => {
                if error.has_room_without_uploads() {
                    self.shared.make_room();
                }
                let accept = exchange.header("Accept");
                let format = Format::accepted(accept.as_deref());
                (error.reply(format), Some(error.cause()))
            }
        };
        let status = reply.status;
        let Outcome {
            head,
            content,
            goes_on,
        } = self.outcome(&mut exchange, reply, is_head);
        let (received, _) = exchange.counts();
        let place = Place {
            slot,
            transfer: &transfer,
            received,
        };
        let sent = send(&mut exchange, &head, content, &place);
        place.may_end();
        let (received, content_sent) = exchange.counts();
        transfer.count(received, content_sent);
        if let Err(error) = &sent {
            cause.get_or_insert_with(|| format!("the reply was not sent whole: {error}"));
        }
        transfers.end(&transfer, status, cause.as_deref());
        // Where the server has begun to stop since the head went out, the next request of the connection is still told.
        exchange.finish(sent.is_ok() && goes_on);
    }

    /// Refuses a request whose head speaks against it. `operation` is the one that is carried out in the end: health is open to
    /// all, the page at the same address is not.
    fn admit(&self, exchange: &Exchange, operation: Option<&Operation>) -> Result<(), Error> {
        match exchange.head() {
            Ok(head) => admission::check(head, operation, &self.hosts).map_err(Error::Refused),
            Err(refused) => Err(Error::Head(refused.fault)),
        }
    }

    fn carry_out(
        &self,
        operation: &Operation,
        is_admitted: bool,
        request: &mut dyn Request,
    ) -> Result<Reply<'_>, Error> {
        if *operation != Operation::Health {
            if self.shared.is_stopping() {
                return Err(Error::Stopping);
            }
            if !is_admitted {
                return Err(Error::Busy);
            }
        }
        let store = Store {
            root: &self.shared.root,
            max_upload: self.shared.max_upload,
            memory: &self.shared.memory,
        };
        unless_it_panics(|| api::handle(store, operation, request))
    }

    /// The head of a reply, and what is to be sent behind it.
    fn outcome<'s>(&self, exchange: &mut Exchange, reply: Reply<'s>, is_head: bool) -> Outcome<'s> {
        exchange.skip_pending_body();
        let mut fields = reply.fields;
        fields.extend(browser_protection());
        let is_of_unknown_length = matches!(reply.content, Content::Stream { length: None, .. });
        let length = reply.content.length().map(|length| length.to_string());
        fields.extend(length.map(|length| ("Content-Length", length.into())));
        if is_of_unknown_length && !exchange.is_http10() {
            fields.push(("Transfer-Encoding", "chunked".into()));
        }
        fields.extend(imf_fixdate(SystemTime::now()).map(|date| ("Date", date.into())));
        // A client that knows no chunks takes the end of the connection for the end of a stream.
        let goes_on = exchange.may_go_on()
            && !self.shared.is_stopping()
            && !(is_of_unknown_length && exchange.is_http10())
            // What follows may be the body.
            && reply.status != LENGTH_REQUIRED;
        if !goes_on {
            fields.push(("Connection", "close".into()));
        } else if exchange.is_http10() {
            fields.push(("Connection", "keep-alive".into()));
        }
        Outcome {
            head: response_head(reply.status, &fields),
            content: if is_head {
                Content::None
            } else {
                reply.content
            },
            goes_on,
        }
    }
}

/// What the log says of a request that is carried out although it leaves something open.
fn remark(exchange: &Exchange) -> Option<&'static str> {
    let is_without_length = exchange.head().is_ok_and(admission::is_without_length);
    is_without_length.then_some("it came without a length, its body was taken for empty")
}

/// The operation that a request asks for.
fn look_up(exchange: &Exchange) -> Result<Operation, Error> {
    let head = exchange
        .head()
        .map_err(|refused| Error::Head(refused.fault))?;
    let accept = head.field("Accept");
    let operation = route(head.method(), head.target()).map_err(Error::Route)?;
    Ok(
        match accept::choose(accept.as_deref(), "text/plain", &["text/html"]) {
            "text/html" => operation.with_pages(head.target()),
            _ => operation,
        },
    )
}

/// A reply that is ready to be sent.
struct Outcome<'s> {
    head: Vec<u8>,
    content: Content<'s>,
    /// Whether another request may follow on the connection.
    goes_on: bool,
}

/// What a handler comes to; a panic of it is an error like another.
fn unless_it_panics<T>(handler: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(handler)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Error::Panic(text.unwrap_or_default()))
    })
}

/// What a transfer occupies while its reply is sent.
struct Place<'s> {
    slot: Option<Slot>,
    transfer: &'s Transfer,
    received: u64,
}

impl Occupied for Place<'_> {
    fn has_sent(&self, content: u64) {
        self.transfer.count(self.received, content);
    }

    fn may_end(&self) {
        self.slot.iter().for_each(|slot| slot.set_ending(true));
    }

    /// One that was refused has no slot to wait with.
    fn may_wait(&self) -> bool {
        self.slot.iter().for_each(|slot| slot.set_ending(false));
        self.slot.is_some()
    }
}

/// Sends a reply.
fn send(
    exchange: &mut Exchange,
    head: &[u8],
    content: Content<'_>,
    place: &Place<'_>,
) -> io::Result<()> {
    match content {
        Content::None => exchange.send(head, &[], place),
        Content::Bytes(bytes) => exchange.send(head, &bytes, place),
        Content::File { file, part } => exchange.send_file(head, (&file, part), place),
        Content::Stream { length, write } => {
            exchange.send_stream(head, length, place, |outgoing| {
                let mut flow = Flow {
                    outgoing,
                    transfer: place.transfer,
                    received: place.received,
                };
                let written = unless_it_panics(|| Ok(write(&mut flow)));
                written.unwrap_or_else(|panic| Err(io::Error::other(panic.cause())))
            })
        }
    }
}

/// A stream that keeps the count of its transfer.
struct Flow<'f, 's> {
    outgoing: &'f mut Outgoing<'s>,
    transfer: &'f Transfer,
    received: u64,
}

impl Write for Flow<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.outgoing.write(bytes)?;
        self.transfer.count(self.received, self.outgoing.sent());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.outgoing.flush()
    }
}

impl Sink for Flow<'_, '_> {
    fn write_file(&mut self, file: &File, part: Range<u64>) -> io::Result<()> {
        let before = self.outgoing.sent();
        self.outgoing.write_file(file, part, &mut |sent| {
            self.transfer.count(self.received, before + sent);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_a_handler_is_an_error_of_its_request() {
        let none: [u8; 0] = [];
        for (handler, cause) in [
            (
                (|| panic!("on purpose")) as fn() -> Result<Reply<'static>, Error>,
                "panic: on purpose",
            ),
            (|| panic!("{}", "formatted".to_owned()), "panic: formatted"),
        ] {
            let outcome = unless_it_panics(handler);
            let error = outcome.err().map(|error| (error.status(), error.cause()));
            assert_eq!(error, Some((500, cause.to_owned())));
        }
        assert!(unless_it_panics(|| Ok(Reply::text(none))).is_ok());
    }
}
