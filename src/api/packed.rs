//! The body of a request that is an archive, as the archive's bytes: decompressed where it is
//! compressed.
//!
//! Responsible for: its digest, the limits to it and to what it is decompressed to, turns. Not for:
//! what is in the archive.
//!
//! A small body may be decompressed to a thousand times its length, and a few bytes of that be a
//! thousand directories. So both are work that is done in turns with other such work, and that ends
//! when its client has gone.

use std::fmt;
use std::io::{self, Read};

use super::error::Error;
use super::inspection::Inspection;
use super::request::{Request, read_error};
use crate::gzip::{self, Decompressed};
use crate::storage;

/// How much work is done before the first checkpoint, and between two, in bytes.
const BEFORE_FIRST: u64 = 4 << 20;
const BETWEEN: u64 = 1 << 20;

/// What it counts as to make a directory or another entry.
const PER_ENTRY: u64 = 4 << 10;

/// An archive that comes as the body of a request.
pub(super) struct Packed<'r> {
    source: Source<'r>,
    /// The limit to its length, decompressed and with holes.
    limit: Option<u64>,
    unpacked: u64,
}

enum Source<'r> {
    Plain(Body<'r>),
    Gzip(Decompressed<Body<'r>>),
}

/// The body.
struct Body<'r> {
    request: &'r mut dyn Request,
    inspection: Inspection,
    limit: Option<u64>,
    received: u64,
    /// How much work has been done, and at how much there is a checkpoint.
    work: u64,
    checkpoint_at: u64,
}

/// A limit is exceeded: what an error of reading holds.
#[derive(Debug)]
enum OverLimit {
    /// The body is longer than this.
    Received(u64),
    /// The archive is longer than this.
    Unpacked(u64),
}

impl fmt::Display for OverLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("over the limit")
    }
}

impl std::error::Error for OverLimit {}

/// The error of a request whose archive could not be read; `failed` is for errors that are not its
/// client's.
pub(super) fn packed_error(error: io::Error, failed: impl Fn(storage::Error) -> Error) -> Error {
    let error = match error.downcast::<OverLimit>() {
        Ok(OverLimit::Received(most)) => return Error::TooLarge(most),
        Ok(OverLimit::Unpacked(most)) => return Error::TooLargeUnpacked(most),
        Err(error) => error,
    };
    match error.downcast::<gzip::Fault>() {
        Ok(fault) => Error::Archive(format!("the archive: {fault}")),
        Err(error) => read_error(error, failed),
    }
}

impl<'r> Packed<'r> {
    pub(super) fn new(
        request: &'r mut dyn Request,
        inspection: Inspection,
        (is_gzip, limit): (bool, Option<u64>),
    ) -> Self {
        let body = Body {
            request,
            inspection,
            limit,
            received: 0,
            work: 0,
            checkpoint_at: BEFORE_FIRST,
        };
        Self {
            source: match is_gzip {
                true => Source::Gzip(Decompressed::new(body)),
                false => Source::Plain(body),
            },
            limit,
            unpacked: 0,
        }
    }

    /// What has been found out about the body.
    pub(super) fn into_inspection(self) -> Inspection {
        match self.source {
            Source::Plain(body) => body.inspection,
            Source::Gzip(decompressed) => decompressed.into_source().inspection,
        }
    }

    /// Records that up to this many entries have been made.
    ///
    /// # Errors
    /// The result is no longer wanted.
    pub(super) fn has_made(&mut self, entries: u64) -> io::Result<()> {
        let body = match &mut self.source {
            Source::Plain(body) => body,
            Source::Gzip(decompressed) => decompressed.source(),
        };
        body.has_done(entries * PER_ENTRY)
    }

    /// Records that this many bytes have been unpacked, which may be holes.
    ///
    /// # Errors
    /// That is more than the limit.
    pub(super) fn has_unpacked(&mut self, bytes: u64) -> io::Result<()> {
        self.unpacked = self.unpacked.saturating_add(bytes);
        match self.limit {
            Some(most) if self.unpacked > most => Err(io::Error::other(OverLimit::Unpacked(most))),
            _ => Ok(()),
        }
    }
}

impl Read for Packed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.source {
            Source::Plain(body) => body.read(buffer)?,
            Source::Gzip(decompressed) => {
                let read = decompressed.read(buffer)?;
                decompressed.source().has_done(read as u64)?;
                read
            }
        };
        self.has_unpacked(read as u64)?;
        Ok(read)
    }
}

impl Body<'_> {
    /// Records work, and lets other work go on every now and then.
    fn has_done(&mut self, work: u64) -> io::Result<()> {
        self.work = self.work.saturating_add(work);
        if self.work >= self.checkpoint_at {
            self.checkpoint_at = self.work.saturating_add(BETWEEN);
            // How much there will be is not known.
            let checked = self.request.checkpoint(self.work, self.work);
            checked.map_err(storage::Error::from)?;
        }
        Ok(())
    }
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // The client may have to be waited for.
        self.request.pause();
        let read = self.request.read(buffer)?;
        self.inspection.update(&buffer[..read]);
        self.received += read as u64;
        match self.limit {
            Some(most) if self.received > most => Err(io::Error::other(OverLimit::Received(most))),
            _ => Ok(read),
        }
    }
}
