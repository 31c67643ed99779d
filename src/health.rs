//! `http-nas health`: asks a running server whether it works, where there is neither a shell nor curl.
//!
//! In: a small client on a plain socket, and one line for each way to fail. Out: what a server does to find out.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::address::Addresses;
use crate::config::{Endpoint, Target, is_it_meant};

/// How long a request may take in all, from the look-up of the name to the last byte of the reply.
const LIMIT: Duration = Duration::from_secs(2);

/// More than any reply to these requests has.
const LONGEST_REPLY: u64 = 64 * 1024;

/// Asks the server how it is; with `write` it also stores a file of its own, reads it back and deletes it. What was
/// found is one line.
///
/// # Errors
/// One line that says which request failed, and how.
pub fn check(target: &Target) -> Result<String, String> {
    let server = Server::at(target);
    server.ask("GET", "/file", "", "OK")?;
    let well = format!("{} is healthy", server.url(""));
    if !target.write {
        return Ok(well);
    }
    // The process id is the same in every container, hence the random number: RandomState has one of the system's.
    let (process, random) = (
        std::process::id(),
        RandomState::new().build_hasher().finish(),
    );
    let name = format!("http-nas-health-{process}-{random:016x}");
    let path = format!("/file/{name}");
    let stored = server.ask("POST", &path, &name, "OK");
    let stored = stored.and_then(|()| server.ask("GET", &path, "", &name));
    // After a failure, too: the file may be there all the same.
    let deleted = server.ask("DELETE", &path, "", "OK");
    stored.and(deleted)?;
    Ok(format!(
        "{well}: it stored a file, read it back and deleted it"
    ))
}

/// The server that is asked.
struct Server {
    endpoint: Endpoint,
    /// The host as the requests name it.
    named: String,
    /// What more to say where it cannot be reached.
    hint: String,
}

impl Server {
    fn at(target: &Target) -> Self {
        let variable = target.shared_variable.filter(|_| target.endpoint.is_name());
        Self {
            endpoint: target.endpoint.clone(),
            named: match &target.endpoint {
                Endpoint::Tcp { host, .. } => named(host).to_owned(),
                Endpoint::Unix(_) => "localhost".to_owned(),
            },
            hint: variable.map(is_it_meant).unwrap_or_default(),
        }
    }

    /// That of a Unix socket is as nginx has it, with a colon before the path.
    fn url(&self, path: &str) -> String {
        match &self.endpoint {
            Endpoint::Tcp { port, .. } => {
                format!("http://{}:{port}{path}", authority(&self.named))
            }
            Endpoint::Unix(_) if path.is_empty() => format!("http://{}", self.endpoint),
            Endpoint::Unix(_) => format!("http://{}:{path}", self.endpoint),
        }
    }

    /// Sends a request, and holds the content of the reply against the one that is wanted.
    fn ask(&self, method: &str, path: &str, body: &str, wanted: &str) -> Result<(), String> {
        let request = request(&self.named, method, path, body);
        let reply = within_limit(&self.endpoint, request);
        let reply = reply.map_err(|why| format!("{why}{}", self.hint));
        reply
            .and_then(|reply| content(&reply))
            .and_then(|content| match content == wanted {
                true => Ok(()),
                false => Err(format!("the answer is not {wanted:?}")),
            })
            .map_err(|why| format!("{method} {}: {why}", self.url(path)))
    }
}

/// The host to name in the requests: for one that stands for more than one address, the name of loopback.
fn named(host: &str) -> &str {
    match host.parse::<IpAddr>() {
        Ok(address) if address.is_unspecified() => "localhost",
        _ => host,
    }
}

/// The host as it stands in a URL.
fn authority(host: &str) -> String {
    match host.contains(':') {
        true => format!("[{host}]"),
        false => host.to_owned(),
    }
}

fn request(host: &str, method: &str, path: &str, body: &str) -> String {
    let length = match body.len() {
        0 => String::new(),
        length => format!("Content-Length: {length}\r\n"),
    };
    let host = authority(host);
    format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{length}\r\n{body}")
}

/// Sends the request on a connection of its own. It has a thread of its own as well, since the look-up of a name knows
/// no limit; one that hangs ends with the process.
fn within_limit(endpoint: &Endpoint, request: String) -> Result<Vec<u8>, String> {
    let (sender, reply) = channel();
    let endpoint = endpoint.clone();
    thread::Builder::new()
        .spawn(move || sender.send(exchange(&endpoint, &request)))
        .map_err(|error| format!("cannot start a thread: {error}"))?;
    let limit = LIMIT.as_secs();
    reply
        .recv_timeout(LIMIT)
        .map_err(|_| format!("no answer within {limit} s"))?
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
    // The server closes behind its reply, as it was asked to.
    stream
        .write_all(request.as_bytes())
        .and_then(|()| stream.take(LONGEST_REPLY).read_to_end(&mut reply))
        .map_err(|error| format!("the connection was lost: {error}"))?;
    Ok(reply)
}

/// The content of a reply with 200; of any other, what it says.
fn content(reply: &[u8]) -> Result<String, String> {
    if reply.is_empty() {
        return Err("the connection was closed without an answer".to_owned());
    }
    let reply = String::from_utf8_lossy(reply);
    let (head, body) = reply.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.lines().next().unwrap_or_default();
    let Some(status) = status
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.get(2..))
    else {
        return Err("the answer is not HTTP".to_owned());
    };
    let code = status.split(' ').next().unwrap_or_default();
    if code == "200" {
        return Ok(body.to_owned());
    }
    // http-nas says more in the line that is the body of an error.
    let said = body
        .lines()
        .next()
        .filter(|line| line.starts_with(code))
        .unwrap_or(status);
    let said: String = said.chars().take(200).collect();
    Err(format!("answered {}", said.escape_debug()))
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
            let found = content(reply.as_bytes());
            assert_eq!(
                found.as_deref().map_err(String::as_str),
                expected,
                "{reply:?}"
            );
        }
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
        let server = Server::at(&Target {
            endpoint: Endpoint::Unix("/run/nas.sock".into()),
            shared_variable: None,
            write: false,
        });
        assert_eq!(server.named, "localhost");
        assert_eq!(server.url(""), "http://unix:/run/nas.sock");
        assert_eq!(server.url("/file"), "http://unix:/run/nas.sock:/file");
    }
}
