//! What a client accepts (RFC 9110, section 12.5.1).

/// The media type of server-sent events (WHATWG HTML, section 9.2).
pub(crate) const EVENTS: &str = "text/event-stream";

/// A weight in thousandths, from 0 to 1,000.
type Weight = u16;

/// The weight of a range without `q` (RFC 9110, section 12.4.2).
const FULL: Weight = 1000;

/// Chooses the media type of a reply: the one with the greatest weight in the value of `Accept`. If
/// several have it, the first of `others` that the value names literally, else the default if it
/// has it, else the first of `others`. If none is acceptable, the default.
#[must_use]
pub(crate) fn choose<'m>(accept: Option<&str>, default: &'m str, others: &[&'m str]) -> &'m str {
    let accept = accept.unwrap_or_default();
    let (of_default, _) = weight(accept, default);
    let weighted = others.iter().map(|other| (weight(accept, other), *other));
    // The first of the best: `max_by_key` gives the last.
    match weighted.rev().max_by_key(|(weight, _)| *weight) {
        Some(((weight, _), other)) if weight > of_default => other,
        Some(((weight, true), other)) if weight > 0 && weight == of_default => other,
        _ => default,
    }
}

/// The weight of a media type by the most specific range that matches it, and whether that is the
/// media type itself.
fn weight(accept: &str, media_type: &str) -> (Weight, bool) {
    let kind = media_type.split('/').next().unwrap_or_default();
    for range in [media_type, &format!("{kind}/*"), "*/*"] {
        let found = accept.split(',').filter_map(|part| weight_of(part, range));
        if let Some(weight) = found.max() {
            return (weight, range == media_type);
        }
    }
    (0, false)
}

/// The weight of a part of `Accept`, if it is of this range. A malformed weight is ignored.
fn weight_of(part: &str, range: &str) -> Option<Weight> {
    let mut words = part.split(';').map(str::trim);
    if !words.next()?.eq_ignore_ascii_case(range) {
        return None;
    }
    let value = words.find_map(|word| word.strip_prefix("q=").or_else(|| word.strip_prefix("Q=")));
    Some(value.and_then(thousandths).unwrap_or(FULL))
}

/// Parses a weight, `0.25` as 250: at most three decimals, and at most 1 (RFC 9110, section
/// 12.4.2).
fn thousandths(value: &str) -> Option<Weight> {
    let (whole, part) = value.split_once('.').unwrap_or((value, ""));
    if !matches!(whole, "0" | "1") || part.len() > 3 || !part.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    format!("{whole}{part:0<3}")
        .parse()
        .ok()
        .filter(|weight| *weight <= FULL)
}

#[cfg(test)]
mod tests {
    use super::*;

    // symptom: a client that preferred text to JSON, by q=0.1 for JSON, got JSON.
    // cause:   a type counted as soon as it was named with a weight above zero.
    // fix:     weights are compared.
    #[test]
    fn the_greatest_weight_is_chosen() {
        const TEXT: &str = "text/plain";
        const JSON: &str = "application/json";
        const HTML: &str = "text/html";
        for (accept, expected) in [
            (None, TEXT),
            (Some(""), TEXT),
            (Some("*/*"), TEXT),
            (Some("text/*"), TEXT),
            (Some("text/*, */*"), TEXT),
            (Some("image/png"), TEXT),
            (Some("application/*"), JSON),
            (Some("application/json"), JSON),
            (Some("Application/JSON;q=0.5"), JSON),
            (Some("application/json; charset=utf-8"), JSON),
            (Some("application/json, text/plain, */*"), JSON),
            (Some("text/plain, application/json"), JSON),
            (Some("text/plain,application/json ;q=0.1"), TEXT),
            (Some("text/plain;q=0.1,application/json ;q=0.2"), JSON),
            (Some("application/json;q=0.5, */*"), TEXT),
            (Some("application/json, */*;q=0.1"), JSON),
            (Some("application/json;q=0"), TEXT),
            (Some("application/json; Q=0.000, text/plain;q=0"), TEXT),
            (Some("application/json;q=0, application/*"), TEXT),
            (Some("application/json;q=0.001, text/plain;q=0"), JSON),
            (Some("application/json;q=0, application/json;q=0.3"), JSON),
            (Some("application/jsonx"), TEXT),
            (Some("text/html"), HTML),
            (Some("text/html, application/json"), JSON),
            (Some("text/html, application/json;q=0.9"), HTML),
            (Some("text/html;q=0.9, application/json"), JSON),
            (Some("text/html;q=0.1, text/plain;q=0.2"), TEXT),
            (Some("text/html,application/xml;q=0.9,*/*;q=0.8"), HTML),
        ] {
            assert_eq!(choose(accept, TEXT, &[JSON, HTML]), expected, "{accept:?}");
        }
        // Of two that are not named, the first.
        let others = [JSON, "application/x-ndjson"];
        assert_eq!(choose(Some("application/*"), TEXT, &others), JSON);
    }

    #[test]
    fn a_weight_is_at_most_one() {
        for (value, expected) in [
            ("0", Some(0)),
            ("0.", Some(0)),
            ("0.5", Some(500)),
            ("0.05", Some(50)),
            ("0.125", Some(125)),
            ("1", Some(1000)),
            ("1.000", Some(1000)),
            ("1.001", None),
            ("0.1234", None),
            ("2", None),
            ("-0", None),
            ("NaN", None),
            ("", None),
        ] {
            assert_eq!(thousandths(value), expected, "{value:?}");
        }
    }
}
