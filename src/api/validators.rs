//! Validators of files as clients see them, and the conditions of requests that read.
//!
//! Responsible for: what the entity tag of a version is made of. Not for: how conditions are
//! evaluated (`http/precondition.rs`), the conditions of writes (`condition.rs`).

use tiny_http::Head;

use super::error::Error;
use crate::http::entity_tag::EntityTag;
use crate::http::head::Field;
use crate::http::precondition::{Conditions, Validators, Verdict};
use crate::storage::Version;
use crate::time::Timestamp;

/// The validators of this version of a file.
pub(super) fn validators(version: &Version) -> Validators {
    validators_with_suffix(version, "")
}

/// Those of something derived from this version of a file, which the suffix of the entity tag
/// names.
pub(super) fn validators_with_suffix(version: &Version, suffix: &str) -> Validators {
    Validators {
        tag: Some(EntityTag::strong(opaque_tag(version) + suffix)),
        modified: Some(version.modified.seconds()),
    }
}

/// An entity tag without its quotation marks: modification time and length, and, for files whose
/// modification time another program has set, inode number and change time. A client should not
/// learn the latter two, so they are hashed.
fn opaque_tag(version: &Version) -> String {
    // The upper half is the same for all times of this age.
    let changed = version.changed.nanoseconds() as u64;
    let hash = version.inode.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ changed.wrapping_mul(0xd6e8_feb8_6659_fd93);
    let hash = hash ^ (hash >> 32);
    let modified = version.modified.nanoseconds().max(0);
    format!("{modified:x}-{:x}-{hash:x}", version.length)
}

/// `ETag` and `Last-Modified`.
pub(super) fn validator_fields(validators: &Validators, version: &Version) -> Vec<Field> {
    let tag = validators.tag.as_ref();
    // Last-Modified is never later than the reply itself (RFC 9110, section 8.8.2.1).
    let date = version.modified.min(Timestamp::now()).http_date();
    let tag = tag.map(|tag| ("ETag", tag.to_string().into()));
    let date = date.map(|date| ("Last-Modified", date.into()));
    tag.into_iter().chain(date).collect()
}

/// Whether a request that reads gets the content; if not, its client has it already (304).
///
/// # Errors
/// [`Error::Unmet`], [`Error::Condition`].
pub(super) fn wants_content(head: &Head, current: &Validators) -> Result<bool, Error> {
    match conditions_of_read(head)?.for_read(current) {
        Verdict::Met => Ok(true),
        Verdict::NotModified => Ok(false),
        Verdict::Unmet => Err(Error::Unmet),
    }
}

/// An `If-None-Match` that is malformed is ignored, so that the client gets the content.
fn conditions_of_read(head: &Head) -> Result<Conditions, Error> {
    match Conditions::read(|name| head.field(name)) {
        Err("If-None-Match") => {
            let other = |name| (name != "If-None-Match").then(|| head.field(name));
            Conditions::read(|name| other(name).flatten()).map_err(Error::Condition)
        }
        conditions => conditions.map_err(Error::Condition),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_changes_with_each_part_of_a_version() {
        let version = |inode, length, modified, changed| Version {
            inode,
            length,
            modified: Timestamp::new(0, modified),
            changed: Timestamp::new(0, changed),
        };
        let tag = opaque_tag(&version(1, 0x10, 0x1234, 0x1240));
        assert!(tag.starts_with("1234-10-"), "{tag}");
        for other in [
            version(2, 0x10, 0x1234, 0x1240),
            version(1, 0x11, 0x1234, 0x1240),
            version(1, 0x10, 0x1235, 0x1240),
            version(1, 0x10, 0x1234, 0x1241),
        ] {
            assert_ne!(opaque_tag(&other), tag, "{other:?}");
        }
    }
}
