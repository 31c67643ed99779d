//! The `Content-Type` of a file, by the extension of its name.

use std::ffi::OsStr;
use std::path::Path;

/// The type of a file without a known extension.
const UNKNOWN: &str = "application/octet-stream";

/// The types of what is common in pipelines and what browsers show, by extension, sorted. All that
/// there are would take 100 KB.
const TYPES: [(&str, &str); 109] = [
    ("7z", "application/x-7z-compressed"),
    ("aac", "audio/aac"),
    ("atom", "application/atom+xml"),
    ("avi", "video/x-msvideo"),
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("bz2", "application/x-bzip2"),
    ("c", "text/plain"),
    ("cer", "application/x-x509-ca-cert"),
    ("conf", "text/plain"),
    ("cpp", "text/plain"),
    ("crt", "application/x-x509-ca-cert"),
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    ("eot", "application/vnd.ms-fontobject"),
    ("epub", "application/epub+zip"),
    ("flac", "audio/flac"),
    ("geojson", "application/geo+json"),
    ("gif", "image/gif"),
    ("gpx", "application/gpx+xml"),
    ("gz", "application/gzip"),
    ("h", "text/plain"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("ico", "image/x-icon"),
    ("ics", "text/calendar"),
    ("ini", "text/plain"),
    ("jar", "application/java-archive"),
    ("jpe", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("jsonld", "application/ld+json"),
    ("kml", "application/vnd.google-earth.kml+xml"),
    ("kmz", "application/vnd.google-earth.kmz"),
    ("log", "text/plain"),
    ("m3u8", "audio/x-mpegurl"),
    ("m4a", "audio/m4a"),
    ("m4v", "video/x-m4v"),
    ("markdown", "text/markdown"),
    ("md", "text/markdown"),
    ("mjs", "application/javascript"),
    ("mkv", "video/x-matroska"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("mpeg", "video/mpeg"),
    ("mpg", "video/mpeg"),
    ("odp", "application/vnd.oasis.opendocument.presentation"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("opus", "audio/ogg"),
    ("otf", "application/font-sfnt"),
    ("parquet", "application/vnd.apache.parquet"),
    ("pdf", "application/pdf"),
    ("pem", "application/x-x509-ca-cert"),
    ("pl", "application/x-perl"),
    ("png", "image/png"),
    ("ppt", "application/vnd.ms-powerpoint"),
    (
        "pptx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ),
    ("ps", "application/postscript"),
    ("py", "text/plain"),
    ("rar", "application/x-rar-compressed"),
    ("rs", "text/x-rust"),
    ("rss", "application/rss+xml"),
    ("rtf", "application/rtf"),
    ("sh", "application/x-sh"),
    ("sql", "application/x-sql"),
    ("svg", "image/svg+xml"),
    ("svgz", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("tex", "application/x-tex"),
    ("text", "text/plain"),
    ("tgz", "application/x-compressed"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("toml", "text/x-toml"),
    ("ts", "video/vnd.dlna.mpeg-tts"),
    ("tsv", "text/tab-separated-values"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain"),
    ("vcf", "text/x-vcard"),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
    ("webm", "video/webm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("woff", "application/font-woff"),
    ("woff2", "font/woff2"),
    ("xht", "application/xhtml+xml"),
    ("xhtml", "application/xhtml+xml"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsm", "application/vnd.ms-excel.sheet.macroEnabled.12"),
    (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    ("xml", "text/xml"),
    ("xsd", "text/xml"),
    ("xsl", "text/xml"),
    ("xslt", "text/xml"),
    ("xz", "application/x-xz"),
    ("yaml", "text/x-yaml"),
    ("yml", "text/x-yaml"),
    ("zip", "application/zip"),
];

/// The media type for a file of this name.
///
/// Without a charset, which the server does not know.
#[must_use]
pub(crate) fn of(file_name: &str) -> &'static str {
    let extension = Path::new(file_name).extension().and_then(OsStr::to_str);
    let extension = extension.unwrap_or_default().to_ascii_lowercase();
    let found = TYPES.binary_search_by_key(&extension.as_str(), |(known, _)| known);
    found.map_or(UNKNOWN, |at| TYPES[at].1)
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
    fn extensions_are_sorted_and_in_small_letters() {
        assert!(TYPES.is_sorted_by(|(one, _), (other, _)| one < other));
        for (extension, media_type) in TYPES {
            assert_eq!(extension, extension.to_ascii_lowercase());
            assert_eq!(media_type.split('/').count(), 2, "{media_type}");
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
