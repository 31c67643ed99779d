//! What the log says at the start: where the server listens, where the files are, which settings
//! are not the defaults, and who can get at them.

use std::net::IpAddr;
use std::path::Path;

use log::kv::Value;
use tiny_http::ListenAddr;

use crate::config::Config;
use crate::logging;
use crate::storage::{Error, FileSystem};

/// Says where the server listens, a line for each address: on standard output, for whoever has
/// started it, and in the log.
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

/// An address as it is given to `--listen`.
fn shown(address: &ListenAddr) -> String {
    match address {
        ListenAddr::IP(address) => address.to_string(),
        ListenAddr::Unix(address) => {
            let path = address.as_pathname().unwrap_or(Path::new(""));
            format!("unix:{}", path.display())
        }
    }
}

/// Logs what is served from where, and how.
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
    let pairs = pairs.as_slice();
    log::logger().log(
        &log::Record::builder()
            .level(log::Level::Info)
            .target(module_path!())
            .args(format_args!("storage folder"))
            .key_values(&pairs)
            .build(),
    );
}

/// Warns of an address that other machines can connect to: nothing else keeps anybody out.
pub(super) fn warn_of(address: IpAddr) {
    log::warn!(
        "whoever can reach {address} can read, change and delete all files, for there is no authentication: let only a \
         proxy or a network policy in, or listen on loopback alone (--host 127.0.0.1)"
    );
}

/// A setting as a flag.
fn setting((name, value): &(&'static str, String)) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-_./:,*[]%".contains(c);
    match !value.is_empty() && value.chars().all(is_word) {
        true => format!("--{name}={value}"),
        false => format!("--{name}={value:?}"),
    }
}
