//! http-nas: a network store for files; write, append and read over HTTP with nothing but curl and
//! a pipe.
//!
//! This library is for the binary alone, which calls [`run`], and for the fuzz targets and tools of
//! this repository, which use [`internals`].

mod address;
mod api;
mod computing;
mod config;
mod gzip;
mod health;
mod http;
mod lines;
mod logging;
mod memory;
mod program;
mod server;
mod storage;
mod sync;
mod tar;
mod time;
mod token;
mod units;

pub use program::run;

#[doc(hidden)]
pub mod internals {
    pub use crate::config::{FLAGS, Flag, Group, HEALTH_FLAGS, HealthFlag};
    pub use crate::http::name::{Name, NameFault};
    pub use crate::http::route::{Operation, RouteFault, route};

    /// An entry of an archive: its path, what it is, and each piece of its content with the offset
    /// in the file.
    pub type Member = (Vec<u8>, String, Vec<(u64, Vec<u8>)>);

    /// The entries of a tar archive; none where it is not accepted.
    pub fn members(archive: impl std::io::Read) -> Option<Vec<Member>> {
        let mut reader = crate::tar::Reader::new(archive);
        let mut members = Vec::new();
        while let Some(entry) = reader.next().ok()? {
            let mut content = Vec::new();
            while let Some((at, part)) = reader.content().ok()? {
                content.push((at, part.to_vec()));
            }
            members.push((entry.path, format!("{:?}", entry.kind), content));
        }
        Some(members)
    }

    /// The version of the program.
    pub const VERSION: &str = env!("CARGO_PKG_VERSION");
}
