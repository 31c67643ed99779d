//! The parameters of a request, from the query of its target (RFC 3986, section 3.4).
//!
//! A parameter that an operation does not know is refused: one that is misspelt must not be
//! ignored.

use std::fmt;

use percent_encoding::percent_decode_str;

/// Why a query is refused with 400. The text is the name of the parameter as it was sent, which is
/// visible ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryFault {
    /// The operation has no such parameter.
    Unknown(String),
    /// The parameter is repeated.
    Repeated(String),
    /// The parameter has a value, and takes none.
    Value(String),
}

impl fmt::Display for QueryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(
                f,
                "there is no parameter \"{name}\" here; a \"?\" in a name is written %3F"
            ),
            Self::Repeated(name) => write!(f, "the parameter \"{name}\" is there twice"),
            Self::Value(name) => write!(f, "the parameter \"{name}\" takes no value"),
        }
    }
}

/// How much of a parameter an error shows, in bytes.
const MAX_SHOWN: usize = 64;

/// Which of the known flags are set. A flag is a parameter without a value, `name` or `name=`, and
/// may not be repeated.
///
/// # Errors
/// The first [`QueryFault`] found.
pub(crate) fn flags<const N: usize>(
    query: Option<&str>,
    known: [&str; N],
) -> Result<[bool; N], QueryFault> {
    let mut set = [false; N];
    let parameters = query.unwrap_or_default().split('&');
    for parameter in parameters.filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let shown = || name.chars().take(MAX_SHOWN).collect();
        let decoded = percent_decode_str(name).decode_utf8_lossy();
        let Some(at) = known.iter().position(|known| *known == decoded) else {
            return Err(QueryFault::Unknown(shown()));
        };
        if !value.is_empty() {
            return Err(QueryFault::Value(shown()));
        }
        if std::mem::replace(&mut set[at], true) {
            return Err(QueryFault::Repeated(shown()));
        }
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_is_known_and_there_once() {
        use QueryFault::*;
        for (query, expected) in [
            (None, Ok([false, false])),
            (Some(""), Ok([false, false])),
            (Some("&"), Ok([false, false])),
            (Some("a"), Ok([true, false])),
            (Some("b=&a"), Ok([true, true])),
            (Some("%61"), Ok([true, false])),
            (Some("A"), Err(Unknown("A".to_owned()))),
            (Some("a&c=1"), Err(Unknown("c".to_owned()))),
            (Some("=a"), Err(Unknown(String::new()))),
            (Some("%zz"), Err(Unknown("%zz".to_owned()))),
            (Some("a=1"), Err(Value("a".to_owned()))),
            (Some("a=false"), Err(Value("a".to_owned()))),
            (Some("a&b&a"), Err(Repeated("a".to_owned()))),
            (Some("a&%61"), Err(Repeated("%61".to_owned()))),
            (Some("a;b"), Err(Unknown("a;b".to_owned()))),
        ] {
            assert_eq!(flags(query, ["a", "b"]), expected, "{query:?}");
        }
        let long = "x".repeat(5000);
        let fault = flags(Some(&long), []).err();
        assert_eq!(fault, Some(Unknown("x".repeat(MAX_SHOWN))));
    }
}
