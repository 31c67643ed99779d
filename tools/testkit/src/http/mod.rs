//! A small HTTP/1.1 client: it sends whatever bytes it is given, and reads one reply at a time,
//! strictly.
//!
//! Belongs here: connections, replies and requests as bytes. Does not belong here: what a reply has
//! to be, and requests by the server's names.

mod conn;
mod head;
mod reply;
mod request;

pub use conn::{Conn, ask};
pub use head::{Head, Length, parse};
pub use reply::Reply;
pub use request::{chunked, request_bytes};

use std::io::{Error, ErrorKind};

fn bad(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}
