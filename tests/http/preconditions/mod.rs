//! Protects: If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since and If-Range, as RFC
//! 9110, section 13, has them.
//!
//! `combinations`: every combination of them, against the model of section 13.2.2 in `model`.
//! `timing`: when a condition counts. `syntax`: dates and tags in odd forms. That an ETag changes
//! with every write is in `etags`; that of two writers with one condition only one wins is in
//! `durability::lost_updates`.

mod combinations;
mod fields;
mod model;
mod syntax;
mod timing;
