//! The entries of a directory, as text or as JSON; `page.rs` makes a page of them.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io;
use std::os::unix::ffi::OsStrExt;

use tiny_http::Head;

use super::context::Context;
use super::entry_object::begin_object;
use super::page;
use super::reply::{Content, Reply, Sink, VARY};
use crate::http::accept;
use crate::http::name::Name;
use crate::storage::{self, Directory, Listing};

const JSON: &str = "application/json";

/// The entries of a directory, sorted bytewise by name, in the format that the client accepts.
pub(super) fn list<'s>(
    context: Context<'s>,
    directory: Directory,
    (name, head): (&Name, &Head),
) -> Result<Reply<'s>, storage::Error> {
    let accept = head.field("Accept");
    let others = [JSON, page::MEDIA_TYPE];
    let chosen = accept::choose(accept.as_deref(), "text/plain", &others);
    if chosen == page::MEDIA_TYPE {
        return page::page(context, directory, (name, head));
    }
    let listing = Listing::new(context.store, directory, context.memory)?;
    let (media_type, content) = match chosen {
        JSON => (JSON, json(listing)),
        _ => ("text/plain; charset=utf-8", text(listing)?),
    };
    Ok(Reply {
        status: 200,
        fields: vec![("Content-Type", media_type.into()), VARY],
        content,
    })
}

/// One name a line. The length is known beforehand, unless the directory is read again for each
/// part of the list.
fn text(mut listing: Listing<'_>) -> Result<Content<'_>, storage::Error> {
    let mut line = String::new();
    let mut length = None;
    if listing.is_fixed() {
        let mut sum = 0;
        // Nothing is computed for names that are at hand.
        while let Some(name) = listing.next_name(&mut ())? {
            set_line(&mut line, name);
            sum += line.len() as u64;
        }
        length = Some(sum);
        listing.rewind();
    }
    let write = move |sink: &mut dyn Sink| {
        while let Some(name) = listing.next_name(sink).map_err(io::Error::other)? {
            set_line(&mut line, name);
            sink.write_all(line.as_bytes())?;
        }
        Ok(())
    };
    Ok(Content::Stream {
        length,
        write: Box::new(write),
    })
}

/// An array with one object for each entry, on a line of its own. The metadata is read while the
/// list is sent; an entry that has vanished by then is left out.
fn json(mut listing: Listing<'_>) -> Content<'_> {
    let write = move |sink: &mut dyn Sink| {
        let mut object = String::new();
        let mut before = "[";
        while let Some((name, metadata)) = listing.next_entry(sink).map_err(io::Error::other)? {
            object.clear();
            object.push_str(before);
            let facts = (metadata.length, metadata.modified);
            begin_object(&mut object, name.as_bytes(), metadata.kind, facts);
            object.push('}');
            sink.write_all(object.as_bytes())?;
            before = ",\n";
        }
        // Without entries, the bracket at the beginning is missing, too.
        sink.write_all(if before == "[" { b"[]\n" } else { b"]\n" })
    };
    Content::Stream {
        length: None,
        write: Box::new(write),
    }
}

/// A name as a line. Control characters are percent-encoded, bytes that are not UTF-8 replaced: the
/// name of a request can have neither.
fn set_line(line: &mut String, name: &OsStr) {
    line.clear();
    for c in name.to_string_lossy().chars() {
        if c.is_control() {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                // Writing into a String cannot fail.
                let _ = write!(line, "%{byte:02X}");
            }
        } else {
            line.push(c);
        }
    }
    line.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line() {
        for (name, expected) in [
            (&b"a.csv"[..], "a.csv\n"),
            (b"a\nb", "a%0Ab\n"),
            ("\u{85}\u{e9}".as_bytes(), "%C2%85\u{e9}\n"),
            (b"\xff", "\u{fffd}\n"),
        ] {
            let mut line = "before".to_owned();
            set_line(&mut line, OsStr::from_bytes(name));
            assert_eq!(line, expected);
        }
    }
}
