//! The client that a proxy says a request comes from: `X-Forwarded-For`, and `Forwarded` (RFC
//! 7239).
//!
//! Any client can send these fields. What a trusted proxy has added at their right end can be
//! believed; what is to the left of it came from the client or from the proxy before.

use std::net::{IpAddr, SocketAddr};

use super::network::Networks;
use super::quoted::split_outside_quotes;

/// The proxies that are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TrustedProxies {
    networks: Networks,
    /// Whether clients of a Unix socket are among them.
    unix: bool,
}

impl TrustedProxies {
    /// Parses addresses and networks, and the word `unix` for the clients of Unix sockets,
    /// separated by commas.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts = text.split(',').map(str::trim);
        let (unix, others): (Vec<&str>, Vec<&str>) = parts.partition(|part| *part == "unix");
        let networks = match others.is_empty() {
            true => Networks::default(),
            false => Networks::parse(&others.join(","))?,
        };
        let unix = !unix.is_empty();
        Some(Self { networks, unix })
    }

    /// Whether the peer of a connection is one of them; that of a Unix socket has no address.
    fn trust(&self, peer: Option<IpAddr>) -> bool {
        match peer {
            Some(address) => self.networks.contain(address),
            None => self.unix,
        }
    }
}

/// Where a request comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From the peer of its connection: neither field is there.
    #[default]
    Peer,
    /// From this client, as a trusted proxy says.
    Forwarded(String),
    /// The fields say this, and no trusted proxy has added it.
    Claimed(String),
}

impl Origin {
    /// By the fields of a request from this peer, which has no address if it is that of a Unix
    /// socket.
    ///
    /// The client is the address nearest to the server that is not a trusted proxy. If both fields
    /// are there and differ in it, a proxy may have passed on one that the client sent: then
    /// neither is believed.
    #[must_use]
    pub(crate) fn of(
        peer: Option<IpAddr>,
        x_forwarded_for: Option<&str>,
        forwarded: Option<&str>,
        trusted: &TrustedProxies,
    ) -> Self {
        let is_there = |value: &&str| !value.trim().is_empty();
        let x_forwarded_for = x_forwarded_for.filter(is_there);
        let forwarded = forwarded.filter(is_there);
        let claim = match (x_forwarded_for, forwarded) {
            (None, None) => return Self::Peer,
            (Some(value), None) | (None, Some(value)) => value.to_owned(),
            (Some(one), Some(other)) => format!("{one} / {other}"),
        };
        if !trusted.trust(peer) {
            return Self::Claimed(claim);
        }
        let trusted = &trusted.networks;
        let one = x_forwarded_for.map(|value| nearest(addresses(value), trusted));
        let other = forwarded.map(|value| nearest(nodes(value), trusted));
        let agreed = match (one, other) {
            (Some(one), Some(other)) if one == other => one,
            (Some(_), Some(_)) => None,
            (one, other) => one.or(other).flatten(),
        };
        agreed.map_or(Self::Claimed(claim), Self::Forwarded)
    }
}

/// The last node that is not a trusted proxy, or the first one of all; `None` if it is unknown.
fn nearest(nodes: Option<Vec<&str>>, trusted: &Networks) -> Option<String> {
    let nodes = nodes?;
    let is_proxy = |node: &&&str| address(node).is_some_and(|address| trusted.contain(address));
    let node = nodes.iter().rev().find(|node| !is_proxy(node));
    let node = node.or(nodes.first())?;
    let is_told = !node.is_empty();
    let canonical = address(node).map(|address| address.to_string());
    is_told.then(|| canonical.unwrap_or_else(|| (*node).to_owned()))
}

/// The nodes of an `X-Forwarded-For`.
fn addresses(value: &str) -> Option<Vec<&str>> {
    Some(value.split(',').map(str::trim).collect())
}

/// The nodes of a `Forwarded`, an empty one for each element without; `None` if it is malformed.
fn nodes(value: &str) -> Option<Vec<&str>> {
    split(value, ',')?.into_iter().map(node).collect()
}

/// The node of an element of a `Forwarded`; `None` if it is malformed.
fn node(element: &str) -> Option<&str> {
    let pairs = split(element, ';')?;
    let of_for = pairs.iter().filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let is_for = name.trim().eq_ignore_ascii_case("for");
        is_for.then(|| value.trim())
    });
    let of_for: Vec<&str> = of_for.collect();
    match of_for[..] {
        [] => Some(""),
        [one] => Some(one.trim_matches('"')),
        // Each parameter occurs once (RFC 7239, section 4).
        _ => None,
    }
}

