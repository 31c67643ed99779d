//! What the black-box tests, the attack and the benchmark share.
//!
//! Belongs here: starting and ending the server, bytes over a socket, looking at files and
//! processes, malformed heads. Does not belong here: how the server is made. What it has to do is
//! in docs/api.md and the RFCs, and is expected in the tests.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by a panic"
)]
#![allow(
    clippy::new_without_default,
    reason = "what `new` makes is on the disk for as long as its value lives; no default does that"
)]
#![allow(missing_docs, reason = "it is for the tests of this repository alone")]

use std::io::{self, Write};
use std::time::Duration;

/// How long a test waits for anything whose time is not what it tests: many times what that takes
/// on a slow machine, and less than the server's own limits of 30 s and more, so that what only one
/// of them brings about fails.
pub const LIMIT: Duration = Duration::from_secs(28);

/// What comes at once is there by then, on a slow machine, too; what had to wait for a lock or for
/// memory, which the server gives up after 10 s, is not.
pub const AT_ONCE: Duration = Duration::from_secs(8);

pub mod archives;
pub mod attributes;
pub mod binary;
pub mod child;
pub mod client;
pub mod digest;
pub mod disk;
pub mod events;
pub mod group;
pub mod http;
pub mod json;
pub mod malformed;
pub mod nginx;
pub mod proc;
pub mod process;
pub mod random;
pub mod readers;
pub mod report;
pub mod rows;
pub mod rules;
pub mod secrets;
pub mod server;
pub mod storage;
pub mod stranger;
pub mod tarball;
pub mod unix;

pub use client::Client;
pub use disk::{TempDir, eventually, let_pass, litter, pattern, visible, within};
pub use events::Events;
pub use http::{Conn, Reply, chunked, request_bytes};
pub use server::Server;

/// Says that the test that runs is skipped, and why: a line that test.sh counts. The caller
/// returns. It is written past what keeps the output of a test that passes from being shown.
pub fn skip(reason: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Where standard error is closed, nothing is counted.
    let _ = io::stderr().write_all(format!("\nskip {test}: {reason}\n").as_bytes());
}
