//! What each request does: names, links, listings, archives, and the writes one at a time, with the
//! status of each mistake.
//!
//! What belongs here follows from the contract alone. Not here: HTTP itself (`http`), several
//! writers at once and servers that are killed (`durability`).

mod append_create;
mod append_offset;
mod copies;
mod cross_origin;
mod errors;
mod json_bodies;
mod large_archives;
mod large_listings;
pub mod links;
pub mod listings;
mod moves;
mod names;
mod pages;
mod reads;
mod refused_uploads;
mod special_files;
mod store_and_delete;
mod tar;
mod traversal;
