//! HTTP as values: names and routes, the fields of a request, preconditions, ranges, digests,
//! errors as text.
//!
//! These are pure functions; nothing here does I/O. Not for: framing and the head of a reply, which
//! are the engine's. Of the engine, this uses the head of a request.

pub mod accept;
pub mod admission;
pub mod authority;
pub mod body;
pub mod byte_size;
pub mod digest;
pub mod entity_tag;
pub mod exposition;
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
mod quoted;
pub mod range;
pub mod route;
pub mod target;
