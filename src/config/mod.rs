//! Flags and environment variables, as a checked configuration.
//!
//! In: words to values, without touching the system. Out: opening the storage, binding the port.

mod command_line;
mod endpoint;
mod environment;
mod flags;
mod help;
mod host;
mod setting;
mod suggest;
mod units;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::http::forwarded::TrustedProxies;
use crate::http::hosts::AllowedHosts;
use command_line::CommandLine;
pub use endpoint::Endpoint;
use environment::Environment;
use flags::{FLAGS, HEALTH_FLAGS};
use setting::{Setting, Source, exclude};

/// What the server is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen: in one place at least.
    pub listen: Vec<Endpoint>,
    /// The variable that says so, where it is one that other programs have, too.
    pub shared_variable: Option<&'static str>,
    /// The one place where to listen, unless `--listen` names others.
    host: String,
    port: u16,
    /// The hosts that requests may name.
    pub allowed_hosts: AllowedHosts,
    /// The proxies whose word of a client's address is taken.
    pub trusted_proxies: TrustedProxies,
    /// The storage folder.
    pub storage: PathBuf,
    /// Whether the parents of the storage folder are made, too, where they are missing.
    pub create_parents: bool,
    /// Requests carried out at once.
    pub max_transfers: usize,
    /// Connections open at once.
    pub max_connections: usize,
    /// How long a client may go without sending a byte of a body, or without taking one of a reply.
    pub idle_timeout: Duration,
    /// How long a connection may stay open without a request.
    pub keep_alive_timeout: Duration,
    /// The largest body of an upload in bytes, if there is a limit.
    pub max_upload_size: Option<u64>,
    /// Bytes that uploads leave free on the file system.
    pub min_free_space: u64,
    /// Bytes a second below which an upload is dropped where space or slots are short; 0 for none.
    pub min_rate: u64,
    /// How long a shutdown waits for what is in flight.
    pub shutdown_timeout: Duration,
    /// Whether a write is on the disk before it is reported as done.
    pub sync: bool,
    /// The format of the log.
    pub log_format: LogFormat,
    /// The flags whose values are not the defaults, and these values, wherever they come from.
    pub settings: Vec<(&'static str, String)>,
    /// What the log is to say of the settings at the start, a line each.
    pub notes: Vec<String>,
}

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of words and `key=value` pairs.
    Text,
    /// One JSON object a line.
    Json,
}

/// The server that is asked whether it works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where it listens; a host that stands for all addresses means this machine.
    pub endpoint: Endpoint,
    /// The variable that says so, where it is one that other programs have, too.
    pub shared_variable: Option<&'static str>,
    /// Whether to store, read and delete a file as well.
    pub write: bool,
}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Serve.
    Serve(Box<Config>),
    /// Ask a running server whether it works.
    Health(Target),
    /// Print this text and end.
    Print(String),
}

impl Config {
    /// All fields without a meaning yet; each is set from its flag's default.
    fn blank() -> Self {
        Self {
            listen: Vec::new(),
            shared_variable: None,
            host: String::new(),
            port: 0,
            allowed_hosts: AllowedHosts::Auto,
            trusted_proxies: TrustedProxies::default(),
            storage: PathBuf::new(),
            create_parents: false,
            max_transfers: 1,
            max_connections: 1,
            idle_timeout: Duration::ZERO,
            keep_alive_timeout: Duration::ZERO,
            max_upload_size: None,
            min_free_space: 0,
            min_rate: 0,
            shutdown_timeout: Duration::ZERO,
            sync: false,
            log_format: LogFormat::Text,
            settings: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// Reads the command line and, for what it does not say, the environment. An empty variable counts as unset.
///
/// # Errors
/// One line that says which value is wrong and what it should be.
pub fn parse(
    words: impl IntoIterator<Item = OsString>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Command, String> {
    let arguments = match CommandLine::read(words)? {
        CommandLine::Print(text) => return Ok(Command::Print(text)),
        CommandLine::Run(arguments) => arguments,
    };
    let environment = Environment::new(&variable);
    let mut settings = Vec::new();
    for (flag, given) in FLAGS.iter().zip(arguments.given) {
        if arguments.health && !HEALTH_FLAGS.contains(&flag.name) {
            continue;
        }
        settings.push(match given {
            Some(value) => Setting {
                flag,
                value,
                source: Source::Flag,
                note: None,
            },
            None => environment.value_of(flag)?,
        });
    }
    let mut config = Config::blank();
    config.notes.extend(exclude(&mut settings)?);
    for setting in settings {
        setting.apply(&mut config)?;
        config.notes.extend(setting.note);
        if setting.value != setting.flag.default {
            config.settings.push((setting.flag.name, setting.value));
        }
    }
    if config.listen.is_empty() {
        let (host, port) = (config.host.clone(), config.port);
        config.listen.push(Endpoint::Tcp { host, port });
    }
    if !arguments.health {
        return Ok(Command::Serve(Box::new(config)));
    }
    let endpoint = config.listen.swap_remove(0);
    if matches!(endpoint, Endpoint::Tcp { port: 0, .. }) {
        return Err("health needs the port that the server listens on, not 0 for any".to_owned());
    }
    Ok(Command::Health(Target {
        endpoint,
        shared_variable: config.shared_variable,
        write: arguments.write,
    }))
}

/// What to say of a short variable whose value is of no use: other programs have variables of the same names.
///
/// conda, for one, sets `HOST` to `x86_64-conda-linux-gnu`.
#[must_use]
pub fn is_it_meant(variable: &str) -> String {
    format!(" (is {variable} meant for http-nas? set HTTP_NAS_{variable}, which wins)")
}

fn utf8(value: OsString, shown: &str) -> Result<String, String> {
    value
        .into_string()
        .map_err(|_| format!("the value of {shown} is not UTF-8"))
}

fn usage(what: &str) -> String {
    format!("{what}; see http-nas --help")
}

#[cfg(test)]
mod tests;
