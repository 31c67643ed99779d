//! All listening sockets of the server.
//!
//! Responsible for: at least one socket for each endpoint of the configuration, and the error if
//! one cannot be opened. Not for: opening them (`sockets.rs`, `unix_socket.rs`).

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Mutex;

use tiny_http::Listener;

use super::sockets;
use super::unix_socket::{self, SocketFile};
use crate::address::Addresses;
use crate::config::{Config, Endpoint, is_it_meant};
use crate::storage::Store;
use crate::sync::lock;

/// What to do about an address that cannot be listened on.
const CHOOSE: &str = " (choose another with --host and --port, or --listen)";

/// The listening sockets, and the files of those that are Unix sockets.
#[derive(Default)]
pub(super) struct Listeners {
    /// Before the sockets, so that it is dropped first: a file is removed while its socket still
    /// listens (see `unix_socket.rs`).
    pub(super) files: SocketFiles,
    pub(super) sockets: Vec<Listener>,
}

/// The files of Unix sockets.
#[derive(Default)]
pub(super) struct SocketFiles(Mutex<Vec<SocketFile>>);

impl SocketFiles {
    /// Removes the files. Their sockets keep listening.
    pub(super) fn remove(&self) {
        lock(&self.0).clear();
    }
}

impl Listeners {
    /// Listens on all endpoints of the configuration.
    ///
    /// # Errors
    /// One line about the first endpoint that cannot be listened on; then none is.
    pub(super) fn open(config: &Config, store: &Store) -> Result<Self, String> {
        let mut listeners = Self::default();
        for endpoint in &config.listen {
            let added = match endpoint {
                Endpoint::Tcp { host, port } => {
                    let variable = config.shared_variable.filter(|_| endpoint.is_name());
                    listeners.add_tcp(host, *port, variable)
                }
                Endpoint::Unix(path) => listeners.add_unix(path, store),
            };
            added.map_err(|why| format!("cannot listen on {endpoint}: {why}"))?;
        }
        Ok(listeners)
    }

    fn add_tcp(&mut self, host: &str, port: u16, variable: Option<&str>) -> Result<(), String> {
        let addresses = Addresses::of(host, port);
        let sockets = addresses.and_then(|addresses| sockets::listen_on(&addresses));
        let sockets = sockets.map_err(|error| match variable {
            Some(variable) if error.kind() != ErrorKind::AddrInUse => {
                format!("{error}{}", is_it_meant(variable))
            }
            _ => format!("{error}{CHOOSE}"),
        })?;
        self.sockets.extend(sockets.into_iter().map(Listener::Tcp));
        Ok(())
    }

    fn add_unix(&mut self, path: &Path, store: &Store) -> Result<(), String> {
        if path.parent().is_some_and(|folder| store.contains(folder)) {
            let why = "it would be in the storage folder, where clients could remove it";
            return Err(why.to_owned());
        }
        let (socket, file) = unix_socket::listen(path)?;
        self.sockets.push(Listener::Unix(socket));
        lock(&self.files.0).push(file);
        Ok(())
    }
}
