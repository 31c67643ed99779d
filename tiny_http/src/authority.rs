//! The syntax of a host with its port (RFC 3986, sections 3.2.2 and 3.2.3; RFC 6874).

/// Splits `HOST` or `HOST:PORT` into the host (a name, an IPv4 address, or an IPv6 address in
/// brackets) and the port; none where there is no port, or only its colon. None for anything else,
/// such as user information, which in HTTP serves only to deceive (RFC 9110, section 4.2.4).
#[must_use]
pub fn split_authority(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(inner) => {
            let end = inner.find(']')?;
            is_of(&inner[..end], b":.%-_~").then(|| text.split_at(end + 2))?
        }
        None => {
            let end = text.find(':').unwrap_or(text.len());
            is_of(&text[..end], b"-._~!$&'()*+,;=%").then(|| text.split_at(end))?
        }
    };
    let port = match rest.strip_prefix(':') {
        Some("") => None,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
        None if rest.is_empty() => None,
        _ => return None,
    };
    Some((host, port))
}

/// Whether bytes are `HOST` or `HOST:PORT`.
pub(crate) fn is_authority(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| split_authority(text).is_some())
}

/// Whether a text consists of letters, digits and these marks, and is not empty.
fn is_of(text: &str, marks: &[u8]) -> bool {
    let belongs = |b: u8| b.is_ascii_alphanumeric() || marks.contains(&b);
    !text.is_empty() && text.bytes().all(belongs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_have_a_port_and_nothing_else() {
        for (text, expected) in [
            ("nas", true),
            ("nas:3000", true),
            ("nas:", true),
            ("NAS.example.:80", true),
            ("my_nas:3000", true),
            ("127.0.0.1:65535", true),
            ("[::1]", true),
            ("[::1]:", true),
            ("[fe80::1%25eth0]:3000", true),
            ("", false),
            (":3000", false),
            ("nas:65536", false),
            ("nas:99999999999999999999", false),
            ("nas:+80", false),
            ("nas:80:80", false),
            ("::1", false),
            ("[::1", false),
            ("[]", false),
            ("[::1]x", false),
            ("[::1]3000", false),
            ("user@nas", false),
            ("user:secret@nas", false),
            ("http://nas", false),
            ("nas/file", false),
            ("a b", false),
            ("a?b", false),
            ("\u{e4}", false),
        ] {
            assert_eq!(is_authority(text.as_bytes()), expected, "{text:?}");
        }
    }
}
