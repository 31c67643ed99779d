//! Names in a page: as addresses of links, and as text.
//!
//! Responsible for: escaping. Not for: which links a page has.

use std::fmt::Write as _;

use super::action::is_reading_action;

/// Writes the address of an entry, relative to that of its directory, which ends in a slash.
///
/// All but the unreserved characters of RFC 3986, section 2.3, is percent-encoded, so that the
/// address can be in an attribute, and no part of it is taken for a scheme. There are three special
/// cases:
///
/// - a file with the name of an action is written as `%2Fwc`, since a plain `wc` would count lines,
/// - a name that begins with `http` has its first letter encoded, since some clients take any such
///   address for an absolute URL,
/// - a directory has a final slash.
pub(crate) fn push_address(text: &mut String, name: &[u8], is_directory: bool) {
    if !is_directory && std::str::from_utf8(name).is_ok_and(is_reading_action) {
        text.push_str("%2F");
    }
    let looks_like_url = name.starts_with(b"http");
    for (index, &byte) in name.iter().enumerate() {
        let is_plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if is_plain && !(looks_like_url && index == 0) {
            text.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    if is_directory {
        text.push('/');
    }
}

/// Writes a name as text. Bytes that are not UTF-8 and control characters are replaced.
pub(crate) fn push_text(text: &mut String, name: &[u8]) {
    for c in String::from_utf8_lossy(name).chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&#39;"),
            c if c.is_control() => text.push(char::REPLACEMENT_CHARACTER),
            c => text.push(c),
        }
    }
}

/// The address of the page of a directory, relative to the path `/file/...` of the request: the
/// same with the final slash that the relative links of the page need. `None` if the path has it.
/// The page of the root is at `/file/`, however the request names it.
#[must_use]
pub(crate) fn page_address(path: &str, is_root: bool) -> Option<String> {
    let encoded = path.strip_prefix("/file/")?;
    if is_root {
        let above = encoded.matches('/').count();
        return match (encoded, above) {
            ("", _) => None,
            (_, 0) => Some("./".to_owned()),
            (_, above) => Some("../".repeat(above)),
        };
    }
    let last = encoded.rsplit('/').next().filter(|last| !last.is_empty())?;
    // Not without "./": what precedes a colon would be taken for a scheme.
    Some(format!("./{last}/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_to_its_entry() {
        for (name, is_directory, expected) in [
            (&b"a.csv"[..], false, "a.csv"),
            (b"a", true, "a/"),
            (b"a b#?%&'\"<>", false, "a%20b%23%3F%25%26%27%22%3C%3E"),
            (b"a:b", false, "a%3Ab"),
            (b"//h", false, "%2F%2Fh"),
            (b"\xff\n", false, "%FF%0A"),
            ("\u{e9}".as_bytes(), false, "%C3%A9"),
            (b"wc", false, "%2Fwc"),
            (b"wc", true, "wc/"),
            (b"sha256", false, "%2Fsha256"),
            (b"tar", false, "%2Ftar"),
            (b"info", false, "%2Finfo"),
            (b"mv", false, "mv"),
            (b"httpd.log", false, "%68ttpd.log"),
            (b"http", true, "%68ttp/"),
            (b"...", true, ".../"),
        ] {
            let mut address = String::new();
            push_address(&mut address, name, is_directory);
            assert_eq!(address, expected);
        }
    }

    #[test]
    fn a_name_is_text_and_nothing_else() {
        for (name, expected) in [
            (&b"a"[..], "a"),
            (b"<script>&'\"", "&lt;script&gt;&amp;&#39;&quot;"),
            (b"a\nb\xff", "a\u{fffd}b\u{fffd}"),
        ] {
            let mut text = String::new();
            push_text(&mut text, name);
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn the_page_of_a_directory_has_a_final_slash() {
        for (path, is_root, expected) in [
            ("/file/a", false, Some("./a/")),
            ("/file/a/", false, None),
            ("/file/a/b", false, Some("./b/")),
            ("/file/a%2Fb", false, Some("./a%2Fb/")),
            ("/file/a:b", false, Some("./a:b/")),
            ("/file/a%2F", false, Some("./a%2F/")),
            ("/file/", true, None),
            ("/file/%2F", true, Some("./")),
            ("/file//", true, Some("../")),
            ("/file/.//%2F", true, Some("../../")),
            ("/file/%2F/", true, Some("../")),
            ("/file", true, None),
        ] {
            let address = page_address(path, is_root);
            assert_eq!(address.as_deref(), expected, "{path}");
        }
    }
}
