//! An error as the body of a reply: a line of text, or JSON (RFC 9457).

use tiny_http::StatusCode;

use super::accept;

/// The format of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// One line, `text/plain; charset=utf-8`.
    Text,
    /// An object with `title`, `status` and `detail`, `application/problem+json` (RFC 9457).
    Json,
}

impl Format {
    /// The `Content-Type` of the format.
    #[must_use]
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=utf-8",
            Self::Json => "application/problem+json",
        }
    }

    /// The format that a client accepts, by the value of `Accept`.
    #[must_use]
    pub(crate) fn accepted(accept: Option<&str>) -> Self {
        const TEXT: &str = "text/plain";
        match accept::choose(
            accept,
            TEXT,
            &["application/problem+json", "application/json"],
        ) {
            TEXT => Self::Text,
            _ => Self::Json,
        }
    }
}

/// The body for an error: `404 Not Found: there is no "a"`, or the same as an object, and a
/// newline.
#[must_use]
pub(crate) fn body(format: Format, status: u16, detail: &str) -> Vec<u8> {
    let title = StatusCode(status).default_reason_phrase();
    let mut body = match format {
        Format::Text => format!("{status} {title}: {detail}"),
        Format::Json => {
            serde_json::json!({"title": title, "status": status, "detail": detail}).to_string()
        }
    };
    body.push('\n');
    body.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_that_accept_json_get_json() {
        for (accept, expected) in [
            (None, Format::Text),
            (Some("*/*"), Format::Text),
            (Some("application/json"), Format::Json),
            (Some("text/plain, application/problem+json"), Format::Json),
            (Some("application/json;q=0"), Format::Text),
        ] {
            assert_eq!(Format::accepted(accept), expected, "{accept:?}");
        }
    }

    #[test]
    fn a_problem_says_title_status_and_detail() {
        let text = body(Format::Text, 404, "there is no \"a\"");
        assert_eq!(text, b"404 Not Found: there is no \"a\"\n");
        let json = body(Format::Json, 409, "a \"quote\"");
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap_or_default();
        let expected =
            serde_json::json!({"title": "Conflict", "status": 409, "detail": "a \"quote\""});
        assert_eq!(value, expected);
    }
}
