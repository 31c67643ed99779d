//! Which hosts a request may name as the one that it asks.
//!
//! A page whose host name leads to this machine (DNS rebinding) is of the same origin as the server in the eyes of a
//! browser; that the name is none of the server's is all that tells it apart.

use std::net::IpAddr;

use super::authority::Authority;

/// What the operator allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AllowedHosts {
    /// The names of this machine on loopback while the server listens there alone, otherwise any.
    #[default]
    Auto,
    /// Any.
    Any,
    /// These, and the names of this machine on loopback.
    Named(Vec<String>),
}

/// What requests are held against. The default takes the names of this machine on loopback alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    takes_any: bool,
    named: Vec<String>,
}

impl AllowedHosts {
    /// Reads `auto`, or hosts without ports separated by commas, of which `*` means any.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
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

    /// What it comes to for a server that was told to listen on the hosts `own`. `only_loopback`:
    /// no other machine can connect to it.
    #[must_use]
    pub fn resolve(&self, own: &[&str], only_loopback: bool) -> Hosts {
        let (takes_any, mut named) = match self {
            Self::Auto => (!only_loopback, Vec::new()),
            Self::Any => (true, Vec::new()),
            Self::Named(named) => (false, named.clone()),
        };
        named.extend(own.iter().map(|&host| host.to_owned()));
        Hosts { takes_any, named }
    }
}

fn is_bare(authority: Option<Authority<'_>>) -> bool {
    // An asterisk may be in a registered name, but in no name that leads anywhere.
    authority.is_some_and(|it| it.port.is_none() && !it.host.contains('*'))
}

impl Hosts {
    /// Whether a request may name this host, with any port.
    #[must_use]
    pub fn take(&self, authority: &Authority<'_>) -> bool {
        if self.takes_any {
            return true;
        }
        match authority.address() {
            Some(address) => {
                address.is_loopback() || self.named.iter().any(|named| is_address(named, address))
            }
            None => {
                is_localhost(authority.name())
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

/// Names that lead to loopback addresses and nowhere else (RFC 6761, section 6.3).
fn is_localhost(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    last.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(hosts: &Hosts, text: &str) -> bool {
        let authority = Authority::parse(text).unwrap_or_else(|| panic!("{text}"));
        hosts.take(&authority)
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
