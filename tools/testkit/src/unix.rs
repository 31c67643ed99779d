//! Requests over a Unix socket.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::{LIMIT, request_bytes};

/// The reply to a request on a connection of its own, from the status on.
pub fn try_request(
    socket: &Path,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(&request_bytes(method, target, headers, body))?;
    stream.shutdown(Shutdown::Write)?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    let reply = String::from_utf8_lossy(&reply).into_owned();
    Ok(reply
        .strip_prefix("HTTP/1.1 ")
        .unwrap_or_default()
        .to_owned())
}

/// The status and the content of the reply.
pub fn request(
    socket: &Path,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> (u16, String) {
    let reply = try_request(socket, method, target, headers, body);
    let reply = reply.unwrap_or_else(|error| panic!("{method} {target}: {error}"));
    let status = reply.get(..3).and_then(|status| status.parse().ok());
    let (_, content) = reply.split_once("\r\n\r\n").unwrap_or_default();
    (
        status.unwrap_or_else(|| panic!("{method} {target}: {reply:?}")),
        content.to_owned(),
    )
}

/// Whether a server answers there.
pub fn is_served(socket: &Path) -> bool {
    let reply = try_request(socket, "GET", "/file", &[], b"");
    reply.is_ok_and(|reply| reply.starts_with("200 "))
}
