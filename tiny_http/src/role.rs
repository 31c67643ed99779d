//! The server's role in HTTP/1.1: whether the framing of a request head is unambiguous, how long
//! its body is, and whether its connection is persistent.
//!
//! Responsible for: the decision on one head, given its bytes. Not for: receiving it, and the body.
//!
//! A request that two parsers could delimit differently is refused (RFC 9112, section 11.2): a
//! server behind a proxy must never take the body of one request for the head of the next.

use std::ops::Range;

use crate::authority::is_authority;
use crate::head::{Framing, Head, line_length};
use crate::method::HTTPVersion;
use crate::refusal::HeadFault;

/// The length of a head including the empty line that ends it; none where that has not come. The
/// first `searched` bytes are known to hold neither an end nor a fault, and the search continues
/// behind them.
///
/// # Errors
/// [`HeadFault::BareLf`]: a LF without a CR before it ends no line, so the end would never come.
pub fn end_of_head(bytes: &[u8], searched: usize) -> Result<Option<usize>, HeadFault> {
    for (at, _) in bytes
        .iter()
        .enumerate()
        .skip(searched)
        .filter(|(_, b)| **b == b'\n')
    {
        if !bytes[..at].ends_with(b"\r") {
            return Err(HeadFault::BareLf);
        }
        if bytes[..at].ends_with(b"\r\n\r") {
            return Ok(Some(at + 1));
        }
    }
    Ok(None)
}

/// Checks a complete head, from the first byte of the request line to the empty line.
///
/// # Errors
/// The fault for which the request is to be refused and the connection closed.
pub fn parse_head(head: &[u8]) -> Result<Head, HeadFault> {
    let mut lines = Lines { head, at: 0 };
    let (target, version) = request_line(head, lines.next().ok_or(HeadFault::RequestLine)?)?;
    let mut seen = FramingFields::default();
    let mut fields = Vec::with_capacity(8);
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = header_line(head, line)?;
        seen.add(&head[name.clone()], &head[value.clone()])?;
        fields.push((name, value));
    }
    let is_http11 = version == (1, 1);
    let framing = seen.framing(is_http11)?;
    let mut text = head.to_vec();
    text.iter_mut()
        .filter(|b| !b.is_ascii())
        .for_each(|b| *b = b'?');
    Ok(Head {
        framing,
        persistent: !seen.close && (is_http11 || seen.keep_alive),
        // RFC 9110, section 10.1.1: a server ignores it in HTTP/1.0.
        expects_continue: seen.expects_continue && is_http11,
        offers_upgrade: seen.upgrade,
        version,
        // It is ASCII: every other byte has been replaced.
        text: String::from_utf8(text).map_err(|_| HeadFault::HeaderValue)?,
        target,
        fields,
    })
}

/// What the header fields say about the end of the message and about the connection.
#[derive(Default)]
struct FramingFields {
    hosts: usize,
    length: Option<u64>,
    encodings: usize,
    close: bool,
    keep_alive: bool,
    upgrade: bool,
    expects_continue: bool,
}

impl FramingFields {
    fn add(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
        let is = |field: &str| name.eq_ignore_ascii_case(field.as_bytes());
        if is("host") {
            self.hosts += 1;
            if self.hosts > 1 || !value.is_empty() && !is_authority(value) {
                return Err(HeadFault::Host);
            }
        } else if is("content-length") {
            let length = decimal(value)?;
            if self.length.replace(length).is_some() {
                return Err(HeadFault::ContentLength);
            }
        } else if is("transfer-encoding") {
            self.encodings += 1;
            if self.encodings > 1 || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(HeadFault::TransferEncoding);
            }
        } else if is("connection") {
            self.close |= has_token(value, b"close");
            self.keep_alive |= has_token(value, b"keep-alive");
            self.upgrade |= has_token(value, b"upgrade");
        } else if is("expect") {
            if !value.eq_ignore_ascii_case(b"100-continue") {
                return Err(HeadFault::Expectation);
            }
            self.expects_continue = true;
        }
        Ok(())
    }

    fn framing(&self, is_http11: bool) -> Result<Framing, HeadFault> {
        match (self.encodings, self.length) {
            (0, None | Some(0)) => Ok(Framing::Empty),
            (0, Some(length)) => Ok(Framing::Length(length)),
            (_, None) if is_http11 => Ok(Framing::Chunked),
            _ => Err(HeadFault::TransferEncoding),
        }
    }
}

