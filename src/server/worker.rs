//! One request from first byte to last: take it up, carry it out, send the reply, log it.

use std::io::{self, Read};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::SystemTime;

use super::Shared;
use super::slots::{Slot, Slots};
use super::transfer::Transfer;
use crate::api::{self, Body, Content, Error, Reply, Store};
use crate::guard::{Exchange, LAST_STEP};
use crate::http::date::imf_fixdate;
use crate::http::framing::BodyFault;
use crate::http::head::response_head;
use crate::http::problem::Format;
use crate::http::route::{Operation, route};

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

    /// Closes the connection without a reply.
    pub(super) fn drop_connection(self) {
        drop(Exchange::begin(self.request));
    }
}

/// What it takes to serve a request.
pub(super) struct Worker {
    shared: Arc<Shared>,
    slots: Arc<Slots>,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, slots: Arc<Slots>) -> Self {
        Self { shared, slots }
    }

    /// Serves a request. Nothing that a client does, and no panic of a handler, goes beyond it.
    pub(super) fn serve(&self, job: Job) {
        let Job { request, slot } = job;
        let Some(mut exchange) = Exchange::begin(request) else {
            return;
        };
        let (method, target) = (exchange.method(), exchange.target());
        let operation = match exchange.refusal() {
            Some(refusal) => Err(Error::Head(refusal.fault)),
            None => route(&method, &target).map_err(Error::Route),
        };
        let name = match operation.as_ref().map(Operation::name) {
            Ok(Some(name)) => name.to_string(),
            Ok(None) | Err(_) => target,
        };
        let is_head = method == "HEAD";
        let transfers = &self.shared.transfers;
        let transfer = transfers.begin(exchange.client(), method, name);
        let outcome = operation.and_then(|operation| {
            self.carry_out(&operation, slot.is_some(), &mut exchange, &transfer)
        });
        let (reply, mut cause) = match outcome {
            Ok(reply) => (reply, None),
            Err(error) => {
                let accept = exchange.header("Accept");
                let format = Format::accepted(accept.as_deref());
                (error.reply(format), Some(error.cause()))
            }
        };
        let status = reply.status;
        let (head, content) = self.head(&mut exchange, reply, is_head);
        let mut place = Place {
            slots: &self.slots,
            address: exchange.client().ip().to_canonical(),
            was_admitted: slot.is_some(),
            slot,
        };
        let sent = send(&mut exchange, &head, content, &transfer, &mut place);
        let (received, content_sent) = exchange.counts();
        transfer.count(received, content_sent);
        if let Err(error) = &sent {
            cause.get_or_insert_with(|| format!("the reply was not sent whole: {error}"));
        }
        transfers.end(&transfer, status, cause.as_deref());
        exchange.finish(sent.is_ok() && !self.shared.is_stopping());
    }

    fn carry_out(
        &self,
        operation: &Operation,
        is_admitted: bool,
        exchange: &mut Exchange,
        transfer: &Transfer,
    ) -> Result<Reply, Error> {
        if *operation != Operation::Health {
            if self.shared.is_stopping() {
                return Err(Error::Stopping);
            }
            if !is_admitted {
                return Err(Error::Busy);
            }
        }
        let mut body = Metered { exchange, transfer };
        let store = Store {
            root: &self.shared.root,
            max_upload: self.shared.max_upload,
        };
        unless_it_panics(|| api::handle(store, operation, &mut body))
    }

    /// The head of a reply, and what is to be sent behind it.
    fn head(&self, exchange: &mut Exchange, reply: Reply, is_head: bool) -> (Vec<u8>, Content) {
        exchange.skip_pending_body();
        let mut fields = reply.fields;
        fields.push(("Content-Length", reply.content.length().to_string()));
        fields.extend(imf_fixdate(SystemTime::now()).map(|date| ("Date", date)));
        if !exchange.may_go_on() || self.shared.is_stopping() {
            fields.push(("Connection", "close".to_owned()));
        } else if exchange.is_http10() {
            fields.push(("Connection", "keep-alive".to_owned()));
        }
        let content = if is_head {
            Content::Bytes(Vec::new())
        } else {
            reply.content
        };
        (response_head(reply.status, &fields), content)
    }
}

/// What a handler comes to; a panic of it is an error like another.
fn unless_it_panics(handler: impl FnOnce() -> Result<Reply, Error>) -> Result<Reply, Error> {
    catch_unwind(AssertUnwindSafe(handler)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Error::Panic(text.unwrap_or_default()))
    })
}

/// The slot of a transfer while its reply is sent.
struct Place<'s> {
    slots: &'s Arc<Slots>,
    address: IpAddr,
    was_admitted: bool,
    slot: Option<Slot>,
}

impl Place<'_> {
    /// Gives the slot back: the next write may be the last.
    fn give_back(&mut self) {
        self.slot = None;
    }

    /// Takes a slot again, for a client that does not take its reply at once. One that was refused gets none.
    fn take_back(&mut self) -> bool {
        if self.was_admitted && self.slot.is_none() {
            self.slot = self.slots.take(self.address);
        }
        self.slot.is_some()
    }
}

/// Sends a reply.
fn send(
    exchange: &mut Exchange,
    head: &[u8],
    content: Content,
    transfer: &Transfer,
    place: &mut Place<'_>,
) -> io::Result<()> {
    match in_memory_if_short(content)? {
        Content::Bytes(bytes) => {
            place.give_back();
            exchange.send(head, &bytes, &mut || place.take_back())
        }
        Content::File { file, length } => {
            let (received, _) = exchange.counts();
            exchange.send_file(head, &file, length, &mut |sent| {
                transfer.count(received, sent);
                if length - sent <= LAST_STEP {
                    place.give_back();
                }
            })
        }
    }
}

/// Reads a file that is to leave in one write with its head.
fn in_memory_if_short(content: Content) -> io::Result<Content> {
    match content {
        Content::File { file, length } if length <= LAST_STEP => {
            let mut bytes = Vec::new();
            file.take(length).read_to_end(&mut bytes)?;
            // A file that has become shorter meanwhile.
            if bytes.len() as u64 != length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok(Content::Bytes(bytes))
        }
        other => Ok(other),
    }
}

/// A body that keeps the count of its transfer.
struct Metered<'e> {
    exchange: &'e mut Exchange,
    transfer: &'e Transfer,
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.exchange.read(buffer)?;
        let (received, sent) = self.exchange.counts();
        self.transfer.count(received, sent);
        Ok(read)
    }
}

impl Body for Metered<'_> {
    fn declared(&self) -> Option<u64> {
        self.exchange.declared()
    }

    fn fault(&self) -> Option<BodyFault> {
        self.exchange.body_fault()
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
                (|| panic!("on purpose")) as fn() -> Result<Reply, Error>,
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
