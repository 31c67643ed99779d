//! Flags and environment variables, as a checked configuration.
//!
//! In: words to values, without touching the system. Out: opening the storage, binding the port.

mod flags;
mod help;
mod values;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::{Long, Short, Value};

use flags::{FLAGS, Flag, HEALTH_FLAGS};
use help::{help, version};

/// What the server is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The TCP port; 0 for any free one.
    pub port: u16,
    /// The address or host name to listen on.
    pub host: String,
    /// The storage folder.
    pub storage: PathBuf,
    /// Requests carried out at once.
    pub max_transfers: usize,
    /// Connections open at once.
    pub max_connections: usize,
    /// How long a client may go without sending a byte of a body, or without taking one of a reply.
    pub idle_timeout: Duration,
    /// The largest body of an upload in bytes, if there is a limit.
    pub max_upload_size: Option<u64>,
    /// Bytes that uploads leave free on the file system.
    pub min_free_space: u64,
    /// How long a shutdown waits for what is in flight.
    pub shutdown_timeout: Duration,
    /// Whether a write is on the disk before it is reported as done.
    pub sync: bool,
    /// The format of the log.
    pub log_format: LogFormat,
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
    /// The TCP port of the server.
    pub port: u16,
    /// Its address or host name; one that stands for all addresses means this machine.
    pub host: String,
    /// Whether to store, read and delete a file as well.
    pub write: bool,
}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Serve.
    Serve(Config),
    /// Ask a running server whether it works.
    Health(Target),
    /// Print this text and end.
    Print(String),
}

impl Config {
    /// All fields without a meaning yet; each is set from its flag's default.
    fn blank() -> Self {
        Self {
            port: 0,
            host: String::new(),
            storage: PathBuf::new(),
            max_transfers: 1,
            max_connections: 1,
            idle_timeout: Duration::ZERO,
            max_upload_size: None,
            min_free_space: 0,
            shutdown_timeout: Duration::ZERO,
            sync: false,
            log_format: LogFormat::Text,
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
    let mut words = words.into_iter().peekable();
    let health = words.next_if(|word| word == "health").is_some();
    let takes = |flag: &Flag| !health || HEALTH_FLAGS.contains(&flag.name);
    let mut write = false;
    let mut given = vec![None; FLAGS.len()];
    let mut parser = lexopt::Parser::from_args(words);
    while let Some(word) = parser.next().map_err(|error| usage(&error.to_string()))? {
        match word {
            Long("help") | Short('h') => return Ok(Command::Print(help())),
            Long("version") | Short('V') => return Ok(Command::Print(version())),
            Long("write") if health => write = true,
            Long(name) => {
                let known = |flag: &Flag| flag.name == name && takes(flag);
                let Some(at) = FLAGS.iter().position(known) else {
                    return Err(usage(&format!("there is no flag --{name}")));
                };
                let value = parser.value().map_err(|error| usage(&error.to_string()))?;
                given[at] = Some(utf8(value, &format!("--{}", FLAGS[at].name))?);
            }
            Short(letter) => return Err(usage(&format!("there is no flag -{letter}"))),
            Value(word) => {
                let word = word.to_string_lossy().into_owned();
                return Err(usage(&format!("unexpected argument {word:?}")));
            }
        }
    }
    let mut config = Config::blank();
    for (flag, given) in FLAGS.iter().zip(&given).filter(|(flag, _)| takes(flag)) {
        let set = variable(flag.variable).filter(|value| !value.is_empty());
        match (given, set) {
            (Some(value), _) => apply(flag, &mut config, value, &format!("--{}", flag.name))?,
            (None, Some(value)) => {
                let value = utf8(value, flag.variable)?;
                apply(flag, &mut config, &value, flag.variable)?;
            }
            (None, None) => apply(flag, &mut config, flag.default, flag.name)?,
        }
    }
    if !health {
        return Ok(Command::Serve(config));
    }
    if config.port == 0 {
        return Err("health needs the port that the server listens on, not 0 for any".to_owned());
    }
    Ok(Command::Health(Target {
        port: config.port,
        host: config.host,
        write,
    }))
}

fn apply(flag: &Flag, config: &mut Config, value: &str, shown: &str) -> Result<(), String> {
    (flag.set)(config, value).ok_or_else(|| {
        let (help, default) = (flag.help, flag.default);
        format!("{shown} cannot be {value:?}; it takes {help} (default {default})")
    })
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
