//! PUT of `claim`: moves the first file of a folder into another one, and says which.
//!
//! Of several that claim at once, each gets another file: a claim is a rename, and a file can be
//! renamed once. Who comes too late for one goes on to the next.

use super::context::Context;
use super::destination;
use super::entry_object::{begin_object, push_member};
use super::error::{Access, Error};
use super::grant::Grant;
use super::reply::{Content, Reply};
use super::request::Request;
use super::validators::validators;
use crate::http::name::Name;
use crate::storage::{self, Directory, Entry, Kind, Listing};

pub(super) fn claim<'s>(
    context: Context<'s>,
    grant: &Grant<'_>,
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    let failed = |error| Error::Storage(grant.name.clone(), Access::Change, error);
    open_folder(context, grant)?;
    // A request that has waited for a file has had its body read.
    let into = match request.annotations().new_name() {
        Some(into) => into,
        None => destination::read(request, failed)?.name,
    };
    let destination = grant.destination(&into)?;
    if into == *grant.name {
        return Err(failed(storage::Error::IntoItself));
    }
    // Opened anew, since reading the body of the request may have taken long.
    let folder = open_folder(context, grant)?;
    let mut files = Listing::new(context.store, folder, context.memory).map_err(failed)?;
    let mut occupied = None;
    while let Some((name, metadata)) = files.next_entry(request).map_err(failed)? {
        // A name that is not UTF-8 cannot be one of a request.
        let Some(name) = name.to_str().filter(|_| metadata.kind == Kind::File) else {
            continue;
        };
        let [from, to] = [grant.name, &into].map(|folder| folder.entry(name));
        match claim_one(context, (grant, &from), (&destination, &to))? {
            Claimed::Done => {
                request.annotations().set_new_name(&to);
                return reply(context, &destination, (name, &to));
            }
            Claimed::Gone => {}
            Claimed::Occupied => drop(occupied.get_or_insert(to)),
        }
    }
    match occupied {
        Some(name) => Err(Error::Storage(
            name,
            Access::Create,
            storage::Error::Occupied,
        )),
        None => Ok(Reply::nothing()),
    }
}

/// Opens the folder whose files are claimed.
fn open_folder(context: Context<'_>, grant: &Grant<'_>) -> Result<Directory, Error> {
    let failed = |error| Error::Storage(grant.name.clone(), Access::Change, error);
    match storage::open_entry(context.store, grant.guarded()).map_err(failed)? {
        Entry::Directory(folder) => Ok(folder),
        Entry::File(_) => Err(failed(storage::Error::IsFile)),
    }
}

/// What has become of the claim of one file.
enum Claimed {
    /// It has been moved.
    Done,
    /// Another one has it.
    Gone,
    /// In the folder that it would go to, something has its name.
    Occupied,
}

fn claim_one(
    context: Context<'_>,
    (grant, from): (&Grant<'_>, &Name),
    (destination, to): (&Grant<'_>, &Name),
) -> Result<Claimed, Error> {
    let names = (grant.guarded_below(from), destination.guarded_below(to));
    match storage::rename_file(context.store, names) {
        Ok(()) => Ok(Claimed::Done),
        Err(storage::Error::NotFound) => Ok(Claimed::Gone),
        Err(storage::Error::Occupied) => Ok(Claimed::Occupied),
        Err(error) => Err(Error::Storage(to.clone(), Access::Create, error)),
    }
}

/// 200, with the file that was claimed.
fn reply<'s>(
    context: Context<'s>,
    destination: &Grant<'_>,
    (name, to): (&str, &Name),
) -> Result<Reply<'s>, Error> {
    let failed = |error| Error::Storage(to.clone(), Access::Read, error);
    let entry = storage::open_entry(context.store, destination.guarded_below(to));
    let Entry::File(snapshot) = entry.map_err(failed)? else {
        return Err(failed(storage::Error::Raced));
    };
    let version = snapshot.version;
    let mut object = String::new();
    let facts = (version.length, version.modified);
    begin_object(&mut object, name.as_bytes(), Kind::File, facts);
    push_member(&mut object, "path", &to.to_string());
    if let Some(tag) = validators(&version).tag {
        push_member(&mut object, "etag", &tag.to_string());
    }
    object.push_str("}\n");
    Ok(Reply {
        status: 200,
        fields: vec![("Content-Type", "application/json".into())],
        content: Content::Bytes(object.into_bytes()),
    })
}
