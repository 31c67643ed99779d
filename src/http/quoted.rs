//! Lists whose elements may be quoted strings (RFC 9110, section 5.6.4).

/// Splits at separators outside of quoted strings. The second value is whether all quoted strings
/// are closed.
pub(super) fn split_outside_quotes(text: &str, separator: char) -> (Vec<&str>, bool) {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = text.split(|c: char| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match c {
            '"' if !was_escaped => is_quoted = !is_quoted,
            '\\' if is_quoted && !was_escaped => is_escaped = true,
            _ => {}
        }
        c == separator && !is_quoted
    });
    (parts.collect(), !is_quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_separator_in_a_quoted_string_is_none() {
        for (text, parts, is_closed) in [
            ("", &[""][..], true),
            ("a,b", &["a", "b"], true),
            ("a=\"b,c\",d", &["a=\"b,c\"", "d"], true),
            ("\"a\\\",b\",c", &["\"a\\\",b\"", "c"], true),
            ("\"a\\\\\",b", &["\"a\\\\\"", "b"], true),
            ("a\\,b", &["a\\", "b"], true),
            ("a,\"b,c", &["a", "\"b,c"], false),
        ] {
            let found = split_outside_quotes(text, ',');
            assert_eq!(found, (parts.to_vec(), is_closed), "{text}");
        }
    }
}
