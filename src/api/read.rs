//! GET of a file or a folder.

use super::condition::{read_lenient, validators};
use super::listing;
use super::{Access, Content, Context, Error, Op, Reply, Request};
use crate::http::head::Field;
use crate::http::media_type;
use crate::http::name::Name;
use crate::http::precondition::{Validators, Verdict, if_range_holds};
use crate::http::range::{Selection, select};
use crate::storage::{Entry, Snapshot, Version};
use crate::time::Timestamp;

/// The content of a file, or the names in a folder.
pub(super) fn read<'s>(
    context: Context<'s>,
    name: &Name,
    request: &dyn Request,
) -> Result<Reply<'s>, Error> {
    let failed = |error| Error::Storage(name.clone(), Access::Read, error);
    match context.store.open_entry(name.pieces()).map_err(failed)? {
        Entry::File(snapshot) => file(name, snapshot, request),
        Entry::Directory(folder) => {
            request.did(Op::List);
            if !is_new(request, &Validators::default())? {
                return Ok(Reply::not_modified(vec![listing::vary()]));
            }
            listing::list(context, folder, (name, request)).map_err(failed)
        }
    }
}

fn file<'s>(name: &Name, snapshot: Snapshot, request: &dyn Request) -> Result<Reply<'s>, Error> {
    let current = validators(&snapshot.version);
    let mut fields = fields_of(&snapshot, &current);
    if !is_new(request, &current)? {
        return Ok(Reply::not_modified(fields));
    }
    let file_name = name.pieces().last().map_or("", String::as_str);
    let media_type = media_type::of(file_name);
    fields.push(("Content-Type", media_type.into()));
    if media_type::is_active(media_type) {
        fields.push(("Content-Security-Policy", "sandbox".into()));
    }
    let length = snapshot.version.length;
    let (status, part) = match selection(request, &current, length) {
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

/// The fields that a reply without content has, too (RFC 9110, section 15.4.5).
fn fields_of(snapshot: &Snapshot, current: &Validators) -> Vec<Field> {
    let mut fields = vec![("Accept-Ranges", "bytes".into())];
    fields.extend(
        current
            .tag
            .as_ref()
            .map(|tag| ("ETag", tag.to_string().into())),
    );
    fields.extend(last_modified(&snapshot.version));
    fields
}

/// `Last-Modified`, never later than the reply itself (RFC 9110, section 8.8.2.1).
pub(super) fn last_modified(version: &Version) -> Option<Field> {
    let modified = version.modified.min(Timestamp::now());
    Some(("Last-Modified", modified.http_date()?.into()))
}

/// Whether the client, by its conditions, is to get the content; otherwise it has it already.
pub(super) fn is_new(request: &dyn Request, current: &Validators) -> Result<bool, Error> {
    match read_lenient(request)?.to_read(current) {
        Verdict::Met => Ok(true),
        Verdict::NotModified => Ok(false),
        Verdict::Unmet => Err(Error::Unmet),
    }
}

/// What of the file is asked for. A range is for GET alone (RFC 9110, section 14.2).
fn selection(request: &dyn Request, current: &Validators, length: u64) -> Selection {
    let range = request.field("Range").filter(|_| !request.is_head());
    let Some(range) = range else {
        return Selection::Whole;
    };
    match request.field("If-Range") {
        Some(value) if !if_range_holds(&value, current) => Selection::Whole,
        _ => select(&range, length),
    }
}
