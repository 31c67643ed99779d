//! GET of a file or a directory.

use tiny_http::Head;

use super::annotations::Annotations;
use super::context::Context;
use super::error::{Access, Error};
use super::grant::Grant;
use super::listing;
use super::op::Op;
use super::reply::{Content, Reply, VARY};
use super::request::is_head;
use super::validators::{validator_fields, validators, wants_content};
use crate::http::media_type;
use crate::http::name::Name;
use crate::http::precondition::{Validators, if_range_holds};
use crate::http::range::{Selection, select};
use crate::storage::{self, Entry, Snapshot};

/// The content of a file, or the names in a directory.
pub(super) fn read<'s>(
    context: Context<'s>,
    grant: &Grant<'_>,
    head: &Head,
    annotations: &Annotations,
) -> Result<Reply<'s>, Error> {
    let name = grant.name;
    let failed = |error| Error::Storage(name.clone(), Access::Read, error);
    match storage::open_entry(context.store, grant.guarded()).map_err(failed)? {
        Entry::File(snapshot) => file(name, snapshot, head),
        Entry::Directory(directory) => {
            annotations.set_op(Op::List);
            if !wants_content(head, &Validators::default())? {
                return Ok(Reply::not_modified(vec![VARY]));
            }
            listing::list(context, directory, (name, head)).map_err(failed)
        }
    }
}

fn file<'s>(name: &Name, snapshot: Snapshot, head: &Head) -> Result<Reply<'s>, Error> {
    let current = validators(&snapshot.version);
    let mut fields = vec![("Accept-Ranges", "bytes".into())];
    fields.extend(validator_fields(&current, &snapshot.version));
    if !wants_content(head, &current)? {
        return Ok(Reply::not_modified(fields));
    }
    let file_name = name.components().last().map_or("", String::as_str);
    let media_type = media_type::of(file_name);
    fields.push(("Content-Type", media_type.into()));
    if media_type::is_active(media_type) {
        fields.push(("Content-Security-Policy", "sandbox".into()));
    }
    let length = snapshot.version.length;
    let (status, part) = match selection(head, &current, length) {
        Selection::Whole => (200, 0..length),
        Selection::Part(part) => {
            let range = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            fields.push(("Content-Range", range.into()));
            (206, part)
        }
        Selection::Unsatisfiable => return Err(Error::Range(length)),
    };
    let file = snapshot.file;
    Ok(Reply {
        status,
        fields,
        content: Content::File { file, part },
    })
}

/// The part of the file that is asked for. Range is defined for GET only (RFC 9110, section 14.2).
fn selection(head: &Head, current: &Validators, length: u64) -> Selection {
    let range = head.field("Range").filter(|_| !is_head(head));
    let Some(range) = range else {
        return Selection::Whole;
    };
    match head.field("If-Range") {
        Some(value) if !if_range_holds(&value, current) => Selection::Whole,
        _ => select(&range, length),
    }
}
