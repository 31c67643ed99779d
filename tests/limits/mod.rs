//! What clients can take from the server and from each other: time, connections, transfers, memory,
//! descriptors, and what happens when the system has no more of it.
//!
//! Not here: a disk that is full, which needs a mount (`tests/shell`), and mixed hostile traffic
//! (`scripts/attack`).

mod address_space;
mod computations;
mod configured_limits;
mod control_groups;
mod few_descriptors;
mod free_space;
mod idle_connections;
mod injected_faults;
mod many_clients;
mod slow_uploads;
mod unpacking;
mod watchers;
mod workers;
