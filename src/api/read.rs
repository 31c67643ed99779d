//! GET of a file or a directory.

use tiny_http::Head;

use super::context::Context;
use super::error::{Access, Error};
use super::grant::Grant;
use super::line_selection::find;
use super::listing;
use super::op::Op;
use super::reply::{Reply, VARY};
use super::request::{Request, is_head};
use super::validators::{validator_fields, validators, wants_content};
use crate::http::media_type;
use crate::http::name::Name;
use crate::http::precondition::{Validators, if_range_holds};
use crate::http::range::{Selection, select};
use crate::http::reading::{Depth, Lines, Reading};
use crate::storage::{self, Entry, Snapshot};

/// The content of a file, or the names in a directory.
pub(super) fn read<'s>(
    context: Context<'s>,
    grant: &Grant<'_>,
    reading: &Reading,
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    let name = grant.name;
    let failed = |error| Error::Storage(name.clone(), Access::Read, error);
    match storage::open_entry(context.store, grant.guarded()).map_err(failed)? {
        Entry::File(_) if reading.depth != Depth::Entries => Err(failed(storage::Error::IsFile)),
        Entry::File(snapshot) => file(name, snapshot, reading.lines, request),
        Entry::Directory(_) if reading.lines != Lines::All => {
            Err(failed(storage::Error::IsDirectory))
        }
        Entry::Directory(directory) => {
            let head = request.head();
            request.annotations().set_op(Op::List);
            if !wants_content(head, &Validators::default())? {
                return Ok(Reply::not_modified(vec![VARY]));
            }
            listing::list(context, directory, &reading.depth, (name, head)).map_err(failed)
        }
    }
}

fn file<'s>(
    name: &Name,
    snapshot: Snapshot,
    lines: Lines,
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    let current = validators(&snapshot.version);
    let mut fields = vec![("Accept-Ranges", "bytes".into())];
    fields.extend(validator_fields(&current, &snapshot.version));
    if !wants_content(request.head(), &current)? {
        return Ok(Reply::not_modified(fields));
    }
    let file_name = name.components().last().map_or("", String::as_str);
    let media_type = media_type::of(file_name);
    fields.push(("Content-Type", media_type.into()));
    if media_type::is_active(media_type) {
        fields.push(("Content-Security-Policy", "sandbox".into()));
    }
    let found = find(lines, &snapshot, request);
    let found = found.map_err(|error| Error::Storage(name.clone(), Access::Read, error))?;
    let length = found.length();
    let (status, found) = match selection(request.head(), &current, length) {
        Selection::Whole => (200, found),
        Selection::Part(part) => {
            let range = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            fields.push(("Content-Range", range.into()));
            (206, found.part(part))
        }
        Selection::Unsatisfiable => return Err(Error::Range(length)),
    };
    Ok(Reply {
        status,
        fields,
        content: found.into_content(snapshot.file),
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
