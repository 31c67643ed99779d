//! HTTP as values: names and routes, framing, preconditions, ranges, digests, reply heads, errors as text, dates.
//!
//! In: pure functions, tested by tables. Out: sockets and files; nothing in this folder does I/O. Of tiny_http it knows the head of a request as a
//! value.

pub mod accept;
pub mod admission;
pub mod authority;
pub mod body;
pub mod byte_size;
pub mod date;
pub mod digest;
pub mod entity_tag;
pub mod forwarded;
pub mod head;
pub mod hosts;
pub mod link;
pub mod media_type;
pub mod name;
pub mod network;
pub mod path_object;
pub mod precondition;
pub mod problem;
pub mod query;
pub mod range;
pub mod route;
pub mod target;
