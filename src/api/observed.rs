//! A request whose body is shown to an observer while it is read.

use std::io::{self, Read};

use super::{Error, Op, Request};
use crate::http::body::BodyFault;
use crate::http::name::Name;

/// Sees a body, one part after the other.
pub(super) trait Observer {
    fn observe(&mut self, part: &[u8]);
}

/// A request, and what sees its body. All but the body is as in the request.
pub(super) struct Observed<'r, O> {
    request: &'r mut dyn Request,
    observer: O,
}

impl<'r, O: Observer> Observed<'r, O> {
    pub(super) fn new(request: &'r mut dyn Request, observer: O) -> Self {
        Self { request, observer }
    }

    /// The observer, once it has seen what was read.
    pub(super) fn into_observer(self) -> O {
        self.observer
    }
}

impl<O: Observer> Read for Observed<'_, O> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.request.read(buffer)?;
        self.observer.observe(&buffer[..read]);
        Ok(read)
    }
}

impl<O: Observer> Request for Observed<'_, O> {
    fn is_head(&self) -> bool {
        self.request.is_head()
    }

    fn target(&self) -> String {
        self.request.target()
    }

    fn field(&self, name: &'static str) -> Option<String> {
        self.request.field(name)
    }

    fn declared(&self) -> Option<u64> {
        self.request.declared()
    }

    fn fault(&self) -> Option<BodyFault> {
        self.request.fault()
    }

    fn keep_computing(&mut self, done: u64, total: u64) -> Result<(), Error> {
        self.request.keep_computing(done, total)
    }

    fn stop_computing(&mut self) {
        self.request.stop_computing();
    }

    fn did(&self, op: Op) {
        self.request.did(op);
    }

    fn leads_to(&self, name: &Name) {
        self.request.leads_to(name);
    }
}
