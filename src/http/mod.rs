//! HTTP as values: names and routes, framing, reply heads, errors as text, dates.
//!
//! In: pure functions, tested by tables. Out: sockets, files and tiny_http; nothing in this folder does I/O.

pub mod date;
pub mod framing;
pub mod head;
pub mod media_type;
pub mod name;
pub mod problem;
pub mod route;
