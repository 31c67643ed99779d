//! HTTP as RFC 9110, 9112 and 9530 have it: framing, connections, targets, ranges, preconditions,
//! validators, digests.
//!
//! Expectations come from the RFCs. Not here: what a request does to the files (`api`), and how
//! much a client may take (`limits`). The engine without files is tested in `tiny_http/tests`.

mod body_arrival;
mod connection_end;
mod connections;
mod digests;
mod etags;
mod framing;
mod last_modified;
mod partial_content;
mod preconditions;
mod protocol_versions;
mod range_syntax;
mod replies;
mod targets;
mod whole_bodies;
