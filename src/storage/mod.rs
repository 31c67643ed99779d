//! All access to the stored files.
//!
//! Responsible for: the root as an open directory, and everything beneath it: snapshots for
//! reading, staged bodies, appends, copies, listings, trees, renames, removals, free space. Not
//! for: HTTP; nothing here knows what a request is.
//!
//! Several servers may work on one root at the same time. What keeps their writes apart is in the
//! file system: names change by `rename` alone, and before what a name leads to is changed, the
//! file that is there is locked by `flock`.
//!
//! The files are in strict order: `scripts/check-imports --order` prints it. At the bottom is what
//! a system call returns (`identity`, `sys`), then the directories (`layout`) and what operations
//! share (`store`), then names (`resolve`), reading (`snapshot`, `listing`, `tree`), locking
//! (`target`, `pair`), staged bodies (`upload`, `body`), and at the top the operations that write
//! (`ops`).

mod body;
mod copy_range;
mod directory;
mod directory_sync;
mod early_checks;
mod error;
mod file_system;
mod glance;
mod guarded_name;
mod identity;
mod journal;
mod layout;
mod listing;
mod location;
mod lock;
mod locked;
mod mark;
mod metadata;
mod names;
mod ops;
mod own_directory;
mod pair;
mod promises;
mod provenance;
mod publish;
mod removal;
mod resolve;
mod resolved;
#[cfg(test)]
mod scratch;
mod shortage;
mod snapshot;
mod sorted;
mod space;
mod spill;
mod staged_tree;
mod store;
mod sys;
mod target;
mod tree;
mod upload;
mod version;
mod walk;
mod window;

pub(crate) use body::Body;
pub(crate) use directory::Directory;
pub(crate) use error::Error;
pub(crate) use file_system::{FileSystem, file_system};
pub(crate) use glance::{Glance, glance, open_nearest};
pub(crate) use guarded_name::{GuardedName, LinkGuard};
pub(crate) use listing::Listing;
pub(crate) use mark::provenance;
pub(crate) use metadata::{Kind, Metadata};
pub(crate) use ops::append::{IfMissing, append, check_append};
pub(crate) use ops::copy::{Copied, catch_up, commit_copy, is_copy_of_itself, stage_copy};
pub(crate) use ops::mkdir::make_directory;
pub(crate) use ops::put::{check_put, put};
pub(crate) use ops::recover::{Unclearable, discard_staged, recover};
pub(crate) use ops::remove::remove;
pub(crate) use ops::rename::{check_rename, rename, rename_file};
pub(crate) use ops::untar::{Place, check_untar, put_tree};
pub(crate) use provenance::Provenance;
pub(crate) use shortage::Shortage;
pub(crate) use snapshot::{Entry, Snapshot, open_entry};
pub(crate) use space::{Space, space};
pub(crate) use staged_tree::{StagedTree, stage_tree};
pub(crate) use store::{Options, Store};
pub(crate) use sys::read_at;
pub(crate) use tree::{Node, NodeContent, Tree, TreeOptions};
pub(crate) use upload::{Need, Staged, check_need, stage};
pub(crate) use version::{Check, Current, Version};
