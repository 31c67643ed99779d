//! Networks of IP addresses (RFC 4632; RFC 4291, section 2.3).

use std::net::IpAddr;

/// Addresses with a common prefix. An IPv4-mapped IPv6 address counts as its IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    /// The length of the prefix in bits.
    prefix: u32,
}

/// A list of networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Networks(Vec<Network>);

impl Network {
    /// Parses an address, or an address and a prefix length, as in `10.0.0.0/8`.
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = bits(address).1;
        let prefix = match prefix {
            None => most,
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                digits.parse().ok().filter(|prefix| *prefix <= most)?
            }
            Some(_) => return None,
        };
        Some(Self { address, prefix })
    }

    fn contains(&self, address: IpAddr) -> bool {
        let (network, length) = bits(self.address);
        let (address, other_length) = bits(address.to_canonical());
        // With a prefix of 0 there is nothing to compare; a shift by all bits would overflow.
        let differs = (network ^ address).checked_shr(length - self.prefix);
        length == other_length && differs.unwrap_or(0) == 0
    }
}

impl Networks {
    /// Parses addresses and networks, separated by commas.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let networks = text.split(',').map(|part| Network::parse(part.trim()));
        networks.collect::<Option<Vec<_>>>().map(Self)
    }

    /// Whether one of them contains an address.
    #[must_use]
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

/// An address as bits, and their number.
fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (address.to_bits().into(), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_in_their_networks() {
        for (networks, address, expected) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("10.1.2.3/8", "10.9.9.9", true),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "fe80::1", true),
            ("::/0", "10.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe00::1", false),
            ("2001:db8::/127", "2001:db8::1", true),
            ("2001:db8::/127", "2001:db8::2", false),
            ("127.0.0.1, ::1", "::1", true),
            ("192.168.1.128/25", "192.168.1.127", false),
        ] {
            let parsed = Networks::parse(networks);
            let address: IpAddr = address.parse().unwrap_or_else(|_| panic!("{address}"));
            let found = parsed.map(|networks| networks.contain(address));
            assert_eq!(found, Some(expected), "{networks} {address}");
        }
        for text in [
            "",
            ",",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10/8",
            "nas",
            "::1/+1",
            "1.2.3.4/-1",
        ] {
            assert_eq!(Networks::parse(text), None, "{text}");
        }
    }
}
