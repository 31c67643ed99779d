//! GET of `info`: what is known of one file or directory, without reading its content.

use tiny_http::Head;

use super::entry_object::{begin_object, push_member};
use super::error::{Access, Error};
use super::grant::Grant;
use super::reply::{Content, Reply};
use super::validators::{validator_fields, validators, validators_with_suffix, wants_content};
use crate::http::digest::hexadecimal;
use crate::http::head::Field;
use crate::http::name::Name;
use crate::http::precondition::Validators;
use crate::storage::{self, Directory, Entry, Kind, Provenance, Store, Version};
use crate::time::Timestamp;

/// What the entity tag of the reply has in addition to that of the file.
const TAG_SUFFIX: &str = "-info";

/// The object that a list has for a file or directory, and more of a file.
pub(super) fn info<'s>(
    store: &'s Store,
    grant: &Grant<'_>,
    head: &Head,
) -> Result<Reply<'s>, Error> {
    let name = grant.name;
    let failed = |error| Error::Storage(name.clone(), Access::Read, error);
    match storage::open_entry(store, grant.guarded()).map_err(failed)? {
        Entry::File(snapshot) => {
            let (version, origin) = storage::provenance(store, snapshot).map_err(failed)?;
            of_file(name, &version, origin, head)
        }
        Entry::Directory(directory) => of_directory(name, &directory, head),
    }
}

fn of_file<'s>(
    name: &Name,
    version: &Version,
    origin: Option<(Provenance, Timestamp)>,
    head: &Head,
) -> Result<Reply<'s>, Error> {
    let of_info = validators_with_suffix(version, TAG_SUFFIX);
    let fields = validator_fields(&of_info, version);
    if !wants_content(head, &of_info)? {
        return Ok(Reply::not_modified(fields));
    }
    let mut object = String::new();
    let facts = (version.length, version.modified);
    begin_object(&mut object, last_component(name), Kind::File, facts);
    if let Some(tag) = validators(version).tag {
        push_member(&mut object, "etag", &tag.to_string());
    }
    if let Some(origin) = origin {
        push_origin(&mut object, origin);
    }
    Ok(reply(object, fields))
}

/// Writes what is known of where the content comes from.
fn push_origin(object: &mut String, (provenance, at): (Provenance, Timestamp)) {
    let sha256 = provenance.sha256.map(|digest| hexadecimal(&digest));
    let at = Some(at.rfc3339_millis());
    for (member, value) in [
        ("sha256", sha256),
        ("by", provenance.by),
        ("client", provenance.client),
        ("at", at),
        ("request_id", provenance.request_id),
    ] {
        if let Some(value) = value {
            push_member(object, member, &value);
        }
    }
}

fn of_directory<'s>(name: &Name, directory: &Directory, head: &Head) -> Result<Reply<'s>, Error> {
    if !wants_content(head, &Validators::default())? {
        return Ok(Reply::not_modified(Vec::new()));
    }
    let failed = |error| Error::Storage(name.clone(), Access::Read, error);
    let modified = directory.modified().map_err(failed)?;
    let mut object = String::new();
    let facts = (0, modified);
    begin_object(&mut object, last_component(name), Kind::Directory, facts);
    Ok(reply(object, Vec::new()))
}

/// The name that a list has; an empty one for the root.
fn last_component(name: &Name) -> &[u8] {
    name.components().last().map_or(b"", String::as_bytes)
}

/// 200 with an object, whose end is still missing.
fn reply<'s>(mut object: String, fields: Vec<Field>) -> Reply<'s> {
    object.push_str("}\n");
    let media_type = ("Content-Type", "application/json".into());
    Reply {
        status: 200,
        fields: std::iter::once(media_type).chain(fields).collect(),
        content: Content::Bytes(object.into_bytes()),
    }
}
