//! The `Content-Type` of a file, by the extension of its name.

/// What a file without a known extension is (RFC 9110, section 8.3: better unspecific than wrong).
const UNKNOWN: &str = "application/octet-stream";

/// The media type for a file of this name.
///
/// No charset is named: the server does not know in which one a client wrote its text.
#[must_use]
pub fn of(file_name: &str) -> &'static str {
    mime_guess::from_path(file_name)
        .first_raw()
        .unwrap_or(UNKNOWN)
}

/// Whether a browser would run what is in a file of this type, so that it must be shown in a sandbox.
#[must_use]
pub fn is_active(media_type: &str) -> bool {
    ["html", "svg", "xml"]
        .iter()
        .any(|kind| media_type.contains(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_go_by_extension() {
        for (name, expected) in [
            ("a.csv", "text/csv"),
            ("a.JSON", "application/json"),
            ("a.html", "text/html"),
            ("a.txt", "text/plain"),
            ("a.tar.gz", "application/gzip"),
            ("a.jpg", "image/jpeg"),
            ("db.dump", UNKNOWN),
            ("noextension", UNKNOWN),
            (".html", UNKNOWN),
            ("", UNKNOWN),
        ] {
            assert_eq!(of(name), expected, "{name}");
        }
    }

    #[test]
    fn what_a_browser_runs_is_active() {
        for (name, active) in [
            ("a.html", true),
            ("a.xhtml", true),
            ("a.svg", true),
            ("a.xml", true),
            ("a.csv", false),
            ("a.json", false),
        ] {
            assert_eq!(is_active(of(name)), active, "{name}");
        }
    }
}
