//! What the parameters of a GET of a name ask for.
//!
//! Responsible for: their values, and which go together. Not for: carrying it out (`api/read.rs`).

use std::time::Duration;

use super::glob::Glob;
use super::query::{Parameters, QueryFault};
use crate::lines::Shard;
use crate::units::duration;

/// The names of the parameters.
pub(super) const PARAMETERS: [&str; 7] = [
    "shard",
    "header",
    "head",
    "tail",
    "recursive",
    "glob",
    "wait",
];

/// The longest wait.
const MAX_WAIT: Duration = Duration::from_secs(3600);

/// What a GET of a name asks for, besides the name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Which lines of a file.
    pub(crate) lines: Lines,
    /// How far a list goes.
    pub(crate) depth: Depth,
    /// How long it waits for what is not there.
    pub(crate) wait: Option<Duration>,
}

/// How far a list of a directory goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Depth {
    /// To the entries of the directory.
    #[default]
    Entries,
    /// To all levels.
    All,
    /// To what matches.
    Matches(Glob),
}

/// Which lines of a file are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lines {
    #[default]
    All,
    /// One of several parts, with the first line of the file before it if `header` is set.
    Shard { shard: Shard, header: bool },
    /// This many lines at the beginning.
    First(u64),
    /// This many lines at the end.
    Last(u64),
}

impl Reading {
    /// That of these parameters.
    ///
    /// # Errors
    /// The first [`QueryFault`] found.
    pub(super) fn of(parameters: &Parameters) -> Result<Self, QueryFault> {
        let shard = parameters.value("shard", "K/N, with K from 1 to N", shard)?;
        let header = parameters.flag("header")?;
        let count = |name| parameters.value(name, "a number of lines", number);
        let (first, last) = (count("head")?, count("tail")?);
        let lines = match (shard, first, last) {
            (Some(_), Some(_), _) => return Err(QueryFault::Together("shard", "head")),
            (Some(_), _, Some(_)) => return Err(QueryFault::Together("shard", "tail")),
            (_, Some(_), Some(_)) => return Err(QueryFault::Together("head", "tail")),
            (None, ..) if header => return Err(QueryFault::Alone("header", "shard")),
            (Some(shard), ..) => Lines::Shard { shard, header },
            (_, Some(lines), _) => Lines::First(lines),
            (_, _, Some(lines)) => Lines::Last(lines),
            (None, None, None) => Lines::All,
        };
        let glob = parameters.value("glob", "a pattern, as **/*.csv", Glob::parse)?;
        let depth = match (parameters.flag("recursive")?, glob) {
            (true, Some(_)) => return Err(QueryFault::Together("recursive", "glob")),
            (true, None) => Depth::All,
            (false, Some(glob)) => Depth::Matches(glob),
            (false, None) => Depth::Entries,
        };
        match (lines.parameter(), depth.parameter()) {
            (Some(one), Some(other)) => Err(QueryFault::Together(one, other)),
            _ => Ok(Self {
                lines,
                depth,
                wait: wait(parameters)?,
            }),
        }
    }
}

/// How long a request waits, if it does.
///
/// # Errors
/// [`QueryFault::Invalid`].
pub(super) fn wait(parameters: &Parameters) -> Result<Option<Duration>, QueryFault> {
    let wait = |text: &str| duration(text).filter(|wait| *wait <= MAX_WAIT);
    parameters.value("wait", "a time of 1h at most, as 60s", wait)
}

impl Lines {
    /// The parameter that asks for them.
    fn parameter(self) -> Option<&'static str> {
        match self {
            Self::All => None,
            Self::Shard { .. } => Some("shard"),
            Self::First(_) => Some("head"),
            Self::Last(_) => Some("tail"),
        }
    }
}

impl Depth {
    /// The parameter that asks for it.
    fn parameter(&self) -> Option<&'static str> {
        match self {
            Self::Entries => None,
            Self::All => Some("recursive"),
            Self::Matches(_) => Some("glob"),
        }
    }
}

fn shard(text: &str) -> Option<Shard> {
    let (number, of) = text.split_once('/')?;
    Shard::new(self::number(number)?, self::number(of)?)
}

/// A number in decimal, without a sign.
fn number(text: &str) -> Option<u64> {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit());
    is_decimal.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_has_an_end() {
        for (query, expected) in [
            ("", Some(None)),
            ("wait=60s", Some(Some(60))),
            ("wait=60", Some(Some(60))),
            ("wait=0", Some(Some(0))),
            ("wait=1h", Some(Some(3600))),
            ("wait=61m", None),
            ("wait=3601", None),
            ("wait=-1s", None),
            ("wait=", None),
            ("wait", None),
            ("wait=1d", None),
            ("wait=1.5s", None),
            ("wait=1s&wait=1s", None),
        ] {
            let parameters = Parameters::parse(Some(query), &PARAMETERS);
            let found = parameters.and_then(|it| Reading::of(&it));
            let found = found.map(|it| it.wait.map(|wait| wait.as_secs()));
            assert_eq!(found.ok(), expected, "{query}");
        }
    }

    #[test]
    fn parameters_say_how_far_a_list_goes() {
        let matches = |pattern| Glob::parse(pattern).map(Depth::Matches);
        for (query, expected) in [
            ("", Some(Depth::Entries)),
            ("recursive", Some(Depth::All)),
            ("glob=**/*.csv", matches("**/*.csv")),
            ("glob=%2A%2Fa+b", matches("*/a+b")),
            ("glob=", None),
            ("glob", None),
            ("glob=/a", None),
            ("glob=..", None),
            ("recursive=1", None),
            ("recursive&glob=*", None),
            ("recursive&head=1", None),
            ("glob=*&shard=1/2", None),
        ] {
            let parameters = Parameters::parse(Some(query), &PARAMETERS);
            let found = parameters.and_then(|it| Reading::of(&it));
            assert_eq!(found.map(|it| it.depth).ok(), expected, "{query}");
        }
    }

    #[test]
    fn parameters_say_which_lines() {
        let shard = |number, of, header| {
            let shard = Shard::new(number, of).unwrap_or_else(|| panic!("{number}/{of}"));
            Lines::Shard { shard, header }
        };
        for (query, expected) in [
            ("", Some(Lines::All)),
            ("shard=1/1", Some(shard(1, 1, false))),
            ("shard=2%2F3&header", Some(shard(2, 3, true))),
            ("header&shard=007/0010", Some(shard(7, 10, true))),
            ("head=0", Some(Lines::First(0))),
            ("tail=18446744073709551615", Some(Lines::Last(u64::MAX))),
            ("tail=18446744073709551616", None),
            ("shard=1/18446744073709551616", None),
            ("shard=0/1", None),
            ("shard=2/1", None),
            ("shard=0/0", None),
            ("shard=1", None),
            ("shard=1/2/3", None),
            ("shard=+1/2", None),
            ("shard=", None),
            ("head=-1", None),
            ("head=+1", None),
            ("head=1.5", None),
            ("head", None),
            ("tail", None),
            ("header", None),
            ("header=1&shard=1/2", None),
            ("head=1&tail=1", None),
            ("head=1&shard=1/2", None),
            ("tail=1&shard=1/2", None),
            ("head=1&header", None),
            ("head=1&head=1", None),
            ("haed=1", None),
        ] {
            let parameters = Parameters::parse(Some(query), &PARAMETERS);
            let found = parameters.and_then(|it| Reading::of(&it));
            assert_eq!(found.map(|it| it.lines).ok(), expected, "{query}");
        }
    }
}
