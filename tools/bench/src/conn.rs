//! Connections to the servers, with the patience of a benchmark.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use testkit::http::Conn;

/// The limit of each wait: a busy disk, or a server that a row makes slow.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(120);

pub fn open(address: SocketAddr) -> io::Result<Conn> {
    Conn::of(TcpStream::connect(address)?, CLIENT_TIMEOUT)
}

/// A connection from an address of the client's, with a receive buffer of this many bytes if any
/// are said.
pub fn open_from(from: SocketAddr, to: SocketAddr, buffer: Option<usize>) -> io::Result<Conn> {
    let (family, flags) = (AddressFamily::INET, SocketFlags::CLOEXEC);
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    if let Some(bytes) = buffer {
        sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
    }
    rustix::net::bind(&socket, &from)?;
    rustix::net::connect(&socket, &to)?;
    Conn::of(TcpStream::from(socket), CLIENT_TIMEOUT)
}
