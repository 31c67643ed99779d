//! Errors of requests, and their statuses and texts.
//!
//! A client gets only texts from this file and `storage_answer.rs`; messages of the system are for the log.

use tiny_http::HeadFault;

use crate::computing::Cancelled;
use crate::http::action::Action;
use crate::http::admission::Refusal;
use crate::http::body::BodyFault;
use crate::http::credentials::CHALLENGES;
use crate::http::head::Field;
use crate::http::name::{Name, NameFault};
use crate::http::policy::Caller;
use crate::http::problem::{self, Format};
use crate::http::rights::Rights;
use crate::http::route::RouteFault;
use crate::storage;

pub(super) use super::storage_answer::Access;

use super::reply::{Content, Reply};
use super::storage_answer::{DISPLACED, UNMET, cancelled_status, storage_answer};

/// How long a client should wait before it tries again, in seconds.
const RETRY_AFTER: &str = "1";

/// Why a request was not carried out.
#[derive(Debug)]
pub(crate) enum Error {
    /// The head is malformed.
    Head(HeadFault),
    /// The request is refused for something in its head.
    Refused(Refusal),
    /// There are no credentials, or they are wrong.
    Unauthorized(WrongCredentials),
    /// The caller does not have these rights, on this name if it is about one.
    Missing(Rights, Option<Name>),
    /// Method, path or query lead to no operation.
    Route(RouteFault),
    /// The new name of a move or copy is invalid.
    NewName(NameFault),
    /// The condition in this field is malformed.
    Condition(&'static str),
    /// A condition does not hold.
    Unmet,
    /// The file, of this length, does not have the bytes that are asked for.
    Range(u64),
    /// The body does not have the digest that was sent with it.
    Digest,
    /// The content of the body is not accepted; with the reason.
    Content(&'static str),
    /// The archive in the body is not accepted; with the reason.
    Archive(String),
    /// The body did not come whole.
    Body(BodyFault),
    /// The body is larger than this many bytes.
    TooLarge(u64),
    /// The archive in the body is larger than this many bytes, unpacked.
    TooLargeUnpacked(u64),
    /// The storage failed for this name.
    Storage(Name, Access, storage::Error),
    /// The root of the storage cannot be read, or is not where it was.
    Root(storage::Error),
    /// The maximum number of transfers is under way.
    Busy,
    /// The maximum number of clients watch the transfers.
    Watched,
    /// The result is no longer wanted, or the server is shutting down.
    Cancelled(Cancelled),
    /// The handler panicked.
    Panic(String),
}

/// What is wrong with the credentials of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WrongCredentials {
    /// There are none.
    Missing,
    /// They are malformed, or of no token.
    Unknown,
}

impl Error {
    /// The error for a caller: a right that is missing is 401 for one without a valid token, which
    /// may be all that is missing.
    #[must_use]
    pub(crate) fn of_caller(self, caller: &Caller) -> Self {
        use storage::Error::{Forbidden, MayNotReplace};
        let is_right = matches!(
            self,
            Self::Missing(..) | Self::Storage(_, _, Forbidden | MayNotReplace)
        );
        match (is_right, caller.token()) {
            (true, None) if caller.is_unknown() => Self::Unauthorized(WrongCredentials::Unknown),
            (true, None) => Self::Unauthorized(WrongCredentials::Missing),
            _ => self,
        }
    }

    /// Whether the connection must be closed, since its next request may not begin where it seems
    /// to.
    #[must_use]
    pub(crate) fn ends_connection(&self) -> bool {
        matches!(self, Self::Refused(Refusal::NoHost | Refusal::NoLength))
    }

