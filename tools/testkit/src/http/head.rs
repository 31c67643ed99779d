//! Heads of replies as values.

use std::io;

use super::bad;

/// What a client has to know of a head to read what is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub status: u16,
    pub body: Length,
    /// Whether the server closes the connection behind it.
    pub closes: bool,
}

/// How a body is delimited (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    Known(u64),
    Chunked,
    /// Up to the end of the connection.
    ToTheEnd,
}

/// The head at the beginning of what was received, and its length in bytes with the empty line;
/// `None` where it has not come whole. It allocates nothing: the benchmark reads many.
pub fn parse(received: &[u8]) -> io::Result<Option<(Head, usize)>> {
    let Some(end) = memchr::memmem::find(received, b"\r\n\r\n") else {
        return Ok(None);
    };
    let text =
        std::str::from_utf8(&received[..end]).map_err(|_| bad("a head that is not UTF-8"))?;
    let mut lines = text.split("\r\n");
    let status = status(lines.next().unwrap_or_default())?;
    let (mut length, mut coding, mut closes) = (None, None, false);
    for line in lines {
        let (name, value) = field(line)?;
        if name.eq_ignore_ascii_case("Content-Length") {
            let number = value
                .parse()
                .map_err(|_| bad("a Content-Length of a reply"))?;
            length = Some(number);
        } else if name.eq_ignore_ascii_case("Transfer-Encoding") {
            coding = Some(value);
        } else if name.eq_ignore_ascii_case("Connection") {
            closes = value.eq_ignore_ascii_case("close");
        }
    }
    let body = match (status, coding, length) {
        (100..200 | 204 | 304, _, _) => Length::Known(0),
        (_, None, Some(length)) => Length::Known(length),
        (_, None, None) => Length::ToTheEnd,
        (_, Some("chunked"), None) => Length::Chunked,
        _ => return Err(bad("framing that is not plain in a reply")),
    };
    let head = Head {
        status,
        body,
        closes,
    };
    Ok(Some((head, end + 4)))
}

fn status(line: &str) -> io::Result<u16> {
    let rest = line.strip_prefix("HTTP/1.1 ");
    let rest = rest.or_else(|| line.strip_prefix("HTTP/1.0 "));
    let status = rest.and_then(|rest| rest.get(..3)?.parse().ok());
    status.ok_or_else(|| bad(&format!("a status line: {line:?}")))
}

/// The name and the value of a field line.
pub(super) fn field(line: &str) -> io::Result<(&str, &str)> {
    match line.split_once(':') {
        Some((name, value))
            if !name.is_empty() && !name.contains([' ', '\t']) && !line.contains(['\r', '\n']) =>
        {
            Ok((name, value.trim()))
        }
        _ => Err(bad(&format!("a header line: {line:?}"))),
    }
}
