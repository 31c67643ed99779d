//! Protects: If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since and If-Range, as RFC 9110, section 13, has them.
//!
//! `combinations`: every combination of them, against the model of section 13.2.2 in `model`. `timing`: when a condition
//! counts. `syntax`: dates and tags in odd forms. That an ETag changes with every write is in `etags`; that of two writers
//! with one condition only one wins is in `durability::lost_updates`.

mod combinations;
mod fields;
mod model;
mod syntax;
mod timing;

use std::fs::File;
use std::time::{Duration, UNIX_EPOCH};

use testkit::Server;

/// Writes `name` with a time in the middle of a second, as the times of files are.
pub fn place_at(server: &Server, name: &str, content: &[u8], seconds: u64) {
    server.place(name, content);
    let file = File::options()
        .append(true)
        .open(server.storage().join(name))
        .expect("placed");
    let time = UNIX_EPOCH + Duration::new(seconds, 600_000_000);
    file.set_modified(time).expect("the time can be set");
}
