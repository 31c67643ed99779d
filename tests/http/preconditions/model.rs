//! RFC 9110, section 13.2.2, as a model: what a request with preconditions does to a resource.
//!
//! Responsible for: the fields as values, and what the resource is. Not for: text, parsing and
//! sockets.

/// An entity tag, with its quotes.
#[derive(Debug, Clone, PartialEq)]
pub struct Tag {
    pub weak: bool,
    pub opaque: String,
}

/// The value of If-Match or If-None-Match.
#[derive(Debug, Clone)]
pub enum Tags {
    Any,
    List(Vec<Tag>),
}

/// A date in a field, in seconds since 1970; `None` for what is no date.
pub type Date = Option<u64>;

#[derive(Debug, Clone)]
pub enum IfRange {
    Tag(Tag),
    Date(Date),
}

#[derive(Debug, Clone, Default)]
pub struct Fields {
    pub if_match: Option<Tags>,
    pub if_none_match: Option<Tags>,
    pub if_modified_since: Option<Date>,
    pub if_unmodified_since: Option<Date>,
    pub if_range: Option<IfRange>,
    /// Whether there is a Range, which can be satisfied.
    pub range: bool,
}

/// The selected representation: a strong tag, and when it was last modified.
#[derive(Debug, Clone)]
pub struct Present {
    pub opaque: String,
    pub modified: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// 412.
    Failed,
    /// 304.
    NotModified,
    /// 206.
    Part,
    /// The request as if it had no preconditions and no Range.
    Perform,
}

/// For a request that would be answered with 2xx if it had no preconditions (13.2.1).
pub fn evaluate(fields: &Fields, reads: bool, get: bool, now: Option<&Present>) -> Outcome {
    // Steps 1 and 2.
    let unchanged = match (&fields.if_match, fields.if_unmodified_since) {
        (Some(tags), _) => holds(tags, now, strong),
        (None, Some(date)) => match (date, now) {
            (Some(date), Some(present)) => present.modified <= date,
            // What is no date is ignored, and so is a date where there is none to compare it with
            // (13.1.4).
            _ => true,
        },
        (None, None) => true,
    };
    if !unchanged {
        return Outcome::Failed;
    }
    // Steps 3 and 4.
    let changed = match (&fields.if_none_match, fields.if_modified_since) {
        (Some(tags), _) => !holds(tags, now, weak),
        (None, Some(date)) if reads => match (date, now) {
            (Some(date), Some(present)) => present.modified > date,
            _ => true,
        },
        (None, _) => true,
    };
    if !changed {
        return if reads {
            Outcome::NotModified
        } else {
            Outcome::Failed
        };
    }
    // Step 5; a Range without If-Range is carried out, and one of a HEAD never (14.2).
    match now {
        Some(present) if get && fields.range && in_range(fields.if_range.as_ref(), present) => {
            Outcome::Part
        }
        _ => Outcome::Perform,
    }
}

/// 13.1.5: the tags are compared strongly, and a date has to be the very one.
fn in_range(if_range: Option<&IfRange>, present: &Present) -> bool {
    match if_range {
        None => true,
        Some(IfRange::Tag(tag)) => strong(tag, present),
        Some(IfRange::Date(date)) => *date == Some(present.modified),
    }
}

fn holds(tags: &Tags, now: Option<&Present>, same: fn(&Tag, &Present) -> bool) -> bool {
    now.is_some_and(|present| match tags {
        Tags::Any => true,
        Tags::List(list) => list.iter().any(|tag| same(tag, present)),
    })
}

/// 8.8.3.2: both are strong, and equal.
fn strong(tag: &Tag, present: &Present) -> bool {
    !tag.weak && tag.opaque == present.opaque
}

/// 8.8.3.2: equal, apart from the mark of a weak one.
fn weak(tag: &Tag, present: &Present) -> bool {
    tag.opaque == present.opaque
}
