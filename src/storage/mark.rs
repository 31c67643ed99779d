//! What a write leaves with a file beside its content: a modification time of its own, and where
//! the content comes from, in an extended attribute (xattr(7)).
//!
//! Responsible for: writing and reading the attribute. Not for: its form (see `provenance`).
//!
//! A write never fails for it. The attribute is written last: a writer that is killed before that
//! leaves a file whose length or time is not that in the attribute, which then says nothing.

use std::fs::File;
use std::sync::atomic::Ordering;

use rustix::fs::XattrFlags;
use rustix::io::{Errno, retry_on_intr};

use super::error::Error;
use super::locked::LockedFile;
use super::provenance::{MAX_FORM, Provenance, Record};
use super::snapshot::Snapshot;
use super::store::Store;
use super::version::{Version, stamp};
use crate::time::Timestamp;

/// The name of the attribute. ext4 keeps it beside the value, without the prefix.
const NAME: &str = "user.http-nas";

/// The maximum attempts to find a version of a file and its attribute that belong together.
const MAX_ATTEMPTS: usize = 8;

/// Marks a file that has been written: no other writer is to have access to it. `length` is that of
/// its content.
pub(super) fn mark_written(store: &Store, file: &File, length: u64, provenance: Provenance) {
    let stamped = stamp(file);
    if store.has_no_attributes.load(Ordering::Relaxed) {
        return;
    }
    let Some(modified) = stamped.or_else(|| modified(file)) else {
        return;
    };
    let record = Record {
        provenance,
        length,
        modified,
        at: modified,
    };
    write(store, file, &record);
}

/// Gives a file that has been moved a modification time of its own. Its content comes from where it
/// came from.
pub(super) fn mark_moved(store: &Store, locked: &LockedFile) {
    let record = record_of(store, locked);
    let stamped = stamp(locked.file());
    if let (Some(modified), Some(record)) = (stamped, record) {
        write(store, locked.file(), &Record { modified, ..record });
    }
}

/// The digest of the content of a file, if it is known.
pub(super) fn known_sha256(store: &Store, locked: &LockedFile) -> Option<[u8; 32]> {
    record_of(store, locked)?.provenance.sha256
}

/// Where the content of a file comes from and when it was written, if that is known, and the
/// version of which this is true.
///
/// # Errors
/// Those of [`Snapshot::take`].
pub(crate) fn provenance(
    store: &Store,
    mut snapshot: Snapshot,
) -> Result<(Version, Option<(Provenance, Timestamp)>), Error> {
    for _ in 0..MAX_ATTEMPTS {
        let version = snapshot.version;
        let Some(record) = read(&snapshot.file) else {
            return Ok((version, None));
        };
        if record.is_of(&version) {
            return Ok((version, Some((record.provenance, record.at))));
        }
        // An append may have been committed since the version was found.
        snapshot = Snapshot::take(store, snapshot.file)?;
        if snapshot.version == version {
            break;
        }
    }
    Ok((snapshot.version, None))
}

/// The record of a file, if it is about its content.
fn record_of(store: &Store, locked: &LockedFile) -> Option<Record> {
    let version = locked.version(store).ok()?;
    read(locked.file()).filter(|record| record.is_of(&version))
}

fn modified(file: &File) -> Option<Timestamp> {
    let stat = rustix::fs::fstat(file).ok()?;
    Some(Version::new(&stat, None).modified)
}

fn write(store: &Store, file: &File, record: &Record) {
    let Some(form) = record.to_bytes() else {
        return;
    };
    let set = || rustix::fs::fsetxattr(file, NAME, &form, XattrFlags::empty());
    // It may fail for want of space or permission, too: then the next file may have it.
    if let Err(errno @ (Errno::OPNOTSUPP | Errno::NOSYS)) = retry_on_intr(set)
        && !store.has_no_attributes.swap(true, Ordering::Relaxed)
    {
        log::info!(cause:% = errno; "it is not kept where files come from: the file system has no extended attributes");
    }
}

/// Reads the attribute. One that is longer than any of this server is none.
fn read(file: &File) -> Option<Record> {
    let mut form = [0; MAX_FORM];
    let get = || rustix::fs::fgetxattr(file, NAME, &mut form[..]);
    let length = retry_on_intr(get).ok()?;
    Record::parse(form.get(..length)?)
}
