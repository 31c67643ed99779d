//! The credentials of a request (RFC 9110, section 11.6.2).
//!
//! Responsible for: the schemes Bearer (RFC 6750) and Basic (RFC 7617). Not for: whose they are
//! (`policy.rs`).

use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest as _, Sha256};

use super::digest;

/// The challenges of a 401, one for each field `WWW-Authenticate`: browsers do not look for a
/// second one in the same field.
pub(crate) const CHALLENGES: [&str; 2] = [
    "Bearer realm=\"http-nas\"",
    "Basic realm=\"http-nas\", charset=\"UTF-8\"",
];

/// The scheme whose credentials browsers ask their users for, and keep.
const BASIC: &str = "Basic";

/// Clients write the padding or leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a client presents. Of its token only the digest is kept.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The name that comes with the token: that of a user in Basic.
    pub(crate) name: Option<Vec<u8>>,
    /// The SHA-256 digest of the token.
    pub(crate) digest: digest::Sha256,
}

impl fmt::Debug for Credentials {
    /// Without the digest, which reaches no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

impl Credentials {
    /// Those in the value of `Authorization`; `None` where it is malformed or of another scheme. A
    /// repeated field is malformed, since its values are joined by a comma.
    #[must_use]
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let (scheme, rest) = value.split_once(' ')?;
        let rest = rest.trim_matches(' ');
        if !is_token68(rest) {
            return None;
        }
        if scheme.eq_ignore_ascii_case("Bearer") {
            return Some(Self {
                name: None,
                digest: digest_of(rest.as_bytes()),
            });
        }
        if !scheme.eq_ignore_ascii_case(BASIC) {
            return None;
        }
        let mut user = BASE64.decode(rest).ok()?;
        let colon = user.iter().position(|&byte| byte == b':')?;
        let digest = digest_of(&user[colon + 1..]);
        user.truncate(colon);
        Some(Self {
            name: Some(user),
            digest,
        })
    }
}

/// Whether a value of `Authorization` is of the scheme Basic.
#[must_use]
pub(crate) fn is_basic(value: &str) -> bool {
    let scheme = value.split(' ').next().unwrap_or_default();
    scheme.eq_ignore_ascii_case(BASIC)
}

/// The digest of a token.
#[must_use]
pub(crate) fn digest_of(token: &[u8]) -> digest::Sha256 {
    Sha256::digest(token).into()
}

/// Whether a text is a `token68` (RFC 9110, section 11.2).
#[must_use]
pub(crate) fn is_token68(text: &str) -> bool {
    let text = text.trim_end_matches('=');
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !text.is_empty() && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: Option<&str>, token: &str) -> Option<Credentials> {
        Some(Credentials {
            name: name.map(|name| name.as_bytes().to_vec()),
            digest: digest_of(token.as_bytes()),
        })
    }

    #[test]
    fn two_schemes_are_read() {
        for (value, expected) in [
            ("Bearer abc", of(None, "abc")),
            ("bearer abc", of(None, "abc")),
            ("BEARER   a-._~+/9==", of(None, "a-._~+/9==")),
            ("Bearer abc ", of(None, "abc")),
            ("Basic bG9hZGVyOnM=", of(Some("loader"), "s")),
            ("basic bG9hZGVyOnM", of(Some("loader"), "s")),
            // A colon belongs to the token (RFC 7617, section 2).
            ("Basic bDphOmI=", of(Some("l"), "a:b")),
            ("Basic OnM=", of(Some(""), "s")),
            ("Basic bDo=", of(Some("l"), "")),
            ("", None),
            ("Bearer", None),
            ("Bearer ", None),
            ("Bearer ==", None),
            ("Bearer a b", None),
            ("Bearer a,b", None),
            ("Bearer a, Bearer a", None),
            ("Bearer token=\"a\"", None),
            ("Bearer\tabc", None),
            ("Bearer a\u{1}b", None),
            ("Bearer \u{e9}", None),
            ("Basic", None),
            ("Basic !", None),
            ("Basic bG9hZGVy", None),
            ("Basic bG9hZGVyOnM=, Basic bG9hZGVyOnM=", None),
            ("Basic b", None),
            ("Digest username=\"a\"", None),
            ("Negotiate abc", None),
            ("abc", None),
        ] {
            assert_eq!(Credentials::parse(value), expected, "{value}");
        }
        let long = format!("Bearer {}", "a".repeat(16_000));
        assert!(Credentials::parse(&long).is_some());
    }

    #[test]
    fn nothing_of_a_token_is_shown() {
        let shown = format!("{:?}", Credentials::parse("Basic bG9hZGVyOnM="));
        assert_eq!(shown, "Some(Credentials)");
    }
}
