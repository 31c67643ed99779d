//! Fields of a reply.

use std::borrow::Cow;

/// A field of a reply: name and value.
pub(crate) type Field = (&'static str, Cow<'static, str>);

/// Fields of every reply that keep browsers from misusing it.
///
/// - `X-Content-Type-Options: nosniff` (Fetch Standard, section 3.6): text is never interpreted as
///   a page or a script, even if a part of it, such as the name in an error, comes from the client.
/// - `Cross-Origin-Resource-Policy: same-origin` (Fetch Standard, section 3.7): a page of another
///   origin cannot embed a reply as image, script or media. Links, downloads and clients other than
///   browsers are not affected.
#[must_use]
pub(crate) fn browser_protection() -> [Field; 2] {
    [
        ("X-Content-Type-Options", "nosniff".into()),
        ("Cross-Origin-Resource-Policy", "same-origin".into()),
    ]
}
