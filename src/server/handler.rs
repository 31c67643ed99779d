//! One request from its head to its log line: admit it, carry it out, send the reply, log it.

use std::sync::Arc;

use super::admission::{Admission, AdmissionControl, WATCH};
use super::client::address_of;
use super::logged_head::LoggedHead;
use super::panics::catch;
use super::request::MeteredRequest;
use super::send::{Progress, send, send_head};
use super::shared::Shared;
use super::status::Status;
use super::transfer::Transfer;
use super::wait_state::{Resumed, WaitState};
use super::waits::Announcement;
use super::watcher::Client;
use super::worker_pool::Handler;
use crate::api::{self, Context, Error, Op, Reason, Reply, Request, WrongCredentials};
use crate::computing::Cancelled;
use crate::http::accept;
use crate::http::admission::{self, Refusal};
use crate::http::cors;
use crate::http::head::Field;
use crate::http::hosts::Hosts;
use crate::http::origins::AllowedOrigins;
use crate::http::policy::Caller;
use crate::http::problem::Format;
use crate::http::route::{Operation, Report, route};

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
        let is_permitted = admission.permits(operation);
        let goes_on = is_permitted && operation.is_about_server();
        if !goes_on && self.shared.shutdown.has_begun() {
            return Err(Error::Cancelled(Cancelled::Stopping));
        }
        if !is_permitted {
            return Err(if *operation == WATCH {
                Error::Watched
            } else {
                Error::Busy
            });
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

    /// Begins a reply that is continued with events.
    fn watch(&self, request: tiny_http::Request, fields: Vec<Field>, client: Client) {
        match send_head(request, fields, &client.transfer, &self.shared) {
            Ok(reply) => self.shared.watchers.add(reply, client),
            Err(error) => {
                let cause = format!("the reply was not sent whole: {error}");
                let transfers = &self.shared.transfers;
                transfers.end(&client.transfer, (200, None), Some(&cause));
            }
        }
    }

    /// Handles a request, also one that has waited, or puts it aside until it makes sense to handle
    /// it again.
    fn serve(
        &self,
        (mut request, mut waited): (tiny_http::Request, Option<WaitState>),
        may_wait: bool,
    ) {
        let routed = route_request(&request, &self.shared.allowed_origins);
        let operation = routed.as_ref().ok();
        let authorization = request.head().field("Authorization");
        let caller = self.shared.access.identify(authorization.as_deref());
        let authorized = self.authorize(&caller, request.head(), operation);
        let admission = match authorized.is_ok() {
            true => self.admission.admit(&request, operation, may_wait),
            false => Admission::Nothing,
        };
        let transfer = match &waited {
            Some(state) => Arc::clone(&state.transfer),
            None => self.begin(&request, (&caller, operation)),
        };
        let checked = self.check_head(&request, operation);
        let operation = match checked.and(authorized).and(routed) {
            Ok(operation) => operation,
            Err(error) => return self.answer(request, (Err(error), None), &transfer, &admission),
        };
        if admission.slot().is_none()
            && let Ok(Some(state)) = self.wait_state(&operation, (&request, &transfer), &mut waited)
            && state.may_be_postponed()
        {
            return self.shared.waits.postpone(Resumed { request, state });
        }
        let announcement = self.announce(&operation);
        let mut outcome = match waited.as_ref().is_some_and(|state| state.is_gone) {
            true => Err(Error::Cancelled(Cancelled::ClientGone)),
            false => {
                let mut request = MeteredRequest::new(&mut request, &transfer, &self.shared);
                self.carry_out(&operation, (&caller, &admission), &mut request)
            }
        };
        let status = outcome
            .as_ref()
            .map_or_else(Error::status, |reply| reply.status);
        if outcome.is_ok() && !operation.waits_at(status) {
            self.tell(&operation, &transfer);
        }
        if operation.waits_at(status)
            && let Some(announcement) = announcement
        {
            match self.wait_state(&operation, (&request, &transfer), &mut waited) {
                Ok(Some(state)) if !state.is_over() => {
                    drop(outcome);
                    let resumed = Resumed { request, state };
                    return self.shared.waits.put_aside(announcement, resumed);
                }
                Ok(_) => {}
                Err(error) => outcome = Err(error),
            }
        }
        let admission = match (admission, &mut outcome) {
            (Admission::Watch(place), Ok(reply)) => {
                let client = Client {
                    transfer,
                    caller,
                    _place: place,
                };
                return self.watch(request, std::mem::take(&mut reply.fields), client);
            }
            (admission, _) => admission,
        };
        let remark = remark(&operation, request.head());
        self.answer(request, (outcome, remark), &transfer, &admission);
    }

    /// Begins a request in the log and among the transfers.
    fn begin(
        &self,
        request: &tiny_http::Request,
        (caller, operation): (&Caller, Option<&Operation>),
    ) -> Arc<Transfer> {
        let trusted = &self.shared.trusted_proxies;
        let head = LoggedHead::of(request, (caller, operation), trusted);
        self.shared.transfers.begin(head, operation.map(Op::of))
    }

    /// Announces a wait, where the operation may wait: before it looks for what it would wait for.
    fn announce(&self, operation: &Operation) -> Option<Announcement<'_>> {
        operation.wait_limit()?;
        let name = operation.name()?;
        Some(self.shared.waits.announce(&self.shared.store, name))
    }

    /// What a request waits with that may wait: what it has waited with before, or a new place.
    /// `None` where it does not wait, or the server is shutting down.
    ///
    /// # Errors
    /// [`Error::Busy`] where no place is free.
    fn wait_state(
        &self,
        operation: &Operation,
        (request, transfer): (&tiny_http::Request, &Arc<Transfer>),
        waited: &mut Option<WaitState>,
    ) -> Result<Option<WaitState>, Error> {
        let Some(limit) = operation.wait_limit() else {
            return Ok(None);
        };
        if self.shared.shutdown.has_begun() {
            return Ok(None);
        }
        if let Some(state) = waited.take() {
            return Ok(Some(state));
        }
        let place = self
            .shared
            .waits
            .place(address_of(request))
            .ok_or(Error::Busy)?;
        let deadline = transfer.started() + limit;
        Ok(Some(WaitState::new(Arc::clone(transfer), deadline, place)))
    }

    /// Tells those that wait for the names under which an operation has changed something.
    fn tell(&self, operation: &Operation, transfer: &Transfer) {
        if !operation.changes_something() {
            return;
        }
        let new_name = transfer.annotations().new_name();
        for name in operation.name().into_iter().chain(&new_name) {
            self.shared.waits.tell(name, operation.changes_below());
        }
    }

    /// Sends the reply, and logs how the request has ended.
    fn answer(
        &self,
        mut request: tiny_http::Request,
        (outcome, remark): (Result<Reply<'_>, Error>, Option<&str>),
        transfer: &Transfer,
        admission: &Admission<'_>,
    ) {
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
        let progress = Progress::new(admission.slot(), transfer, &request);
        let sent = send(&mut request, (reply, closes), &progress, &self.shared);
        progress.end(&request);
        if let Err(error) = &sent {
            cause.get_or_insert_with(|| format!("the reply was not sent whole: {error}"));
        }
        let transfers = &self.shared.transfers;
        transfers.end(transfer, (status, reason), cause.as_deref());
    }
}

