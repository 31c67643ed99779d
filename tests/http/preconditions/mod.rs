//! If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since and If-Range (RFC 9110, section
//! 13).
//!
//! `combinations` has all of them together, `timing` when they are evaluated, `syntax` unusual
//! dates and tags. Not here: that an ETag changes with every write (`etags`), and that of several
//! writers with one condition one succeeds (`durability::lost_updates`).

mod combinations;
mod fields;
mod model;
mod syntax;
mod timing;
