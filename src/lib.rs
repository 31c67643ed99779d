//! http-nas: a network store for files; write, append and read over HTTP with nothing but curl and
//! a pipe.
//!
//! This library is for the binary alone, which calls [`run`], and for the fuzz targets and tools of
//! this repository, which use [`internals`].

mod address;
mod api;
mod computing;
mod config;
mod gzip;
mod health;
mod http;
mod lines;
mod logging;
mod memory;
mod program;
mod server;
mod storage;
mod sync;
mod tar;
mod time;
mod token;
mod units;

pub use program::run;

#[doc(hidden)]
pub mod internals {
    pub use crate::config::{FLAGS, Flag, Group, HEALTH_FLAGS, HealthFlag};
    pub use crate::http::name::{Name, NameFault};
    pub use crate::http::route::{Operation, RouteFault, route};

    /// The version of the program.
    pub const VERSION: &str = env!("CARGO_PKG_VERSION");
}
