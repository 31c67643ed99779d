//! A reply, as the interface of tiny_http has it.
//!
//! Responsible for: the fields and the transfer coding of a reply. Not for: sending it
//! (`encode.rs`).

use std::fs::File;
use std::io::{self, Cursor, Read, Write};
use std::sync::mpsc::Receiver;

use crate::encode::Encoder;
use crate::header::Header;
use crate::method::HTTPVersion;
use crate::reply_head::{self, End, Field, date, upgrade_fields};
use crate::status::StatusCode;
use crate::wire::Sink;

/// The length from which on content is sent in chunks, in bytes, unless another is set.
const CHUNKED_THRESHOLD: usize = 32768;

/// A reply to a request.
///
/// The server sets the fields `Connection`, `Trailer`, `Transfer-Encoding` and `Upgrade`; adding
/// them has no effect. `Content-Length` sets the length of the content. There is one
/// `Content-Type`: adding another replaces it.
pub struct Response<R> {
    reader: R,
    status_code: StatusCode,
    headers: Vec<Header>,
    data_length: Option<usize>,
    chunked_threshold: Option<usize>,
}

/// A [`Response`] with any reader.
pub type ResponseBox = Response<Box<dyn Read + Send>>;

impl<R: Read> Response<R> {
    /// A reply with this content, of this length where it is known. `additional_headers` is read to
    /// its end.
    pub fn new(
        status_code: StatusCode,
        headers: Vec<Header>,
        data: R,
        data_length: Option<usize>,
        additional_headers: Option<Receiver<Header>>,
    ) -> Self {
        let mut response = Self {
            reader: data,
            status_code,
            headers: Vec::with_capacity(headers.len()),
            data_length,
            chunked_threshold: None,
        };
        let additional = additional_headers.into_iter().flatten();
        let all = headers.into_iter().chain(additional);
        all.for_each(|header| response.add_header(header));
        response
    }

    /// Sets the length from which on the content is sent in chunks, in bytes.
    #[must_use]
    pub fn with_chunked_threshold(mut self, length: usize) -> Self {
        self.chunked_threshold = Some(length);
        self
    }

    /// The content.
    pub fn into_reader(self) -> R {
        self.reader
    }

    /// The length from which on the content is sent in chunks, in bytes.
    pub fn chunked_threshold(&self) -> usize {
        self.chunked_threshold.unwrap_or(CHUNKED_THRESHOLD)
    }

    /// Adds a field, with the exceptions described at [`Response`].
    pub fn add_header<H: Into<Header>>(&mut self, header: H) {
        let header = header.into();
        let is = |name| header.field.equiv(name);
        if ["Connection", "Trailer", "Transfer-Encoding", "Upgrade"]
            .into_iter()
            .any(is)
        {
            return;
        }
        if is("Content-Length") {
            self.data_length = header.value.as_str().parse().ok().or(self.data_length);
            return;
        }
        let is_type = is("Content-Type");
        let mut set = self.headers.iter_mut();
        match set.find(|other| is_type && other.field.equiv("Content-Type")) {
            Some(set) => set.value = header.value,
            None => self.headers.push(header),
        }
    }

