//! Sending a reply.
//!
//! Responsible for: passing a reply to the engine, and the figures of the transfer while it is
//! sent. Not for: framing and the head of the reply, which are the engine's.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;

use tiny_http::{Detached, Head, Outgoing};

use super::client::address_of;
use super::computation::Computation;
use super::panics::catch;
use super::shared::Shared;
use super::slots::Slot;
use super::transfer::Transfer;
use crate::api::{Content, Error, Reply, Sink};
use crate::computing::{Cancelled, Computing};
use crate::http::cors;
use crate::http::head::{Field, browser_protection};
use crate::http::origins::AllowedOrigins;

/// Sends a reply, after which the connection is closed if `closes` is set.
///
/// # Errors
/// Those of sending, or why the content could not be made. The connection is broken off then.
pub(super) fn send(
    request: &mut tiny_http::Request,
    (mut reply, closes): (Reply<'_>, bool),
    progress: &Progress<'_>,
    shared: &Shared,
) -> io::Result<()> {
    add_fields(&mut reply.fields, request.head(), &shared.allowed_origins);
    let fields = as_sent(&reply.fields, progress.transfer);
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
        // A reply to HEAD: others are detached.
        Content::Events => tiny_http::Content::Stream {
            length: None,
            write: Box::new(|_| Ok(())),
        },
        Content::Stream { length, write } => tiny_http::Content::Stream {
            length,
            write: Box::new(move |outgoing| {
                let mut sink = MeteredSink {
                    outgoing,
                    progress,
                    computation: Computation::new(shared, address),
                };
                let panicked = |message| io::Error::other(Error::Panic(message).cause());
                catch(|| write(&mut sink)).map_err(panicked).flatten()
            }),
        },
    };
    let reply = tiny_http::Reply {
        status: reply.status.into(),
        fields: &fields,
        content,
        closes,
    };
    request.send(reply, progress)
}

/// Sends the head of a reply of status 200 with these fields, whose content comes later.
///
/// # Errors
/// Those of sending.
pub(super) fn send_head(
    request: tiny_http::Request,
    mut fields: Vec<Field>,
    transfer: &Transfer,
    shared: &Shared,
) -> io::Result<Detached> {
    add_fields(&mut fields, request.head(), &shared.allowed_origins);
    request.detach(200.into(), &as_sent(&fields, transfer))
}

/// Adds the fields that every reply has, and those for pages of other origins.
fn add_fields(fields: &mut Vec<Field>, head: &Head, origins: &AllowedOrigins) {
    cors::add_permission(fields, head, origins);
    fields.extend(browser_protection(origins.of(head).is_some()));
}

/// The fields of a reply with its id.
fn as_sent<'f>(fields: &'f [Field], transfer: &'f Transfer) -> Vec<(&'f str, &'f str)> {
    let fields = fields.iter().map(|(name, value)| (*name, &**value));
    fields.chain([("X-Request-Id", transfer.id())]).collect()
}

/// Keeps the figures of a transfer, and the state of its slot, while the reply is sent.
pub(super) struct Progress<'s> {
    slot: Option<&'s Slot>,
    transfer: &'s Transfer,
    received: u64,
}

impl<'s> Progress<'s> {
    pub(super) fn new(
        slot: Option<&'s Slot>,
        transfer: &'s Transfer,
        request: &tiny_http::Request,
    ) -> Self {
        let (received, _) = request.counts();
        Self {
            slot,
            transfer,
            received,
        }
    }

    /// Sets the last figures, after sending.
    pub(super) fn end(&self, request: &tiny_http::Request) {
        self.set_ending(true);
        let (received, sent) = request.counts();
        self.transfer.count(received, sent);
    }

    fn set_ending(&self, is_ending: bool) {
        if let Some(slot) = self.slot {
            slot.set_ending(is_ending);
        }
    }
}

impl tiny_http::Progress for Progress<'_> {
    fn has_sent(&self, content: u64) {
        self.transfer.count(self.received, content);
    }

    fn may_end(&self) {
        self.set_ending(true);
    }

    /// A request that was refused has no slot to wait with.
    fn may_wait(&self) -> bool {
        self.set_ending(false);
        self.slot.is_some()
    }
}

/// Content that is made while it is sent: it is counted, and its computation is scheduled with
/// others.
struct MeteredSink<'f, 's> {
    outgoing: &'f mut Outgoing<'s>,
    progress: &'f Progress<'f>,
    computation: Computation<'f>,
}

impl Write for MeteredSink<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.outgoing.write(bytes)?;
        tiny_http::Progress::has_sent(self.progress, self.outgoing.sent());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.outgoing.flush()
    }
}

impl Computing for MeteredSink<'_, '_> {
    fn checkpoint(&mut self, done: u64, total: u64) -> Result<(), Cancelled> {
        let outgoing = &*self.outgoing;
        self.computation
            .checkpoint((done, total), &mut || outgoing.is_client_gone())
    }

    fn pause(&mut self) {
        self.computation.pause();
    }
}

impl Sink for MeteredSink<'_, '_> {
    fn write_file(&mut self, file: &File, part: Range<u64>) -> io::Result<()> {
        self.outgoing.write_file(file, part)
    }
}
