//! Black-box tests: the real binary, over a real socket, grouped by what they protect. Expectations
//! come from docs/ and the RFCs, never from the server's code.
//!
//! Each folder is a module, and says first what belongs in it. Run a group, a module or a test by
//! its name: `cargo test --test blackbox -- http::framing::`. Tests that need curl itself, root,
//! strace or namespaces are in `tests/shell`; what they share with the tools is in `tools/testkit`.
//!
//! All groups are one program: it is linked once, and the waits of one group overlap with the work
//! of another.

#![allow(unreachable_pub, reason = "what a module has for others is pub")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by a panic"
)]

mod access;
mod api;
mod durability;
mod http;
mod limits;
mod ops;
