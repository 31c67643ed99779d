//! Which host and port a request names: `Host`, the authority of a target, and of an origin (RFC
//! 3986, section 3.2).
//!
//! Responsible for: comparing them. Not for: the syntax (`tiny_http::split_authority`), which hosts
//! are allowed (`hosts.rs`).

use std::net::IpAddr;

/// A host and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority<'a> {
    /// As written: a name, an IPv4 address, or an IPv6 address in brackets.
    pub host: &'a str,
    /// `None` also if only its colon is there.
    pub port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Parses `HOST` or `HOST:PORT`. A user or password in it is an error: with HTTP it serves only
    /// to deceive (RFC 9110, section 4.2.4).
    #[must_use]
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        tiny_http::split_authority(text).map(|(host, port)| Self { host, port })
    }

    /// The host as an address, if it is one in its canonical form.
    #[must_use]
    pub(crate) fn address(&self) -> Option<IpAddr> {
        let inner = self.host.strip_prefix('[');
        let text = inner.map_or(self.host, |inner| inner.trim_end_matches(']'));
        text.parse()
            .ok()
            .map(|address: IpAddr| address.to_canonical())
    }

    /// The host as a name, without the dot that ends an absolute one (RFC 1034, section 3.1).
    #[must_use]
    pub(crate) fn name(&self) -> &'a str {
        self.host.strip_suffix('.').unwrap_or(self.host)
    }

    /// Whether host and port are the same, where a missing port is the default one of a scheme.
    #[must_use]
    pub(crate) fn is_same(&self, other: &Self, default_port: Option<u16>) -> bool {
        let port = |it: &Self| it.port.or(default_port);
        self.host.eq_ignore_ascii_case(other.host) && port(self) == port(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_have_a_port_and_nothing_else() {
        for (text, expected) in [
            ("nas", Some(("nas", None))),
            ("nas:3000", Some(("nas", Some(3000)))),
            ("nas:", Some(("nas", None))),
            ("NAS.example.:80", Some(("NAS.example.", Some(80)))),
            ("my_nas:3000", Some(("my_nas", Some(3000)))),
            ("127.0.0.1:65535", Some(("127.0.0.1", Some(65535)))),
            ("[::1]", Some(("[::1]", None))),
            (
                "[fe80::1%25eth0]:3000",
                Some(("[fe80::1%25eth0]", Some(3000))),
            ),
            ("", None),
            (":3000", None),
            ("nas:65536", None),
            ("nas:+80", None),
            ("nas:80:80", None),
            ("::1", None),
            ("[::1", None),
            ("[]", None),
            ("[::1]x", None),
            ("[::1]3000", None),
            ("user@nas", None),
            ("user:secret@nas", None),
            ("http://nas", None),
            ("nas/file", None),
            ("a b", None),
            ("a?b", None),
            ("\u{e4}", None),
        ] {
            let found = Authority::parse(text).map(|it| (it.host, it.port));
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn addresses_are_read_in_their_usual_form_alone() {
        for (text, expected) in [
            ("127.0.0.1", Some("127.0.0.1")),
            ("[::1]:3000", Some("::1")),
            ("[::ffff:127.0.0.1]", Some("127.0.0.1")),
            ("127.1", None),
            ("0x7f000001", None),
            ("2130706433", None),
            ("localhost", None),
        ] {
            let found = Authority::parse(text).and_then(|it| it.address());
            assert_eq!(
                found.map(|it| it.to_string()).as_deref(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn the_default_port_need_not_be_written() {
        for (one, other, default_port, expected) in [
            ("nas", "NAS", Some(80), true),
            ("nas", "nas:80", Some(80), true),
            ("nas", "nas:80", Some(443), false),
            ("nas:3000", "nas:3000", Some(80), true),
            ("nas:3000", "nas", Some(80), false),
            ("nas:3000", "nas:3001", None, false),
            ("nas", "nas.example", Some(80), false),
        ] {
            let read = |text| Authority::parse(text).unwrap_or_else(|| panic!("{text}"));
            let found = read(one).is_same(&read(other), default_port);
            assert_eq!(found, expected, "{one} {other} {default_port:?}");
        }
    }
}
