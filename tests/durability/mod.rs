//! What a 200 means: all or nothing, appends that never interleave, writes at once as one after the
//! other, a GET that is a snapshot, and nothing left behind by what was cut off or killed.
//!
//! What belongs here needs several clients, several servers, a cut or a kill. Not here: one write
//! by itself (`api`).

mod append_intents;
mod archives_in_progress;
mod atomic_writes;
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
