//! Which addresses count as one client, for limits on what one client may take.
//!
//! Responsible for: telling clients apart by their addresses. Not for: the limits, the addresses
//! that a proxy forwards.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The bits of an IPv6 address that name the network. One client may have all addresses of a
/// network (RFC 4291, section 2.5.1).
const NETWORK: u128 = u128::MAX << 64;

/// The address of the client of a request. All clients of Unix sockets have the same one.
pub(super) fn address_of(request: &tiny_http::Request) -> IpAddr {
    let peer = request.remote_addr().map(SocketAddr::ip);
    peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// The address that a client is counted by: an IPv4 address, also where it is mapped into IPv6, or
/// the first 64 bits of an IPv6 address.
pub(super) fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_has_all_addresses_of_a_network() {
        for (address, expected) in [
            ("10.0.0.1", "10.0.0.1"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("::1", "::"),
            ("2001:db8:1:2::", "2001:db8:1:2::"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::"),
            ("2001:db8:1:3::1", "2001:db8:1:3::"),
            ("fe80::1", "fe80::"),
        ] {
            let found = address.parse().map(counted).map(|it| it.to_string());
            assert_eq!(found.as_deref(), Ok(expected), "{address}");
        }
    }
}
