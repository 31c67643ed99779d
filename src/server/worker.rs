//! One request from first byte to last: take it up, carry it out, send the reply, log it.

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::SystemTime;

use super::Shared;
use super::slots::Slot;
use super::transfer::Transfer;
use crate::api::{self, Body, Content, Error, Reply, Store};
use crate::guard::{Exchange, LARGEST_STEP};
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
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Serves a request. Nothing that a client does, and no panic of a handler, goes beyond it.
    pub(super) fn serve(&self, job: Job) {
        let Job { request, mut slot } = job;
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
        let sent = send(&mut exchange, &head, content, |received, sent, is_last| {
            transfer.count(received, sent);
            if is_last {
                slot = None;
            }
        });
        let (received, content) = exchange.counts();
        transfer.count(received, content);
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
        let handled = AssertUnwindSafe(|| api::handle(store, operation, &mut body));
        catch_unwind(handled).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(Error::Panic(text.unwrap_or_default()))
        })
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

/// Sends a reply. `progress` is told, before each step, what has been received and sent, and whether it is the last.
fn send(
    exchange: &mut Exchange,
    head: &[u8],
    content: Content,
    mut progress: impl FnMut(u64, u64, bool),
) -> io::Result<()> {
    let (received, _) = exchange.counts();
    match content {
        Content::Bytes(bytes) => {
            progress(received, 0, true);
            exchange.send(head, &bytes)
        }
        Content::File { file, length } => {
            let mut step = |sent| progress(received, sent, length - sent <= LARGEST_STEP);
            exchange.send_file(head, &file, length, &mut step)
        }
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
