//! One request from its head to its log line: admit it, carry it out, send the reply, log it.

use std::sync::Arc;

use super::admission::{Admission, AdmissionControl};
use super::logged_head::LoggedHead;
use super::panics::catch;
use super::request::MeteredRequest;
use super::send::{Progress, send};
use super::shared::Shared;
use super::status::Status;
use super::worker_pool::Handler;
use crate::api::{self, Context, Error, Op, Reason, Reply, Request, WrongCredentials};
use crate::computing::Cancelled;
use crate::http::accept;
use crate::http::admission::{self, Refusal};
use crate::http::cors;
use crate::http::hosts::Hosts;
use crate::http::origins::AllowedOrigins;
use crate::http::policy::Caller;
use crate::http::problem::Format;
use crate::http::route::{Operation, route};

/// What handles all requests.
pub(super) struct RequestHandler {
    shared: Arc<Shared>,
    status: Status,
    admission: AdmissionControl,
    /// The hosts that requests may name.
    hosts: Hosts,
}

impl RequestHandler {
    pub(super) fn new(shared: Arc<Shared>, admission: AdmissionControl, hosts: Hosts) -> Self {
        Self {
            status: Status(Arc::clone(&shared)),
            shared,
            admission,
            hosts,
        }
    }

    /// Refuses a request for something in its head. `operation` is the one that would be carried
    /// out: a request for health may name any host, one for the page at the same path may not.
    fn check_head(
        &self,
        request: &tiny_http::Request,
        operation: Option<&Operation>,
    ) -> Result<(), Error> {
        match request.refusal() {
            Some(refusal) => Err(Error::Head(refusal.fault)),
            None => {
                let origins = &self.shared.allowed_origins;
                admission::check(request.head(), operation, &self.hosts, origins)
                    .map_err(Error::Refused)
            }
        }
    }

    /// Refuses a caller who may not carry out the operation, or whose credentials are wrong where
    /// there is none.
    fn authorize(
        &self,
        caller: &Caller,
        head: &tiny_http::Head,
        operation: Option<&Operation>,
    ) -> Result<(), Error> {
        let origins = &self.shared.allowed_origins;
        if caller.token().is_some() && admission::may_have_kept_password(head, origins) {
            return Err(Error::Refused(Refusal::KeptPassword));
        }
        match operation {
            Some(operation) => api::authorize(caller, operation),
            None if caller.is_unknown() => Err(Error::Unauthorized(WrongCredentials::Unknown)),
            None => Ok(()),
        }
    }

    fn carry_out(
        &self,
        operation: &Operation,
        (caller, admission): (&Caller, &Admission<'_>),
        request: &mut dyn Request,
    ) -> Result<Reply<'_>, Error> {
        if !operation.is_about_server() && self.shared.shutdown.has_begun() {
            return Err(Error::Cancelled(Cancelled::Stopping));
        }
        if !admission.permits(operation) {
            return Err(Error::Busy);
        }
        let context = Context {
            store: &self.shared.store,
            max_upload: self.shared.max_upload,
            memory: &self.shared.memory,
            reports: &self.status,
        };
        catch(|| api::handle(context, (caller, operation), request))
            .unwrap_or_else(|message| Err(Error::Panic(message)))
    }

    /// The reply to a request that was not carried out.
    fn refuse(&self, error: &Error, head: &tiny_http::Head) -> Reply<'static> {
        if error.would_fit_without_uploads() {
            self.shared.make_room();
        }
        error.reply(Format::accepted(head.field("Accept").as_deref()))
    }
}

impl Handler for RequestHandler {
    /// Handles a request. Nothing that its client does, and no panic in the code of its operation,
    /// has an effect beyond it.
    fn handle(&self, mut request: tiny_http::Request, may_wait: bool) {
        let routed = route_request(&request, &self.shared.allowed_origins);
        let operation = routed.as_ref().ok();
        let authorization = request.head().field("Authorization");
        let caller = self.shared.access.identify(authorization.as_deref());
        let authorized = self.authorize(&caller, request.head(), operation);
        let admission = match may_wait && authorized.is_ok() {
            true => self.admission.admit(&request, operation),
            false => Admission::Nothing,
        };
        let trusted = &self.shared.trusted_proxies;
        let head = LoggedHead::of(&request, (&caller, operation), trusted);
        let transfers = &self.shared.transfers;
        let transfer = transfers.begin(head, operation.map(Op::of));
        let checked = self.check_head(&request, operation);
        let operation = checked.and(authorized).and(routed);
        let takes_content = operation.as_ref().is_ok_and(Operation::takes_content);
        let remark = takes_content.then(|| remark(request.head())).flatten();
        let outcome = operation.and_then(|operation| {
            let mut request = MeteredRequest::new(&mut request, &transfer, &self.shared);
            self.carry_out(&operation, (&caller, &admission), &mut request)
        });
        let is_last = outcome.as_ref().is_err_and(Error::ends_connection);
        let reason = outcome.as_ref().err().map(Reason::of);
        let (reply, mut cause) = match outcome {
            Ok(reply) => {
                let cause = transfer.annotations().cause().cloned();
                (reply, remark.map(str::to_owned).or(cause))
            }
            Err(error) => (self.refuse(&error, request.head()), Some(error.cause())),
        };
        let status = reply.status;
        let closes = is_last || self.shared.shutdown.has_begun();
        let progress = Progress::new(admission.slot(), &transfer, &request);
        let sent = send(&mut request, (reply, closes), &progress, &self.shared);
        progress.end(&request);
        if let Err(error) = &sent {
            cause.get_or_insert_with(|| format!("the reply was not sent whole: {error}"));
        }
        transfers.end(&transfer, (status, reason), cause.as_deref());
    }
}

/// What the log says of a request that is carried out although it is ambiguous.
fn remark(head: &tiny_http::Head) -> Option<&'static str> {
    admission::is_without_length(head)
        .then_some("it came without a length, its body was taken for empty")
}

/// The operation that a request asks for.
fn route_request(
    request: &tiny_http::Request,
    origins: &AllowedOrigins,
) -> Result<Operation, Error> {
    if let Some(refusal) = request.refusal() {
        return Err(Error::Head(refusal.fault));
    }
    let head = request.head();
    if cors::is_preflight(head, origins) {
        return Ok(Operation::Preflight);
    }
    let accept = head.field("Accept");
    let operation = route(head.method(), head.target()).map_err(Error::Route)?;
    Ok(
        match accept::choose(accept.as_deref(), "text/plain", &["text/html"]) {
            "text/html" => operation.with_pages(head.target()),
            _ => operation,
        },
    )
}
