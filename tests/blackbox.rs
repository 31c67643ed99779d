//! Black-box tests: the real binary, spoken to over a real socket, grouped by what they protect.
//! What they want stands in the contract and the RFCs, never in the server's code.
//!
//! Each folder is a module, and opens with what belongs in it. A group, a module or one test runs
//! by its name: `cargo test --test blackbox -- http::framing::`. What needs curl itself, root,
//! strace or namespaces is in `tests/shell`.
//!
//! One program for all groups: tests of one group run while those of another wait, and it is linked
//! once.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by a panic"
)]

mod api;
mod durability;
mod http;
mod limits;
mod ops;
