//! What every black-box test needs: the real server on a folder of its own, a raw HTTP client, a view of the disk.
//!
//! In: starting and ending the binary, bytes over a socket, looking at files. Out: any knowledge of how the server is
//! made; expectations come from the contract (api.md) and the RFCs and stand in the tests.

pub mod archives;
pub mod client;
pub mod digest;
pub mod disk;
pub mod group;
pub mod http;
pub mod json;
pub mod process;
pub mod readers;
pub mod rows;
pub mod secrets;
pub mod server;

pub use client::Client;
pub use disk::{TempDir, eventually, litter, pattern, visible, within};
pub use http::{Conn, Reply, chunked, request_bytes};
pub use server::Server;
