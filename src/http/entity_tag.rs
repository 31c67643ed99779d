//! Entity tags (RFC 9110, section 8.8.3), and lists of them.
//!
//! Responsible for: text and comparison. Not for: what a tag is made of.

use std::fmt;

/// An entity tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntityTag {
    is_weak: bool,
    opaque: String,
}

impl EntityTag {
    /// A strong tag. `opaque` is visible ASCII without a quotation mark.
    #[must_use]
    pub(crate) fn strong(opaque: String) -> Self {
        let is_weak = false;
        Self { is_weak, opaque }
    }

    /// Parses one tag: `"opaque"` or `W/"opaque"`.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (tag, rest) = split_tag(text)?;
        rest.is_empty().then_some(tag)
    }

    /// The strong comparison (section 8.8.3.2): both are strong and have the same text.
    #[must_use]
    pub(crate) fn strongly_equals(&self, other: &Self) -> bool {
        !self.is_weak && !other.is_weak && self.opaque == other.opaque
    }

    /// The weak comparison: both have the same text.
    #[must_use]
    pub(crate) fn weakly_equals(&self, other: &Self) -> bool {
        self.opaque == other.opaque
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weak = if self.is_weak { "W/" } else { "" };
        write!(f, "{weak}\"{}\"", self.opaque)
    }
}

/// The value of `If-Match` or `If-None-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tags {
    /// `*`: anything that exists.
    Any,
    /// One of these tags.
    List(Vec<EntityTag>),
}

impl Tags {
    /// Parses `*` or a list of tags; `None` for anything else. A tag may contain commas.
    #[must_use]
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let mut rest = value.trim_matches(BLANK);
        if rest == "*" {
            return Some(Self::Any);
        }
        let mut tags = Vec::new();
        loop {
            // A list may have empty elements (section 5.6.1.2).
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                return (!tags.is_empty()).then_some(Self::List(tags));
            }
            let (tag, behind) = split_tag(rest)?;
            tags.push(tag);
            rest = behind.trim_start_matches(BLANK);
            if !rest.is_empty() && !rest.starts_with(',') {
                return None;
            }
        }
    }
}

/// Optional whitespace (section 5.6.3).
const BLANK: [char; 2] = [' ', '\t'];

/// Splits a tag off the beginning.
fn split_tag(text: &str) -> Option<(EntityTag, &str)> {
    let (is_weak, quoted) = match text.strip_prefix("W/") {
        Some(quoted) => (true, quoted),
        None => (false, text),
    };
    let (opaque, rest) = quoted.strip_prefix('"')?.split_once('"')?;
    let is_plain = opaque.bytes().all(|b| b == b'!' || b > b'"' && b != 0x7f);
    let opaque = opaque.to_owned();
    is_plain.then_some((EntityTag { is_weak, opaque }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_and_written() {
        for (text, expected) in [
            ("\"a\"", Some("\"a\"")),
            ("W/\"a\"", Some("W/\"a\"")),
            ("\"\"", Some("\"\"")),
            ("\"a,b\"", Some("\"a,b\"")),
            ("\"!#~\"", Some("\"!#~\"")),
            ("a", None),
            ("\"a", None),
            ("a\"", None),
            ("\"a\"b", None),
            ("w/\"a\"", None),
            ("\"a b\"", None),
            ("", None),
        ] {
            let tag = EntityTag::parse(text).map(|tag| tag.to_string());
            assert_eq!(tag.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn lists_are_read() {
        for (value, expected) in [
            ("*", Some("*")),
            (" * ", Some("*")),
            ("\"a\"", Some("\"a\"")),
            ("\"a\", W/\"b\",\"c,d\"", Some("\"a\" W/\"b\" \"c,d\"")),
            (", ,\"a\" ,, \"b\",", Some("\"a\" \"b\"")),
            ("\"a\" \"b\"", None),
            ("\"a\", *", None),
            ("*, \"a\"", None),
            ("abc", None),
            ("\"a\", b", None),
            (",", None),
            ("", None),
        ] {
            let shown = Tags::parse(value).map(|tags| match tags {
                Tags::Any => "*".to_owned(),
                Tags::List(tags) => {
                    let tags: Vec<String> = tags.iter().map(ToString::to_string).collect();
                    tags.join(" ")
                }
            });
            assert_eq!(shown.as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn the_comparisons_are_those_of_the_rfc() {
        // RFC 9110, section 8.8.3.2, table 3.
        for (one, other, strongly, weakly) in [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
        ] {
            let (a, b) = (EntityTag::parse(one), EntityTag::parse(other));
            let compared = a
                .zip(b)
                .map(|(a, b)| (a.strongly_equals(&b), a.weakly_equals(&b)));
            assert_eq!(compared, Some((strongly, weakly)), "{one} {other}");
        }
    }
}
