//! The conditions of a request, held against what the storage has.
//!
//! In: the entity tag of a version, and what an unmet condition comes to. Out: the order of the conditions
//! (`http/precondition.rs`), and that nothing changes between check and write (`storage/`).

use super::{Error, Request};
use crate::http::entity_tag::EntityTag;
use crate::http::precondition::{Conditions, Validators};
use crate::http::range::ContentRange;
use crate::storage::{self, Current, Version};

/// Reads the conditions of a request.
pub(super) fn read(request: &dyn Request) -> Result<Conditions, Error> {
    Conditions::read(|name| request.field(name)).map_err(Error::Condition)
}

/// Reads the conditions of a request that reads. What is no list of tags in `If-None-Match` is no tag that the client
/// has: it gets the content.
pub(super) fn read_lenient(request: &dyn Request) -> Result<Conditions, Error> {
    match Conditions::read(|name| request.field(name)) {
        Err("If-None-Match") => {
            let other = |name| (name != "If-None-Match").then(|| request.field(name));
            Conditions::read(|name| other(name).flatten()).map_err(Error::Condition)
        }
        conditions => conditions.map_err(Error::Condition),
    }
}

/// What tells this version of a file from others, as a client sees it.
pub(super) fn validators(version: &Version) -> Validators {
    Validators {
        tag: Some(EntityTag::strong(opaque(version))),
        modified: Some(version.modified.seconds()),
    }
}

/// The tag without its quotation marks: time and length, and the inode number and the kernel's own time of change for
/// files whose time another program has set. Those two are nobody's business, so they are scattered.
pub(super) fn opaque(version: &Version) -> String {
    // The lower half is what differs between two times of this age.
    let changed = version.changed.nanoseconds() as u64;
    let scattered = version.inode.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ changed.wrapping_mul(0xd6e8_feb8_6659_fd93);
    let scattered = scattered ^ (scattered >> 32);
    let modified = version.modified.nanoseconds().max(0);
    format!("{modified:x}-{:x}-{scattered:x}", version.length)
}

/// What a write is held against, at the moment at which it takes place.
#[derive(Debug, Default)]
pub(super) struct Guard {
    conditions: Conditions,
    content_range: Option<ContentRange>,
    /// The name ends in `/`, and a file is to get it.
    is_folder_name: bool,
}

impl Guard {
    /// The conditions of a request that writes.
    pub(super) fn of(request: &dyn Request) -> Result<Self, Error> {
        Ok(Self {
            conditions: read(request)?,
            ..Self::default()
        })
    }

    /// The conditions of a request that appends.
    pub(super) fn of_append(request: &dyn Request) -> Result<Self, Error> {
        let content_range = match request.field("Content-Range") {
            None => None,
            Some(value) => Some(ContentRange::parse(&value).ok_or(Error::Content(
                "Content-Range must be like \"bytes FIRST-LAST/TOTAL\" or \"bytes FIRST-LAST/*\"",
            ))?),
        };
        Ok(Self {
            conditions: read(request)?,
            content_range,
            is_folder_name: false,
        })
    }

    /// The same for a write that makes or changes a file, by a name that ends in `/` or not. One that does is that of a
    /// folder: the sender means another file than that without the slash.
    pub(super) fn for_file(self, ends_in_slash: bool) -> Self {
        Self {
            is_folder_name: ends_in_slash,
            ..self
        }
    }

    /// Whether the body is to be the beginning of the file: what is not there has no byte before it.
    pub(super) fn is_of_beginning(&self) -> bool {
        self.content_range.is_some_and(|range| range.first == 0)
    }

    /// Refuses a body whose length is not what its `Content-Range` says.
    pub(super) fn check_length(&self, length: Option<u64>) -> Result<(), Error> {
        match (self.content_range, length) {
            (Some(range), Some(length)) if range.length != length => Err(Error::Content(
                "the body does not have the length that Content-Range says",
            )),
            _ => Ok(()),
        }
    }

    /// Whether anything is to be checked at all.
    pub(super) fn is_idle(&self) -> bool {
        self.conditions.are_none() && self.content_range.is_none() && !self.is_folder_name
    }

    /// Holds the conditions against what is there.
    pub(super) fn check(&self, current: Option<&Current>) -> Result<(), storage::Error> {
        if self.is_folder_name {
            return Err(storage::Error::DirectoryName);
        }
        // A condition counts only where the request could be carried out without it (RFC 9110, section 13.2.1).
        let length = match current {
            Some(Current::File(version)) => Some(version.length),
            Some(Current::Other) => None,
            // Only an append that would create it comes here.
            None => Some(0),
        };
        if let (Some(range), Some(length)) = (self.content_range, length)
            && range.first != length
        {
            return Err(storage::Error::OtherLength(length));
        }
        let found = current.map(|current| match current {
            Current::File(version) => validators(version),
            Current::Other => Validators::default(),
        });
        match self.conditions.to_write(found.as_ref()) {
            true => Ok(()),
            false => Err(storage::Error::Unmet),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn a_tag_changes_with_each_part_of_a_version() {
        let version = |inode, length, modified, changed| Version {
            inode,
            length,
            modified: Timestamp::new(0, modified),
            changed: Timestamp::new(0, changed),
        };
        let tag = opaque(&version(1, 0x10, 0x1234, 0x1240));
        assert!(tag.starts_with("1234-10-"), "{tag}");
        for other in [
            version(2, 0x10, 0x1234, 0x1240),
            version(1, 0x11, 0x1234, 0x1240),
            version(1, 0x10, 0x1235, 0x1240),
            version(1, 0x10, 0x1234, 0x1241),
        ] {
            assert_ne!(opaque(&other), tag, "{other:?}");
        }
    }
}
