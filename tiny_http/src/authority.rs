//! The syntax of a host with its port (RFC 3986, sections 3.2.2 and 3.2.3; RFC 6874).

/// Whether it is `HOST` or `HOST:PORT`. A user or a password in it is not: with HTTP it serves only to deceive (RFC
/// 9110, section 4.2.4).
pub(crate) fn is_authority(text: &[u8]) -> bool {
    let (host, rest): (_, &[u8]) = match text.strip_prefix(b"[") {
        Some(inner) => match inner.iter().position(|&b| b == b']') {
            Some(end) if is_of(&inner[..end], b":.%-_~") => (&inner[..end], &inner[end + 1..]),
            _ => return false,
        },
        None => text.split_at(text.iter().position(|&b| b == b':').unwrap_or(text.len())),
    };
    let is_host = text.starts_with(b"[") || is_of(host, b"-._~!$&'()*+,;=%");
    is_host && is_port(rest)
}

fn is_of(text: &[u8], marks: &[u8]) -> bool {
    let belongs = |b: &u8| b.is_ascii_alphanumeric() || marks.contains(b);
    !text.is_empty() && text.iter().all(belongs)
}

/// Nothing, or a colon with a number of 16 bits behind it or none.
fn is_port(text: &[u8]) -> bool {
    let Some(digits) = text.strip_prefix(b":") else {
        return text.is_empty();
    };
    let number = |sum: u32, b: &u8| {
        let digit = b.is_ascii_digit().then(|| u32::from(b - b'0'))?;
        Some(sum * 10 + digit).filter(|sum| *sum <= u16::MAX.into())
    };
    digits.iter().try_fold(0, number).is_some()
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
