//! An endpoint: a host and a port, or the path of a Unix socket, in the syntax of `--listen`.
//!
//! Responsible for: reading and writing it. Not for: looking up names, sockets.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use super::host::host;

/// The prefix of the path of a Unix socket.
const UNIX: &str = "unix:";

/// The maximum length of the path of a Unix socket in bytes: there is room for 108 with the final
/// zero (unix(7)).
const MAX_PATH: usize = 107;

/// An address that a server listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// On TCP.
    Tcp {
        /// An address without brackets, or a name that has not been looked up.
        host: String,
        /// The port; 0 for any free one.
        port: u16,
    },
    /// At a Unix socket, with its absolute path of at most 107 bytes.
    Unix(PathBuf),
}

impl Endpoint {
    /// Whether its host is a name, which has to be looked up.
    #[must_use]
    pub(crate) fn is_name(&self) -> bool {
        match self {
            Self::Tcp { host, .. } => !host.contains(':') && host.parse::<Ipv4Addr>().is_err(),
            Self::Unix(_) => false,
        }
    }

    /// # Errors
    /// What is wrong with the text, as a sentence.
    fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix(UNIX) {
            let length = path.len();
            if !path.starts_with('/') {
                let example = "unix:/run/http-nas.sock";
                return Err(format!("{text:?} has no absolute path, as {example} has"));
            }
            if length > MAX_PATH {
                return Err(format!(
                    "{text:?} has a path of {length} bytes, and a Unix socket takes {MAX_PATH}"
                ));
            }
            return Ok(Self::Unix(PathBuf::from(path)));
        }
        if text.starts_with('/') {
            return Err(format!("a Unix socket is written as unix:{text}"));
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(format!("{text:?} has {scheme}:// before it"));
        }
        let (host_text, port) = split(text)?;
        let port = port
            .parse()
            .map_err(|_| format!("the port of {text:?} is not a number from 0 to 65535"))?;
        match host(host_text) {
            Some(host) => Ok(Self::Tcp { host, port }),
            None => Err(format!("{host_text:?} is no host")),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

/// Reads endpoints that are separated by commas.
///
/// # Errors
/// What is wrong with the first one that cannot be read, as a sentence.
pub(super) fn endpoints(value: &str) -> Result<Vec<Endpoint>, String> {
    let texts = value.split(',').map(str::trim);
    texts.map(Endpoint::parse).collect()
}

/// The host, an IPv6 address with its brackets, and the port.
fn split(text: &str) -> Result<(&str, &str), String> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (host, port) = match text.rsplit_once(':') {
        // The last colon is inside of the brackets.
        Some(_) if text.ends_with(']') => (text, None),
        Some((host, port)) => (host, Some(port)),
        None if is_number => ("", Some(text)),
        None => (text, None),
    };
    match (host, port) {
        ("" | "*", Some(port)) => Err(format!(
            "{text:?} has no host; for all addresses write [::]:{port}"
        )),
        ("", None) => Err("one of its addresses is empty".to_owned()),
        (host, None) => Err(format!("{host:?} has no port; write it as {host}:3000")),
        (host, _) if host.contains(':') && !host.starts_with('[') => Err(format!(
            "{text:?} has an IPv6 address without brackets; write it as [::1]:3000"
        )),
        (host, Some(port)) => Ok((host, port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_shown_as_they_are_written() {
        for (value, is_name) in [
            ("127.0.0.1:3000", false),
            ("[::]:0", false),
            ("[fe80::1%eth0]:65535", false),
            ("nas.example:80", true),
            ("localhost:80", true),
            ("unix:/run/http-nas.sock", false),
            ("unix:/a b:80", false),
        ] {
            let found = endpoints(value).unwrap_or_else(|why| panic!("{why}"));
            let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(shown, [value]);
            assert_eq!(found[0].is_name(), is_name, "{value}");
        }
        let three = endpoints("127.0.0.1:1, [::1]:2,unix:/a");
        assert_eq!(three.map(|three| three.len()), Ok(3));
        let longest = format!("unix:/{}", "a".repeat(106));
        assert!(endpoints(&longest).is_ok());
    }

    #[test]
    fn mistakes_are_named() {
        let too_long = format!("unix:/{}", "a".repeat(107));
        for (value, says) in [
            ("", "is empty"),
            ("a:1,", "is empty"),
            ("a:1,,b:2", "is empty"),
            ("127.0.0.1", "has no port; write it as 127.0.0.1:3000"),
            ("[::1]", "has no port; write it as [::1]:3000"),
            ("3000", "has no host; for all addresses write [::]:3000"),
            (":3000", "has no host; for all addresses write [::]:3000"),
            ("*:80", "has no host; for all addresses write [::]:80"),
            ("::1:80", "without brackets"),
            ("::1", "without brackets"),
            ("127.0.0.1:80:80", "without brackets"),
            ("nas:", "the port of \"nas:\" is not a number"),
            ("nas:65536", "is not a number from 0 to 65535"),
            ("nas:x", "is not a number"),
            ("[nas]:80", "\"[nas]\" is no host"),
            ("a/b:80", "\"a/b\" is no host"),
            ("http://nas:80", "has http:// before it"),
            ("/run/nas.sock", "is written as unix:/run/nas.sock"),
            ("unix:", "has no absolute path"),
            ("unix:nas.sock", "has no absolute path"),
            ("unix:@nas", "has no absolute path"),
            (&too_long, "has a path of 108 bytes"),
        ] {
            let why = endpoints(value)
                .err()
                .unwrap_or_else(|| panic!("{value:?}"));
            assert!(why.contains(says), "{value:?}: {why}");
        }
    }
}
