//! Black-box tests: the real binary, spoken to over a real socket. What they want stands in the contract (api.md) and
//! the RFCs, never in the server's code.
//!
//! One program of many modules, for it is linked anew, with all optimizations, after every change of the server.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by a panic"
)]

mod address_space;
mod addresses;
mod appends;
mod bodies;
mod both_ways;
mod browsers;
mod changes;
mod command_line;
mod computations;
mod conditions;
mod content_range;
mod control_groups;
mod copies;
mod copying;
mod crash;
mod creating_appends;
mod digests;
mod displaced;
mod errors;
mod etags;
mod faults;
mod few_descriptors;
mod framing;
mod health;
mod json_bodies;
mod keep_alive;
mod last_requests;
mod lengths;
mod limits;
mod linearizability;
mod links;
mod listen;
mod listings;
mod load;
mod locks;
mod log;
mod log_fields;
mod lost_updates;
mod modified;
mod moves;
mod names;
mod options;
mod pages;
mod parents;
mod parts;
mod preconditions;
mod ranges;
mod refusals;
mod requests;
mod retries;
mod shutdown;
mod signals;
mod slow_uploads;
mod small_replies;
mod special;
mod startup;
mod tar;
mod tar_meanwhile;
mod targets;
mod tiny_http;
mod traversal;
mod unix_sockets;
mod unread_log;
mod uploads;
mod validators;
mod versions;
mod workers;
mod writes;
