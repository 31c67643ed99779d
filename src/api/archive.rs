//! GET of `tar`: a folder and all in it as an archive.
//!
//! The archive is made while it goes out. Each file is in it as it was when it was opened. What cannot be read breaks
//! the archive off: a client must not take a part for the whole.

use std::io;

use super::pax::{BLOCK, END, header, padding};
use super::read::is_new;
use super::reply::Writer;
use super::{Access, Content, Context, Error, Reply, Request, Sink};
use crate::http::name::Name;
use crate::http::precondition::Validators;
use crate::storage::{self, Entry, Node, NodeContent, Tree};

/// A folder with all in it, names relative to it. What is neither file, folder nor link is left out.
pub(super) fn archive<'s>(
    context: Context<'s>,
    name: &Name,
    request: &dyn Request,
) -> Result<Reply<'s>, Error> {
    let failed = |error| Error::Storage(name.clone(), Access::Read, error);
    let folder = match context.store.open_entry(name.pieces()).map_err(failed)? {
        Entry::File(_) => return Err(failed(storage::Error::IsFile)),
        Entry::Directory(folder) => folder,
    };
    if !is_new(request, &Validators::default())? {
        return Ok(Reply::not_modified(Vec::new()));
    }
    let write: Writer<'s> = if request.is_head() {
        Box::new(|_| Ok(()))
    } else {
        // That the folder cannot be read is still said by the status.
        let tree = context.store.tree(folder, context.memory).map_err(failed)?;
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

/// Writes an entry, unless it is one that no archive can have.
fn write_entry(node: &Node, sink: &mut dyn Sink) -> io::Result<bool> {
    let target = match &node.content {
        NodeContent::Link(target) => target.as_slice(),
        NodeContent::File(_) | NodeContent::Directory | NodeContent::Other => &[],
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
