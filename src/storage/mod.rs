//! The only door to the disk.
//!
//! In: the storage root as an open directory and everything beneath it: snapshots for reading, staged writes, joins
//! (appends), listings, trees, renames, removals, free space. Out: HTTP; nothing here knows what a request is.
//!
//! Several servers may work on one root at the same time. What keeps their writes apart is in the file system: names
//! change by `rename` alone, and whoever changes what a name leads to first holds `flock` on the file that is there.

mod body;
mod copy;
mod directory_sync;
mod error;
mod file_id;
mod file_system;
mod join;
mod list;
mod location;
mod metadata;
mod mkdir;
mod mount;
mod note;
mod own;
mod pair;
mod promises;
mod recover;
mod remove;
mod rename;
mod replace;
#[cfg(test)]
mod scratch;
mod snapshot;
mod sorted;
mod space;
mod spill;
mod staged;
mod store;
mod target;
mod tree;
mod turn;
mod version;
mod walk;
mod window;

pub use body::Body;
pub use copy::Copied;
pub use error::Error;
pub use file_system::FileSystem;
pub use join::IfMissing;
pub use list::Listing;
pub use metadata::{Kind, Metadata};
pub use recover::Unclearable;
pub use snapshot::{Directory, Entry, Snapshot};
pub use space::Shortage;
pub use staged::{Need, Staged};
pub use store::{Options, Store};
pub use tree::{Node, NodeContent, Tree};
pub use version::{Check, Current, Version};
