//! What each request does: names, links, listings, archives, and each kind of write by itself, with
//! the status of each mistake.
//!
//! Expectations come from docs/api.md. Not here: HTTP itself (`http`), several clients that write
//! at once and servers that are killed (`durability`).

mod allowed_origins;
mod append_create;
mod append_offset;
mod claims;
mod contract;
mod copies;
mod cross_origin;
mod deep_listings;
mod errors;
mod hostile_archives;
mod info;
mod json_bodies;
mod large_archives;
mod large_listings;
mod line_selection;
pub mod links;
pub mod listings;
mod moves;
mod names;
mod pages;
mod provenance;
mod reads;
mod refused_uploads;
mod special_files;
mod store_and_delete;
mod tar;
mod traversal;
mod untar;
mod untar_model;
mod waits;
