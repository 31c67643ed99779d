//! What a request does, in a word for the log.

use crate::http::route::Operation;

/// What a request does. The log has its [`Op::word`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// To ask what this is.
    Welcome,
    /// To ask whether the storage folder can be read.
    Health,
    /// To read a file, or a name that leads to nothing.
    Read,
    /// To list a folder.
    List,
    /// To count lines.
    Count,
    /// To compute a digest.
    Digest,
    /// To archive a folder.
    Archive,
    /// To store a file, where it is not known yet whether there is one.
    Store,
    /// To have stored a new file.
    Create,
    /// To have stored a file in place of another.
    Replace,
    /// To append.
    Append,
    /// To make a folder.
    MakeDirectory,
    /// To move.
    Move,
    /// To copy.
    Copy,
    /// To delete.
    Delete,
}

impl Op {
    /// What is known of an operation before it is carried out.
    #[must_use]
    pub fn of(operation: &Operation) -> Self {
        match operation {
            Operation::Welcome => Self::Welcome,
            Operation::Health => Self::Health,
            Operation::Read(_) => Self::Read,
            Operation::CountLines(_) => Self::Count,
            Operation::Digest(_) => Self::Digest,
            Operation::Archive(_) => Self::Archive,
            Operation::Create(_) => Self::Store,
            Operation::MakeDirectory(_) => Self::MakeDirectory,
            Operation::Append(..) => Self::Append,
            Operation::Rename(_) => Self::Move,
            Operation::Copy(_) => Self::Copy,
            Operation::Delete(_) => Self::Delete,
        }
    }

    /// The word in the log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Welcome => "welcome",
            Self::Health => "health",
            Self::Read => "read",
            Self::List => "list",
            Self::Count => "count",
            Self::Digest => "digest",
            Self::Archive => "archive",
            Self::Store => "store",
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Append => "append",
            Self::MakeDirectory => "mkdir",
            Self::Move => "move",
            Self::Copy => "copy",
            Self::Delete => "delete",
        }
    }
}
