//! Origins whose pages may use this server: `--allow-origin`, and `Origin` of a request (RFC 6454,
//! section 7; HTML Standard, "serialization of an origin").
//!
//! Responsible for: which texts are origins, and which of them are allowed. Not for: what a reply
//! says of it (`cors.rs`).

use std::net::{Ipv4Addr, Ipv6Addr};

use tiny_http::Head;

use super::authority::Authority;

/// The ports that browsers leave out.
const DEFAULT_PORTS: [(&str, u16); 2] = [("http", 80), ("https", 443)];

/// Schemes whose pages have no origin of their own: browsers send `null` for them.
const WITHOUT_ORIGIN: [&str; 5] = ["about", "blob", "data", "file", "javascript"];

/// An origin as a text for users.
const EXAMPLE: &str = "https://app.example:8443";

/// The origins whose pages are allowed to read and to change what is here, each in the one form in
/// which browsers send it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AllowedOrigins(Vec<String>);

impl AllowedOrigins {
    /// Parses origins that are separated by commas, in any case of letters and with or without the
    /// default port.
    ///
    /// # Errors
    /// What is wrong with the first one that is none, as a sentence.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let origins = text.split(',').map(|text| as_sent(text.trim()));
        origins.collect::<Result<_, _>>().map(Self)
    }

    /// Whether none is allowed.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The origin of the page for which a browser makes a request, if it is allowed.
    #[must_use]
    pub(crate) fn of(&self, head: &Head) -> Option<&str> {
        if self.is_empty() {
            return None;
        }
        // Of two fields, which no browser sends, neither counts: joined they are no origin.
        let sent = head.field("Origin")?;
        let allowed = self.0.iter().find(|allowed| **allowed == sent);
        allowed.map(String::as_str)
    }
}

/// An origin in the form in which browsers send it.
///
/// # Errors
/// What is wrong with the text, as a sentence.
fn as_sent(text: &str) -> Result<String, String> {
    if text == "*" {
        return Err(format!(
            "with * any page could read and change the files, in the browser of anyone who can \
             connect; name each origin, as {EXAMPLE}"
        ));
    }
    if text.contains('*') {
        return Err(format!(
            "a * stands for nothing in {text:?}; name each origin"
        ));
    }
    if text == "null" {
        let meaning = "null stands for all pages without an origin of their own";
        return Err(format!("{meaning}; serve the page from one, as {EXAMPLE}"));
    }
    if text.contains(char::is_whitespace) {
        return Err(format!(
            "{text:?} is no origin; several are separated by commas"
        ));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(format!(
            "{text:?} is no origin, which has a scheme and a host, as {EXAMPLE}"
        ));
    };
    let scheme = scheme.to_ascii_lowercase();
    if !is_scheme(&scheme) {
        return Err(format!("{scheme:?} is no scheme, as http and https are"));
    }
    if WITHOUT_ORIGIN.contains(&scheme.as_str()) {
        return Err(format!(
            "pages of {scheme}: have no origin of their own; serve them over http or https"
        ));
    }
    if let Some(end) = rest.find(['/', '?', '#']) {
        let origin = format!("{scheme}://{}", &rest[..end]);
        return Err(format!(
            "an origin ends with its host or port; write {origin:?}, without what follows"
        ));
    }
    if !rest.is_ascii() {
        return Err(format!(
            "{text:?} is not in ASCII; write the host as browsers send it, as in xn--bcher-kva.example"
        ));
    }
    let (host, port) = host_and_port(rest)
        .ok_or_else(|| format!("{text:?} has no host that a browser sends, as {EXAMPLE} has"))?;
    Ok(match port {
        Some(port) if !DEFAULT_PORTS.contains(&(scheme.as_str(), port)) => {
            format!("{scheme}://{host}:{port}")
        }
        _ => format!("{scheme}://{host}"),
    })
}

/// Whether a text in lower case can be a scheme (RFC 3986, section 3.1).
fn is_scheme(text: &str) -> bool {
    let belongs = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(belongs)
}

/// The host as a browser sends it, and the port.
fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let authority = Authority::parse(text).filter(|_| !text.ends_with(':'))?;
    let host = authority.host.to_ascii_lowercase();
    let host = match host.strip_prefix('[') {
        Some(inner) => ipv6(inner.trim_end_matches(']').parse().ok()?),
        None if is_number(&host) => host.parse::<Ipv4Addr>().ok()?.to_string(),
        None => Some(host).filter(|host| is_name(host))?,
    };
    Some((host, authority.port))
}

