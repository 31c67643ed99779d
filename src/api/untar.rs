//! POST of `untar`: an archive becomes a directory.
//!
//! It is unpacked as it comes, into a staged directory that no client sees. That gets its name once
//! the archive has come to its end and the body is checked; an archive that is not accepted leaves
//! nothing.

use super::condition::WriteConditions;
use super::context::Context;
use super::error::{Access, Error};
use super::grant::Grant;
use super::inspection::Inspection;
use super::packed::{Packed, packed_error};
use super::reply::Reply;
use super::request::{Request, declared_length};
use crate::http::admission::is_gzip;
use crate::http::member::{MemberFault, check_target, member_name};
use crate::http::name::Name;
use crate::http::route::Untarring;
use crate::storage::{self, Check, Need, Place, StagedTree};
use crate::tar::{self, Entry, Kind, Reader};

/// How much of a name in an archive an error shows, in characters.
const MAX_SHOWN: usize = 200;

/// `POST /file/NAME/untar`.
pub(super) fn untar<'s>(
    context: Context<'s>,
    grant: &Grant<'_>,
    untarring: Untarring,
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    let store = context.store;
    let failed = |error| Error::Storage(grant.name.clone(), Access::Unpack, error);
    let head = request.head();
    if head.field("Content-Range").is_some() {
        return Err(Error::Content(
            "an archive is unpacked as a whole, and takes no Content-Range",
        ));
    }
    let conditions = WriteConditions::of(head)?.granted_by(grant);
    let inspection = Inspection::of(head)?;
    let is_digest_wanted = inspection.is_digest_wanted();
    let is_gzip = is_gzip(head).map_err(Error::Refused)?;
    let declared = declared_length(head);
    if let (Some(most), Some(length)) = (context.max_upload, declared)
        && length > most
    {
        return Err(Error::TooLarge(most));
    }
    let check: Check<'_> = &|current| conditions.check(current);
    let place = Place {
        name: grant.guarded(),
        replaces: untarring.replaces,
        check,
    };
    storage::check_untar(store, place).map_err(failed)?;
    let twice = false;
    let need = Need { declared, twice };
    let provenance = request.provenance();
    let tree = storage::stage_tree(store, need, grant.guarded(), provenance).map_err(failed)?;
    let _counted = context.memory.body();
    let packed = Packed::new(request, inspection, (is_gzip, context.max_upload));
    let mut unpacking = Unpacking {
        folder: grant.name,
        reader: Reader::new(packed),
        tree,
        last: None,
    };
    unpacking
        .run()
        .map_err(|why| unpacking.error(why, failed))?;
    let Unpacking { reader, tree, .. } = unpacking;
    let digest = reader.into_source().into_inspection().check_digest()?;
    store.check_location().map_err(Error::Root)?;
    storage::put_tree(tree, place).map_err(failed)?;
    Ok(Reply::stored(digest.filter(|_| is_digest_wanted)))
}

/// An archive that is being unpacked.
struct Unpacking<'s, 'r> {
    folder: &'r Name,
    reader: Reader<Packed<'r>>,
    tree: StagedTree<'s>,
    /// The path of the last entry.
    last: Option<Vec<u8>>,
}

/// Why an archive was not unpacked.
enum Why {
    /// It could not be read.
    Read(tar::Error),
    /// The last entry is not accepted.
    Member(MemberFault),
    /// The last entry is not accepted, for this reason.
    Entry(&'static str),
    /// It could not be written.
    Storage(storage::Error),
}

impl From<tar::Error> for Why {
    fn from(error: tar::Error) -> Self {
        Self::Read(error)
    }
}

impl From<MemberFault> for Why {
    fn from(fault: MemberFault) -> Self {
        Self::Member(fault)
    }
}

impl From<storage::Error> for Why {
    fn from(error: storage::Error) -> Self {
        match error {
            storage::Error::Occupied => Self::Entry("its name is there twice"),
            storage::Error::ParentIsFile => Self::Entry("it is below a file or a link"),
            other => Self::Storage(other),
        }
    }
}

impl Unpacking<'_, '_> {
    /// Unpacks all entries.
    fn run(&mut self) -> Result<(), Why> {
        while let Some(entry) = self.reader.next()? {
            let Entry { path, kind } = entry;
            self.last = Some(path.clone());
            let name = member_name(self.folder, &path)?;
            self.unpack(&name, kind)?;
            let levels = name.components().len();
            let packed = self.reader.source();
            packed.has_made(levels as u64).map_err(tar::Error::from)?;
        }
        Ok(())
    }

    fn unpack(&mut self, name: &Name, kind: Kind) -> Result<(), Why> {
        let path = name.components();
        if name.is_root() && kind != Kind::Directory {
            return Err(MemberFault::Top.into());
        }
        match kind {
            Kind::Directory => self.tree.make_directory(path)?,
            Kind::Link(target) => {
                check_target(name, &target)?;
                self.tree.make_link(path, &target)?;
            }
            Kind::HardLink(target) => {
                let existing = member_name(self.folder, &target)?;
                let made = self.tree.make_hard_link(path, existing.components());
                made.map_err(|error| match error {
                    storage::Error::NotFound => Why::Entry("what it links to is not before it"),
                    storage::Error::NotRegular => Why::Entry("what it links to is no file"),
                    other => other.into(),
                })?;
            }
            Kind::File {
                length,
                holes,
                is_executable,
            } => {
                let packed = self.reader.source();
                packed.has_unpacked(holes).map_err(tar::Error::from)?;
                self.tree.check_holes(holes)?;
                let file = self.tree.create_file(path, is_executable)?;
                while let Some((at, part)) = self.reader.content()? {
                    self.tree.write(&file, at, part)?;
                }
                self.tree.complete(file, (length, holes))?;
            }
            Kind::Special => return Err(Why::Entry("it is a FIFO or a device")),
        }
        Ok(())
    }

    /// The error that answers the request.
    fn error(&self, why: Why, failed: impl Fn(storage::Error) -> Error) -> Error {
        match why {
            Why::Read(tar::Error::Fault(fault)) => Error::Archive(match &self.last {
                None => format!("the archive: {fault}"),
                Some(path) => format!("the archive, at or after {}: {fault}", shown(path)),
            }),
            Why::Read(tar::Error::Io(error)) => packed_error(error, failed),
            Why::Member(fault) => self.refused(fault),
            Why::Entry(reason) => self.refused(reason),
            Why::Storage(error) => failed(error),
        }
    }

    /// The error for the last entry.
    fn refused(&self, reason: impl std::fmt::Display) -> Error {
        let path = self.last.as_deref().unwrap_or_default();
        Error::Archive(format!("{} in the archive: {reason}", shown(path)))
    }
}

/// A path in quotation marks, with what is not UTF-8 or not visible escaped, and cut if it is long.
fn shown(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    let cut: String = text.chars().take(MAX_SHOWN).collect();
    let mark = if cut.len() < text.len() {
        "\u{2026}"
    } else {
        ""
    };
    format!("{cut:?}{mark}")
}
