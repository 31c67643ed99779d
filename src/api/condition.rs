//! The conditions of a write, evaluated against what the storage has.
//!
//! Responsible for: what an unmet condition is answered with. Not for: the order of conditions
//! (`http/precondition.rs`); that nothing changes between check and write (`storage/`).

use tiny_http::Head;

use super::error::Error;
use super::grant::Grant;
use super::validators::validators;
use crate::http::precondition::{Conditions, Validators};
use crate::http::range::ContentRange;
use crate::storage::{self, Current};

/// What must hold at the moment at which a write takes place.
#[derive(Default)]
pub(super) struct WriteConditions<'g> {
    conditions: Conditions,
    content_range: Option<ContentRange>,
    /// A file is to get a name that ends in `/`.
    is_directory_name: bool,
    /// What says whether something may be put there, and may replace what is there.
    grant: Option<&'g Grant<'g>>,
}

impl<'g> WriteConditions<'g> {
    /// Those of a request that writes.
    pub(super) fn of(head: &Head) -> Result<Self, Error> {
        let conditions = Conditions::read(|name| head.field(name)).map_err(Error::Condition)?;
        Ok(Self {
            conditions,
            ..Self::default()
        })
    }

    /// Those of a request that appends.
    pub(super) fn of_append(head: &Head) -> Result<Self, Error> {
        let content_range = match head.field("Content-Range") {
            None => None,
            Some(value) => Some(ContentRange::parse(&value).ok_or(Error::Content(
                "Content-Range must be like \"bytes FIRST-LAST/TOTAL\" or \"bytes FIRST-LAST/*\"",
            ))?),
        };
        Ok(Self {
            content_range,
            ..Self::of(head)?
        })
    }

    /// The same for a write to a file whose name is written with a final `/` or without. One with
    /// it is refused: it names a directory, so that the client means something else than the file.
    pub(super) fn for_file(self, ends_in_slash: bool) -> Self {
        Self {
            is_directory_name: ends_in_slash,
            ..self
        }
    }

    /// The same for a write that puts something there, if the caller may.
    pub(super) fn granted_by(self, grant: &'g Grant<'g>) -> Self {
        Self {
            grant: Some(grant),
            ..self
        }
    }

    /// Whether the body is to be the beginning of the file, which may then be missing.
    pub(super) fn starts_file(&self) -> bool {
        self.content_range.is_some_and(|range| range.first == 0)
    }

    /// Refuses a body whose length is not that of its `Content-Range`.
    pub(super) fn check_length(&self, length: Option<u64>) -> Result<(), Error> {
        match (self.content_range, length) {
            (Some(range), Some(length)) if range.length != length => Err(Error::Content(
                "the body does not have the length that Content-Range says",
            )),
            _ => Ok(()),
        }
    }

    /// Whether there is no condition.
    pub(super) fn is_empty(&self) -> bool {
        self.conditions.is_empty()
            && self.content_range.is_none()
            && !self.is_directory_name
            && self.grant.is_none_or(Grant::may_replace)
    }

    /// Evaluates the conditions against what has the name.
    pub(super) fn check(&self, current: Option<&Current>) -> Result<(), storage::Error> {
        if self.is_directory_name {
            return Err(storage::Error::DirectoryName);
        }
        if let Some(grant) = self.grant {
            grant.check_put(current)?;
        }
        // First what would fail without conditions, too (RFC 9110, section 13.2.1).
        let length = match current {
            Some(Current::File(version)) => Some(version.length),
            Some(Current::Other) => None,
            // Only an append that may create the file gets here.
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
        match self.conditions.for_write(found.as_ref()) {
            true => Ok(()),
            false => Err(storage::Error::Unmet),
        }
    }
}
