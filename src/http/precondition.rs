//! Preconditions (RFC 9110, section 13): whether a request is carried out, by the version that its
//! client expects.
//!
//! Responsible for: the fields of a request, the order of section 13.2.2. Not for: where validators
//! come from; that nothing changes between a check and its write.

use super::entity_tag::{EntityTag, Tags};
use crate::time::parse_http_date;

/// The validators of a file or directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Validators {
    /// The entity tag; a directory has none.
    pub tag: Option<EntityTag>,
    /// The modification time in seconds since 1970; a directory has none.
    pub modified: Option<i64>,
}

/// The conditions of a request. The default has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
    if_modified_since: Option<i64>,
    if_unmodified_since: Option<i64>,
}

/// The result of the conditions of a request that reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The request is carried out.
    Met,
    /// 304: the client has it already.
    NotModified,
    /// 412.
    Unmet,
}

impl Conditions {
    /// Reads the conditions from the fields of a request. A malformed date is ignored (sections
    /// 13.1.3, 13.1.4).
    ///
    /// # Errors
    /// The name of a field whose list of entity tags is malformed.
    pub(crate) fn read(
        field: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, &'static str> {
        let tags = |name| match field(name) {
            None => Ok(None),
            Some(value) => Tags::parse(&value).map(Some).ok_or(name),
        };
        let date = |name| field(name).and_then(|value| parse_http_date(&value));
        Ok(Self {
            if_match: tags("If-Match")?,
            if_none_match: tags("If-None-Match")?,
            if_modified_since: date("If-Modified-Since"),
            if_unmodified_since: date("If-Unmodified-Since"),
        })
    }

    /// Whether there is no condition that applies to a write.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.if_match.is_none()
            && self.if_none_match.is_none()
            && self.if_unmodified_since.is_none()
    }

    /// Evaluates the conditions of GET and HEAD.
    #[must_use]
    pub(crate) fn for_read(&self, current: &Validators) -> Verdict {
        if !self.is_expected(Some(current)) {
            return Verdict::Unmet;
        }
        let is_new = match (&self.if_none_match, self.if_modified_since) {
            (Some(tags), _) => !include(tags, Some(current), EntityTag::weakly_equals),
            (None, Some(since)) => current.modified.is_none_or(|modified| modified > since),
            (None, None) => true,
        };
        if is_new {
            Verdict::Met
        } else {
            Verdict::NotModified
        }
    }

    /// Evaluates the conditions of a write, where `current` is `None` if nothing has the name.
    #[must_use]
    pub(crate) fn for_write(&self, current: Option<&Validators>) -> bool {
        let is_new = |tags| !include(tags, current, EntityTag::weakly_equals);
        self.is_expected(current) && self.if_none_match.as_ref().is_none_or(is_new)
    }

    /// Steps 1 and 2 of section 13.2.2.
    fn is_expected(&self, current: Option<&Validators>) -> bool {
        match (&self.if_match, self.if_unmodified_since) {
            (Some(tags), _) => include(tags, current, EntityTag::strongly_equals),
            (None, Some(since)) => {
                let modified = current.and_then(|current| current.modified);
                modified.is_none_or(|modified| modified <= since)
            }
            (None, None) => true,
        }
    }
}

/// Whether the tags include that of the current representation.
fn include(
    tags: &Tags,
    current: Option<&Validators>,
    is: impl Fn(&EntityTag, &EntityTag) -> bool,
) -> bool {
    match (tags, current) {
        (_, None) => false,
        (Tags::Any, Some(_)) => true,
        (Tags::List(tags), Some(current)) => {
            let tag = current.tag.as_ref();
            tag.is_some_and(|current| tags.iter().any(|tag| is(tag, current)))
        }
    }
}

