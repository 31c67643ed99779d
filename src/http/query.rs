//! The parameters of a request, from the query of its target (RFC 3986, section 3.4).
//!
//! A parameter that an operation does not know is refused: one that is misspelt must not be
//! ignored.

use std::fmt;

use percent_encoding::percent_decode_str;

/// Why a query is refused with 400. The first text is the name of the parameter as it was sent,
/// which is visible ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryFault {
    /// The operation has no such parameter.
    Unknown(String),
    /// The parameter is repeated.
    Repeated(String),
    /// The parameter has a value, and takes none.
    Value(String),
    /// The parameter has no value that it takes; with what it takes.
    Invalid(&'static str, &'static str),
    /// Two parameters exclude each other.
    Together(&'static str, &'static str),
    /// The first parameter is there only with the second.
    Alone(&'static str, &'static str),
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
            Self::Invalid(name, takes) => write!(f, "the parameter \"{name}\" takes {takes}"),
            Self::Together(one, other) => {
                write!(
                    f,
                    "the parameters \"{one}\" and \"{other}\" exclude each other"
                )
            }
            Self::Alone(name, other) => {
                write!(
                    f,
                    "the parameter \"{name}\" belongs to \"{other}\", which is missing"
                )
            }
        }
    }
}

/// How much of a parameter an error shows, in bytes.
const MAX_SHOWN: usize = 64;

/// The parameters of a request that its operation knows, each there once.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    /// Names, and values as they were sent; without one, an empty text.
    found: Vec<(&'static str, String)>,
}

impl Parameters {
    /// Reads a query.
    ///
    /// # Errors
    /// [`QueryFault::Unknown`], [`QueryFault::Repeated`].
    pub(crate) fn parse(query: Option<&str>, known: &[&'static str]) -> Result<Self, QueryFault> {
        let mut found: Vec<(&'static str, String)> = Vec::new();
        let parameters = query.unwrap_or_default().split('&');
        for parameter in parameters.filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let shown = || name.chars().take(MAX_SHOWN).collect();
            let decoded = percent_decode_str(name).decode_utf8_lossy();
            let Some(known) = known.iter().find(|known| **known == decoded) else {
                return Err(QueryFault::Unknown(shown()));
            };
            if found.iter().any(|(other, _)| other == known) {
                return Err(QueryFault::Repeated(shown()));
            }
            found.push((known, value.to_owned()));
        }
        Ok(Self { found })
    }

    /// Whether a parameter without a value, `name` or `name=`, is there.
    ///
    /// # Errors
    /// [`QueryFault::Value`].
    pub(crate) fn flag(&self, name: &'static str) -> Result<bool, QueryFault> {
        match self.sent(name) {
            None => Ok(false),
            Some("") => Ok(true),
            Some(_) => Err(QueryFault::Value(name.to_owned())),
        }
    }

    /// The value of a parameter, if it is there. `takes` says what it takes, for an error.
    ///
    /// # Errors
    /// [`QueryFault::Invalid`].
    pub(crate) fn value<T>(
        &self,
        name: &'static str,
        takes: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, QueryFault> {
        let Some(value) = self.sent(name) else {
            return Ok(None);
        };
        let decoded = percent_decode_str(value).decode_utf8().ok();
        let parsed = decoded.and_then(|value| parse(&value));
        parsed.map(Some).ok_or(QueryFault::Invalid(name, takes))
    }

    fn sent(&self, name: &str) -> Option<&str> {
        let found = self.found.iter().find(|(other, _)| *other == name);
        found.map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_is_known_and_there_once() {
        use QueryFault::*;
        for (query, expected) in [
            (None, Ok((false, false))),
            (Some(""), Ok((false, false))),
            (Some("&"), Ok((false, false))),
            (Some("a"), Ok((true, false))),
            (Some("b=&a"), Ok((true, true))),
            (Some("%61"), Ok((true, false))),
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
            let parameters = Parameters::parse(query, &["a", "b"]);
            let found = parameters.and_then(|it| Ok((it.flag("a")?, it.flag("b")?)));
            assert_eq!(found, expected, "{query:?}");
        }
        let long = "x".repeat(5000);
        let fault = Parameters::parse(Some(&long), &[]).err();
        assert_eq!(fault, Some(Unknown("x".repeat(MAX_SHOWN))));
    }

    #[test]
    fn a_value_is_decoded_and_parsed() {
        for (query, expected) in [
            ("", Ok(None)),
            ("n=7", Ok(Some(7))),
            ("n=%37", Ok(Some(7))),
            ("n", Err(())),
            ("n=", Err(())),
            ("n=x", Err(())),
            ("n=%ff", Err(())),
            ("n=7=7", Err(())),
        ] {
            let parameters = Parameters::parse(Some(query), &["n"]);
            let value = parameters.and_then(|it| it.value("n", "a number", |it| it.parse().ok()));
            let fault = QueryFault::Invalid("n", "a number");
            assert_eq!(value, expected.map_err(|()| fault), "{query}");
        }
    }
}
