//! The combinations of the five precondition fields: as values for the model, and as the lines to
//! send.

use super::model::{Fields, IfRange, Tag, Tags};

/// When the files of the tests were last modified: the moment of the RFC's own examples (RFC 9110,
/// section 5.6.7).
pub const MODIFIED: u64 = 784_111_777;

/// `MODIFIED` and its neighbours in the three forms, newest form first.
const DATES: [(u64, [&str; 3]); 3] = [
    (
        MODIFIED,
        [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ],
    ),
    (
        MODIFIED - 1,
        [
            "Sun, 06 Nov 1994 08:49:36 GMT",
            "Sunday, 06-Nov-94 08:49:36 GMT",
            "Sun Nov  6 08:49:36 1994",
        ],
    ),
    (
        MODIFIED + 1,
        [
            "Sun, 06 Nov 1994 08:49:38 GMT",
            "Sunday, 06-Nov-94 08:49:38 GMT",
            "Sun Nov  6 08:49:38 1994",
        ],
    ),
];

const NONSENSE: [&str; 3] = ["yesterday", "1994-11-06T08:49:37Z", "784111777"];

/// How many values each of the fields takes, absence included.
const TAGS: usize = 6;
const TIMES: usize = 5;
const IF_RANGES: usize = 8;

/// How many combinations there are of the four fields that all methods know.
pub const COMMON: usize = TAGS * TAGS * TIMES * TIMES;
/// And of these with If-Range, with and without Range.
pub const ALL: usize = COMMON * IF_RANGES * 2;

/// The lines of a combination, as they are sent.
pub type Lines = Vec<(&'static str, String)>;

/// The combination `number`, below `COMMON` or `ALL`, of a client that has seen the tag `seen`.
pub fn combination(number: usize, seen: &str) -> (Fields, Lines) {
    let mut rest = number;
    let digits = [TAGS, TAGS, TIMES, TIMES, IF_RANGES, 2].map(|count| {
        let digit = rest % count;
        rest /= count;
        digit
    });
    let mut fields = Fields::default();
    let mut lines = Lines::new();
    // The sum has each value of a field meet each form, whichever of the other fields leave it a
    // say.
    let form = digits.iter().sum::<usize>() % 3;
    if let Some((tags, text)) = tags(digits[0], seen) {
        fields.if_match = Some(tags);
        lines.push(("If-Match", text));
    }
    if let Some((tags, text)) = tags(digits[1], seen) {
        fields.if_none_match = Some(tags);
        lines.push(("If-None-Match", text));
    }
    if let Some((date, text)) = date(digits[2], form) {
        fields.if_modified_since = Some(date);
        lines.push(("If-Modified-Since", text));
    }
    if let Some((date, text)) = date(digits[3], (form + 1) % 3) {
        fields.if_unmodified_since = Some(date);
        lines.push(("If-Unmodified-Since", text));
    }
    if let Some((condition, text)) = if_range(digits[4], seen, form) {
        fields.if_range = Some(condition);
        lines.push(("If-Range", text));
    }
    if digits[5] == 1 {
        fields.range = true;
        lines.push(("Range", "bytes=2-5".to_string()));
    }
    (fields, lines)
}

fn strong(opaque: &str) -> Tag {
    Tag {
        weak: false,
        opaque: opaque.to_string(),
    }
}

fn weak(opaque: &str) -> Tag {
    Tag {
        weak: true,
        opaque: opaque.to_string(),
    }
}

fn tags(choice: usize, seen: &str) -> Option<(Tags, String)> {
    let other = "\"another\"";
    Some(match choice {
        0 => return None,
        1 => (Tags::Any, "*".to_string()),
        2 => (Tags::List(vec![strong(seen)]), seen.to_string()),
        3 => (Tags::List(vec![strong(other)]), other.to_string()),
        4 => {
            // A comma in a tag, no blank, two blanks, and an empty member.
            let list = vec![strong("\"a,b\""), weak(other), strong(seen), strong("\"\"")];
            (
                Tags::List(list),
                format!("\"a,b\",W/{other}  ,{seen}, , \"\""),
            )
        }
        _ => (Tags::List(vec![weak(seen)]), format!("W/{seen}")),
    })
}

fn date(choice: usize, form: usize) -> Option<(Option<u64>, String)> {
    match choice {
        0 => None,
        4 => Some((None, NONSENSE[form].to_string())),
        _ => {
            let (seconds, forms) = DATES[choice - 1];
            Some((Some(seconds), forms[form].to_string()))
        }
    }
}

fn if_range(choice: usize, seen: &str, form: usize) -> Option<(IfRange, String)> {
    Some(match choice {
        0 => return None,
        1 => (IfRange::Tag(strong(seen)), seen.to_string()),
        2 => (IfRange::Tag(weak(seen)), format!("W/{seen}")),
        3 => (
            IfRange::Tag(strong("\"another\"")),
            "\"another\"".to_string(),
        ),
        other => {
            let (date, text) = date(other - 3, form)?;
            (IfRange::Date(date), text)
        }
    })
}
