//! A request as its operation sees it: what it reads is counted, and what it waits for is watched.
//!
//! Responsible for: the transfer's figures, the rate of a body, the turn of a computation. Not for: the operation, the reply.

use std::io::{self, Read};

use tiny_http::{Framing, Pipe};

use super::client::address_of;
use super::computation::Computation;
use super::shared::Shared;
use super::transfer::Transfer;
use super::uploads::Receiving;
use crate::api::{Op, Request};
use crate::computing::{Cancelled, Computing};
use crate::http::body::BodyFault;
use crate::http::name::Name;

/// A request whose body keeps the count of its transfer.
pub(super) struct Metered<'e> {
    request: &'e mut tiny_http::Request,
    transfer: &'e Transfer,
    is_head: bool,
    shared: &'e Shared,
    /// Once it has a body.
    receiving: Option<Receiving<'e>>,
    computation: Computation<'e>,
}

impl<'e> Metered<'e> {
    pub(super) fn new(
        request: &'e mut tiny_http::Request,
        transfer: &'e Transfer,
        shared: &'e Shared,
    ) -> Self {
        Self {
            is_head: *request.method() == tiny_http::Method::Head,
            computation: Computation::new(shared, address_of(request)),
            request,
            transfer,
            shared,
            receiving: None,
        }
    }
}

impl Metered<'_> {
    /// Waits for more of the body, and takes it.
    fn take(
        &mut self,
        take: impl FnOnce(&mut tiny_http::Request) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let (uploads, request) = (&self.shared.uploads, &mut *self.request);
        let receiving = self
            .receiving
            .get_or_insert_with(|| uploads.begin(request.input()));
        let taken = receiving.read(|| {
            let taken = take(request);
            (taken, request.counts().0)
        })?;
        self.count();
        Ok(taken)
    }

    fn count(&self) {
        let (received, sent) = self.request.counts();
        self.transfer.count(received, sent);
    }
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.take(|request| request.read(buffer))
    }
}

impl Request for Metered<'_> {
    fn is_head(&self) -> bool {
        self.is_head
    }

    fn target(&self) -> String {
        self.request.url().to_owned()
    }

    fn field(&self, name: &'static str) -> Option<String> {
        self.request.head().field(name)
    }

    fn declared(&self) -> Option<u64> {
        match self.request.head().framing {
            Framing::Empty => Some(0),
            Framing::Length(length) => Some(length),
            Framing::Chunked => None,
        }
    }

    fn read_ready(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.request.read_ready(room)?;
        self.count();
        Ok(read)
    }

    fn fill(&mut self, pipe: &mut Pipe) -> io::Result<usize> {
        self.take(|request| request.fill(pipe))
    }

    fn fault(&self) -> Option<BodyFault> {
        let is_dropped = self.receiving.as_ref().is_some_and(Receiving::is_dropped);
        let fault = self.request.body_fault()?;
        Some(match is_dropped {
            true => BodyFault::TooSlow,
            false => fault.into(),
        })
    }

    fn did(&self, op: Op) {
        self.transfer.did(op);
    }

    fn leads_to(&self, name: &Name) {
        self.transfer.leads_to(name);
    }
}

impl Computing for Metered<'_> {
    fn checkpoint(&mut self, done: u64, total: u64) -> Result<(), Cancelled> {
        let request = &mut *self.request;
        self.computation
            .checkpoint((done, total), &mut || request.is_client_gone())
    }

    fn pause(&mut self) {
        self.computation.pause();
    }
}
