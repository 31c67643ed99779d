//! The entries of a directory, or all that is below it, as text or as JSON; `page.rs` makes a page
//! of the former.

use std::fmt::Write as _;

use tiny_http::Head;

use super::context::Context;
use super::entries::Entries;
use super::entry_object::begin_object;
use super::page;
use super::reply::{Content, Reply, Sink, VARY};
use crate::http::accept;
use crate::http::name::Name;
use crate::http::reading::Depth;
use crate::storage::{self, Directory};

const JSON: &str = "application/json";

/// One object a line (the media type of NDJSON).
const JSON_LINES: &str = "application/x-ndjson";

/// The entries of a directory, sorted bytewise by name, in the format that the client accepts.
pub(super) fn list<'s>(
    context: Context<'s>,
    directory: Directory,
    depth: &Depth,
    (name, head): (&Name, &Head),
) -> Result<Reply<'s>, storage::Error> {
    let accept = head.field("Accept");
    // A page has the entries of one directory.
    let others: &[&str] = match depth {
        Depth::Entries => &[JSON, JSON_LINES, page::MEDIA_TYPE],
        Depth::All | Depth::Matches(_) => &[JSON, JSON_LINES],
    };
    let chosen = accept::choose(accept.as_deref(), "text/plain", others);
    if chosen == page::MEDIA_TYPE {
        return page::page(context, directory, (name, head));
    }
    let entries = Entries::new(context, directory, depth)?;
    let (media_type, content) = match chosen {
        JSON => (JSON, json(entries, &ARRAY)),
        JSON_LINES => (JSON_LINES, json(entries, &LINES)),
        _ => ("text/plain; charset=utf-8", text(entries)?),
    };
    Ok(Reply {
        status: 200,
        fields: vec![("Content-Type", media_type.into()), VARY],
        content,
    })
}

/// One name a line. The length is stated where it is known.
fn text(mut entries: Entries<'_>) -> Result<Content<'_>, storage::Error> {
    let mut line = String::new();
    let length = entries.sum_of_names(&mut |name| {
        set_line(&mut line, name);
        line.len() as u64
    })?;
    let write = move |sink: &mut dyn Sink| {
        while let Some(name) = entries.next_name(sink)? {
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

/// What is around the objects of a list.
struct Frame {
    begin: &'static str,
    between: &'static str,
    end: &'static str,
    /// All of it, where there is no object.
    empty: &'static str,
}

/// An array, with each object on a line of its own.
const ARRAY: Frame = Frame {
    begin: "[",
    between: ",\n",
    end: "]\n",
    empty: "[]\n",
};

const LINES: Frame = Frame {
    begin: "",
    between: "\n",
    end: "\n",
    empty: "",
};

/// One object for each entry. The metadata is read while the list is sent; an entry that has
/// vanished by then is left out.
fn json<'s>(mut entries: Entries<'s>, frame: &'static Frame) -> Content<'s> {
    let write = move |sink: &mut dyn Sink| {
        let mut object = String::new();
        let mut is_empty = true;
        while let Some((name, metadata)) = entries.next_entry(sink)? {
            object.clear();
            object.push_str(match std::mem::replace(&mut is_empty, false) {
                true => frame.begin,
                false => frame.between,
            });
            let facts = (metadata.length, metadata.modified);
            begin_object(&mut object, name, metadata.kind, facts);
            object.push('}');
            sink.write_all(object.as_bytes())?;
        }
        let end = if is_empty { frame.empty } else { frame.end };
        sink.write_all(end.as_bytes())
    };
    Content::Stream {
        length: None,
        write: Box::new(write),
    }
}

/// A name as a line. Control characters are percent-encoded, bytes that are not UTF-8 replaced: the
/// name of a request can have neither.
fn set_line(line: &mut String, name: &[u8]) {
    line.clear();
    for c in String::from_utf8_lossy(name).chars() {
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
            set_line(&mut line, name);
            assert_eq!(line, expected);
        }
    }
}
