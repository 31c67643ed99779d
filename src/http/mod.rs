//! HTTP as values: names and routes, the fields of a request, preconditions, ranges, digests,
//! errors as text.
//!
//! These are pure functions; nothing here does I/O. Not for: framing and the head of a reply, which
//! are the engine's. Of the engine, this uses the head of a request.

pub(crate) mod accept;
pub(crate) mod access_file;
pub(crate) mod action;
pub(crate) mod admission;
pub(crate) mod authority;
pub(crate) mod body;
pub(crate) mod byte_size;
pub(crate) mod cors;
pub(crate) mod credentials;
pub(crate) mod digest;
pub(crate) mod entity_tag;
pub(crate) mod exposition;
pub(crate) mod forwarded;
pub(crate) mod glob;
pub(crate) mod head;
pub(crate) mod hosts;
pub(crate) mod link;
pub(crate) mod media_type;
pub(crate) mod member;
pub(crate) mod name;
pub(crate) mod network;
pub(crate) mod new_entry;
pub(crate) mod origins;
pub(crate) mod path_object;
pub(crate) mod policy;
pub(crate) mod precondition;
pub(crate) mod problem;
pub(crate) mod query;
mod quoted;
pub(crate) mod range;
pub(crate) mod reading;
pub(crate) mod rights;
pub(crate) mod route;
mod strict_json;
pub(crate) mod target;
pub(crate) mod token;
