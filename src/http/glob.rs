//! Patterns of paths, as `run/*/part-?.csv` and `**/*.parquet`.
//!
//! Responsible for: the syntax, and what matches. Not for: walking through directories.
//!
//! In a component, `*` stands for any number of characters, `?` for one, `[a-z]` for one of these
//! and `[!a-z]` for one that is not of these; `\` takes away the meaning of what follows it. A
//! component `**` stands for any number of components, none among them. A dot at the beginning is a
//! character like any other.

/// The longest pattern, in bytes: the time for a name grows with it.
const MAX_LENGTH: usize = 1024;

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob {
    parts: Vec<Part>,
}

/// What stands for components of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// `**`
    AnyDepth,
    /// One component.
    One(Vec<Token>),
}

/// What stands for characters of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// `*`
    AnyNumber,
    /// `?`
    Any,
    /// This one.
    Literal(char),
    /// `[...]`: one of these ranges, or of none of them.
    Class {
        ranges: Vec<(char, char)>,
        is_negated: bool,
    },
}

impl Glob {
    /// Parses a pattern; `None` where it is none: empty, too long, absolute, with an empty
    /// component, `.` or `..`, with a `[` that is not closed or a `\` at the end.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let parts = text.split('/').map(part).collect::<Option<Vec<_>>>()?;
        Some(Self { parts })
    }

    /// Whether a path matches.
    #[must_use]
    pub(crate) fn matches(&self, path: &str) -> bool {
        self.places_after(path).contains(&self.parts.len())
    }

    /// Whether something below the directory of this path may match.
    #[must_use]
    pub(crate) fn may_match_below(&self, path: &str) -> bool {
        self.places_after(path)
            .iter()
            .any(|&place| place < self.parts.len())
    }

    /// The places in the pattern that may be reached by the components of a path, in order.
    fn places_after(&self, path: &str) -> Vec<usize> {
        let mut places = Vec::new();
        self.reach(0, &mut places);
        for component in path.split('/') {
            let mut next = Vec::new();
            for place in places {
                match self.parts.get(place) {
                    // It goes on.
                    Some(Part::AnyDepth) => self.reach(place, &mut next),
                    Some(Part::One(tokens)) if matches(tokens, component) => {
                        self.reach(place + 1, &mut next);
                    }
                    _ => {}
                }
            }
            places = next;
        }
        places
    }

    /// Adds a place, and those behind it that take no component.
    fn reach(&self, mut place: usize, places: &mut Vec<usize>) {
        loop {
            if places.last().is_none_or(|&last| last < place) {
                places.push(place);
            }
            if self.parts.get(place) != Some(&Part::AnyDepth) {
                return;
            }
            place += 1;
        }
    }
}

fn part(text: &str) -> Option<Part> {
    match text {
        "" | "." | ".." => None,
        "**" => Some(Part::AnyDepth),
        _ => tokens(text).map(Part::One),
    }
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            '*' => Token::AnyNumber,
            '?' => Token::Any,
            '\\' => Token::Literal(chars.next()?),
            '[' => class(&mut chars)?,
            other => Token::Literal(other),
        });
    }
    // Several stars are one.
    tokens.dedup_by(|one, other| *one == Token::AnyNumber && *other == Token::AnyNumber);
    Some(tokens)
}

/// Reads a class behind its `[`. A `]` that comes first is one of its characters.
fn class(chars: &mut std::str::Chars<'_>) -> Option<Token> {
    let mut ranges = Vec::new();
    let mut next = chars.next()?;
    let is_negated = next == '!';
    if is_negated {
        next = chars.next()?;
    }
    loop {
        let first = match next {
            '\\' => chars.next()?,
            other => other,
        };
        next = chars.next()?;
        let mut last = first;
        if next == '-' {
            next = chars.next()?;
            if next == ']' {
                // A hyphen at the end stands for itself.
                ranges.push(('-', '-'));
            } else {
                last = match next {
                    '\\' => chars.next()?,
                    other => other,
                };
                next = chars.next()?;
            }
        }
        ranges.push((first, last));
        if next == ']' {
            return Some(Token::Class { ranges, is_negated });
        }
    }
}