/// Whether `If-Range` holds (section 13.1.5): its tag strongly equals the current one, or its date
/// is the modification time.
#[must_use]
pub(crate) fn if_range_holds(value: &str, current: &Validators) -> bool {
    match (EntityTag::parse(value), &current.tag) {
        (Some(tag), Some(current)) => tag.strongly_equals(current),
        (Some(_), None) => false,
        (None, _) => {
            let date = parse_http_date(value);
            date.is_some() && date == current.modified
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: &str = "Thu, 01 Jan 1970 00:00:00 GMT";
    const LATER: &str = "Thu, 01 Jan 1970 00:01:40 GMT";

    fn conditions(fields: &[(&str, &str)]) -> Result<Conditions, &'static str> {
        let value = |name| fields.iter().find(|(n, _)| *n == name);
        Conditions::read(|name| value(name).map(|(_, value)| (*value).to_owned()))
    }

    fn file() -> Validators {
        Validators {
            tag: EntityTag::parse("\"now\""),
            modified: Some(50),
        }
    }

    #[test]
    fn each_condition_decides_as_the_rfc_says() {
        use Verdict::{Met, NotModified, Unmet};
        for (fields, to_read, to_replace, to_create) in [
            (&[][..], Met, true, true),
            (&[("If-Match", "*")], Met, true, false),
            (&[("If-Match", "\"now\"")], Met, true, false),
            (&[("If-Match", "\"x\", \"now\"")], Met, true, false),
            (&[("If-Match", "W/\"now\"")], Unmet, false, false),
            (&[("If-Match", "\"x\"")], Unmet, false, false),
            (&[("If-None-Match", "*")], NotModified, false, true),
            (&[("If-None-Match", "\"now\"")], NotModified, false, true),
            (&[("If-None-Match", "W/\"now\"")], NotModified, false, true),
            (&[("If-None-Match", "\"x\"")], Met, true, true),
            (&[("If-Modified-Since", EPOCH)], Met, true, true),
            (&[("If-Modified-Since", LATER)], NotModified, true, true),
            (&[("If-Modified-Since", "no date")], Met, true, true),
            (&[("If-Unmodified-Since", EPOCH)], Unmet, false, true),
            (&[("If-Unmodified-Since", LATER)], Met, true, true),
            (&[("If-Unmodified-Since", "no date")], Met, true, true),
            // The tag goes before the date, in either pair.
            (
                &[("If-Match", "*"), ("If-Unmodified-Since", EPOCH)],
                Met,
                true,
                false,
            ),
            (
                &[("If-None-Match", "\"x\""), ("If-Modified-Since", LATER)],
                Met,
                true,
                true,
            ),
            // Failing comes before having it already.
            (
                &[("If-Match", "\"x\""), ("If-None-Match", "*")],
                Unmet,
                false,
                false,
            ),
        ] {
            let read = conditions(fields);
            let current = file();
            let decided = read.map(|it| {
                (
                    it.for_read(&current),
                    it.for_write(Some(&current)),
                    it.for_write(None),
                )
            });
            assert_eq!(decided, Ok((to_read, to_replace, to_create)), "{fields:?}");
        }
    }

    #[test]
    fn a_directory_is_there_but_has_no_tag() {
        let directory = Validators::default();
        for (fields, expected) in [
            (&[("If-Match", "*")], true),
            (&[("If-Match", "\"now\"")], false),
            (&[("If-None-Match", "*")], false),
            (&[("If-None-Match", "\"now\"")], true),
            (&[("If-Unmodified-Since", EPOCH)], true),
        ] {
            let met = conditions(fields).map(|it| it.for_write(Some(&directory)));
            assert_eq!(met, Ok(expected), "{fields:?}");
        }
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        assert_eq!(conditions(&[("If-Match", "now")]), Err("If-Match"));
        assert_eq!(conditions(&[("If-None-Match", "")]), Err("If-None-Match"));
    }

    #[test]
    fn a_range_counts_for_the_very_same_file() {
        for (value, expected) in [
            ("\"now\"", true),
            ("W/\"now\"", false),
            ("\"x\"", false),
            ("*", false),
            ("Thu, 01 Jan 1970 00:00:50 GMT", true),
            (EPOCH, false),
            (LATER, false),
            ("now", false),
        ] {
            assert_eq!(if_range_holds(value, &file()), expected, "{value}");
        }
    }
}
