//! What the program is to do, checked: from the values of flags, which are right each by itself, to
//! a configuration that is right as a whole.

use std::path::PathBuf;
use std::time::Duration;

use super::endpoint::Endpoint;
use super::probe::{Probe, WriteProbe};
use super::values::{LogFormat, Values};
use crate::http::forwarded::TrustedProxies;
use crate::http::hosts::AllowedHosts;
use crate::http::new_entry::NewEntry;
use crate::http::origins::AllowedOrigins;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Serve.
    Serve(Box<Config>),
    /// Ask a running server whether it works.
    Health(Probe),
    /// Make a token, and this entry of the access file for it.
    Token(NewEntry),
    /// Print this text and end.
    Print(String),
}

/// What the server is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// Where to listen: in one place at least.
    pub listen: Vec<Endpoint>,
    /// The short variable that says so, if one does: it may be meant for another program.
    pub shared_variable: Option<&'static str>,
    /// The hosts that requests may name.
    pub allowed_hosts: AllowedHosts,
    /// The origins whose pages may use the server.
    pub allowed_origins: AllowedOrigins,
    /// The proxies that are believed when they say which client a request comes from.
    pub trusted_proxies: TrustedProxies,
    /// The file with the rules of who may do what; without one, everybody may do everything.
    pub access: Option<PathBuf>,
    /// The storage directory.
    pub storage: PathBuf,
    /// Whether the missing parents of the storage directory are made, too.
    pub create_parents: bool,
    /// The largest body of an upload in bytes, if there is a limit.
    pub max_upload_size: Option<u64>,
    /// Bytes that uploads leave free on the file system.
    pub min_free_space: u64,
    /// Whether a write is on the disk before it is reported as done.
    pub sync: bool,
    /// Requests carried out at once.
    pub max_transfers: usize,
    /// Connections open at once.
    pub max_connections: usize,
    /// Bytes a second below which an upload is dropped where space or slots are short; 0 for none.
    pub min_rate: u64,
    /// How long a client may go without sending a byte of a body, or without taking one of a reply.
    pub idle_timeout: Duration,
    /// How long a connection may stay open without a request.
    pub keep_alive_timeout: Duration,
    /// How long a shutdown waits for what is in flight.
    pub shutdown_timeout: Duration,
    /// The format of the log.
    pub log_format: LogFormat,
    /// The flags whose values are not the defaults, with these values, whatever their source.
    pub settings: Vec<(&'static str, String)>,
    /// Lines for the log at the start, about the settings.
    pub notes: Vec<String>,
}

/// The values of flags, and what is known of where they come from.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) values: Values,
    pub(super) shared_variable: Option<&'static str>,
    pub(super) settings: Vec<(&'static str, String)>,
    pub(super) notes: Vec<String>,
}

impl Checked {
    /// The configuration of a server.
    pub(super) fn into_config(self) -> Config {
        let values = self.values;
        Config {
            listen: places(values.listen, values.host, values.port),
            shared_variable: self.shared_variable,
            allowed_hosts: values.allowed_hosts,
            allowed_origins: values.allowed_origins,
            trusted_proxies: values.trusted_proxies,
            access: values.access,
            storage: values.storage,
            create_parents: values.create_parents,
            max_upload_size: values.max_upload_size,
            min_free_space: values.min_free_space,
            sync: values.sync,
            max_transfers: values.max_transfers,
            max_connections: values.max_connections,
            min_rate: values.min_rate,
            idle_timeout: values.idle_timeout,
            keep_alive_timeout: values.keep_alive_timeout,
            shutdown_timeout: values.shutdown_timeout,
            log_format: values.log_format,
            settings: self.settings,
            notes: self.notes,
        }
    }

    /// What to ask for the health of the server.
    ///
    /// # Errors
    /// One line, where no server can be asked.
    pub(super) fn into_probe(self, write: Option<WriteProbe>) -> Result<Probe, String> {
        let values = self.values;
        // The first of several.
        let endpoint = places(values.listen, values.host, values.port).swap_remove(0);
        if matches!(endpoint, Endpoint::Tcp { port: 0, .. }) {
            let other = "give the one that it says it listens on, with --port or --listen";
            return Err(format!(
                "health cannot ask a server at port 0, which stands for any; {other}"
            ));
        }
        Ok(Probe {
            endpoint,
            shared_variable: self.shared_variable,
            write,
        })
    }
}

/// The places that are named, one at least: `listen` where there are any, else host and port.
fn places(listen: Vec<Endpoint>, host: String, port: u16) -> Vec<Endpoint> {
    match listen.is_empty() {
        true => vec![Endpoint::Tcp { host, port }],
        false => listen,
    }
}
