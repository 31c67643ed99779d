//! A small client on a plain socket.
//!
//! Responsible for: one request on a connection of its own, one line for each way to fail. Not for:
//! which requests are sent (`mod.rs`).

use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::os::unix::net::UnixStream;

use super::limit::within_limit;
use crate::address::Addresses;
use crate::config::{Endpoint, Probe, is_it_meant};
use crate::http::token::Token;

/// The maximum size of a reply that is read, in bytes; those to these requests are much shorter.
const MAX_REPLY: u64 = 64 * 1024;

/// The server that is asked.
pub(super) struct Server {
    endpoint: Endpoint,
    /// The host as the requests name it.
    named: String,
    /// What to add to an error where it cannot be reached.
    hint: String,
    /// What is sent with each request.
    token: Option<Token>,
}

/// A request that has failed.
pub(super) struct Failure {
    /// One line that names the request, and says how.
    pub(super) line: String,
    /// The status code of the answer, if it is an error of HTTP.
    pub(super) code: Option<String>,
}

impl Server {
    pub(super) fn at(probe: &Probe) -> Self {
        let variable = probe.shared_variable.filter(|_| probe.endpoint.is_name());
        Self {
            endpoint: probe.endpoint.clone(),
            named: match &probe.endpoint {
                Endpoint::Tcp { host, .. } => named(host).to_owned(),
                Endpoint::Unix(_) => "localhost".to_owned(),
            },
            hint: variable.map(is_it_meant).unwrap_or_default(),
            token: None,
        }
    }

    /// The server, for requests with a token.
    pub(super) fn with_token(self, token: Option<Token>) -> Self {
        Self { token, ..self }
    }

    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// The URL of a path. For a Unix socket it is in the syntax of nginx, with a colon before the
    /// path.
    pub(super) fn url(&self, path: &str) -> String {
        match &self.endpoint {
            Endpoint::Tcp { port, .. } => {
                format!("http://{}:{port}{path}", authority(&self.named))
            }
            Endpoint::Unix(_) if path.is_empty() => format!("http://{}", self.endpoint),
            Endpoint::Unix(_) => format!("http://{}:{path}", self.endpoint),
        }
    }

    /// Sends a request, and compares the content of the reply with the expected one.
    ///
    /// # Errors
    /// How it failed, without the token, whatever the answer says.
    pub(super) fn ask(
        &self,
        method: &str,
        path: &str,
        body: &str,
        wanted: &str,
    ) -> Result<(), Failure> {
        let failure = |why: String, code| Failure {
            line: format!("{method} {}: {why}", self.url(path)),
            code,
        };
        let request = self.request(method, path, body);
        let endpoint = self.endpoint.clone();
        let reply = within_limit("no answer", move || exchange(&endpoint, &request));
        let reply = reply
            .map_err(|why| format!("{why}{}", self.hint))
            .and_then(|reply| Reply::parse(&reply));
        match reply.map_err(|why| failure(why, None))? {
            Reply { code, body, .. } if code == "200" && body == wanted => Ok(()),
            Reply { code, .. } if code == "200" => {
                Err(failure(format!("the answer is not {wanted:?}"), None))
            }
            reply => {
                let why = format!("answered {}", shown(reply.error(), self.token.as_ref()));
                Err(failure(why, Some(reply.code)))
            }
        }
    }

    fn request(&self, method: &str, path: &str, body: &str) -> String {
        let mut fields = format!("Host: {}\r\nConnection: close\r\n", authority(&self.named));
        if let Some(token) = &self.token {
            fields += &format!("Authorization: Bearer {}\r\n", token.secret());
        }
        if !body.is_empty() {
            fields += &format!("Content-Length: {}\r\n", body.len());
        }
        format!("{method} {path} HTTP/1.1\r\n{fields}\r\n{body}")
    }
}

/// The host to name in requests: `localhost` where it is listened on all addresses.
fn named(host: &str) -> &str {
    match host.parse::<IpAddr>() {
        Ok(address) if address.is_unspecified() => "localhost",
        _ => host,
    }
}

/// The host as it is written in a URL.
fn authority(host: &str) -> String {
    match host.contains(':') {
        true => format!("[{host}]"),
        false => host.to_owned(),
    }
}

fn exchange(endpoint: &Endpoint, request: &str) -> Result<Vec<u8>, String> {
    match endpoint {
        Endpoint::Tcp { host, port } => {
            let addresses = Addresses::of(host, *port);
            send(
                addresses.and_then(|it| TcpStream::connect(&it.to_connect()[..])),
                request,
            )
        }
        Endpoint::Unix(path) => send(UnixStream::connect(path), request),
    }
}

