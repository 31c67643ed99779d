//! What a request does, as the log has it.

use crate::http::route::{Operation, Report};

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Asks what this server is.
    Welcome,
    /// Asks what a page of an allowed origin may send.
    Preflight,
    /// Asks whether the root of the storage can be read.
    Health,
    /// Asks for a report on the server.
    Report(Report),
    /// Reads a file, or a name that does not exist.
    Read,
    /// Lists a directory.
    List,
    /// Counts lines.
    Count,
    /// Computes a digest.
    Digest,
    /// Tells what is known of a file or directory.
    Info,
    /// Archives a directory.
    Archive,
    /// Stores a file that may replace another.
    Store,
    /// Has stored a new file.
    Create,
    /// Has replaced a file.
    Replace,
    /// Appends to a file.
    Append,
    /// Makes a directory.
    MakeDirectory,
    /// Unpacks an archive.
    Untar,
    /// Moves a file or directory.
    Move,
    /// Copies a file.
    Copy,
    /// Claims a file.
    Claim,
    /// Deletes a file or directory.
    Delete,
}

impl Op {
    /// What is known before the operation is carried out.
    #[must_use]
    pub(crate) fn of(operation: &Operation) -> Self {
        match operation {
            Operation::Welcome => Self::Welcome,
            Operation::Preflight => Self::Preflight,
            Operation::Health => Self::Health,
            Operation::Report(report) => Self::Report(*report),
            Operation::Read(..) => Self::Read,
            Operation::CountLines(_) => Self::Count,
            Operation::Digest(_) => Self::Digest,
            Operation::Info(_) => Self::Info,
            Operation::Archive(_) => Self::Archive,
            Operation::Create(_) => Self::Store,
            Operation::MakeDirectory(_) => Self::MakeDirectory,
            Operation::Untar(..) => Self::Untar,
            Operation::Append(..) => Self::Append,
            Operation::Rename(_) => Self::Move,
            Operation::Copy(_) => Self::Copy,
            Operation::Claim(..) => Self::Claim,
            Operation::Delete(_) => Self::Delete,
        }
    }

    /// The word in the log.
    #[must_use]
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Welcome => "welcome",
            Self::Preflight => "preflight",
            Self::Health => "health",
            Self::Report(Report::Alive) => "alive",
            Self::Report(Report::Ready) => "ready",
            Self::Report(Report::Metrics) => "metrics",
            Self::Report(Report::Transfers) => "transfers",
            Self::Report(Report::Watch) => "watch",
            Self::Read => "read",
            Self::List => "list",
            Self::Count => "count",
            Self::Digest => "digest",
            Self::Info => "info",
            Self::Archive => "archive",
            Self::Store => "store",
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Append => "append",
            Self::MakeDirectory => "mkdir",
            Self::Untar => "untar",
            Self::Move => "move",
            Self::Copy => "copy",
            Self::Claim => "claim",
            Self::Delete => "delete",
        }
    }
}
