//! What a client accepts (RFC 9110, section 12.5.1).

/// Whether the value of `Accept` names one of these media types with a weight above zero. A range with `*` names none.
#[must_use]
pub fn names(accept: Option<&str>, media_types: &[&str]) -> bool {
    accept
        .unwrap_or_default()
        .split(',')
        .any(|range| is_named(range, media_types))
}

fn is_named(range: &str, media_types: &[&str]) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let named = parts.next().is_some_and(|media| {
        media_types
            .iter()
            .any(|media_type| media.eq_ignore_ascii_case(media_type))
    });
    let refused = parts.any(|parameter| {
        parameter
            .strip_prefix("q=")
            .or_else(|| parameter.strip_prefix("Q="))
            .is_some_and(|weight| weight.parse() == Ok(0.0_f32))
    });
    named && !refused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_accepted_where_it_is_named() {
        const JSON: &str = "application/json";
        const PROBLEM: &str = "application/problem+json";
        for (accept, media_types, expected) in [
            (None, &[JSON][..], false),
            (Some(""), &[JSON], false),
            (Some("*/*"), &[JSON], false),
            (Some("application/*"), &[JSON], false),
            (Some("text/html, */*;q=0.1"), &[JSON], false),
            (Some("application/json"), &[JSON], true),
            (Some("Application/JSON;q=0.5"), &[JSON], true),
            (Some("text/plain,application/json ;q=0.1"), &[JSON], true),
            (Some("application/json; charset=utf-8"), &[JSON], true),
            (Some("application/json;q=0"), &[JSON], false),
            (Some("application/json; Q=0.000"), &[JSON], false),
            (Some("application/json;q=0, text/plain"), &[JSON], false),
            (Some("application/jsonx"), &[JSON], false),
            (Some("text/plain, application/problem+json"), &[JSON], false),
            (
                Some("text/plain, application/problem+json"),
                &[JSON, PROBLEM],
                true,
            ),
            (
                Some("application/json;q=0, application/problem+json"),
                &[JSON, PROBLEM],
                true,
            ),
        ] {
            let found = names(accept, media_types);
            assert_eq!(found, expected, "{accept:?} {media_types:?}");
        }
    }
}
