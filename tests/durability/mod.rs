//! What a 200 means: a write is done as a whole or not at all, appends never interleave, concurrent
//! writes have the result of some order of them, a GET is a snapshot, and nothing is left behind by
//! what was cut off or killed.
//!
//! Tests here need several clients, several servers, a body that is cut or a server that is killed.
//! Not here: one write by itself (`api`).

mod append_intents;
mod archives_in_progress;
mod atomic_writes;
mod claims;
mod concurrent_appends;
mod copies_in_progress;
mod cut_bodies;
mod displaced_storage;
mod killed_appends;
mod killed_writes;
mod linearizability;
mod locks;
mod lost_updates;
mod observed_lengths;
mod refused_parents;
mod retried_appends;
mod shared_storage;
mod swapped_links;
mod unpacked_folders;
