//! Requests that are refused for their heads, before body and disk are read: those that a browser
//! makes for a page of another origin, and those whose sender expects something else than this
//! server does.
//!
//! Responsible for: the decision. Not for: routes (`route.rs`), statuses (`api/error.rs`).

use tiny_http::{Framing, Head};

use super::authority::Authority;
use super::credentials;
use super::digest;
use super::hosts::Hosts;
use super::origins::AllowedOrigins;
use super::route::Operation;
use super::target::Target;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 400: HTTP/1.1 without `Host` (RFC 9112, section 3.2).
    NoHost,
    /// 421: the request is for a host that is not allowed, whose beginning this is.
    Host(String),
    /// 403: it would change something, and comes from a page of another origin.
    OtherOrigin,
    /// 403: a page of another origin would show the reply in a frame or the like.
    Framed,
    /// 403: its password may be one that the browser has added for a page that does not know it. Not
    /// 401, which would have the browser forget the password, and ask for another one.
    KeptPassword,
    /// 400: this field asks for another method than that of the request.
    Override(&'static str),
    /// 400: this field says that the body is a part of an upload, by a protocol that this server
    /// does not speak.
    Parts(&'static str),
    /// 411: it has no length, although its head suggests that there is a body.
    NoLength,
    /// 415: the body is a form that contains the file; with a command that sends the file.
    Form(&'static str),
    /// 415: the body has a content coding, which would be lost.
    Coding,
    /// 415: the archive in the body is compressed in another way than by gzip, or more than once.
    ArchiveCoding,
}

/// Fields by which clients that cannot send a method ask for it.
const OVERRIDES: [&str; 3] = [
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
];

/// Fields of protocols for uploads in parts: tus 1.0, and the IETF's draft "Resumable Uploads for
/// HTTP".
const PARTS: [&str; 2] = ["Tus-Resumable", "Upload-Complete"];

/// Fields that are sent only with content. They describe it (RFC 9110, section 8; RFC 1864; RFC
/// 6266; RFC 3230), say which part it is (section 14.4), or announce what follows it (section
/// 6.6.2).
const OF_CONTENT: [&str; 9] = [
    "Content-Type",
    "Content-Encoding",
    "Content-Language",
    "Content-Location",
    "Content-Disposition",
    "Content-MD5",
    "Content-Range",
    "Digest",
    "Trailer",
];

/// The media types of what is compressed by gzip (RFC 6713), and the one before it was registered.
const GZIP_MEDIA_TYPES: [&str; 2] = ["application/gzip", "application/x-gzip"];

/// What shows a reply within a page, as `Sec-Fetch-Dest` names it.
const FRAMES: [&str; 5] = ["embed", "fencedframe", "frame", "iframe", "object"];

/// How much of a host an error shows, in characters.
const MAX_SHOWN: usize = 100;

/// The digest of an empty body.
const OF_NOTHING: digest::Sha256 = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// Checks the head of a request. Of a request without an operation, which the caller refuses
/// anyway, only the host is checked. Pages of the `origins` may change something.
///
/// # Errors
/// The first [`Refusal`] found.
pub(crate) fn check(
    head: &Head,
    operation: Option<&Operation>,
    hosts: &Hosts,
    origins: &AllowedOrigins,
) -> Result<(), Refusal> {
    if head.version >= (1, 1) && head.field("Host").is_none() {
        return Err(Refusal::NoHost);
    }
    // Probes use any address that they were configured with, and their answers reveal nothing.
    if operation.is_some_and(Operation::is_probe) {
        return Ok(());
    }
    check_host(head, hosts)?;
    let Some(operation) = operation else {
        return Ok(());
    };
    if is_of_other_site(head) && is_framed(head) {
        return Err(Refusal::Framed);
    }
    let is_of_other_origin = || origins.of(head).is_none() && is_of_other_origin(head);
    if operation.changes_something() && is_of_other_origin() {
        return Err(Refusal::OtherOrigin);
    }
    check_method(head)?;
    if operation.takes_content() {
        check_length(head)?;
    }
    match operation {
        Operation::Create(_) | Operation::Append(..) => {
            check_content(head)?;
            match content_codings(head).is_empty() {
                true => Ok(()),
                false => Err(Refusal::Coding),
            }
        }
        Operation::Untar(..) => {
            check_content(head)?;
            is_gzip(head).map(drop)
        }
        _ => Ok(()),
    }
}

/// Whether no field declares a length, so that the body is empty (RFC 9112, section 6.3).
#[must_use]
pub(crate) fn is_without_length(head: &Head) -> bool {
    head.framing == Framing::Empty && head.field("Content-Length").is_none()
}

/// Whether the credentials of a request may be a password that the browser keeps for this server,
/// and has added to what a page of an allowed origin asks for without knowing it: a form, or a
/// `fetch` of a kind that needs no preflight. Browsers keep those of Basic alone.
#[must_use]
pub(crate) fn may_have_kept_password(head: &Head, origins: &AllowedOrigins) -> bool {
    origins.of(head).is_some() && is_of_other_origin(head) && {
        let authorization = head.field("Authorization");
        authorization.is_some_and(|value| credentials::is_basic(&value))
    }
}

/// The host that a request is for, with its port: that of an absolute target, else `Host` (RFC
/// 9112, section 3.2.2). `None` if both are missing, as HTTP/1.0 allows.
fn authority(head: &Head) -> Option<String> {
    let of_target = Target::of(head.target()).authority.map(str::to_owned);
    let authority = of_target.or_else(|| head.field("Host"));
    authority.filter(|authority| !authority.is_empty())
}

fn check_host(head: &Head, hosts: &Hosts) -> Result<(), Refusal> {
    // No browser sends a request without a host.
    let Some(text) = authority(head) else {
        return Ok(());
    };
    match Authority::parse(&text) {
        Some(authority) if hosts.allow(&authority) => Ok(()),
        _ => Err(Refusal::Host(text.chars().take(MAX_SHOWN).collect())),
    }
}

/// Whether a browser says that it made the request for a page of another origin (Fetch Metadata,
/// section 2.3).
fn is_of_other_site(head: &Head) -> bool {
    let site = head.field("Sec-Fetch-Site");
    site.is_some_and(|site| !matches!(site.as_str(), "none" | "same-origin"))
}

/// Whether the reply is for a part of a page that shows it (Fetch Metadata, section 2.1).
///
/// A browser that may not show it (`X-Frame-Options`) still tells the page of what it downloads
/// from what it would show: the page would see whether there is a file of this name.
fn is_framed(head: &Head) -> bool {
    let shown_by = head.field("Sec-Fetch-Dest");
    shown_by.is_some_and(|shown_by| FRAMES.contains(&shown_by.as_str()))
}

/// Whether a browser made the request for a page of another origin or of an unknown one (Fetch
/// Metadata, section 2.3; RFC 6454, section 7). Clients other than browsers send neither field.
///
/// Schemes are not compared: a proxy in front may have TLS.
fn is_of_other_origin(head: &Head) -> bool {
    if is_of_other_site(head) {
        return true;
    }
    let Some(origin) = head.field("Origin") else {
        return false;
    };
    let own = authority(head);
    let own = own.as_deref().and_then(Authority::parse);
    let of_page = [("http://", 80), ("https://", 443)]
        .iter()
        .find_map(|(scheme, port)| {
            let authority = Authority::parse(origin.strip_prefix(scheme)?)?;
            Some((authority, *port))
        });
    match (own, of_page) {
        (Some(own), Some((page, default_port))) => !own.is_same(&page, Some(default_port)),
        _ => true,
    }
}

fn check_method(head: &Head) -> Result<(), Refusal> {
    for name in OVERRIDES {
        let wanted = head.field(name);
        if wanted.is_some_and(|wanted| !wanted.eq_ignore_ascii_case(head.method())) {
            return Err(Refusal::Override(name));
        }
    }
    Ok(())
}

/// Refuses a request without a length whose sender probably means to send a body.
fn check_length(head: &Head) -> Result<(), Refusal> {
    if !is_without_length(head) {
        return Ok(());
    }
    let has = |name: &&&str| head.field(name).is_some();
    let describes_content = OF_CONTENT.iter().any(|name| has(&name));
    let has_digest_of_more = ["Content-Digest", "Repr-Digest"].iter().any(|name| {
        let value = head.field(name);
        value.is_some_and(|value| digest::parse(&value) != Ok(Some(OF_NOTHING)))
    });
    // A sender of HTTP/1.0, or one that closes the connection, may mean the body to end with it.
    let may_end_with_connection = head.version < (1, 1) || !head.persistent;
    let is_meant =
        describes_content || has_digest_of_more || may_end_with_connection || head.expects_continue;
    match is_meant {
        true => Err(Refusal::NoLength),
        false => Ok(()),
    }
}

/// Refuses a body that would not be stored as its sender means it.
fn check_content(head: &Head) -> Result<(), Refusal> {
    for name in PARTS {
        if head.field(name).is_some() {
            return Err(Refusal::Parts(name));
        }
    }
    let media_type = head.field("Content-Type").unwrap_or_default();
    if is_media_type(&media_type, "multipart/form-data") {
        return Err(Refusal::Form(match head.method() {
            "PUT" => "curl -T FILE URL",
            _ => "curl -X POST -T FILE URL",
        }));
    }
    Ok(())
}

/// The codings of the body, in lower case, without those that change nothing.
fn content_codings(head: &Head) -> Vec<String> {
    let codings = head.field("Content-Encoding").unwrap_or_default();
    let codings = codings.to_ascii_lowercase();
    let codings = codings.split(',').map(str::trim);
    let changes = |coding: &&str| !matches!(*coding, "" | "identity");
    codings.filter(changes).map(str::to_owned).collect()
}

/// Whether an archive is compressed by gzip, which `Content-Encoding` or `Content-Type` says.
///
/// # Errors
/// [`Refusal::ArchiveCoding`], also where both say it: then it may be compressed twice.
pub(crate) fn is_gzip(head: &Head) -> Result<bool, Refusal> {
    let media_type = head.field("Content-Type").unwrap_or_default();
    let is_of = |other: &&str| is_media_type(&media_type, other);
    let by_type = GZIP_MEDIA_TYPES.iter().any(is_of);
    match content_codings(head).as_slice() {
        [] => Ok(by_type),
        // RFC 9110, section 8.4.1.3.
        [coding] if matches!(coding.as_str(), "gzip" | "x-gzip") && !by_type => Ok(true),
        _ => Err(Refusal::ArchiveCoding),
    }
}

/// Whether a value of `Content-Type` is this media type, with any parameters (RFC 9110, section
/// 8.3.1).
#[must_use]
pub(crate) fn is_media_type(value: &str, media_type: &str) -> bool {
    let essence = value.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(media_type)
}

#[cfg(test)]
mod tests;