fn send(connected: io::Result<impl Read + Write>, request: &str) -> Result<Vec<u8>, String> {
    let mut stream = connected.map_err(|error| format!("cannot connect: {error}"))?;
    let mut reply = Vec::new();
    // The request has asked the server to close the connection after the reply.
    stream
        .write_all(request.as_bytes())
        .and_then(|()| stream.take(MAX_REPLY).read_to_end(&mut reply))
        .map_err(|error| format!("the connection was lost: {error}"))?;
    Ok(reply)
}

/// A reply to a request.
#[derive(Debug)]
struct Reply {
    /// The status code.
    code: String,
    /// The status code and the reason phrase.
    status: String,
    body: String,
}

impl Reply {
    /// # Errors
    /// Why it is no reply.
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.is_empty() {
            return Err("the connection was closed without an answer".to_owned());
        }
        let reply = String::from_utf8_lossy(bytes);
        let (head, body) = reply.split_once("\r\n\r\n").unwrap_or_default();
        let status = head.lines().next().unwrap_or_default();
        let Some(status) = status
            .strip_prefix("HTTP/1.")
            .and_then(|rest| rest.get(2..))
        else {
            return Err("the answer is not HTTP".to_owned());
        };
        Ok(Self {
            code: status.split(' ').next().unwrap_or_default().to_owned(),
            status: status.to_owned(),
            body: body.to_owned(),
        })
    }

    /// What it says, where it is an error: the body of one of http-nas is one line that says more
    /// than the status.
    fn error(&self) -> &str {
        let line = self.body.lines().next();
        line.filter(|line| line.starts_with(&self.code))
            .unwrap_or(&self.status)
    }
}

/// The line of an error, as far as it is shown. Servers that are no http-nas may repeat the request.
fn shown(line: &str, token: Option<&Token>) -> String {
    let line = match token {
        Some(token) => line.replace(token.secret(), "(the token)"),
        None => line.to_owned(),
    };
    let shown = line.chars().take(200).map(|c| match c {
        '"' | '\'' => c.to_string(),
        _ => c.escape_debug().to_string(),
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_has_content_or_a_reason() {
        for (reply, expected) in [
            ("HTTP/1.1 200 OK\r\nA: b\r\n\r\nOK", Ok("OK")),
            ("HTTP/1.0 200 OK\r\n\r\n", Ok("")),
            ("", Err("the connection was closed without an answer")),
            ("SSH-2.0-x\r\n", Err("the answer is not HTTP")),
            ("HTTP/1.1 200 OK\r\n", Err("the answer is not HTTP")),
            ("HTTP/2 200 OK\r\n\r\nOK", Err("the answer is not HTTP")),
            ("HTTP/1.1 2000 OK\r\n\r\nOK", Err("answered 2000 OK")),
            (
                "HTTP/1.1 404 Not Found\r\n\r\n<html>\n404",
                Err("answered 404 Not Found"),
            ),
            (
                "HTTP/1.1 503 x\r\n\r\n503 x: later\nmore",
                Err("answered 503 x: later"),
            ),
            (
                "HTTP/1.1 500 \u{1b}[31m\r\n\r\n",
                Err("answered 500 \\u{1b}[31m"),
            ),
        ] {
            let found = Reply::parse(reply.as_bytes()).and_then(|reply| match &*reply.code {
                "200" => Ok(reply.body),
                _ => Err(format!("answered {}", shown(reply.error(), None))),
            });
            assert_eq!(
                found.as_deref().map_err(String::as_str),
                expected,
                "{reply:?}"
            );
        }
    }

    #[test]
    fn the_token_is_not_shown() {
        let token = Token::parse("t0ken").ok();
        for (line, expected) in [
            (
                "401 got t0ken, t0ken\u{1}",
                "401 got (the token), (the token)\\u{1}",
            ),
            ("401 the \"x\"", "401 the \"x\""),
        ] {
            assert_eq!(shown(line, token.as_ref()), expected);
        }
        // Also where it is cut.
        let cut = shown(&format!("{}t0ken", "x".repeat(197)), token.as_ref());
        assert!(cut.ends_with("x(th"), "{cut}");
    }

    #[test]
    fn requests_name_the_host() {
        for (host, named_as) in [
            ("0.0.0.0", "localhost"),
            ("::", "localhost"),
            ("::2", "[::2]"),
            ("nas", "nas"),
        ] {
            assert_eq!(authority(named(host)), named_as);
        }
    }

    #[test]
    fn a_unix_socket_has_a_url_as_nginx_has_it() {
        let server = Server::at(&Probe {
            endpoint: Endpoint::Unix("/run/nas.sock".into()),
            shared_variable: None,
            write: None,
        });
        assert_eq!(server.named, "localhost");
        assert_eq!(server.url(""), "http://unix:/run/nas.sock");
        assert_eq!(server.url("/file"), "http://unix:/run/nas.sock:/file");
    }
}