/// Whether a browser takes a host for an IPv4 address (URL Standard, "ends in a number checker"):
/// it sends `127.0.0.1` for `127.1`, too.
fn is_number(host: &str) -> bool {
    let last = host.trim_end_matches('.').rsplit('.').next();
    let last = last.unwrap_or_default();
    let is_decimal = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
    let hexadecimal = last.strip_prefix("0x");
    is_decimal || hexadecimal.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn is_name(host: &str) -> bool {
    let belongs = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !host.starts_with('.') && host.chars().all(belongs)
}

/// An IPv6 address as browsers send it: in hexadecimal throughout.
fn ipv6(address: Ipv6Addr) -> String {
    match (address.to_ipv4_mapped(), address.segments()) {
        (Some(_), [.., high, low]) => format!("[::ffff:{high:x}:{low:x}]"),
        (None, _) => format!("[{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_kept_as_browsers_send_it() {
        for (text, expected) in [
            ("https://app.example", "https://app.example"),
            ("https://app.example:8443", "https://app.example:8443"),
            ("HTTPS://App.Example:8443", "https://app.example:8443"),
            ("http://app.example:80", "http://app.example"),
            ("https://app.example:443", "https://app.example"),
            ("https://app.example:0443", "https://app.example"),
            ("http://app.example:443", "http://app.example:443"),
            ("https://app.example:80", "https://app.example:80"),
            ("http://app.example.", "http://app.example."),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://my_app", "http://my_app"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://1.2.3.4.example", "http://1.2.3.4.example"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://[0:0::0001]", "http://[::1]"),
            (
                "http://[2001:DB8::A:0:0:1]:80",
                "http://[2001:db8::a:0:0:1]",
            ),
            ("http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]"),
            (
                "https://xn--bcher-kva.example",
                "https://xn--bcher-kva.example",
            ),
            ("moz-extension://0a1b-2c", "moz-extension://0a1b-2c"),
            ("tauri://localhost", "tauri://localhost"),
            ("app://x:80", "app://x:80"),
        ] {
            assert_eq!(as_sent(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_no_browser_sends_is_no_origin() {
        for (text, said) in [
            ("*", "name each origin"),
            ("https://*.app.example", "name each origin"),
            ("*://app.example", "name each origin"),
            ("null", "without an origin of their own"),
            ("", "has a scheme"),
            ("none", "has a scheme"),
            ("app.example", "has a scheme"),
            ("app.example:8443", "has a scheme"),
            ("//app.example", "has a scheme"),
            ("https:/app.example", "has a scheme"),
            ("://app.example", "is no scheme"),
            ("1http://app.example", "is no scheme"),
            ("ht_tp://app.example", "is no scheme"),
            ("file://", "of file: have no origin"),
            ("FILE:///home/a.html", "of file: have no origin"),
            ("https://app.example/", "write \"https://app.example\","),
            (
                "HTTPS://app.example:1/a/b",
                "write \"https://app.example:1\",",
            ),
            ("https://app.example?a", "write \"https://app.example\","),
            ("https://app.example#a", "write \"https://app.example\","),
            ("https://b\u{fc}cher.example", "xn--bcher-kva.example"),
            ("https://", "has no host"),
            ("https://:8443", "has no host"),
            ("https://app.example:", "has no host"),
            ("https://app.example:65536", "has no host"),
            ("https://app.example:x", "has no host"),
            ("https://user@app.example", "has no host"),
            ("https://app example", "separated by commas"),
            ("https://a.example http://b.example", "separated by commas"),
            ("https://.app.example", "has no host"),
            ("https://app.example;b", "has no host"),
            ("https://a%2eexample", "has no host"),
            ("http://127.1", "has no host"),
            ("http://127.0.0.1.", "has no host"),
            ("http://127.0.0.01", "has no host"),
            ("http://0x7f000001", "has no host"),
            ("http://2130706433", "has no host"),
            ("http://app.0x", "has no host"),
            ("http://::1", "has no host"),
            ("http://[::1", "has no host"),
            ("http://[fe80::1%25eth0]", "has no host"),
        ] {
            let fault = as_sent(text).err().unwrap_or_default();
            assert!(fault.contains(said), "{text:?}: {fault:?}");
            assert!(!fault.contains('\n') && fault.len() < 200, "{fault}");
        }
    }

    #[test]
    fn several_are_separated_by_commas_and_each_has_to_be_one() {
        let parse = AllowedOrigins::parse;
        let two = parse("https://a.example , HTTP://b.example:80");
        let expected = ["https://a.example", "http://b.example"].map(str::to_owned);
        assert_eq!(two, Ok(AllowedOrigins(expected.to_vec())));
        for text in [
            "https://a.example,",
            "https://a.example,,http://b.example",
            "https://a.example http://b.example",
            "https://a.example,none",
            "https://a.example,*",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    fn of(allowed: &str, fields: &str) -> Option<String> {
        let head = format!("GET / HTTP/1.1\r\n{fields}\r\n");
        let head = tiny_http::fuzzing::parse_head(head.as_bytes());
        let head = head.unwrap_or_else(|fault| panic!("{fields}: {fault}"));
        let allowed = match allowed {
            "" => Ok(AllowedOrigins::default()),
            allowed => AllowedOrigins::parse(allowed),
        };
        let allowed = allowed.unwrap_or_else(|fault| panic!("{fault}"));
        allowed.of(&head).map(str::to_owned)
    }

    #[test]
    fn a_page_is_allowed_by_the_very_origin_that_is_sent() {
        let origin = "https://app.example:8443";
        let allowed = format!("http://other.example,{origin}");
        for (fields, is_allowed) in [
            ("Origin: https://app.example:8443\r\n", true),
            ("ORIGIN:https://app.example:8443 \r\n", true),
            ("", false),
            ("Origin:\r\n", false),
            ("Origin: null\r\n", false),
            ("Origin: *\r\n", false),
            ("Origin: http://app.example:8443\r\n", false),
            ("Origin: https://app.example\r\n", false),
            ("Origin: https://app.example:84430\r\n", false),
            ("Origin: https://app.example:8443/\r\n", false),
            ("Origin: https://APP.example:8443\r\n", false),
            ("Origin: https://evil.example\r\n", false),
            ("Origin: https://app.example:8443.evil.example\r\n", false),
            (
                "Origin: https://evil.example, https://app.example:8443\r\n",
                false,
            ),
            (
                "Origin: https://app.example:8443 https://evil.example\r\n",
                false,
            ),
            (
                "Origin: https://app.example:8443\r\nOrigin: https://app.example:8443\r\n",
                false,
            ),
            (
                "Origin: https://app.example:8443\r\nOrigin: https://evil.example\r\n",
                false,
            ),
            ("Referer: https://app.example:8443/\r\n", false),
        ] {
            let found = of(&allowed, fields);
            let expected = is_allowed.then_some(origin);
            assert_eq!(found.as_deref(), expected, "{fields:?}");
            assert_eq!(of("", fields), None, "{fields:?}");
        }
    }
}
