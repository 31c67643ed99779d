//! Requests that were not received, for tests of their handlers.

use std::net::SocketAddr;

use ascii::AsciiString;

use crate::decode::Decoder;
use crate::exchange::Exchange;
use crate::head::{Framing, Head};
use crate::header::{Header, HeaderField};
use crate::method::{HTTPVersion, Method};
use crate::request::Request;

/// A request for tests: `GET /` of HTTP/1.1 without fields and body, unless set otherwise. Its
/// reply is dropped.
///
/// ```
/// use std::io::Read;
/// use tiny_http::{Method, Request, TestRequest};
///
/// let test = TestRequest::new().with_method(Method::Post).with_path("/api").with_body("42");
/// let mut request = Request::from(test);
/// let mut body = String::new();
/// request.as_reader().read_to_string(&mut body)?;
/// assert_eq!((request.url(), request.body_length(), body.as_str()), ("/api", Some(2), "42"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TestRequest {
    body: &'static str,
    remote_addr: SocketAddr,
    secure: bool,
    method: Method,
    path: String,
    http_version: HTTPVersion,
    headers: Vec<Header>,
}

impl Default for TestRequest {
    fn default() -> Self {
        Self {
            body: "",
            remote_addr: SocketAddr::from(([127, 0, 0, 1], 23456)),
            secure: false,
            method: Method::Get,
            path: "/".to_owned(),
            http_version: HTTPVersion(1, 1),
            headers: Vec::new(),
        }
    }
}

impl TestRequest {
    /// `GET /`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With this body; its length is declared unless a field declares another.
    #[must_use]
    pub fn with_body(mut self, body: &'static str) -> Self {
        self.body = body;
        self
    }

    /// From this client.
    #[must_use]
    pub fn with_remote_addr(mut self, remote_addr: SocketAddr) -> Self {
        self.remote_addr = remote_addr;
        self
    }

    /// As if received through TLS.
    #[must_use]
    pub fn with_https(mut self) -> Self {
        self.secure = true;
        self
    }

    /// With this method.
    #[must_use]
    pub fn with_method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// With this target.
    #[must_use]
    pub fn with_path(mut self, path: &str) -> Self {
        self.path = path.to_owned();
        self
    }

    /// Of this version.
    #[must_use]
    pub fn with_http_version(mut self, version: HTTPVersion) -> Self {
        self.http_version = version;
        self
    }

    /// With one more field.
    #[must_use]
    pub fn with_header(mut self, header: Header) -> Self {
        self.headers.push(header);
        self
    }
}

impl From<TestRequest> for Request {
    fn from(mut test: TestRequest) -> Self {
        let declared = test
            .headers
            .iter()
            .find(|header| header.field.equiv("Content-Length"));
        let length = match declared {
            Some(header) => header.value.as_str().parse().unwrap_or(0),
            None => test.body.len() as u64,
        };
        if declared.is_none()
            && let Ok(field) = HeaderField::from_bytes("Content-Length")
            && let Ok(value) = AsciiString::from_ascii(length.to_string())
        {
            test.headers.push(Header { field, value });
        }
        let framing = if length == 0 {
            Framing::Empty
        } else {
            Framing::Length(length)
        };
        let head = Head {
            framing,
            ..Head::of_parts(&test.method, &test.path, test.http_version, &test.headers)
        };
        let decoder = Decoder::new(framing);
        let exchange = Exchange::of_body(test.body.as_bytes(), test.remote_addr, decoder);
        Self::new(exchange, head).secured(test.secure)
    }
}
