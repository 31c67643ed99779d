//! Fields of a reply.

use std::borrow::Cow;

/// A header field of a reply: the name is ours, the value may come from a computation.
pub type Field = (&'static str, Cow<'static, str>);

/// What keeps a browser from misusing a reply, whatever it is: it goes with all of them.
///
/// - `X-Content-Type-Options: nosniff` (Fetch Standard, section 3.6): a text is never taken for a page or a script,
///   also where a part of it, such as the name in an error, is the client's.
/// - `Cross-Origin-Resource-Policy: same-origin` (Fetch Standard, section 3.7): a page of another origin can use no
///   reply as its image, script or media. Links to a file, downloads and clients other than browsers are not affected.
#[must_use]
pub fn browser_protection() -> [Field; 2] {
    [
        ("X-Content-Type-Options", "nosniff".into()),
        ("Cross-Origin-Resource-Policy", "same-origin".into()),
    ]
}
