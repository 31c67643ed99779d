//! http-nas: a network store for files, spoken to over HTTP with nothing but curl and a pipe.
pub mod address;
pub mod api;
pub mod config;
pub mod health;
pub mod http;
pub mod logging;
pub mod memory;
pub mod server;
pub mod storage;
mod sync;
