//! The `Content-Type` of a file, by the extension of its name.

/// The type of a file without a known extension.
const UNKNOWN: &str = "application/octet-stream";

/// The media type for a file of this name.
///
/// Without a charset, which the server does not know.
#[must_use]
pub(crate) fn of(file_name: &str) -> &'static str {
    mime_guess::from_path(file_name)
        .first_raw()
        .unwrap_or(UNKNOWN)
}

/// Whether a browser may run scripts of such a file, so that it must be shown in a sandbox.
#[must_use]
pub(crate) fn is_active(media_type: &str) -> bool {
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
