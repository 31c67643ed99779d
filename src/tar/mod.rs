//! Tar archives as streams of bytes: ustar, the extended records of POSIX.1-2017 (pax), and what
//! GNU tar adds to them (long names, sparse files, numbers in base 256).
//!
//! Responsible for: the form of an archive. Not for: which names and links are accepted, and where
//! anything is written.

mod block;
mod decimal;
mod fault;
mod header;
mod input;
mod reader;
mod records;
mod sparse;

pub(crate) use block::{
    BLOCK, CHECKSUM, DEVICE_MAJOR, DEVICE_MINOR, END, Field, GID, LINK_NAME, MAGIC_AND_VERSION,
    MAX_TEXT, MODE, MTIME, NAME, SIZE, TYPE, UID, checksum, padding,
};
pub(crate) use fault::Error;
pub(crate) use reader::{Entry, Kind, Reader};