/// The range of the target, and the version.
fn request_line(head: &[u8], line: Range<usize>) -> Result<(Range<usize>, HTTPVersion), HeadFault> {
    let mut words = head[line.clone()].split(|&b| b == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(HeadFault::RequestLine);
    };
    if !is_token(method) || target.is_empty() || !target.iter().all(u8::is_ascii_graphic) {
        return Err(HeadFault::RequestLine);
    }
    let version = match version {
        b"HTTP/1.1" => HTTPVersion(1, 1),
        b"HTTP/1.0" => HTTPVersion(1, 0),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            return Err(HeadFault::Version);
        }
        _ => return Err(HeadFault::RequestLine),
    };
    check_target(target)?;
    let start = line.start + method.len() + 1;
    Ok((start..start + target.len(), version))
}

/// Refuses a target that two parsers could read differently.
///
/// Other characters that RFC 3986 allows only percent-encoded (`"<>[\]^{|}` and the backquote) are
/// accepted: curl and others send them as they are, and all parsers read them alike.
fn check_target(target: &[u8]) -> Result<(), HeadFault> {
    if target.contains(&b'#') {
        return Err(HeadFault::Fragment);
    }
    let scheme = [&b"http://"[..], b"https://"].into_iter().find(|scheme| {
        let start = target.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    let Some(scheme) = scheme else { return Ok(()) };
    let rest = &target[scheme.len()..];
    let authority = rest.split(|b| matches!(b, b'/' | b'?')).next();
    match is_authority(authority.unwrap_or_default()) {
        true => Ok(()),
        false => Err(HeadFault::Host),
    }
}

/// The range of the name of a field, and that of its value without the white space around it.
fn header_line(head: &[u8], line: Range<usize>) -> Result<(Range<usize>, Range<usize>), HeadFault> {
    let colon = head[line.clone()].iter().position(|&b| b == b':');
    let colon = line.start + colon.ok_or(HeadFault::HeaderLine)?;
    if !is_token(&head[line.start..colon]) {
        return Err(HeadFault::HeaderLine);
    }
    let value = &head[colon + 1..line.end];
    if value.iter().any(|&b| b.is_ascii_control() && b != b'\t') {
        return Err(HeadFault::HeaderValue);
    }
    let start = line.end - value.trim_ascii_start().len();
    Ok((line.start..colon, start..start + value.trim_ascii().len()))
}

/// Whether a word is a token (RFC 9110, section 5.6.2).
fn is_token(word: &[u8]) -> bool {
    let is_tchar = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    !word.is_empty() && word.iter().all(is_tchar)
}

/// Whether a comma-separated list holds the token, whatever the case of its letters.
fn has_token(list: &[u8], token: &[u8]) -> bool {
    list.split(|&b| b == b',')
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
}

/// The value of 1*DIGIT (RFC 9110, section 8.6) as a number of 64 bits.
fn decimal(value: &[u8]) -> Result<u64, HeadFault> {
    if value.is_empty() {
        return Err(HeadFault::ContentLength);
    }
    let add = |sum: u64, digit: &u8| {
        let value = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_add(value)
    };
    value
        .iter()
        .try_fold(0, add)
        .ok_or(HeadFault::ContentLength)
}

/// The ranges of the lines of a head, each without its CRLF. A bare CR or LF stays in its line,
/// whose check finds it.
struct Lines<'a> {
    head: &'a [u8],
    at: usize,
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let rest = &self.head[self.at..];
        let line = self.at..self.at + line_length(rest)?;
        self.at = line.end + 2;
        Some(line)
    }
}

#[cfg(test)]
mod tests;