    /// The same with another field.
    #[must_use]
    pub fn with_header<H: Into<Header>>(mut self, header: H) -> Self {
        self.add_header(header);
        self
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status_code<S: Into<StatusCode>>(mut self, code: S) -> Self {
        self.status_code = code.into();
        self
    }

    /// The same with other content, of this length where it is known.
    pub fn with_data<S: Read>(mut self, reader: S, data_length: Option<usize>) -> Response<S> {
        self.data_length = data_length;
        self.map(|_| reader)
    }

    fn map<S>(self, of: impl FnOnce(R) -> S) -> Response<S> {
        Response {
            reader: of(self.reader),
            status_code: self.status_code,
            headers: self.headers,
            data_length: self.data_length,
            chunked_threshold: self.chunked_threshold,
        }
    }

    /// The status.
    pub fn status_code(&self) -> StatusCode {
        self.status_code
    }

    /// The length of the content in bytes, where it is known.
    pub fn data_length(&self) -> Option<usize> {
        self.data_length
    }

    /// The fields that were set.
    pub fn headers(&self) -> &[Header] {
        &self.headers
    }

    /// Writes the reply as it is sent. The version of the request and its `TE` decide on the
    /// transfer coding; `upgrade` is the protocol to which the connection switches.
    ///
    /// # Errors
    /// Those of the reader and the writer; that the content is shorter than declared.
    pub fn raw_print<W: Write>(
        self,
        writer: W,
        http_version: HTTPVersion,
        request_headers: &[Header],
        do_not_send_body: bool,
        upgrade: Option<&str>,
    ) -> io::Result<()> {
        let te = request_headers
            .iter()
            .find(|header| header.field.equiv("TE"));
        let te = te.map(|header| header.value.as_str());
        let (end, fields) = match upgrade {
            Some(protocol) => (End::Head, upgrade_fields(protocol)),
            None => self.framing(&http_version, te, do_not_send_body),
        };
        self.print(writer, &http_version, &fields, end)
    }

    /// How the content of this reply ends, and the field that says so.
    pub(crate) fn framing(
        &self,
        version: &HTTPVersion,
        te: Option<&str>,
        is_head: bool,
    ) -> (End, Vec<Field>) {
        let is_long = |length| length >= self.chunked_threshold();
        let is_chunked = *version > (1, 0)
            && preferred(te.unwrap_or_default())
                .unwrap_or_else(|| self.data_length.is_none_or(is_long));
        let length = self.data_length.map(|length| length as u64);
        reply_head::framing(self.status_code, length, is_chunked, is_head)
    }

    /// Sends the reply with these fields in addition.
    pub(crate) fn print(
        self,
        sink: impl Sink,
        version: &HTTPVersion,
        fields: &[Field],
        end: End,
    ) -> io::Result<()> {
        let is_set = |name: &str| {
            let mut names = self
                .headers
                .iter()
                .map(|header| header.field.as_str().as_str());
            names.any(|set| set.eq_ignore_ascii_case(name))
        };
        let date = date();
        let own = [("Server", "tiny-http (Rust)"), ("Date", &*date)];
        let own = own.into_iter().filter(|(name, _)| !is_set(name));
        let set = self.headers.iter();
        let set = set.map(|header| (header.field.as_str().as_str(), header.value.as_str()));
        let more = fields.iter().map(|(name, value)| (*name, &**value));
        let head = reply_head::head(version, self.status_code, own.chain(set).chain(more));
        let mut encoder = Encoder::new(sink, head, end);
        encoder.copy(self.reader)?;
        encoder.finish()
    }
}

/// Whether a client prefers chunks (true) or none (false), by its `TE` (RFC 9110, section 10.1.4):
/// the first of those with the greatest weight.
fn preferred(te: &str) -> Option<bool> {
    let codings = te.split(',').filter_map(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, "q=1"));
        let weight = weight.trim().strip_prefix("q=")?.parse::<f32>().ok()?;
        let is_chunked = match name.trim().to_ascii_lowercase().as_str() {
            "chunked" => true,
            "identity" => false,
            _ => return None,
        };
        (weight > 0.0).then_some((weight, is_chunked))
    });
    let best = codings.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map(|(_, is_chunked)| is_chunked)
}

impl<R: Read + Send + 'static> Response<R> {
    /// The same with a boxed reader.
    pub fn boxed(self) -> ResponseBox {
        self.map(|reader| Box::new(reader) as Box<dyn Read + Send>)
    }
}

impl Response<File> {
    /// The content of a file, with its current length. There is no `Content-Type`.
    #[must_use]
    pub fn from_file(file: File) -> Self {
        let length = file.metadata().ok();
        let length = length.and_then(|about| usize::try_from(about.len()).ok());
        Self::new(StatusCode(200), Vec::new(), file, length, None)
    }
}

impl Response<Cursor<Vec<u8>>> {
    /// Bytes as content.
    pub fn from_data<D: Into<Vec<u8>>>(data: D) -> Self {
        let data = data.into();
        let length = Some(data.len());
        Self::new(StatusCode(200), Vec::new(), Cursor::new(data), length, None)
    }

