//! Which hosts a request may be for.
//!
//! This is the defence against DNS rebinding: a page whose host name resolves to this machine is of
//! the same origin as the server for a browser, and only the host name in its requests tells them
//! apart.

use std::net::IpAddr;

use super::authority::Authority;

/// What the operator allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum AllowedHosts {
    /// Only loopback names if the server listens only on loopback, else any host.
    #[default]
    Auto,
    /// Any.
    Any,
    /// These, and loopback names.
    Named(Vec<String>),
}

/// The hosts that requests may be for. The default allows only loopback names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hosts {
    allows_any: bool,
    named: Vec<String>,
}

impl AllowedHosts {
    /// Parses `auto`, or hosts without ports, separated by commas, where `*` means any.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let hosts: Vec<&str> = text.split(',').map(str::trim).collect();
        if hosts == ["auto"] {
            return Some(Self::Auto);
        }
        let is_host = |host: &str| {
            host == "*" || host.parse::<IpAddr>().is_ok() || is_bare(Authority::parse(host))
        };
        if !hosts.iter().copied().all(is_host) {
            return None;
        }
        match hosts.contains(&"*") {
            true => Some(Self::Any),
            false => Some(Self::Named(hosts.into_iter().map(str::to_owned).collect())),
        }
    }

    /// The hosts of a server that listens on the hosts `own`. `only_loopback`: no other machine can
    /// connect to it.
    #[must_use]
    pub(crate) fn resolve(&self, own: &[&str], only_loopback: bool) -> Hosts {
        let (allows_any, mut named) = match self {
            Self::Auto => (!only_loopback, Vec::new()),
            Self::Any => (true, Vec::new()),
            Self::Named(named) => (false, named.clone()),
        };
        named.extend(own.iter().map(|&host| host.to_owned()));
        Hosts { allows_any, named }
    }
}

fn is_bare(authority: Option<Authority<'_>>) -> bool {
    // The syntax allows an asterisk, but no host name has one.
    authority.is_some_and(|it| it.port.is_none() && !it.host.contains('*'))
}

impl Hosts {
    /// Whether a request may be for this host, with any port.
    #[must_use]
    pub(crate) fn allow(&self, authority: &Authority<'_>) -> bool {
        if self.allows_any {
            return true;
        }
        match authority.address() {
            Some(address) => {
                address.is_loopback() || self.named.iter().any(|named| is_address(named, address))
            }
            None => {
                is_name_of_loopback(authority.name())
                    || self.named.iter().any(|named| {
                        let named = named.strip_suffix('.').unwrap_or(named);
                        named.eq_ignore_ascii_case(authority.name())
                    })
            }
        }
    }
}

fn is_address(named: &str, address: IpAddr) -> bool {
    let named = named.trim_start_matches('[').trim_end_matches(']');
    let named = named.parse::<IpAddr>();
    named.is_ok_and(|named| named.to_canonical() == address)
}

/// Whether a name always resolves to a loopback address (RFC 6761, section 6.3).
fn is_name_of_loopback(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    last.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(hosts: &Hosts, text: &str) -> bool {
        let authority = Authority::parse(text).unwrap_or_else(|| panic!("{text}"));
        hosts.allow(&authority)
    }

    #[test]
    fn hosts_are_listed_without_ports() {
        use AllowedHosts::*;
        let named = |names: &[&str]| Some(Named(names.iter().map(|&n| n.to_owned()).collect()));
        for (text, expected) in [
            ("auto", Some(Auto)),
            ("*", Some(Any)),
            ("nas.example, *", Some(Any)),
            ("nas.example", named(&["nas.example"])),
            (
                "a,b , 10.0.0.1,[::2],::3",
                named(&["a", "b", "10.0.0.1", "[::2]", "::3"]),
            ),
            ("auto,a", named(&["auto", "a"])),
            ("", None),
            ("a,", None),
            ("a:3000", None),
            ("[::2]:3000", None),
            ("http://a", None),
            ("*.example", None),
            ("a b", None),
        ] {
            assert_eq!(AllowedHosts::parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn on_loopback_only_names_of_this_machine_are_taken() {
        let hosts = AllowedHosts::Auto.resolve(&["127.0.0.1", "mybox.lan"], true);
        for (host, expected) in [
            ("localhost", true),
            ("LOCALHOST:3000", true),
            ("localhost.:80", true),
            ("nas.localhost:3000", true),
            ("127.0.0.1:3000", true),
            ("127.255.0.9", true),
            ("[::1]:3000", true),
            ("[::ffff:127.0.0.1]", true),
            ("mybox.lan:3000", true),
            ("MyBox.Lan.", true),
            ("evil.example:3000", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("notlocalhost", false),
            ("10.0.0.1:3000", false),
            ("[::2]", false),
            ("127.1", false),
            ("mybox.lan.evil.example", false),
        ] {
            assert_eq!(taken(&hosts, host), expected, "{host}");
        }
    }

    #[test]
    fn others_are_taken_where_they_are_allowed() {
        let any = AllowedHosts::Auto.resolve(&["0.0.0.0"], false);
        assert!(taken(&any, "evil.example"));
        let named = AllowedHosts::parse("nas.example,10.0.0.1,::2");
        let named = named.map(|named| named.resolve(&["0.0.0.0"], false));
        let named = named.unwrap_or_default();
        for (host, expected) in [
            ("NAS.example:443", true),
            ("10.0.0.1:3000", true),
            ("[::2]", true),
            ("[0:0::2]:1", true),
            ("localhost", true),
            ("127.0.0.1", true),
            ("other.example", false),
            ("10.0.0.2", false),
        ] {
            assert_eq!(taken(&named, host), expected, "{host}");
        }
        assert!(!taken(&Hosts::default(), "nas.example"));
    }
}
