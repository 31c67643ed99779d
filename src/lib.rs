//! http-nas: a network store for files; write, append and read over HTTP with nothing but curl and
//! a pipe.
//!
//! The program is the interface; this library has none to build upon. What is public is [`run`],
//! for the binary, and [`internals`], for this repository's fuzz targets and tools.

#![allow(unreachable_pub, reason = "what a module has for others is pub")]

mod address;
mod api;
mod computing;
mod config;
mod health;
mod http;
mod logging;
mod memory;
mod program;
mod server;
mod storage;
mod sync;
mod time;

pub use program::run;

#[doc(hidden)]
pub mod internals {
    pub use crate::config::{FLAGS, Flag, Group};
    pub use crate::http::name::{Name, NameFault};
    pub use crate::http::route::{Operation, RouteFault, route};

    /// The version of the program.
    pub const VERSION: &str = env!("CARGO_PKG_VERSION");
}
