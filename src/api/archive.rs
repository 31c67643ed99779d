//! GET of `tar`: a directory with all in it as an archive.
//!
//! The archive is made while it is sent. Each file is in it as it was when it was opened. A file
//! that cannot be read ends the transfer with an error: a client must not take a part for the
//! whole.

use std::io;

use tiny_http::Head;

use super::context::Context;
use super::error::{Access, Error};
use super::grant::Grant;
use super::pax::header;
use super::reply::{Content, Reply, Sink, Writer};
use super::request::is_head;
use super::validators::wants_content;
use crate::http::name::Name;
use crate::http::precondition::Validators;
use crate::storage::{self, Entry, Node, NodeContent, Tree, TreeOptions};
use crate::tar::{BLOCK, END, padding};

/// A directory with all in it, under names relative to it. FIFOs, sockets and devices are left out.
pub(super) fn archive<'s>(
    context: Context<'s>,
    grant: &Grant<'_>,
    head: &Head,
) -> Result<Reply<'s>, Error> {
    let name = grant.name;
    let failed = |error| Error::Storage(name.clone(), Access::Read, error);
    let directory = match storage::open_entry(context.store, grant.guarded()).map_err(failed)? {
        Entry::File(_) => return Err(failed(storage::Error::IsFile)),
        Entry::Directory(directory) => directory,
    };
    if !wants_content(head, &Validators::default())? {
        return Ok(Reply::not_modified(Vec::new()));
    }
    let write: Writer<'s> = if is_head(head) {
        Box::new(|_| Ok(()))
    } else {
        // Before the status is sent, so that the status can report a directory that is unreadable.
        let options = TreeOptions {
            opens_files: true,
            enters: Box::new(|_| true),
        };
        let tree = Tree::new(context.store, directory, context.memory, options);
        let tree = tree.map_err(failed)?;
        let name = name.clone();
        Box::new(move |sink| write_archive(tree, &name, sink))
    };
    Ok(Reply {
        status: 200,
        fields: vec![("Content-Type", "application/x-tar".into())],
        content: Content::Stream {
            length: None,
            write,
        },
    })
}

fn write_archive(mut tree: Tree<'_>, name: &Name, sink: &mut dyn Sink) -> io::Result<()> {
    let mut left_out: u64 = 0;
    while let Some(node) = tree.next(sink).map_err(io::Error::other)? {
        if !write_entry(&node, sink)? {
            left_out += 1;
        }
    }
    sink.write_all(&END)?;
    if left_out > 0 {
        log::warn!(left_out, name:% = name; "an archive is without FIFOs, sockets or devices");
    }
    Ok(())
}

/// Writes an entry; `false` where it is one that an archive cannot hold.
fn write_entry(node: &Node, sink: &mut dyn Sink) -> io::Result<bool> {
    let target = match &node.content {
        NodeContent::Link(target) => target.as_slice(),
        NodeContent::File(_)
        | NodeContent::Unopened
        | NodeContent::Directory
        | NodeContent::Other => &[],
    };
    let Some(header) = header(&node.path, &node.metadata, target) else {
        return Ok(false);
    };
    sink.write_all(&header)?;
    if let NodeContent::File(snapshot) = &node.content {
        let length = snapshot.version.length;
        sink.write_file(&snapshot.file, 0..length)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => shrunk(&node.path),
                _ => error,
            })?;
        sink.write_all(&[0; BLOCK][..padding(length)])?;
    }
    Ok(true)
}

fn shrunk(path: &[u8]) -> io::Error {
    let path = String::from_utf8_lossy(path);
    let cause = format!("{path:?} has become shorter");
    io::Error::new(io::ErrorKind::UnexpectedEof, cause)
}
