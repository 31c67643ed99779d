//! What the server says at the start: where it listens, where the files are, which settings are not
//! the defaults, and that other machines can reach it.

use std::net::IpAddr;
use std::path::Path;

use log::kv::Value;
use tiny_http::ListenAddr;

use crate::config::Config;
use crate::logging;
use crate::storage::{Error, FileSystem};

/// Prints and logs each address that the server listens on. Scripts read the lines on standard
/// output.
pub(super) fn listening(addresses: &[ListenAddr]) {
    for (number, address) in addresses.iter().enumerate() {
        let address = shown(address);
        logging::print(format!("listening on http://{address}\n"));
        match number {
            0 => {
                log::info!(address:%, version = env!("CARGO_PKG_VERSION"); "http-nas listens");
            }
            _ => log::info!(address:%; "http-nas listens, too"),
        }
    }
}

/// An address in the syntax of `--listen`.
fn shown(address: &ListenAddr) -> String {
    match address {
        ListenAddr::IP(address) => address.to_string(),
        ListenAddr::Unix(address) => {
            let path = address.as_pathname().unwrap_or(Path::new(""));
            format!("unix:{}", path.display())
        }
    }
}

/// Logs the storage folder, its file system and the settings that are not the defaults.
pub(super) fn start(config: &Config, file_system: &Result<FileSystem, Error>) {
    let path = std::path::absolute(&config.storage);
    let path = path.as_ref().unwrap_or(&config.storage).to_string_lossy();
    let settings: Vec<String> = config.settings.iter().map(setting).collect();
    let settings = settings.join(" ");
    let mut pairs = vec![("storage", Value::from(&*path))];
    match file_system {
        Ok(file_system) => pairs.extend([
            ("file_system", Value::from(file_system.kind.as_str())),
            ("free", Value::from(file_system.free)),
            ("size", Value::from(file_system.size)),
        ]),
        Err(error) => log::warn!("the free space of the storage folder is not known: {error}"),
    }
    if !settings.is_empty() {
        pairs.push(("settings", Value::from(settings.as_str())));
    }
    logging::event(log::Level::Info, module_path!(), "storage folder", &pairs);
}

/// Says of an address that other machines can connect to what they can do there: all that they want
/// where there are no rules, and otherwise what the traffic tells them.
pub(super) fn reachable(address: IpAddr, has_rules: bool) {
    match has_rules {
        false => log::warn!(
            "whoever can reach {address} can read, change and delete all files, for there is no authentication: let \
             only a proxy or a network policy in, listen on loopback alone (--host 127.0.0.1), or give out tokens \
             (--access)"
        ),
        true => log::info!(
            "whoever can read the traffic of {address} reads files and tokens, for there is no TLS: where others can, \
             put a proxy with TLS before it"
        ),
    }
}

/// A setting as it is given on the command line.
fn setting((name, value): &(&'static str, String)) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-_./:,*[]%".contains(c);
    match !value.is_empty() && value.chars().all(is_word) {
        true => format!("--{name}={value}"),
        false => format!("--{name}={value:?}"),
    }
}
