//! Errors of the storage, and their statuses and texts.

use crate::computing::Cancelled;
use crate::http::byte_size::{Rounding, readable};
use crate::http::name::{Name, NameFault};
use crate::storage::{self, Shortage};

pub(super) const DISPLACED: &str = "the storage folder has been moved, replaced or unmounted";

pub(super) const UNMET: &str = "a condition of the request does not hold; nothing was changed";

/// What a request does with a name. The same error of the storage has another status for a read
/// than for a write: a name that leads out of the root is not found by the former, and forbidden to
/// the latter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reads the file or directory.
    Read,
    /// Appends to the file.
    Append,
    /// Renames or removes it.
    Change,
    /// Puts something at the name.
    Create,
    /// Puts an unpacked directory there.
    Unpack,
}

/// Status and text for an error of the storage.
pub(super) fn storage_answer(name: &Name, access: Access, error: &storage::Error) -> (u16, String) {
    use storage::Error;
    let none = || format!("there is no \"{name}\"");
    match (error, access) {
        (Error::NotFound, Access::Append) | (Error::MayNotCreate, _) => {
            (404, format!("{}; POST or ?create creates it", none()))
        }
        (Error::NotFound, _)
        | (Error::Outside, Access::Read)
        | (Error::ParentIsFile, Access::Read | Access::Change) => (404, none()),
        (Error::Outside, _) => (403, format!("\"{name}\" leads out of the storage folder")),
        (Error::Own, _) => (403, format!("\"{name}\" is the server's own")),
        (Error::Forbidden, _) => (
            403,
            format!("a link on the way to \"{name}\" leads to where the right to this is missing"),
        ),
        (Error::MayNotReplace, _) => (
            403,
            format!("\"{name}\" is there; to replace it takes the right \"write\""),
        ),
        (Error::IsRoot, Access::Unpack) => (
            403,
            "the storage folder itself cannot be replaced".to_owned(),
        ),
        (Error::IsRoot, _) => (
            403,
            "the storage folder itself cannot be moved or removed".to_owned(),
        ),
        (Error::Denied, _) => (403, format!("the server has no permission for \"{name}\"")),
        (Error::ParentIsFile, _) => (409, format!("a parent of \"{name}\" is a file")),
        (Error::IsDirectory, _) => (409, format!("\"{name}\" is a folder")),
        (Error::IsFile, _) => (409, format!("\"{name}\" is a file")),
        (Error::NotRegular, _) => (409, format!("\"{name}\" is neither a file nor a folder")),
        (Error::NotEmpty, _) => (409, format!("the folder \"{name}\" is not empty")),
        (Error::Occupied, Access::Unpack) => (
            409,
            format!("there is a \"{name}\" already; ?replace replaces a folder"),
        ),
        (Error::NoLinks, _) => (
            409,
            "the file system does not make the links of the archive; tar --hard-dereference and \
             --dereference make files of them"
                .to_owned(),
        ),
        (Error::Occupied, _) => (409, format!("there is a \"{name}\" already")),
        (Error::IntoItself, _) => (409, "it cannot be moved into itself".to_owned()),
        (Error::MountPoint, _) => (409, format!("\"{name}\" is on another file system")),
        (Error::DirectoryName, _) => (400, NameFault::DirectoryName.to_string()),
        (Error::Unmet, _) => (412, UNMET.to_owned()),
        (Error::OtherLength(length), _) => (416, format!("\"{name}\" has {length} bytes")),
        (Error::NoSpace(None), _) => (507, "there is not enough space for it".to_owned()),
        (Error::NoSpace(Some(shortage)), _) => (507, shortage_text(shortage)),
        (Error::ReadOnly, _) => (503, "the storage is read-only at present".to_owned()),
        (Error::Exhausted | Error::OutOfMemory | Error::Locked | Error::Raced, _) => {
            (503, "the server is busy, try again".to_owned())
        }
        (Error::Cancelled(why), _) => (cancelled_status(*why), why.to_string()),
        (Error::Displaced(_), _) => (500, DISPLACED.to_owned()),
        (Error::System(_), _) => (500, "the storage failed; the log says more".to_owned()),
    }
}

pub(super) fn cancelled_status(why: Cancelled) -> u16 {
    match why {
        Cancelled::ClientGone => 400,
        Cancelled::Stopping => 503,
    }
}

/// How much space a write needs and how much is free.
fn shortage_text(shortage: &Shortage) -> String {
    let needed = |bytes| readable(bytes, Rounding::Up);
    let mut text = match shortage.asked {
        0 => String::new(),
        asked => format!("it needs {}; ", needed(asked)),
    };
    text.push_str(&readable(shortage.free, Rounding::Down));
    text.push_str(" are free");
    for (bytes, what) in [
        (shortage.kept, "kept back"),
        (shortage.promised, "promised to other uploads"),
    ] {
        if bytes > 0 {
            text.push_str(&format!(", {} are {what}", needed(bytes)));
        }
    }
    text
}
