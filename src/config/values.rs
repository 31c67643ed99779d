//! The values of all flags, each of its type, before they are checked against each other.

use std::path::PathBuf;
use std::time::Duration;

use super::endpoint::Endpoint;
use crate::http::forwarded::TrustedProxies;
use crate::http::hosts::AllowedHosts;
use crate::http::origins::AllowedOrigins;

/// The format of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// One line of words and `key=value` pairs.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// A value for each flag. What is here at first is replaced by the default of the flag.
#[derive(Debug, Default)]
pub(super) struct Values {
    pub(super) port: u16,
    pub(super) host: String,
    pub(super) listen: Vec<Endpoint>,
    pub(super) allowed_hosts: AllowedHosts,
    pub(super) allowed_origins: AllowedOrigins,
    pub(super) trusted_proxies: TrustedProxies,
    pub(super) access: Option<PathBuf>,
    pub(super) storage: PathBuf,
    pub(super) create_parents: bool,
    pub(super) max_upload_size: Option<u64>,
    pub(super) min_free_space: u64,
    pub(super) sync: bool,
    pub(super) max_transfers: usize,
    pub(super) max_connections: usize,
    pub(super) min_rate: u64,
    pub(super) idle_timeout: Duration,
    pub(super) keep_alive_timeout: Duration,
    pub(super) shutdown_timeout: Duration,
    pub(super) log_format: LogFormat,
}
