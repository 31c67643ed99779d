//! A request as its handler sees it: what is read from it is counted, and its computation is
//! scheduled with others.
//!
//! Responsible for: the figures of the transfer, the rate of the body, the computation. Not for:
//! the operation, the reply.

use std::io::{self, Read};

use tiny_http::{Head, Pipe};

use super::client::address_of;
use super::computation::Computation;
use super::shared::Shared;
use super::transfer::Transfer;
use super::uploads::{Receiving, Uploads};
use crate::api::{Annotations, Request};
use crate::computing::{Cancelled, Computing};
use crate::http::body::BodyFault;
use crate::storage::Provenance;

/// A request that keeps the figures of its transfer.
pub(super) struct MeteredRequest<'e> {
    request: &'e mut tiny_http::Request,
    transfer: &'e Transfer,
    uploads: &'e Uploads,
    /// Once its body is waited for.
    receiving: Option<Receiving<'e>>,
    computation: Computation<'e>,
}

impl<'e> MeteredRequest<'e> {
    pub(super) fn new(
        request: &'e mut tiny_http::Request,
        transfer: &'e Transfer,
        shared: &'e Shared,
    ) -> Self {
        Self {
            computation: Computation::new(shared, address_of(request)),
            request,
            transfer,
            uploads: &shared.uploads,
            receiving: None,
        }
    }

    /// Waits for more of the body, and takes it.
    fn receive(
        &mut self,
        receive: impl FnOnce(&mut tiny_http::Request) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let (uploads, request) = (self.uploads, &mut *self.request);
        let receiving = self
            .receiving
            .get_or_insert_with(|| uploads.begin(request.input()));
        let received = receiving.read(|| {
            let received = receive(request);
            (received, request.counts().0)
        });
        let is_dropped = receiving.is_dropped();
        let received = received.map_err(|error| with_fault(error, is_dropped))?;
        self.count();
        Ok(received)
    }

    fn count(&self) {
        let (received, sent) = self.request.counts();
        self.transfer.count(received, sent);
    }
}

/// An error of reading that holds a fault of this program. `is_dropped`: this server has ended the
/// connection, and not the client.
fn with_fault(error: io::Error, is_dropped: bool) -> io::Error {
    match error.downcast::<tiny_http::BodyFault>() {
        Ok(_) if is_dropped => io::Error::other(BodyFault::TooSlow),
        Ok(fault) => io::Error::other(BodyFault::from(fault)),
        Err(error) => error,
    }
}

impl Read for MeteredRequest<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.receive(|request| request.read(buffer))
    }
}

impl Request for MeteredRequest<'_> {
    fn head(&self) -> &Head {
        self.request.head()
    }

    fn annotations(&self) -> &Annotations {
        self.transfer.annotations()
    }

    fn provenance(&self) -> Provenance {
        self.transfer.provenance()
    }

    fn read_ready(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.request.read_ready(buffer)?;
        self.count();
        Ok(read)
    }

    fn fill(&mut self, pipe: &mut Pipe) -> io::Result<usize> {
        self.receive(|request| request.fill(pipe))
    }
}

impl Computing for MeteredRequest<'_> {
    fn checkpoint(&mut self, done: u64, total: u64) -> Result<(), Cancelled> {
        let request = &mut *self.request;
        self.computation
            .checkpoint((done, total), &mut || request.is_client_gone())
    }

    fn pause(&mut self) {
        self.computation.pause();
    }
}
