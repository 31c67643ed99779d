//! The addresses that a host stands for, to listen on and to connect to.
//!
//! Responsible for: telling all addresses, loopback and single addresses apart; looking up names.
//! Not for: sockets.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// What a host stands for, with a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Addresses {
    /// All addresses of this machine, of both families (`::`).
    Every(u16),
    /// The loopback addresses of both families (`localhost`, which is not looked up: RFC 6761,
    /// section 6.3).
    Loopbacks(u16),
    /// The first of these that can be used.
    FirstOf(Vec<SocketAddr>),
}

impl Addresses {
    /// The addresses that an address without brackets, or a name, stands for.
    ///
    /// # Errors
    /// Those of the resolver, where a name is unknown.
    pub(crate) fn of(host: &str, port: u16) -> io::Result<Self> {
        if is_localhost(host) {
            return Ok(Self::Loopbacks(port));
        }
        match host.parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(IpAddr::V6(address)) if address.is_unspecified() => Ok(Self::Every(port)),
            Ok(address) => Ok(Self::FirstOf(vec![(address, port).into()])),
            Err(_) => Ok(Self::FirstOf((host, port).to_socket_addrs()?.collect())),
        }
    }

    /// The addresses at which this machine reaches a server that listens on them, in the order in
    /// which to try them. A server on every address is reached on loopback: of IPv6, or of IPv4
    /// where there is no IPv6.
    #[must_use]
    pub(crate) fn to_connect(&self) -> Vec<SocketAddr> {
        let (v4, v6) = (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
        match self {
            Self::Every(port) => vec![(v6, *port).into(), (v4, *port).into()],
            Self::Loopbacks(port) => vec![(v4, *port).into(), (v6, *port).into()],
            Self::FirstOf(addresses) => {
                let reached = |address: &SocketAddr| match address.ip().is_unspecified() {
                    true => (v4, address.port()).into(),
                    false => *address,
                };
                addresses.iter().map(reached).collect()
            }
        }
    }
}

/// Whether a host is `localhost`, in any case of letters, with or without the final dot of the
/// root.
fn is_localhost(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_stand_for_addresses() {
        let one = |text: &str| {
            let address = text.parse();
            Addresses::FirstOf(vec![address.unwrap_or_else(|error| panic!("{error}"))])
        };
        for (host, expected) in [
            ("::", Addresses::Every(80)),
            ("0::0", Addresses::Every(80)),
            ("localhost", Addresses::Loopbacks(80)),
            ("LocalHost.", Addresses::Loopbacks(80)),
            ("0.0.0.0", one("0.0.0.0:80")),
            ("127.0.0.2", one("127.0.0.2:80")),
            ("::1", one("[::1]:80")),
            ("::ffff:127.0.0.1", one("127.0.0.1:80")),
            ("::ffff:0.0.0.0", one("0.0.0.0:80")),
        ] {
            assert_eq!(Addresses::of(host, 80).ok(), Some(expected), "{host}");
        }
        assert!(Addresses::of("no such host", 80).is_err());
    }

    #[test]
    fn a_server_on_this_machine_is_reached_on_loopback() {
        for (host, at) in [
            ("::", &["[::1]:80", "127.0.0.1:80"][..]),
            ("localhost", &["127.0.0.1:80", "[::1]:80"]),
            ("0.0.0.0", &["127.0.0.1:80"]),
            ("::2", &["[::2]:80"]),
        ] {
            let addresses = Addresses::of(host, 80).map(|addresses| addresses.to_connect());
            let shown: Vec<_> = addresses
                .iter()
                .flatten()
                .map(ToString::to_string)
                .collect();
            assert_eq!(shown, at, "{host}");
        }
    }
}
