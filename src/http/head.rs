//! Fields of a reply.

use std::borrow::Cow;

/// A field of a reply: name and value.
pub(crate) type Field = (&'static str, Cow<'static, str>);

/// Fields of every reply that keep browsers from misusing it.
///
/// - `X-Content-Type-Options: nosniff` (Fetch Standard, section 3.6): text is never interpreted as
///   a page or a script, even if a part of it, such as the name in an error, comes from the client.
/// - `X-Frame-Options: SAMEORIGIN` (HTML Standard, section 7.3.2.8): a page of another origin does
///   not show it in a frame. By `<object>`, the page would see whether it is an error.
/// - `Cross-Origin-Resource-Policy: same-origin` (Fetch Standard, section 3.7): a page of another
///   origin cannot embed a reply as image, script or media. Links, downloads and clients other than
///   browsers are not affected. A page of an allowed origin may have the reply: without
///   `cross-origin`, a `fetch` with `no-cors` would write, and then be reported to it as failed.
#[must_use]
pub(crate) fn browser_protection(is_for_allowed_origin: bool) -> [Field; 3] {
    let policy = match is_for_allowed_origin {
        true => "cross-origin",
        false => "same-origin",
    };
    [
        ("X-Content-Type-Options", "nosniff".into()),
        ("X-Frame-Options", "SAMEORIGIN".into()),
        ("Cross-Origin-Resource-Policy", policy.into()),
    ]
}
