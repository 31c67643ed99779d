//! One request from first byte to last: take it up, carry it out, send the reply, log it.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

use tiny_http::{Outgoing, Progress};

use super::admission::{Admission, AdmissionControl};
use super::asked::Asked;
use super::client::address_of;
use super::computation::Computation;
use super::panics::catch;
use super::request::MeteredRequest;
use super::shared::Shared;
use super::slots::Slot;
use super::transfer::Transfer;
use super::workers::Service;
use crate::api::{self, Content, Context, Error, Op, Reply, Request, Sink};
use crate::computing::{Cancelled, Computing};
use crate::http::accept;
use crate::http::admission;
use crate::http::head::browser_protection;
use crate::http::hosts::Hosts;
use crate::http::problem::Format;
use crate::http::route::{Operation, route};

/// What it takes to serve a request.
pub(super) struct Worker {
    shared: Arc<Shared>,
    admission: AdmissionControl,
    /// The hosts that requests may name.
    hosts: Hosts,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, admission: AdmissionControl, hosts: Hosts) -> Self {
        Self {
            shared,
            admission,
            hosts,
        }
    }

    /// Refuses a request whose head speaks against it. `operation` is the one that is carried out in the end: health is open to
    /// all, the page at the same address is not.
    fn check_head(
        &self,
        request: &tiny_http::Request,
        operation: Option<&Operation>,
    ) -> Result<(), Error> {
        match request.refusal() {
            Some(refusal) => Err(Error::Head(refusal.fault)),
            None => {
                let admitted = admission::check(request.head(), operation, &self.hosts);
                admitted.map_err(Error::Refused)
            }
        }
    }

    fn carry_out(
        &self,
        operation: &Operation,
        admission: &Admission<'_>,
        request: &mut dyn Request,
    ) -> Result<Reply<'_>, Error> {
        if *operation != Operation::Health && self.shared.shutdown.has_begun() {
            return Err(Error::Cancelled(Cancelled::Stopping));
        }
        if !admission.permits(operation) {
            return Err(Error::Busy);
        }
        let context = Context {
            store: &self.shared.store,
            max_upload: self.shared.max_upload,
            memory: &self.shared.memory,
        };
        catch(|| api::handle(context, operation, request))
            .unwrap_or_else(|message| Err(Error::Panic(message)))
    }

    /// Sends a reply.
    fn send(
        &self,
        request: &mut tiny_http::Request,
        (reply, is_last): (Reply<'_>, bool),
        place: &Place<'_>,
    ) -> io::Result<()> {
        let mut fields = reply.fields;
        fields.extend(browser_protection());
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let (sent_bytes, sent_file);
        let address = address_of(request);
        let content = match reply.content {
            Content::None => tiny_http::Content::Bytes(&[]),
            Content::Bytes(bytes) => {
                sent_bytes = bytes;
                tiny_http::Content::Bytes(&sent_bytes)
            }
            Content::File { file, part } => {
                sent_file = file;
                tiny_http::Content::File(&sent_file, part)
            }
            Content::Stream { length, write } => tiny_http::Content::Stream {
                length,
                write: Box::new(move |outgoing| {
                    let computation = Computation::new(&self.shared, address);
                    let mut flow = Flow {
                        outgoing,
                        place,
                        computation,
                    };
                    catch(|| write(&mut flow)).unwrap_or_else(|message| {
                        Err(io::Error::other(Error::Panic(message).cause()))
                    })
                }),
            },
        };
        let reply = tiny_http::Reply {
            status: reply.status.into(),
            fields: &fields,
            content,
            closes: is_last || self.shared.shutdown.has_begun(),
        };
        request.send(reply, place)
    }
}

impl Service for Worker {
    /// Serves a request. Nothing that a client does, and no panic of a handler, goes beyond it.
    fn serve(&self, mut request: tiny_http::Request, is_relieved: bool) {
        let routed = look_up(&request);
        let admission = match is_relieved {
            true => self.admission.admit(&request, routed.as_ref().ok()),
            false => Admission::Refused,
        };
        let peer = request.remote_addr();
        let client = peer.map_or("unix".to_owned(), ToString::to_string).into();
        let asked = Asked::of(&request, routed.as_ref().ok(), &self.shared.trusted_proxies);
        let transfers = &self.shared.transfers;
        let op = routed.as_ref().ok().map(Op::of);
        let transfer = transfers.begin(client, asked, op);
        let operation = self.check_head(&request, routed.as_ref().ok()).and(routed);
        let remark = match operation.as_ref().is_ok_and(Operation::takes_content) {
            true => remark(request.head()),
            false => None,
        };
        let outcome = operation.and_then(|operation| {
            let mut request = MeteredRequest::new(&mut request, &transfer, &self.shared);
            self.carry_out(&operation, &admission, &mut request)
        });
        let is_last = outcome.as_ref().is_err_and(Error::ends_connection);
        let (reply, mut cause) = match outcome {
            Ok(reply) => (reply, remark.map(str::to_owned)),
            Err(error) => {
                if error.has_room_without_uploads() {
                    self.shared.make_room();
                }
                let accept = request.head().field("Accept");
                let format = Format::accepted(accept.as_deref());
                (error.reply(format), Some(error.cause()))
            }
        };
        let status = reply.status;
        let (received, _) = request.counts();
        let place = Place {
            slot: admission.slot(),
            transfer: &transfer,
            received,
        };
        let sent = self.send(&mut request, (reply, is_last), &place);
        place.may_end();
        let (received, content_sent) = request.counts();
        transfer.count(received, content_sent);
        if let Err(error) = &sent {
            cause.get_or_insert_with(|| format!("the reply was not sent whole: {error}"));
        }
        transfers.end(&transfer, status, cause.as_deref());
    }
}

/// What the log says of a request that is carried out although it leaves something open.
fn remark(head: &tiny_http::Head) -> Option<&'static str> {
    admission::is_without_length(head)
        .then_some("it came without a length, its body was taken for empty")
}

/// The operation that a request asks for.
fn look_up(request: &tiny_http::Request) -> Result<Operation, Error> {
    if let Some(refusal) = request.refusal() {
        return Err(Error::Head(refusal.fault));
    }
    let head = request.head();
    let accept = head.field("Accept");
    let operation = route(head.method(), head.target()).map_err(Error::Route)?;
    Ok(
        match accept::choose(accept.as_deref(), "text/plain", &["text/html"]) {
            "text/html" => operation.with_pages(head.target()),
            _ => operation,
        },
    )
}

/// What a transfer occupies while its reply is sent.
struct Place<'s> {
    slot: Option<&'s Slot>,
    transfer: &'s Transfer,
    received: u64,
}

impl Progress for Place<'_> {
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

/// A stream that keeps the count of its transfer.
struct Flow<'f, 's> {
    outgoing: &'f mut Outgoing<'s>,
    place: &'f Place<'f>,
    computation: Computation<'f>,
}

impl Write for Flow<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.outgoing.write(bytes)?;
        self.place.has_sent(self.outgoing.sent());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.outgoing.flush()
    }
}

impl Computing for Flow<'_, '_> {
    fn checkpoint(&mut self, done: u64, total: u64) -> Result<(), Cancelled> {
        let outgoing = &*self.outgoing;
        self.computation
            .checkpoint((done, total), &mut || outgoing.is_client_gone())
    }

    fn pause(&mut self) {
        self.computation.pause();
    }
}

impl Sink for Flow<'_, '_> {
    fn write_file(&mut self, file: &File, part: Range<u64>) -> io::Result<()> {
        self.outgoing.write_file(file, part)
    }
}
