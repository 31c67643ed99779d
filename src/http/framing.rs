//! The head of a request: is its framing plain, how long is its body, does its connection go on?
//!
//! In: one head as raw bytes, and the decision. Out: reading it from a socket, and the body.
//!
//! A request that two parsers could cut differently is refused (RFC 9112, section 11.2): a server behind a proxy
//! must never take the body of one request for the head of the next.

use std::fmt;
use std::ops::Range;

use super::authority::Authority;
use super::request_head::Head;
use super::target::Target;

/// The longest request head, in bytes, from the request line to the empty line.
pub const MAX_HEAD: usize = 16 * 1024;

/// The largest `Content-Length` that is taken at all, in bytes: 64 TiB.
///
/// tiny_http asks for a buffer of the length that is left when a body is dropped; half of what the address space of
/// a process holds can still be handed out.
pub const MAX_LENGTH: u64 = 64 << 40;

/// How a body is delimited (RFC 9112, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body, or one of length 0.
    Empty,
    /// `Content-Length`, above 0.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// Why a body did not come whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFault {
    /// 408: no byte came for longer than the limit.
    Stalled,
    /// 408: it came more slowly than the least rate, while others waited for what it occupied.
    TooSlow,
    /// 400: the connection or the bytes ended before the body did.
    EndedEarly,
    /// 400: the chunked framing is broken.
    Malformed,
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stalled => "the body stopped coming",
            Self::TooSlow => "the body came too slowly while others waited for its place",
            Self::EndedEarly => "the body ended early",
            Self::Malformed => "the chunks of the body are malformed",
        })
    }
}

/// Why a head is refused, and with it the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 400: not `METHOD SP TARGET SP VERSION`.
    RequestLine,
    /// 400: a `#` in the target, where there is no fragment (RFC 9112, section 3.2).
    Fragment,
    /// 505: another version than HTTP/1.0 or HTTP/1.1.
    Version,
    /// 431: longer than [`MAX_HEAD`].
    TooLong,
    /// 400: a header line without a name of token characters right before a colon, or a folded line.
    HeaderLine,
    /// 400: a control character, a bare CR or a bare LF in a header value.
    HeaderValue,
    /// 400: lines that end with LF alone.
    BareLf,
    /// 400: HTTP/1.1 without `Host`, more than one, or one that is no host; a target with a host that is none.
    Host,
    /// 400: `Content-Length` is not one decimal number.
    ContentLength,
    /// 413: `Content-Length` above [`MAX_LENGTH`].
    LengthTooLarge,
    /// 400: `Transfer-Encoding` is not exactly `chunked`, or comes with `Content-Length` or HTTP/1.0.
    TransferEncoding,
    /// 417: `Expect` asks for something other than `100-continue`.
    Expectation,
    /// 408: begun, but not ended in time.
    Stalled,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RequestLine => "the request line is not method, target and version",
            Self::Fragment => "a target ends before a \"#\"; in a name it is written %23",
            Self::Version => "this server speaks HTTP/1.1 and HTTP/1.0",
            Self::TooLong => "the request head is longer than 16 KiB",
            Self::HeaderLine => "a header line is not a name, a colon and a value",
            Self::HeaderValue => "a header value holds a control character",
            Self::BareLf => "the lines of a request head end with CR and LF",
            Self::Host => {
                "HTTP/1.1 needs exactly one Host header; that and a target name a host and at most a port"
            }
            Self::ContentLength => "Content-Length must be one decimal number, given once",
            Self::LengthTooLarge => "the body is larger than 64 TiB",
            Self::TransferEncoding => {
                "Transfer-Encoding must be \"chunked\", in HTTP/1.1 and without Content-Length"
            }
            Self::Expectation => "the only expectation known is \"100-continue\"",
            Self::Stalled => "the request head did not come in time",
        })
    }
}

