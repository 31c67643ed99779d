//! A host: an address or a name.
//!
//! Responsible for: its syntax. Not for: looking it up.

use std::net::Ipv6Addr;

/// The host in a text, without the brackets of an IPv6 address. `None` if the text is no host.
pub(super) fn host(value: &str) -> Option<String> {
    let host = match value.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None => value,
    };
    let is_bracketed = host.len() < value.len();
    let is_host = match host.contains(':') {
        true => is_ipv6(host),
        false => !is_bracketed && !host.is_empty() && !host.contains('/'),
    };
    is_host.then(|| host.to_owned())
}

/// Whether it is an IPv6 address, with or without a zone (RFC 4007, section 11).
fn is_ipv6(host: &str) -> bool {
    let (address, zone) = host.split_once('%').unwrap_or((host, "0"));
    address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty()
}

/// What is wrong with a text that is no host, for the usual mistakes.
pub(super) fn fault(value: &str) -> Option<String> {
    if value.contains("://") {
        let scheme = value.split("://").next().unwrap_or_default();
        return Some(format!("it takes a host, not an address with {scheme}://"));
    }
    let (before, port) = value.rsplit_once(':')?;
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    (is_port && host(before).is_some())
        .then(|| format!("it takes a host without a port; give that with --port {port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_from_what_is_none() {
        for (value, expected) in [
            ("127.0.0.1", Some("127.0.0.1")),
            ("::", Some("::")),
            ("[::]", Some("::")),
            ("[::1]", Some("::1")),
            ("fe80::1%eth0", Some("fe80::1%eth0")),
            ("[fe80::1%2]", Some("fe80::1%2")),
            ("nas.example", Some("nas.example")),
            ("x86_64-conda-linux-gnu", Some("x86_64-conda-linux-gnu")),
            ("", None),
            ("[]", None),
            ("[nas]", None),
            ("[::1", None),
            ("::1]", None),
            ("fe80::1%", None),
            ("127.0.0.1:3000", None),
            ("127.0.0.1:80:80", None),
            ("[::1]:3000", None),
            ("http://127.0.0.1", None),
            ("127.0.0.1/24", None),
        ] {
            assert_eq!(host(value).as_deref(), expected, "{value:?}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (value, named) in [
            ("http://127.0.0.1", Some("not an address with http://")),
            ("https://nas:3000/", Some("not an address with https://")),
            ("127.0.0.1:3000", Some("--port 3000")),
            ("localhost:80", Some("--port 80")),
            ("[::1]:3000", Some("--port 3000")),
            ("127.0.0.1:80:80", None),
            ("127.0.0.1:", None),
            ("", None),
            ("a/b", None),
        ] {
            let found = fault(value);
            assert_eq!(found.is_some(), named.is_some(), "{value:?}: {found:?}");
            assert!(found.is_none_or(|found| found.contains(named.unwrap_or_default())));
        }
    }
}
