//! A token as its client has it: the secret itself.
//!
//! Responsible for: the form of new tokens, keeping it out of what is shown.
//! Not for: whose it is (`policy.rs`), where its random bits are from.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::credentials::digest_of;
use super::digest::Sha256;

/// How new tokens begin, so that programs that look for secrets find them.
const PREFIX: &str = "httpnas_";

/// The random bits of a new token, in bytes.
pub(crate) const RANDOM: usize = 32;

/// A token.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl fmt::Debug for Token {
    /// Without the token, which reaches no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// A new one. All its characters are unreserved (RFC 3986, section 2.3), so that it can be the
    /// password in a URL, and a `token68`.
    #[must_use]
    pub(crate) fn of_random(bytes: &[u8; RANDOM]) -> Self {
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The text of it.
    #[must_use]
    pub(crate) fn secret(&self) -> &str {
        &self.0
    }

    /// Its digest, which the access file has.
    #[must_use]
    pub(crate) fn digest(&self) -> Sha256 {
        digest_of(self.0.as_bytes())
    }
}

/// Whether a text begins as new tokens do.
#[must_use]
pub(crate) fn looks_like_token(text: &str) -> bool {
    text.starts_with(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::credentials::Credentials;

    #[test]
    fn new_tokens_have_all_their_bits_and_need_no_escapes() {
        let mut bytes = [0; RANDOM];
        let zeros = Token::of_random(&bytes);
        assert_eq!(zeros.secret(), format!("httpnas_{}", "A".repeat(43)));
        let mut seen = vec![zeros];
        for bit in 0..8 * RANDOM {
            bytes[bit / 8] ^= 1 << (bit % 8);
            let token = Token::of_random(&bytes);
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            assert!(token.secret().bytes().all(is_plain) && token.secret().len() == 51);
            assert!(looks_like_token(token.secret()));
            let found = Credentials::parse(&format!("Bearer {}", token.secret()));
            assert_eq!(found.map(|found| found.digest), Some(token.digest()));
            assert!(!seen.contains(&token));
            seen.push(token);
        }
    }

    #[test]
    fn nothing_of_it_is_shown() {
        assert_eq!(format!("{:?}", Token("secret".to_owned())), "Token");
    }
}
