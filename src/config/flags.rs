//! The table of flags.
//!
//! Responsible for: the name, variable, default, description and values of each flag. Not for: reading the command line.

use std::path::PathBuf;

use super::endpoint::endpoints;
use super::environment::PREFIX;
use super::host::{self, host};
use super::units::{duration, size, switch};
use super::{Config, LogFormat};
use crate::http::forwarded::TrustedProxies;
use crate::http::hosts::AllowedHosts;

/// A flag, its environment variable, its default and what it does.
pub(super) struct Flag {
    pub(super) name: &'static str,
    pub(super) variable: &'static str,
    pub(super) default: &'static str,
    pub(super) help: &'static str,
    pub(super) set: fn(&mut Config, &str) -> Option<()>,
}

impl Flag {
    /// The variable that no other program has.
    pub(super) fn own_variable(&self) -> String {
        format!("{PREFIX}{}", self.variable)
    }

    /// Whether it is on or off, and off by default: on the command line it needs no value.
    pub(super) fn is_switch(&self) -> bool {
        self.default == "false"
    }

    /// Whether it may be given several times, which is the same as once with the values separated
    /// by commas.
    pub(super) fn is_list(&self) -> bool {
        self.name == "listen"
    }

    /// The flags in whose place it stands where it is given.
    pub(super) fn stands_for(&self) -> &'static [&'static str] {
        match self.name {
            "listen" => &["host", "port"],
            _ => &[],
        }
    }

    /// Whether it says where the server listens.
    pub(super) fn is_where(&self) -> bool {
        matches!(self.name, "listen" | "host")
    }

    /// What is wrong with a value that cannot be set, where more can be said than what the flag takes.
    pub(super) fn fault(&self, value: &str) -> Option<String> {
        match self.name {
            "host" => host::fault(value),
            "listen" => endpoints(value).err(),
            _ => None,
        }
    }
}

/// What a value stands for that may be `none`.
fn or_none<T: Default>(value: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    match value {
        "none" => Some(T::default()),
        _ => parse(value),
    }
}

pub(super) const FLAGS: &[Flag] = &[
    Flag {
        name: "listen",
        variable: "LISTEN",
        default: "none",
        help: "addresses in place of host and port, given several times or as HOST:PORT,[::]:PORT,unix:/PATH",
        set: |config, value| {
            config.listen = or_none(value, |value| endpoints(value).ok())?;
            Some(())
        },
    },
    Flag {
        name: "port",
        variable: "PORT",
        default: "3000",
        help: "a TCP port from 0 to 65535, 0 for any free one",
        set: |config, value| {
            config.port = value.parse().ok()?;
            Some(())
        },
    },
    Flag {
        name: "host",
        variable: "HOST",
        default: "127.0.0.1",
        help: "the address to listen on; :: for all, localhost for both loopback ones",
        set: |config, value| {
            config.host = host(value)?;
            Some(())
        },
    },
    Flag {
        name: "allowed-hosts",
        variable: "ALLOWED_HOSTS",
        default: "auto",
        help: "hosts that requests may name, as a,b,c or * for any; auto: loopback names on loopback, else any",
        set: |config, value| {
            config.allowed_hosts = AllowedHosts::parse(value)?;
            Some(())
        },
    },
    Flag {
        name: "trusted-proxies",
        variable: "TRUSTED_PROXIES",
        default: "none",
        help: "proxies that say in truth whom a request comes from: as 10.0.0.0/8,::1, unix for Unix sockets, or none",
        set: |config, value| {
            config.trusted_proxies = or_none(value, TrustedProxies::parse)?;
            Some(())
        },
    },
    Flag {
        name: "storage",
        variable: "STORAGE_PATH",
        default: "./storage",
        help: "the folder for the files, made where its parent is there",
        set: |config, value| {
            config.storage = PathBuf::from(value);
            (!value.is_empty()).then_some(())
        },
    },
    Flag {
        name: "create-parents",
        variable: "CREATE_PARENTS",
        default: "false",
        help: "true or false: make the parents of that folder, too",
        set: |config, value| {
            config.create_parents = switch(value)?;
            Some(())
        },
    },
    Flag {
        name: "max-transfers",
        variable: "MAX_TRANSFERS",
        default: "512",
        help: "requests carried out at once, from 1 to 65536; more get 503",
        set: |config, value| {
            config.max_transfers = value.parse().ok().filter(|n| (1..=65_536).contains(n))?;
            Some(())
        },
    },
    Flag {
        name: "max-connections",
        variable: "MAX_CONNECTIONS",
        default: "4096",
        help: "connections open at once, from 1 to 65536; idle ones make room for new ones",
        set: |config, value| {
            config.max_connections = value.parse().ok().filter(|n| (1..=65_536).contains(n))?;
            Some(())
        },
    },
    Flag {
        name: "idle-timeout",
        variable: "IDLE_TIMEOUT",
        default: "60s",
        help: "how long a transfer may stand still, in s, m or h",
        set: |config, value| {
            config.idle_timeout = duration(value).filter(|time| !time.is_zero())?;
            Some(())
        },
    },
    Flag {
        name: "keep-alive-timeout",
        variable: "KEEP_ALIVE_TIMEOUT",
        default: "75s",
        help: "how long a connection may wait for a request, in s, m or h; longer than a proxy keeps it",
        set: |config, value| {
            config.keep_alive_timeout = duration(value).filter(|time| !time.is_zero())?;
            Some(())
        },
    },
    Flag {
        name: "max-upload-size",
        variable: "MAX_UPLOAD_SIZE",
        default: "none",
        help: "the largest body of an upload, as 500M or 10Gi, or none",
        set: |config, value| {
            config.max_upload_size = or_none(value, |value| size(value).map(Some))?;
            Some(())
        },
    },
    Flag {
        name: "min-free-space",
        variable: "MIN_FREE_SPACE",
        default: "64MiB",
        help: "the space that uploads leave free, as 500M or 10Gi",
        set: |config, value| {
            config.min_free_space = size(value)?;
            Some(())
        },
    },
    Flag {
        name: "min-rate",
        variable: "MIN_RATE",
        default: "1KiB",
        help: "the bytes a second, over a minute, below which an upload is dropped where slots or space are short; 0 for none",
        set: |config, value| {
            config.min_rate = size(value)?;
            Some(())
        },
    },
    Flag {
        name: "shutdown-timeout",
        variable: "SHUTDOWN_TIMEOUT",
        default: "30s",
        help: "how long a shutdown waits for transfers, in s, m or h",
        set: |config, value| {
            config.shutdown_timeout = duration(value)?;
            Some(())
        },
    },
    Flag {
        name: "sync",
        variable: "SYNC",
        default: "none",
        help: "none, or data: a write is on the disk before its reply",
        set: |config, value| {
            config.sync = match value {
                "none" => false,
                "data" => true,
                _ => return None,
            };
            Some(())
        },
    },
    Flag {
        name: "log-format",
        variable: "LOG_FORMAT",
        default: "text",
        help: "text or json",
        set: |config, value| {
            config.log_format = match value {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => return None,
            };
            Some(())
        },
    },
];

/// The flags that `http-nas health` takes, too.
pub(super) const HEALTH_FLAGS: [&str; 3] = ["listen", "port", "host"];
