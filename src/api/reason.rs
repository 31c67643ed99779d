//! Why requests are refused, in a few words: one for all errors that an operator takes for the same
//! thing, where statuses say less or more.

use super::error::Error;
use crate::computing::Cancelled;
use crate::http::admission::Refusal;
use crate::http::body::BodyFault;
use crate::http::route::RouteFault;
use crate::storage;

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The request is not one of this server: malformed, or what it asks for makes no sense.
    Request,
    /// The host that it names, or the origin of the page that sent it.
    Origin,
    /// There is no token, or a wrong one.
    Token,
    /// The token does not have the right.
    Right,
    /// The name: nothing is there, something else is, or it leads to where it must not.
    Name,
    /// A condition of the request does not hold.
    Condition,
    /// The upload is too large.
    Size,
    /// There is no space for it.
    Space,
    /// The body did not come, or too slowly.
    Body,
    /// All slots are taken, or all places of clients that watch.
    Slots,
    /// Something that it needs is in use: a lock, memory, descriptors.
    Busy,
    /// The server is shutting down.
    Stopping,
    /// The server or its storage failed.
    Failure,
}

impl Reason {
    pub(crate) const ALL: [Self; 13] = [
        Self::Request,
        Self::Origin,
        Self::Token,
        Self::Right,
        Self::Name,
        Self::Condition,
        Self::Size,
        Self::Space,
        Self::Body,
        Self::Slots,
        Self::Busy,
        Self::Stopping,
        Self::Failure,
    ];

    /// The word for it.
    #[must_use]
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Origin => "origin",
            Self::Token => "token",
            Self::Right => "right",
            Self::Name => "name",
            Self::Condition => "condition",
            Self::Size => "size",
            Self::Space => "space",
            Self::Body => "body",
            Self::Slots => "slots",
            Self::Busy => "busy",
            Self::Stopping => "stopping",
            Self::Failure => "failure",
        }
    }

    /// That of an error.
    #[must_use]
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Head(_) | Error::Condition(_) | Error::Content(_) | Error::Archive(_) => {
                Self::Request
            }
            Error::Refused(Refusal::Host(_) | Refusal::OtherOrigin) => Self::Origin,
            Error::Refused(_) => Self::Request,
            Error::Unauthorized(_) => Self::Token,
            Error::Missing(..) => Self::Right,
            Error::Route(RouteFault::Name(_)) | Error::NewName(_) => Self::Name,
            Error::Route(_) => Self::Request,
            Error::Unmet | Error::Range(_) => Self::Condition,
            Error::Digest => Self::Body,
            Error::Body(fault) => of_body(*fault),
            Error::TooLarge(_) | Error::TooLargeUnpacked(_) => Self::Size,
            Error::Storage(_, _, error) => of_storage(error),
            Error::Root(_) | Error::Panic(_) => Self::Failure,
            Error::Busy | Error::Watched => Self::Slots,
            Error::Cancelled(why) => of_cancelled(*why),
        }
    }
}

fn of_body(fault: BodyFault) -> Reason {
    match fault {
        BodyFault::Connection(tiny_http::BodyFault::Malformed) => Reason::Request,
        BodyFault::TooSlow | BodyFault::Connection(_) => Reason::Body,
    }
}

fn of_storage(error: &storage::Error) -> Reason {
    use storage::Error;
    match error {
        Error::NotFound
        | Error::MayNotCreate
        | Error::ParentIsFile
        | Error::IsDirectory
        | Error::IsFile
        | Error::NotRegular
        | Error::NotEmpty
        | Error::IntoItself
        | Error::Outside
        | Error::Own
        | Error::IsRoot
        | Error::MountPoint
        | Error::DirectoryName
        | Error::Occupied
        | Error::NoLinks
        | Error::Denied => Reason::Name,
        Error::Forbidden | Error::MayNotReplace => Reason::Right,
        Error::Unmet | Error::OtherLength(_) => Reason::Condition,
        Error::NoSpace(_) => Reason::Space,
        Error::Exhausted | Error::OutOfMemory | Error::Locked | Error::Raced | Error::ReadOnly => {
            Reason::Busy
        }
        Error::Cancelled(why) => of_cancelled(*why),
        Error::Displaced(_) | Error::System(_) => Reason::Failure,
    }
}

fn of_cancelled(why: Cancelled) -> Reason {
    match why {
        Cancelled::ClientGone => Reason::Body,
        Cancelled::Stopping => Reason::Stopping,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_in_its_place_and_has_a_word_of_its_own() {
        for (at, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, at);
            let same = Reason::ALL.iter().filter(|it| it.word() == reason.word());
            assert_eq!(same.count(), 1, "{reason:?}");
        }
    }
}
