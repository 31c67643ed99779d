//! The entries of a directory as a page with links, for browsers.

use std::fmt::Write as _;
use std::io;

use tiny_http::Head;

use super::context::Context;
use super::reply::{Content, Reply, Sink, VARY};
use crate::http::head::Field;
use crate::http::link::{page_address, push_address, push_text};
use crate::http::name::Name;
use crate::http::target::Target;
use crate::storage::{self, Directory, Kind, Listing, Metadata};

/// The media type of a page.
pub(super) const MEDIA_TYPE: &str = "text/html";

/// The fields of a page: it loads and runs nothing, and no page of another origin can frame it.
pub(super) fn page_fields() -> Vec<Field> {
    const POLICY: &str =
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    vec![
        ("Content-Type", "text/html; charset=utf-8".into()),
        ("Content-Security-Policy", POLICY.into()),
        VARY,
    ]
}

/// The page of a directory. Its links are relative, so that they work behind any proxy. Without a
/// final slash in the address they would lead elsewhere: such an address is redirected to the one
/// with it.
pub(super) fn page<'s>(
    context: Context<'s>,
    directory: Directory,
    (name, head): (&Name, &Head),
) -> Result<Reply<'s>, storage::Error> {
    let path = Target::of(head.target()).path;
    if let Some(address) = page_address(path, name.is_root()) {
        let mut reply = Reply::text("the page of this folder has a final slash\n");
        reply.status = 302;
        reply.fields.push(("Location", address.into()));
        reply.fields.push(VARY);
        return Ok(reply);
    }
    let listing = Listing::new(context.store, directory, context.memory)?;
    let title = title(name);
    let is_root = name.is_root();
    Ok(Reply {
        status: 200,
        fields: page_fields(),
        content: Content::Stream {
            length: None,
            write: Box::new(move |sink| write_page(&title, is_root, listing, sink)),
        },
    })
}

/// The name of the directory as text of a page.
fn title(name: &Name) -> String {
    let mut title = String::new();
    push_text(&mut title, name.to_string().as_bytes());
    title
}

fn write_page(
    title: &str,
    is_root: bool,
    mut listing: Listing<'_>,
    sink: &mut dyn Sink,
) -> io::Result<()> {
    write!(
        sink,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
         <body>\n<h1>{title}</h1>\n<pre>\n"
    )?;
    if !is_root {
        sink.write_all(b"<a href=\"../\">../</a>\n")?;
    }
    let mut line = String::new();
    while let Some((name, metadata)) = listing.next_entry(sink).map_err(io::Error::other)? {
        line.clear();
        push_line(&mut line, name.as_encoded_bytes(), &metadata);
        sink.write_all(line.as_bytes())?;
    }
    sink.write_all(b"</pre>\n</body>\n</html>\n")
}

/// A line with a link to an entry, its modification time and, of a file, its length.
fn push_line(line: &mut String, name: &[u8], metadata: &Metadata) {
    let is_directory = metadata.kind == Kind::Directory;
    line.push_str("<a href=\"");
    push_address(line, name, is_directory);
    line.push_str("\">");
    push_text(line, name);
    line.push_str(if is_directory { "/</a> " } else { "</a> " });
    // Writing into a String cannot fail.
    let _ = write!(line, "{} ", metadata.modified.rfc3339_millis());
    if metadata.kind == Kind::File {
        let _ = write!(line, "{}", metadata.length);
    }
    line.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn an_entry_is_a_line_with_a_link() {
        for (name, kind, expected) in [
            (
                &b"a<b.csv"[..],
                Kind::File,
                "<a href=\"a%3Cb.csv\">a&lt;b.csv</a> 1970-01-01T00:00:00.000Z 7\n",
            ),
            (
                b"d",
                Kind::Directory,
                "<a href=\"d/\">d/</a> 1970-01-01T00:00:00.000Z \n",
            ),
            (
                b"l",
                Kind::Link,
                "<a href=\"l\">l</a> 1970-01-01T00:00:00.000Z \n",
            ),
        ] {
            let metadata = Metadata {
                kind,
                length: 7,
                modified: Timestamp::default(),
                permissions: 0o644,
                owner: 0,
                group: 0,
            };
            let mut line = String::new();
            push_line(&mut line, name, &metadata);
            assert_eq!(line, expected);
        }
    }
}
