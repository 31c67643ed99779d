//! Parts of a file: `Range` of a request that reads (RFC 9110, section 14.2), and `Content-Range`
//! of one that appends (section 14.5).

use std::ops::Range;

/// The part of a file that a `Range` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// All of it: there is no valid range, or more than one.
    Whole,
    /// These bytes, at least one.
    Part(Range<u64>),
    /// 416: there are no such bytes.
    Unsatisfiable,
}

/// Selects from a file of `length` bytes by the value of `Range`.
///
/// An invalid value, or another unit than bytes, is ignored (section 14.2). So is a list of several
/// ranges, which section 14.2 allows: a reply in several parts would be open to abuse.
#[must_use]
pub(crate) fn select(value: &str, length: u64) -> Selection {
    let ranges = value.split_once('=').and_then(|(unit, ranges)| {
        let is_bytes = unit.eq_ignore_ascii_case("bytes") && !ranges.starts_with([' ', '\t']);
        is_bytes.then_some(ranges)
    });
    // A list may have empty elements (section 5.6.1.2).
    let mut parts = ranges
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    match (parts.next(), parts.next()) {
        (Some(part), None) => select_one(part, length).unwrap_or(Selection::Whole),
        _ => Selection::Whole,
    }
}

/// Selects by `FIRST-`, `FIRST-LAST` or `-SUFFIX`; `None` for anything else.
fn select_one(part: &str, length: u64) -> Option<Selection> {
    let (first, last) = part.split_once('-')?;
    let (start, end) = if first.is_empty() {
        let suffix = saturating(last)?;
        if suffix > 0 && length == 0 {
            // Satisfiable, but no Content-Range can express it.
            return Some(Selection::Whole);
        }
        (length.saturating_sub(suffix), length)
    } else {
        let first = saturating(first)?;
        let last = if last.is_empty() {
            u64::MAX
        } else {
            saturating(last)?
        };
        if last < first {
            return None;
        }
        (first, last.saturating_add(1).min(length))
    };
    Some(match start < end {
        true => Selection::Part(start..end),
        false => Selection::Unsatisfiable,
    })
}

/// Parses 1*DIGIT; a number beyond 64 bits becomes the largest number.
fn saturating(digits: &str) -> Option<u64> {
    is_number(digits).then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Parses 1*DIGIT; `None` for a number beyond 64 bits.
fn exact(digits: &str) -> Option<u64> {
    digits.parse().ok().filter(|_| is_number(digits))
}

/// Whether this is 1*DIGIT. `parse` would accept a sign, too.
fn is_number(digits: &str) -> bool {
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Where an append puts its body: `bytes FIRST-LAST/TOTAL` or `bytes FIRST-LAST/*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentRange {
    /// The length that the file must have.
    pub first: u64,
    /// The length of the body.
    pub length: u64,
}

impl ContentRange {
    /// Parses `Content-Range`; `None` if it is malformed or contradicts itself.
    #[must_use]
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let (unit, rest) = value.trim().split_once([' ', '\t'])?;
        let (range, total) = rest.trim().split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last) = (exact(first)?, exact(last)?);
        let fits = total == "*" || exact(total)? > last;
        let is_one = unit.eq_ignore_ascii_case("bytes") && first <= last && fits;
        let length = last.checked_sub(first)?.checked_add(1)?;
        is_one.then_some(Self { first, length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_selects_bytes() {
        use Selection::{Part, Unsatisfiable, Whole};
        for (value, length, expected) in [
            ("bytes=0-4", 10, Part(0..5)),
            ("bytes=2-", 10, Part(2..10)),
            ("bytes=-5", 10, Part(5..10)),
            ("bytes=3-7", 10, Part(3..8)),
            ("bytes=0-0", 10, Part(0..1)),
            ("bytes=0-99", 10, Part(0..10)),
            ("bytes=9-", 10, Part(9..10)),
            ("bytes=-99", 10, Part(0..10)),
            ("BYTES=1-2", 10, Part(1..3)),
            ("bytes =1-2", 10, Whole),
            ("bytes= 1-2", 10, Whole),
            ("bytes=,1-2,", 10, Part(1..3)),
            ("bytes=0-18446744073709551616", 10, Part(0..10)),
            ("bytes=-99999999999999999999999", 10, Part(0..10)),
            ("bytes=10-", 10, Unsatisfiable),
            ("bytes=10-20", 10, Unsatisfiable),
            ("bytes=18446744073709551616-", 10, Unsatisfiable),
            ("bytes=-0", 10, Unsatisfiable),
            ("bytes=0-", 0, Unsatisfiable),
            ("bytes=-0", 0, Unsatisfiable),
            ("bytes=-5", 0, Whole),
            ("bytes=5-4", 10, Whole),
            ("bytes=0-1,4-5", 10, Whole),
            ("bytes=0-1,0-1", 10, Whole),
            ("bytes=20-,30-", 10, Whole),
            ("bytes=", 10, Whole),
            ("bytes=-", 10, Whole),
            ("bytes=a-b", 10, Whole),
            ("bytes=0x1-2", 10, Whole),
            ("bytes=+1-2", 10, Whole),
            ("bytes=1--2", 10, Whole),
            ("bytes=--2", 10, Whole),
            ("bytes=1 - 2", 10, Whole),
            ("bytes 0-1", 10, Whole),
            ("lines=0-1", 10, Whole),
            ("", 10, Whole),
        ] {
            assert_eq!(select(value, length), expected, "{value} of {length}");
        }
    }

    #[test]
    fn a_content_range_says_where_a_body_belongs() {
        for (value, expected) in [
            ("bytes 0-9/10", Some((0, 10))),
            ("bytes 5-9/10", Some((5, 5))),
            ("bytes 5-9/*", Some((5, 5))),
            ("bytes 5-9/100", Some((5, 5))),
            ("Bytes  5-9/10 ", Some((5, 5))),
            ("bytes 5-9/9", None),
            ("bytes 10-9/10", None),
            ("bytes 9-5/10", None),
            ("bytes */10", None),
            ("bytes 5-/10", None),
            ("bytes -5/10", None),
            ("bytes 5-9", None),
            ("bytes 5-9/", None),
            ("bytes=5-9/10", None),
            ("lines 5-9/10", None),
            ("bytes 0-18446744073709551615/*", None),
            ("bytes 18446744073709551616-18446744073709551617/*", None),
            ("bytes 0-9/10, bytes 0-9/10", None),
            ("", None),
        ] {
            let read = ContentRange::parse(value).map(|range| (range.first, range.length));
            assert_eq!(read, expected, "{value}");
        }
    }
}