    /// A text as content, in UTF-8.
    pub fn from_string<S: Into<String>>(data: S) -> Self {
        let response = Self::from_data(data.into());
        match Header::from_bytes("Content-Type", "text/plain; charset=UTF-8") {
            Ok(header) => response.with_header(header),
            Err(()) => response,
        }
    }
}

impl Response<io::Empty> {
    /// No content.
    pub fn empty<S: Into<StatusCode>>(status_code: S) -> Self {
        Self::new(status_code.into(), Vec::new(), io::empty(), Some(0), None)
    }

    /// The same as [`Response::empty`].
    #[must_use]
    pub fn new_empty(status_code: StatusCode) -> Self {
        Self::empty(status_code)
    }
}

impl Clone for Response<io::Empty> {
    fn clone(&self) -> Self {
        Self {
            reader: io::empty(),
            status_code: self.status_code,
            headers: self.headers.clone(),
            data_length: self.data_length,
            chunked_threshold: self.chunked_threshold,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(
        response: Response<impl Read>,
        version: (u8, u8),
        te: &str,
        no_body: bool,
    ) -> String {
        let te = format!("TE: {te}").parse::<Header>();
        let te: Vec<Header> = te.into_iter().collect();
        let mut out = Vec::new();
        let printed = response.raw_print(&mut out, version.into(), &te, no_body, None);
        printed.unwrap_or_else(|e| panic!("{e}"));
        let out = String::from_utf8_lossy(&out).into_owned();
        let lines = out
            .split_inclusive("\r\n")
            .filter(|line| !line.starts_with("Date: ") && !line.starts_with("Server: "));
        lines.collect()
    }

    #[test]
    fn replies_as_they_are_sent() {
        let text = || Response::from_data("abc");
        let stream = || Response::new(StatusCode(200), vec![], &b"abc"[..], None, None);
        for (out, expected) in [
            (
                printed(text(), (1, 1), "", false),
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
            ),
            (
                printed(text(), (1, 1), "", true),
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
            ),
            (
                printed(text(), (1, 1), "chunked", false),
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            ),
            (
                printed(text(), (1, 1), "chunked;q=0.5, identity", false),
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
            ),
            (
                printed(text(), (1, 1), "trailers", false),
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
            ),
            (
                printed(text().with_chunked_threshold(3), (1, 1), "", false),
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            ),
            (
                printed(text().with_status_code(204), (1, 1), "chunked", false),
                "HTTP/1.1 204 No Content\r\n\r\n",
            ),
            (
                printed(stream(), (1, 1), "", false),
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            ),
            (
                printed(stream(), (1, 0), "chunked", false),
                "HTTP/1.0 200 OK\r\n\r\nabc",
            ),
        ] {
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn fields_that_are_the_servers_cannot_be_set() -> Result<(), ()> {
        let mut response = Response::empty(200);
        for field in [
            "Connection: x",
            "TRANSFER-encoding: x",
            "Content-Length: 7",
            "Content-Length: x",
            "Content-Type: a",
            "X: 1",
            "content-type: b",
            "X: 2",
        ] {
            response.add_header(field.parse::<Header>()?);
        }
        let set: Vec<String> = response.headers().iter().map(Header::to_string).collect();
        assert_eq!(
            (set.join(","), response.data_length()),
            ("Content-Type: b,X: 1,X: 2".to_owned(), Some(7))
        );
        Ok(())
    }

    #[test]
    fn no_value_splits_a_head() -> Result<(), ()> {
        let response =
            Response::empty(200).with_header(Header::from_bytes("X", "a\r\nSet-Cookie: b")?);
        assert_eq!(
            printed(response, (1, 1), "", false),
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        );
        Ok(())
    }

    #[test]
    fn content_of_another_length_than_was_told_is_an_error() {
        for (length, is_right) in [(2, true), (3, true), (4, false)] {
            let response = Response::new(StatusCode(200), vec![], &b"abc"[..], Some(length), None);
            let mut out = Vec::new();
            let printed = response.raw_print(&mut out, HTTPVersion(1, 1), &[], false, None);
            assert_eq!(printed.is_ok(), is_right, "{length}");
            assert!(out.ends_with(&b"abc"[..length.min(3)]), "{length}");
        }
    }
}