/// Whether a component matches. Where it does not after a star, the star is tried with one
/// character more; only the last star has to be.
fn matches(tokens: &[Token], component: &str) -> bool {
    let (mut at, mut left) = (0, component.chars());
    let mut star: Option<(usize, std::str::Chars<'_>)> = None;
    loop {
        let (token, mut rest) = (tokens.get(at), left.clone());
        let c = rest.next();
        match (token, c) {
            (Some(Token::AnyNumber), _) => {
                at += 1;
                star = Some((at, left.clone()));
            }
            (None, None) => return true,
            (Some(token), Some(c)) if is_one(token, c) => {
                at += 1;
                left = rest;
            }
            _ => {
                let Some((after, taken)) = &mut star else {
                    return false;
                };
                if taken.next().is_none() {
                    return false;
                }
                (at, left) = (*after, taken.clone());
            }
        }
    }
}

fn is_one(token: &Token, c: char) -> bool {
    match token {
        Token::AnyNumber => false,
        Token::Any => true,
        Token::Literal(literal) => *literal == c,
        Token::Class { ranges, is_negated } => {
            let is_in = ranges
                .iter()
                .any(|(first, last)| (first..=last).contains(&&c));
            is_in != *is_negated
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_component_by_component() {
        for (pattern, path, expected) in [
            ("a", "a", true),
            ("a", "b", false),
            ("a", "a/b", false),
            ("*", "a", true),
            ("*", ".a", true),
            ("*", "a/b", false),
            ("*.csv", "a.csv", true),
            ("*.csv", ".csv", true),
            ("*.csv", "a.csv.gz", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyycd", false),
            ("a*b*c", "abbbc", true),
            ("*a", "aaaa", true),
            ("?", "\u{e9}", true),
            ("?", "", false),
            ("??", "a", false),
            ("[a-c]x", "bx", true),
            ("[a-c]x", "dx", false),
            ("[!a-c]x", "dx", true),
            ("[!a-c]x", "ax", false),
            ("[]]", "]", true),
            ("[a-]", "-", true),
            ("[a-]", "a", true),
            ("[\\]a]", "]", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("a/*/c", "a/b/c", true),
            ("a/*/c", "a/c", false),
            ("**", "a", true),
            ("**", "a/b/c", true),
            ("**/*.csv", "x.csv", true),
            ("**/*.csv", "a/b/x.csv", true),
            ("**/*.csv", "a/b/x.txt", false),
            ("a/**/c", "a/c", true),
            ("a/**/c", "a/b/b/c", true),
            ("a/**/c", "b/c", false),
            ("a/**", "a", true),
            ("a/**", "a/b/c", true),
            ("**/a/**/b", "x/a/y/a/z/b", true),
            ("**/**/b", "b", true),
            ("a**b", "axyb", true),
        ] {
            let glob = Glob::parse(pattern).unwrap_or_else(|| panic!("{pattern}"));
            assert_eq!(glob.matches(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_directory_is_entered_where_something_in_it_may_match() {
        for (pattern, path, expected) in [
            ("*", "a", false),
            ("*/b", "a", true),
            ("a/b", "a", true),
            ("a/b", "x", false),
            ("a/b", "a/b", false),
            ("a/*/c", "a/b", true),
            ("**", "a/b/c", true),
            ("a/**", "a", true),
            ("a/**/c", "b", false),
            ("a/**/c", "a/b/b", true),
        ] {
            let glob = Glob::parse(pattern).unwrap_or_else(|| panic!("{pattern}"));
            assert_eq!(glob.may_match_below(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let long = "a".repeat(MAX_LENGTH + 1);
        for pattern in [
            "", "/a", "a/", "a//b", "..", "a/../b", ".", "./a", "[", "[a", "[]", "[!", "[a-",
            "a\\", "[\\", &long,
        ] {
            assert_eq!(Glob::parse(pattern), None, "{pattern}");
        }
        assert!(Glob::parse(&"*a".repeat(MAX_LENGTH / 2)).is_some());
    }

    // What has many stars takes no time that grows with their number beyond the length of the name.
    #[test]
    fn a_hostile_pattern_takes_a_limited_number_of_steps() {
        let glob = Glob::parse(&"*a".repeat(MAX_LENGTH / 2)).unwrap_or_else(|| panic!("a pattern"));
        assert!(!glob.matches(&"a".repeat(255)));
        let deep = Glob::parse(&"**/a/".repeat(200).replace("//", "/")[..999]);
        let deep = deep.unwrap_or_else(|| panic!("a pattern"));
        assert!(!deep.matches(&"a/".repeat(1_000)));
    }
}
