//! `http-nas health`: asks a running server whether it works. For containers, which may have
//! neither a shell nor curl.
//!
//! Responsible for: which requests are sent. Not for: how (`server.rs`), what the server checks when
//! it is asked.

mod limit;
mod server;

use std::hash::{BuildHasher, Hasher, RandomState};

use crate::config::Probe;
use server::Server;

/// Asks the server whether it works. With `write` it also stores a file of its own, reads it back
/// and deletes it. Returns one line that says what was done.
///
/// # Errors
/// One line that says which request failed, and how.
pub(crate) fn check(probe: &Probe) -> Result<String, String> {
    let server = Server::at(probe);
    server.ask("GET", "/file", "", "OK")?;
    let well = format!("{} is healthy", server.url(""));
    if !probe.write {
        return Ok(well);
    }
    // The process id is the same in every container, hence the random number, which RandomState
    // takes from the system.
    let (process, random) = (
        std::process::id(),
        RandomState::new().build_hasher().finish(),
    );
    let name = format!("http-nas-health-{process}-{random:016x}");
    let path = format!("/file/{name}");
    let stored = server.ask("POST", &path, &name, "OK");
    let stored = stored.and_then(|()| server.ask("GET", &path, "", &name));
    // Also after an error: the file may have been stored all the same.
    let deleted = server.ask("DELETE", &path, "", "OK");
    stored.and(deleted)?;
    Ok(format!(
        "{well}: it stored a file, read it back and deleted it"
    ))
}