/// The trimmed parts between separators; `None` if a quoted string is not closed.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (parts, is_closed) = split_outside_quotes(text, separator);
    is_closed.then(|| parts.into_iter().map(str::trim).collect())
}

/// The address of a node, which may have a port, and brackets if it is IPv6.
fn address(node: &str) -> Option<IpAddr> {
    let bare = node
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = bare.unwrap_or(node).parse::<IpAddr>();
    let address = address.or_else(|_| node.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_address_that_is_no_proxy_counts() {
        let trusted = TrustedProxies::parse("10.0.0.0/8, fd00::/8").unwrap_or_default();
        let at = |peer: &str, x: Option<&str>, forwarded: Option<&str>| {
            let peer = peer.parse().unwrap_or_else(|_| panic!("{peer}"));
            Origin::of(Some(peer), x, forwarded, &trusted)
        };
        let forwarded = |text: &str| Origin::Forwarded(text.to_owned());
        let claimed = |text: &str| Origin::Claimed(text.to_owned());
        for (x, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.66, 192.0.2.1", "192.0.2.1"),
            ("192.0.2.66, 192.0.2.1, 10.0.0.2", "192.0.2.1"),
            ("10.0.0.3,10.0.0.2", "10.0.0.3"),
            ("192.0.2.1:4242", "192.0.2.1"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("2001:DB8:0::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("192.0.2.1, unknown, 10.0.0.2", "unknown"),
        ] {
            assert_eq!(at("10.0.0.1", Some(x), None), forwarded(expected), "{x}");
            assert_eq!(at("192.0.2.9", Some(x), None), claimed(x), "{x}");
        }
        for (value, expected) in [
            ("for=192.0.2.1", forwarded("192.0.2.1")),
            (
                "For=\"192.0.2.1:80\";proto=https, for=10.0.0.2",
                forwarded("192.0.2.1"),
            ),
            ("for=\"[2001:db8::1]:80\"", forwarded("2001:db8::1")),
            ("for=_hidden, for=10.0.0.2", forwarded("_hidden")),
            ("by=\"a,b;c\\\"\"; for=192.0.2.1", forwarded("192.0.2.1")),
            ("proto=https", claimed("proto=https")),
            (
                "for=192.0.2.1, proto=https",
                claimed("for=192.0.2.1, proto=https"),
            ),
            ("for=\"192.0.2.1", claimed("for=\"192.0.2.1")),
            (
                "for=192.0.2.1;for=192.0.2.2",
                claimed("for=192.0.2.1;for=192.0.2.2"),
            ),
        ] {
            assert_eq!(at("10.0.0.1", None, Some(value)), expected, "{value}");
        }
        let both = at("10.0.0.1", Some("192.0.2.1"), Some("for=192.0.2.1"));
        assert_eq!(both, forwarded("192.0.2.1"));
        let differ = at("fd00::1", Some("192.0.2.1"), Some("for=192.0.2.2"));
        assert_eq!(differ, claimed("192.0.2.1 / for=192.0.2.2"));
        assert_eq!(at("10.0.0.1", Some(" "), None), Origin::Peer);
        assert_eq!(at("10.0.0.1", None, None), Origin::Peer);
    }

    #[test]
    fn a_peer_without_an_address_is_trusted_by_its_word_alone() {
        for (trusted, expected) in [
            ("unix", true),
            ("10.0.0.1, unix", true),
            ("0.0.0.0/0,::/0", false),
        ] {
            let parsed = TrustedProxies::parse(trusted).unwrap_or_default();
            let found = Origin::of(None, Some("192.0.2.1"), None, &parsed);
            let is_taken = found == Origin::Forwarded("192.0.2.1".to_owned());
            assert_eq!(is_taken, expected, "{trusted}");
        }
        let unix = TrustedProxies::parse("unix").unwrap_or_default();
        let peer = "10.0.0.1".parse().ok();
        let claimed = Origin::Claimed("192.0.2.1".to_owned());
        assert_eq!(Origin::of(peer, Some("192.0.2.1"), None, &unix), claimed);
        for text in ["", "unix,", "Unix", "unix:", "unix:/run/nas.sock"] {
            assert_eq!(TrustedProxies::parse(text), None, "{text}");
        }
    }
}