/// The number of bytes up to and with the empty line that ends a head, if it is there.
///
/// `searched` bytes are known to hold no end; the search goes on from there.
#[must_use]
pub fn end_of_head(bytes: &[u8], searched: usize) -> Option<usize> {
    let start = searched.saturating_sub(3);
    memchr::memchr_iter(b'\n', &bytes[start..])
        .map(|at| start + at + 1)
        .find(|end| bytes[start..*end].ends_with(b"\r\n\r\n"))
}

/// Whether a head that has not ended holds a LF without a CR before it.
#[must_use]
pub fn has_bare_lf(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', bytes).any(|at| at == 0 || bytes[at - 1] != b'\r')
}

/// Checks a whole head, from the first byte of the request line to the empty line.
///
/// # Errors
/// The [`Fault`] for which the request is to be refused and the connection closed.
pub fn check(head: &[u8]) -> Result<Head, Fault> {
    let mut lines = Lines { head, at: 0 };
    let version = request_line(&head[lines.next().ok_or(Fault::RequestLine)?])?;
    let mut fields = Fields::default();
    let mut places = Vec::with_capacity(8);
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = header_line(head, line)?;
        fields.note(&head[name.clone()], &head[value.clone()])?;
        places.push((name, value));
    }
    let framing = fields.framing(version)?;
    let mut bytes = head.to_vec();
    bytes.iter_mut().filter(|b| !b.is_ascii()).for_each(|b| {
        *b = b'?';
    });
    Ok(Head {
        framing,
        persistent: fields.persistent(version),
        // RFC 9110, section 10.1.1: HTTP/1.0 does not know of it.
        expects_continue: fields.expects_continue && version == Version::Http11,
        is_http10: version == Version::Http10,
        // ASCII by now.
        text: String::from_utf8(bytes).map_err(|_| Fault::HeaderValue)?,
        fields: places,
    })
}

/// The request line as far as it can be told apart, for the log: method and target, with what does not belong in them
/// replaced.
#[must_use]
pub fn describe(head: &[u8]) -> (String, String) {
    let line = Lines { head, at: 0 }
        .next()
        .map_or(head, |line| &head[line]);
    let mut words = line.splitn(3, |&b| b == b' ');
    let mut word = |belongs: fn(&u8) -> bool| {
        let word = words.next().unwrap_or_default().iter().take(200);
        word.map(|b| if belongs(b) { *b as char } else { '?' })
            .collect()
    };
    (word(u8::is_ascii_alphanumeric), word(u8::is_ascii_graphic))
}

/// The header fields that say where a message ends and whether its connection goes on.
#[derive(Default)]
struct Fields {
    hosts: usize,
    length: Option<u64>,
    encodings: usize,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
}

impl Fields {
    fn note(&mut self, name: &[u8], value: &[u8]) -> Result<(), Fault> {
        let is = |field: &str| name.eq_ignore_ascii_case(field.as_bytes());
        if is("host") {
            self.hosts += 1;
            if !value.is_empty() && !is_authority(value) {
                return Err(Fault::Host);
            }
        } else if is("content-length") {
            let length = decimal(value)?;
            if self.length.replace(length).is_some() {
                return Err(Fault::ContentLength);
            }
        } else if is("transfer-encoding") {
            self.encodings += 1;
            if value != b"chunked" || self.encodings > 1 {
                return Err(Fault::TransferEncoding);
            }
        } else if is("connection") {
            self.close |= has_token(value, b"close");
            self.keep_alive |= has_token(value, b"keep-alive");
        } else if is("expect") {
            if !value.eq_ignore_ascii_case(b"100-continue") {
                return Err(Fault::Expectation);
            }
            self.expects_continue = true;
        }
        Ok(())
    }

    fn framing(&self, version: Version) -> Result<Framing, Fault> {
        if version == Version::Http11 && self.hosts == 0 || self.hosts > 1 {
            return Err(Fault::Host);
        }
        match (self.encodings, self.length) {
            (0, None | Some(0)) => Ok(Framing::Empty),
            (0, Some(length)) if length > MAX_LENGTH => Err(Fault::LengthTooLarge),
            (0, Some(length)) => Ok(Framing::Length(length)),
            (_, None) if version == Version::Http11 => Ok(Framing::Chunked),
            _ => Err(Fault::TransferEncoding),
        }
    }

