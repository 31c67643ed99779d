//! Digest fields (RFC 9530). They are dictionaries (RFC 9651), of which only the key `sha-256` is
//! used.

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::quoted::split_outside_quotes;

/// A SHA-256 digest.
pub(crate) type Sha256 = [u8; 32];

/// The value of a field is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Missing padding is accepted (RFC 9651, section 4.2.7).
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The algorithm's key.
const KEY: &str = "sha-256";

/// The SHA-256 digest in `Content-Digest` or `Repr-Digest`, if there is one. Digests of other
/// algorithms are ignored, as RFC 9530, section 2, allows. Of a repeated key the last value is used
/// (RFC 9651, section 3.2).
///
/// # Errors
/// The value is not a dictionary, or its item for SHA-256 is not such a digest.
pub(crate) fn parse(value: &str) -> Result<Option<Sha256>, Malformed> {
    let Some(item) = member(value)? else {
        return Ok(None);
    };
    let base64 = item
        .strip_prefix(':')
        .and_then(|rest| rest.strip_suffix(':'))
        .ok_or(Malformed)?;
    let bytes = BASE64.decode(base64).map_err(|_| Malformed)?;
    bytes.try_into().map(Some).map_err(|_| Malformed)
}

/// Whether `Want-Repr-Digest` asks for SHA-256, with a weight of 1 to 10 (RFC 9530, section 4).
#[must_use]
pub(crate) fn is_wanted(value: &str) -> bool {
    let weight = member(value).ok().flatten().map(str::parse::<u8>);
    matches!(weight, Some(Ok(1..=10)))
}

/// The value of `Repr-Digest` for a digest.
#[must_use]
pub(crate) fn field(digest: &Sha256) -> String {
    format!("{KEY}=:{}:", BASE64.encode(digest))
}

/// A digest as `sha256sum` prints it.
#[must_use]
pub(crate) fn hexadecimal(digest: &Sha256) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The item of a dictionary for SHA-256, without parameters.
fn member(value: &str) -> Result<Option<&str>, Malformed> {
    let mut found = None;
    let (members, _) = split_outside_quotes(value, ',');
    for member in members {
        let (parts, _) = split_outside_quotes(member, ';');
        let member = parts.first().copied().unwrap_or_default();
        let (key, item) = member.split_once('=').unwrap_or((member, ""));
        let (key, item) = (
            key.trim_matches([' ', '\t']),
            item.trim_end_matches([' ', '\t']),
        );
        if !is_key(key) {
            return Err(Malformed);
        }
        if key == KEY {
            found = Some(item);
        }
    }
    Ok(found)
}

/// Whether this is a valid key (RFC 9651, section 3.1.2).
fn is_key(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_lowercase() || b == b'*')
        && bytes.all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of nothing.
    const EMPTY: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";

    #[test]
    fn the_digest_is_found() {
        for (value, expected) in [
            (EMPTY.to_owned(), Ok(true)),
            (format!("sha-512=:AAAA:, {EMPTY}"), Ok(true)),
            (format!("{EMPTY}, unixsum=30637, x=\"a,b\\\"\""), Ok(true)),
            (format!("sha-256=:AAAA:,\t{EMPTY}"), Ok(true)),
            (format!("{EMPTY};p=1"), Ok(true)),
            ("sha-512=:AAAA:".to_owned(), Ok(false)),
            ("x=\"sha-256=:AAAA:\"".to_owned(), Ok(false)),
            (format!("{EMPTY}, sha-256=:AAAA:"), Err(Malformed)),
            ("sha-256=:AAAA:".to_owned(), Err(Malformed)),
            (
                "sha-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned(),
                Err(Malformed),
            ),
            (
                "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU:".to_owned(),
                Ok(true),
            ),
            ("sha-256=:!!!!:".to_owned(), Err(Malformed)),
            ("sha-256".to_owned(), Err(Malformed)),
            ("SHA-256=:AAAA:".to_owned(), Err(Malformed)),
            (format!("{EMPTY},"), Err(Malformed)),
            (String::new(), Err(Malformed)),
        ] {
            let found = parse(&value);
            assert_eq!(found.map(|digest| digest.is_some()), expected, "{value}");
            if let Ok(Some(digest)) = found {
                assert_eq!(field(&digest), EMPTY, "{value}");
            }
        }
    }

    #[test]
    fn a_weight_says_whether_it_is_wanted() {
        for (value, expected) in [
            ("sha-256=1", true),
            ("sha-256=10", true),
            ("sha-512=3, sha-256=10, unixsum=0", true),
            ("sha-256=0", false),
            ("sha-256=11", false),
            ("sha-256=-1", false),
            ("sha-256", false),
            ("sha-512=1", false),
            ("", false),
        ] {
            assert_eq!(is_wanted(value), expected, "{value}");
        }
    }
}
