//! A body that is followed while it comes, to tell whether its sender meant something else than to store it.

use std::io::{self, Read};

use super::{Error, Op, Request};
use crate::http::admission::is_media_type;
use crate::http::framing::BodyFault;
use crate::http::name::Name;
use crate::http::path_object::PathObject;

/// A request whose body may be meant for `mv`.
pub(super) struct Watched<'r> {
    request: &'r mut dyn Request,
    /// Only JSON is followed: what else looks so is content, such as a line of a log.
    object: Option<PathObject>,
}

impl<'r> Watched<'r> {
    pub(super) fn new(request: &'r mut dyn Request) -> Self {
        let media_type = request.field("Content-Type").unwrap_or_default();
        let is_json = is_media_type(&media_type, "application/json");
        let object = is_json.then(PathObject::default);
        Self { request, object }
    }

    /// Refuses a body that was `{"path": "..."}` as a whole.
    pub(super) fn check(&self) -> Result<(), Error> {
        match self.object.as_ref().is_some_and(PathObject::is_whole) {
            true => Err(Error::Content(
                "to move it, PUT to its name and /mv; ?create appends the JSON to the file",
            )),
            false => Ok(()),
        }
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.request.read(buffer)?;
        if let Some(object) = &mut self.object {
            object.follow(&buffer[..read]);
        }
        Ok(read)
    }
}

impl Request for Watched<'_> {
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

    fn did(&self, op: Op) {
        self.request.did(op);
    }

    fn leads_to(&self, name: &Name) {
        self.request.leads_to(name);
    }
}