impl Handler for RequestHandler {
    type Resumed = Resumed;

    /// Handles a request. Nothing that its client does, and no panic in the code of its operation,
    /// has an effect beyond it.
    fn handle(&self, request: tiny_http::Request, may_wait: bool) {
        self.serve((request, None), may_wait);
    }

    fn next_resumed(&self) -> Option<Resumed> {
        self.shared.waits.next_resumed()
    }

    fn handle_resumed(&self, resumed: Resumed, may_wait: bool) {
        let Resumed { request, state } = resumed;
        self.serve((request, Some(state)), may_wait);
    }
}

/// What the log says of a request that is carried out although it is ambiguous.
fn remark(operation: &Operation, head: &tiny_http::Head) -> Option<&'static str> {
    let is_ambiguous = operation.takes_content() && admission::is_without_length(head);
    is_ambiguous.then_some("it came without a length, its body was taken for empty")
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
    let operation = route(head.method(), head.target()).map_err(Error::Route)?;
    let accept = head.field("Accept");
    let prefers = |other, default| accept::choose(accept.as_deref(), default, &[other]) == other;
    Ok(match operation {
        Operation::Report(Report::Transfers) if prefers(accept::EVENTS, "application/json") => {
            WATCH
        }
        other if prefers("text/html", "text/plain") => other.with_pages(head.target()),
        other => other,
    })
}
