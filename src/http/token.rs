//! A token as its client has it: the secret itself.
//!
//! Responsible for: the form of new tokens, what a token may be, keeping it out of what is shown.
//! Not for: whose it is (`policy.rs`), where its random bits are from.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::credentials::{digest_of, is_token68};
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

    /// Reads one. Line breaks at the end do not belong to it: files and variables often have one.
    ///
    /// # Errors
    /// What is wrong with the text. Nothing of it is repeated.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim_end_matches(['\r', '\n']);
        match text {
            "" => Err("it is empty"),
            _ if text.contains(char::is_whitespace) => {
                Err("it holds spaces or line breaks; it has to be a token and nothing else")
            }
            _ if !is_token68(text) => {
                Err("it is no token: those have letters, digits and -._~+/ (and = at the end)")
            }
            _ => Ok(Self(text.to_owned())),
        }
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
            assert_eq!(Token::parse(token.secret()), Ok(token.clone()));
            let found = Credentials::parse(&format!("Bearer {}", token.secret()));
            assert_eq!(found.map(|found| found.digest), Some(token.digest()));
            assert!(!seen.contains(&token));
            seen.push(token);
        }
    }

    #[test]
    fn what_no_token_can_be_is_refused() {
        for text in ["a", "a\n", "a\r\n", "a\n\n"] {
            assert_eq!(Token::parse(text), Ok(Token("a".to_owned())), "{text:?}");
        }
        for (text, expected) in [
            ("", "it is empty"),
            ("\n", "it is empty"),
            (" a", "spaces"),
            ("a b", "spaces"),
            ("a\nb\n", "line breaks"),
            ("a\u{a0}", "spaces"),
            ("{\"tokens\":[]}", "it is no token"),
            ("loader:a", "it is no token"),
            ("a=b", "it is no token"),
            ("==", "it is no token"),
            ("\u{feff}a", "it is no token"),
            ("a\0", "it is no token"),
        ] {
            let why = Token::parse(text).err().unwrap_or_default();
            assert!(why.contains(expected), "{text:?}: {why}");
        }
    }

    #[test]
    fn nothing_of_it_is_shown() {
        assert_eq!(format!("{:?}", Token("secret".to_owned())), "Token");
    }
}