    fn persistent(&self, version: Version) -> bool {
        !self.close && (version == Version::Http11 || self.keep_alive)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Http10,
    Http11,
}

fn request_line(line: &[u8]) -> Result<Version, Fault> {
    let mut words = line.split(|&b| b == b' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let plain = words.next().is_none()
        && method.is_some_and(is_token)
        && target.is_some_and(|t| !t.is_empty() && t.iter().all(u8::is_ascii_graphic));
    let known = match version {
        Some(b"HTTP/1.1") if plain => Ok(Version::Http11),
        Some(b"HTTP/1.0") if plain => Ok(Version::Http10),
        Some([b'H', b'T', b'T', b'P', b'/', major, b'.', minor])
            if plain && major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Err(Fault::Version)
        }
        _ => Err(Fault::RequestLine),
    }?;
    check_target(target.unwrap_or_default()).map(|()| known)
}

/// Refuses a target that two parsers could read differently.
///
/// Other characters that RFC 3986 has only percent-encoded (`"<>[\]^{|}` and the backquote) are taken as they stand:
/// curl and others send them so, and all parsers read them alike.
fn check_target(target: &[u8]) -> Result<(), Fault> {
    if target.contains(&b'#') {
        return Err(Fault::Fragment);
    }
    // Visible ASCII by now.
    let target = std::str::from_utf8(target).map_err(|_| Fault::RequestLine)?;
    match Target::of(target).authority {
        Some(authority) if Authority::parse(authority).is_none() => Err(Fault::Host),
        _ => Ok(()),
    }
}

fn is_authority(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_ok_and(|text| Authority::parse(text).is_some())
}

/// Where the name of a field is, and where its value without the blanks around it.
fn header_line(head: &[u8], line: Range<usize>) -> Result<(Range<usize>, Range<usize>), Fault> {
    let colon = memchr::memchr(b':', &head[line.clone()]).ok_or(Fault::HeaderLine)?;
    let name = line.start..line.start + colon;
    if !is_token(&head[name.clone()]) {
        return Err(Fault::HeaderLine);
    }
    let value = &head[name.end + 1..line.end];
    if value.iter().any(|&b| b.is_ascii_control() && b != b'\t') {
        return Err(Fault::HeaderValue);
    }
    let start = line.end - value.trim_ascii_start().len();
    Ok((name, start..start + value.trim_ascii().len()))
}

/// token of RFC 9110, section 5.6.2.
fn is_token(word: &[u8]) -> bool {
    let is_tchar = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    !word.is_empty() && word.iter().all(is_tchar)
}

/// Whether a comma-separated list holds the token, in any case of letters.
fn has_token(list: &[u8], token: &[u8]) -> bool {
    list.split(|&b| b == b',')
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
}

/// 1*DIGIT (RFC 9110, section 8.6) that is a number of 64 bits.
fn decimal(value: &[u8]) -> Result<u64, Fault> {
    if value.is_empty() {
        return Err(Fault::ContentLength);
    }
    let add = |sum: u64, digit: &u8| {
        let value = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_add(value)
    };
    value.iter().try_fold(0, add).ok_or(Fault::ContentLength)
}

/// Where the lines of a head are, each without its CRLF. A bare CR or LF stays in its line, where the line's check
/// finds it.
struct Lines<'a> {
    head: &'a [u8],
    at: usize,
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let rest = &self.head[self.at..];
        let end = memchr::memchr_iter(b'\n', rest)
            .find_map(|at| at.checked_sub(1).filter(|cr| rest[*cr] == b'\r'))?;
        let line = self.at..self.at + end;
        self.at = line.end + 2;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing_of(fields: &str) -> Result<Framing, Fault> {
        let head = format!("POST /file/a HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        check(head.as_bytes()).map(|head| head.framing)
    }

    #[test]
    fn plain_framing_is_understood() {
        for (fields, expected) in [
            ("", Framing::Empty),
            ("Content-Length: 0\r\n", Framing::Empty),
            ("Content-Length: 00\r\n", Framing::Empty),
            ("content-length:5\r\n", Framing::Length(5)),
            ("Content-Length: \t7 \t\r\n", Framing::Length(7)),
            (
                "Content-Length: 70368744177664\r\n",
                Framing::Length(MAX_LENGTH),
            ),
            ("Transfer-Encoding: chunked\r\n", Framing::Chunked),
            ("TRANSFER-ENCODING:chunked\r\n", Framing::Chunked),
            (
                "Expect: 100-Continue\r\nContent-Length: 1\r\n",
                Framing::Length(1),
            ),
        ] {
            assert_eq!(framing_of(fields), Ok(expected), "{fields:?}");
        }
    }

    #[test]
    fn framing_that_is_not_plain_is_refused() {
        use Fault::*;
        for (fields, fault) in [
            ("Content-Length: -1\r\n", ContentLength),
            ("Content-Length: +1\r\n", ContentLength),
            ("Content-Length: 0x5\r\n", ContentLength),
            ("Content-Length: \r\n", ContentLength),
            ("Content-Length: 1, 1\r\n", ContentLength),
            ("Content-Length: 1 1\r\n", ContentLength),
            ("Content-Length: 1\r\nContent-Length: 1\r\n", ContentLength),
            ("Content-Length: 0\r\ncontent-length: 0\r\n", ContentLength),
            ("Content-Length: 70368744177665\r\n", LengthTooLarge),
            ("Content-Length: 18446744073709551615\r\n", LengthTooLarge),
            ("Content-Length: 18446744073709551616\r\n", ContentLength),
            ("Content-Length: 99999999999999999999999\r\n", ContentLength),
            (
                "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
                TransferEncoding,
            ),
            (
                "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
                TransferEncoding,
            ),
            ("Transfer-Encoding: Chunked\r\n", TransferEncoding),
            ("Transfer-Encoding: xchunked\r\n", TransferEncoding),
            ("Transfer-Encoding: gzip, chunked\r\n", TransferEncoding),
            ("Transfer-Encoding: chunked, chunked\r\n", TransferEncoding),
            ("Transfer-Encoding: identity\r\n", TransferEncoding),
            ("Transfer-Encoding: \"chunked\"\r\n", TransferEncoding),
            ("Transfer-Encoding: chunked;a=b\r\n", TransferEncoding),
            ("Transfer-Encoding:\r\n", TransferEncoding),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                TransferEncoding,
            ),
            ("Transfer-Encoding : chunked\r\n", HeaderLine),
            ("Content-Length : 5\r\n", HeaderLine),
            (" Content-Length: 5\r\n", HeaderLine),
            ("X: a\r\n b\r\n", HeaderLine),
            ("X: a\r\n\tTransfer-Encoding: chunked\r\n", HeaderLine),
            ("no colon\r\n", HeaderLine),
            (": empty\r\n", HeaderLine),
            ("X: a\nTransfer-Encoding: chunked\r\n", HeaderValue),
            ("X: a\rY: b\r\n", HeaderValue),
            ("X: \0\r\n", HeaderValue),
            ("Transfer-Encoding: \u{b}chunked\r\nX: y\r\n", HeaderValue),
            ("Host: other\r\n", Host),
            ("Expect: 200-ok\r\n", Expectation),
        ] {
            assert_eq!(framing_of(fields), Err(fault), "{fields:?}");
        }
    }

