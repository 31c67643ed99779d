//! Flags and environment variables, as a checked configuration.
//!
//! In: words to values, without touching the system. Out: opening the storage, binding the port.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::{Long, Short, Value};

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

/// A flag, its environment variable, its default and what it does.
struct Flag {
    name: &'static str,
    variable: &'static str,
    default: &'static str,
    help: &'static str,
    set: fn(&mut Config, &str) -> Option<()>,
}

const FLAGS: [Flag; 11] = [
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
        help: "the address to listen on, 0.0.0.0 or [::] for all",
        set: |config, value| {
            config.host = value.trim_matches(['[', ']']).to_owned();
            (!config.host.is_empty()).then_some(())
        },
    },
    Flag {
        name: "storage",
        variable: "STORAGE_PATH",
        default: "./storage",
        help: "the folder for the files, made if missing",
        set: |config, value| {
            config.storage = PathBuf::from(value);
            (!value.is_empty()).then_some(())
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
        name: "max-upload-size",
        variable: "MAX_UPLOAD_SIZE",
        default: "none",
        help: "the largest body of an upload, in B, KiB, MiB, GiB or TiB; or none",
        set: |config, value| {
            config.max_upload_size = match value {
                "none" => None,
                _ => Some(size(value)?),
            };
            Some(())
        },
    },
    Flag {
        name: "min-free-space",
        variable: "MIN_FREE_SPACE",
        default: "64MiB",
        help: "the space that uploads leave free, in B, KiB, MiB, GiB or TiB",
        set: |config, value| {
            config.min_free_space = size(value)?;
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
const HEALTH_FLAGS: [&str; 2] = ["port", "host"];

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
    let mut given: [Option<String>; FLAGS.len()] = Default::default();
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

/// A number of bytes: decimal, with B, KiB, MiB, GiB, TiB or kB, MB, GB, TB behind it.
fn size(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// A time: decimal, in seconds or with s, m or h behind it; at most a year.
fn duration(text: &str) -> Option<Duration> {
    const YEAR: u64 = 365 * 24 * 3600;
    let (number, unit) = number_and_unit(text)?;
    let factor = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    let seconds = number.checked_mul(factor)?;
    (seconds <= YEAR).then(|| Duration::from_secs(seconds))
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim_start()))
}

fn version() -> String {
    format!("http-nas {}\n", env!("CARGO_PKG_VERSION"))
}

fn help() -> String {
    let mut text = String::from(
        "http-nas: a network store for files, spoken to over HTTP with nothing but curl and a pipe\n\n\
         Usage: http-nas [flags]\n       \
         http-nas health [--write] [--port PORT] [--host HOST]\n\n\
         Each flag can also be given as an environment variable; flags win.\n\n",
    );
    for flag in &FLAGS {
        text.push_str(&format!(
            "  --{:<17} {:<17} {} [default: {}]\n",
            flag.name, flag.variable, flag.help, flag.default
        ));
    }
    for (flag, what) in [
        ("-h, --help", "print this"),
        ("-V, --version", "print the version"),
    ] {
        text.push_str(&format!("  {flag:<37} {what}\n"));
    }
    text.push_str(
        "\nhealth asks a running server how it is, and ends with 0 if all is well and with 1 and a reason if not.\n\
         With --write it also stores a file of its own, reads it back and deletes it.\n\
         \nRUST_LOG sets what is logged to standard error: error, warn, info (default), debug, off.\n\
         SIGTERM and SIGINT end the server after the transfers in flight; a second one ends it at once.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str], variables: &[(&str, &str)]) -> Result<Command, String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        parse(words.iter().map(OsString::from), variable)
    }

    fn config(words: &[&str], variables: &[(&str, &str)]) -> Config {
        match parsed(words, variables) {
            Ok(Command::Serve(config)) => config,
            other => panic!("{words:?} {variables:?}: {other:?}"),
        }
    }

    #[test]
    fn without_a_word_there_are_defaults() {
        let expected = Config {
            port: 3000,
            host: "127.0.0.1".to_owned(),
            storage: PathBuf::from("./storage"),
            max_transfers: 512,
            max_connections: 4096,
            idle_timeout: Duration::from_secs(60),
            max_upload_size: None,
            min_free_space: 64 << 20,
            shutdown_timeout: Duration::from_secs(30),
            sync: false,
            log_format: LogFormat::Text,
        };
        assert_eq!(config(&[], &[]), expected);
        assert_eq!(config(&[], &[("PORT", ""), ("HOST", "")]), expected);
    }

    #[test]
    fn flags_win_over_variables_and_those_over_defaults() {
        let variables = [("PORT", "wrong"), ("SYNC", "data"), ("STORAGE_PATH", "/v")];
        let config = config(&["--port", "2", "--storage=/f"], &variables);
        assert_eq!(config.port, 2);
        assert_eq!(config.storage, PathBuf::from("/f"));
        assert!(config.sync);
    }

    #[test]
    fn each_flag_takes_its_values_and_no_others() {
        for (name, good, bad) in [
            (
                "port",
                &["0", "65535"][..],
                &["-1", "65536", "", "x", "80 "][..],
            ),
            (
                "host",
                &["0.0.0.0", "::1", "[::1]", "localhost"],
                &["", "[]"],
            ),
            ("storage", &["/a b", "."], &[""]),
            (
                "max-transfers",
                &["1", "65536"],
                &["0", "65537", "", "many"],
            ),
            ("max-connections", &["1", "65536"], &["0", "65537", ""]),
            ("idle-timeout", &["1", "90s", "5m"], &["0", "0s", "", "x"]),
            (
                "max-upload-size",
                &["none", "0", "10GiB"],
                &["", "None", "10G"],
            ),
            (
                "min-free-space",
                &["0", "10GiB", "1 MB", "5kb", "16777215TiB"],
                &["", "-1", "1.5GiB", "10G", "16777216TiB", "GiB"],
            ),
            (
                "shutdown-timeout",
                &["0", "30", "90s", "5m", "8760h"],
                &["", "1d", "-1", "8761h", "99999999999999999999"],
            ),
            ("sync", &["none", "data"], &["", "Data", "all"]),
            ("log-format", &["text", "json"], &["", "JSON"]),
        ] {
            let flag = format!("--{name}");
            for value in good {
                assert!(parsed(&[&flag, value], &[]).is_ok(), "{flag} {value:?}");
            }
            for value in bad {
                let error = parsed(&[&format!("{flag}={value}")], &[]).err();
                let error = error.unwrap_or_else(|| panic!("{flag} {value:?}"));
                assert!(error.contains(&flag) && !error.contains('\n'), "{error}");
            }
        }
    }

    #[test]
    fn wrong_words_are_named() {
        for (words, named) in [
            (&["--prot", "1"][..], "--prot"),
            (&["-x"], "-x"),
            (&["serve"], "\"serve\""),
            (&["--port"], "--port"),
            (&["--write"], "--write"),
            (&["--port", "1", "health"], "\"health\""),
            (&["health", "health"], "\"health\""),
            (&["health", "--storage", "a"], "--storage"),
            (&["health", "--write=yes"], "--write"),
            (&["health", "--port", "many"], "--port"),
            (&["health", "--port", "0"], "port"),
        ] {
            let error = parsed(words, &[]).err();
            let error = error.unwrap_or_else(|| panic!("{words:?}"));
            assert!(error.contains(named), "{words:?}: {error}");
        }
        let error = parsed(&[], &[("MAX_TRANSFERS", "0")]).err();
        assert!(error.is_some_and(|error| error.starts_with("MAX_TRANSFERS cannot be \"0\"")));
    }

    #[test]
    fn health_takes_what_says_where_the_server_is() {
        let target = |port, host: &str, write| {
            let host = host.to_owned();
            Ok(Command::Health(Target { port, host, write }))
        };
        // What the server could not start with is not its matter.
        let variables = [("PORT", "80"), ("HOST", "0.0.0.0"), ("SYNC", "wrong")];
        assert_eq!(parsed(&["health"], &[]), target(3000, "127.0.0.1", false));
        assert_eq!(
            parsed(&["health"], &variables),
            target(80, "0.0.0.0", false)
        );
        let words = ["health", "--write", "--host=nas", "--port=81"];
        assert_eq!(parsed(&words, &variables), target(81, "nas", true));
    }

    #[test]
    fn help_names_every_flag_and_variable() {
        let Ok(Command::Print(help)) = parsed(&["--help"], &[]) else {
            panic!("--help does not print");
        };
        for flag in &FLAGS {
            assert!(help.contains(&format!("--{}", flag.name)));
            assert!(help.contains(flag.variable));
        }
        let version = Ok(Command::Print(version()));
        assert_eq!(parsed(&["-V"], &[]), version);
    }
}