    /// The status code.
    #[must_use]
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Head(fault) => fault.status().0,
            Self::Refused(refusal) => refusal_answer(refusal).0,
            Self::Unauthorized(_) => 401,
            Self::Missing(..) => 403,
            Self::Route(RouteFault::Unknown) => 404,
            Self::Route(RouteFault::Method(_) | RouteFault::Action(_)) => 405,
            Self::Route(RouteFault::Name(_) | RouteFault::Query(_)) | Self::NewName(_) => 400,
            Self::Content(_) | Self::Archive(_) | Self::Condition(_) | Self::Digest => 400,
            Self::Unmet => 412,
            Self::Range(_) => 416,
            Self::Body(fault) => fault.status(),
            Self::TooLarge(_) | Self::TooLargeUnpacked(_) => 413,
            Self::Storage(name, access, error) => storage_answer(name, *access, error).0,
            Self::Root(_) | Self::Panic(_) => 500,
            Self::Busy | Self::Watched => 503,
            Self::Cancelled(why) => cancelled_status(*why),
        }
    }

    /// The text for the client.
    #[must_use]
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::Head(fault) => fault.to_string(),
            Self::Refused(refusal) => refusal_answer(refusal).1,
            Self::Unauthorized(WrongCredentials::Missing) => {
                "this takes a token: curl -u NAME:TOKEN, or Authorization: Bearer TOKEN".to_owned()
            }
            Self::Unauthorized(WrongCredentials::Unknown) => {
                "the token is not one of this server, or not of that name".to_owned()
            }
            Self::Missing(rights, name) => missing_text(*rights, name.as_ref()),
            Self::Route(RouteFault::Unknown) => "files are below /file/".to_owned(),
            Self::Route(RouteFault::Method(allow)) => format!("the methods here are {allow}"),
            Self::Route(RouteFault::Action(Action { word, acts_on, .. })) => format!(
                "/{word} is an action, for {acts_on}; a file of that name is written %2F{word}"
            ),
            Self::Route(RouteFault::Name(fault)) | Self::NewName(fault) => fault.to_string(),
            Self::Route(RouteFault::Query(fault)) => fault.to_string(),
            Self::Content(what) => (*what).to_owned(),
            Self::Archive(what) => format!("{what}; nothing was stored"),
            Self::Condition(field) => {
                format!("{field} must be * or a list of entity tags in quotation marks")
            }
            Self::Unmet => UNMET.to_owned(),
            Self::Range(length) => format!("the file has {length} bytes"),
            Self::Digest => {
                "the body does not have the digest that was sent with it; nothing was stored"
                    .to_owned()
            }
            Self::Body(fault) => format!("{fault}; nothing was stored"),
            Self::TooLarge(most) => format!("an upload may have {most} bytes at most"),
            Self::TooLargeUnpacked(most) => {
                format!("an archive may have {most} bytes at most once it is unpacked")
            }
            Self::Storage(name, access, error) => storage_answer(name, *access, error).1,
            Self::Root(storage::Error::Displaced(_)) => DISPLACED.to_owned(),
            Self::Root(_) => "the storage folder cannot be read".to_owned(),
            Self::Busy => "too many transfers at once, try again".to_owned(),
            Self::Watched => {
                "too many clients watch the transfers, ask again without text/event-stream"
                    .to_owned()
            }
            Self::Cancelled(why) => why.to_string(),
            Self::Panic(_) => "the server failed on this request".to_owned(),
        }
    }

    /// Whether there would be enough space without other uploads under way.
    #[must_use]
    pub(crate) fn would_fit_without_uploads(&self) -> bool {
        match self {
            Self::Storage(_, _, storage::Error::NoSpace(Some(shortage))) => {
                shortage.fits_without_uploads()
            }
            _ => false,
        }
    }

    /// What the log says.
    #[must_use]
    pub(crate) fn cause(&self) -> String {
        match self {
            Self::Storage(_, _, storage::Error::System(error))
            | Self::Root(storage::Error::System(error)) => error.to_string(),
            Self::Root(error) => error.to_string(),
            Self::Storage(_, _, error @ storage::Error::NoSpace(Some(_))) => error.to_string(),
            Self::Panic(message) => format!("panic: {message}"),
            other => other.detail(),
        }
    }

    /// The length of the file, where the client has assumed another one.
    fn length(&self) -> Option<u64> {
        match self {
            Self::Range(length) | Self::Storage(_, _, storage::Error::OtherLength(length)) => {
                Some(*length)
            }
            _ => None,
        }
    }

    /// The reply, in the format that the client accepts.
    #[must_use]
    pub(crate) fn reply<'s>(&self, format: Format) -> Reply<'s> {
        let status = self.status();
        let mut fields: Vec<Field> = vec![("Content-Type", format.media_type().into())];
        if let Self::Route(RouteFault::Method(allow) | RouteFault::Action(Action { allow, .. })) =
            self
        {
            fields.push(("Allow", (*allow).into()));
        }
        if matches!(self, Self::Unauthorized(_)) {
            fields.extend(CHALLENGES.map(|challenge| ("WWW-Authenticate", challenge.into())));
        }
        // RFC 9110, section 15.5.16: the codings that would be accepted.
        match self {
            Self::Refused(Refusal::Coding) => fields.push(("Accept-Encoding", "identity".into())),
            Self::Refused(Refusal::ArchiveCoding) => {
                fields.push(("Accept-Encoding", "gzip, identity".into()));
            }
            _ => {}
        }
        if let Some(length) = self.length() {
            fields.push(("Content-Range", format!("bytes */{length}").into()));
        }
        if status == 503 {
            fields.push(("Retry-After", RETRY_AFTER.into()));
        }
        Reply {
            status,
            fields,
            content: Content::Bytes(problem::body(format, status, &self.detail())),
        }
    }
}

/// The text for rights that are missing.
fn missing_text(rights: Rights, name: Option<&Name>) -> String {
    match (rights.is_empty(), name) {
        (true, _) => "the token has no right at all".to_owned(),
        (false, None) => format!("this takes the right \"{rights}\""),
        (false, Some(name)) => format!("this takes the right \"{rights}\" on \"{name}\""),
    }
}

/// Status and text for a request that is refused for its head.
fn refusal_answer(refusal: &Refusal) -> (u16, String) {
    let (status, text) = match refusal {
        Refusal::Host(host) => {
            let text = format!(
                "this server does not answer for \"{host}\"; --allowed-hosts says for which it does"
            );
            return (421, text);
        }
        Refusal::NoHost => (400, "HTTP/1.1 needs a Host header"),
        Refusal::OtherOrigin => (
            403,
            "a page of another origin may change nothing here, unless --allow-origin names it (a \
             proxy has to pass Host on as it is)",
        ),
        Refusal::Framed => (
            403,
            "a page of another origin may not show this in a frame; a link may lead here",
        ),
        Refusal::KeptPassword => (
            403,
            "a page of another origin sends its token as Authorization: Bearer TOKEN; a password \
             may be the browser's",
        ),
        Refusal::Override(field) => {
            let text = format!("{field} is not looked at here; send the method itself");
            return (400, text);
        }
        Refusal::Parts(field) => {
            let text = format!("{field}: an upload is one body here, of one request");
            return (400, text);
        }
        Refusal::NoLength => (
            411,
            "the length of the body is missing; an empty one has Content-Length: 0",
        ),
        Refusal::Form(command) => {
            let text =
                format!("a form would be stored with its wrapping; send the file: {command}");
            return (415, text);
        }
        Refusal::Coding => (
            415,
            "the Content-Encoding would be lost; send the content as it is to be stored, without one",
        ),
        Refusal::ArchiveCoding => (
            415,
            "an archive may be compressed by gzip, once: Content-Encoding: gzip or Content-Type: \
             application/gzip",
        ),
    };
    (status, text.to_owned())
}

#[cfg(test)]
mod tests;