    #[test]
    fn request_lines_are_three_words() {
        use Fault::*;
        for (line, expected) in [
            ("GET /file HTTP/1.0", Ok(())),
            ("GET /file HTTP/1.1", Err(Host)),
            ("GET http://h/file HTTP/1.0", Ok(())),
            ("GET http://h HTTP/1.0", Ok(())),
            ("GET http:///file HTTP/1.0", Err(Host)),
            ("GET http://u:p@h/file HTTP/1.0", Err(Host)),
            ("GET https://h:x/file HTTP/1.0", Err(Host)),
            ("GET /a#b HTTP/1.0", Err(Fragment)),
            ("GET /a?b#c HTTP/1.0", Err(Fragment)),
            ("GET # HTTP/1.0", Err(Fragment)),
            ("GET http://h/a# HTTP/1.0", Err(Fragment)),
            ("GET /\"<>[\\]^`{|} HTTP/1.0", Ok(())),
            ("GET /file HTTP/2.0", Err(Version)),
            ("PRI * HTTP/2.0", Err(Version)),
            ("GET /file HTTP/0.9", Err(Version)),
            ("GET /file HTTP/1.2", Err(Version)),
            ("GET /file HTTP/1.1 ", Err(RequestLine)),
            ("GET /file http/1.1", Err(RequestLine)),
            ("GET /file HTTP/11", Err(RequestLine)),
            ("GET /file", Err(RequestLine)),
            ("GET  /file HTTP/1.1", Err(RequestLine)),
            ("GET /a b HTTP/1.1", Err(RequestLine)),
            ("GET /\u{e4} HTTP/1.1", Err(RequestLine)),
            ("GET /a\tb HTTP/1.1", Err(RequestLine)),
            ("G\0T /a HTTP/1.1", Err(RequestLine)),
            ("G:T /a HTTP/1.1", Err(RequestLine)),
            ("", Err(RequestLine)),
            ("\u{16}\u{3}\u{1}", Err(RequestLine)),
        ] {
            let head = format!("{line}\r\n\r\n");
            assert_eq!(check(head.as_bytes()).map(|_| ()), expected, "{line:?}");
        }
    }

    #[test]
    fn connections_go_on_as_version_and_tokens_say() {
        for (version, connection, persistent) in [
            ("1.1", "", true),
            ("1.1", "Connection: close\r\n", false),
            ("1.1", "Connection: foo, CLOSE\r\n", false),
            ("1.1", "Connection: foo\r\nConnection: close\r\n", false),
            ("1.1", "Connection: not-close\r\n", true),
            ("1.0", "", false),
            ("1.0", "Connection: Keep-Alive\r\n", true),
            ("1.0", "Connection: keep-alive, close\r\n", false),
        ] {
            let head = format!("GET /file HTTP/{version}\r\nHost: h\r\n{connection}\r\n");
            let head = check(head.as_bytes());
            assert_eq!(
                head.map(|h| h.persistent),
                Ok(persistent),
                "{version} {connection:?}"
            );
        }
    }

    #[test]
    fn who_waits_for_a_word_is_known() {
        for (version, fields, waits) in [
            ("1.1", "Expect: 100-continue\r\n", true),
            ("1.1", "Expect: 100-Continue\r\nContent-Length: 1\r\n", true),
            ("1.1", "Content-Length: 1\r\n", false),
            (
                "1.0",
                "Expect: 100-continue\r\nContent-Length: 1\r\n",
                false,
            ),
        ] {
            let head = format!("PUT / HTTP/{version}\r\nHost: h\r\n{fields}\r\n");
            let head = check(head.as_bytes()).map(|head| head.expects_continue);
            assert_eq!(head, Ok(waits), "{version} {fields:?}");
        }
    }

    #[test]
    fn the_end_of_a_head_is_found_wherever_the_reads_are_cut() {
        let head = b"GET / HTTP/1.1\r\nHost: h\r\n\r\nrest";
        for cut in 0..head.len() {
            let end = end_of_head(&head[..cut], 0);
            assert_eq!(end, (cut >= 27).then_some(27), "{cut}");
            if end.is_none() {
                assert_eq!(end_of_head(head, cut), Some(27), "{cut}");
            }
        }
    }

    #[test]
    fn a_refused_head_is_described_in_visible_ascii() {
        for (head, method, target) in [
            (&b"GET /a HTTP/9.9\r\n\r\n"[..], "GET", "/a"),
            (b"\x16\x03\x01 x\xff\r\n", "???", "x?"),
            (b"", "", ""),
            (b"no end of line", "no", "end"),
        ] {
            assert_eq!(describe(head), (method.to_owned(), target.to_owned()));
        }
    }
}
