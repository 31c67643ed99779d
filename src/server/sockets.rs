//! Listening TCP sockets: which ones a host stands for, and their options.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::address::Addresses;

/// The maximum number of connections that wait to be accepted. `net.core.somaxconn` may lower it.
pub(super) const BACKLOG: i32 = 4096;

/// The maximum number of ports that are tried to find one that is free in both address families.
const MAX_TRIES: usize = 32;

/// Opens the sockets for these addresses: one, or one of each address family.
///
/// # Errors
/// Those of the system calls. Where one of several addresses is enough, the error is that of the
/// last.
pub(super) fn listen_on(addresses: &Addresses) -> io::Result<Vec<TcpListener>> {
    match addresses {
        Addresses::Every(port) => {
            let (v4, v6) = (Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED);
            match listen((v6, *port).into()) {
                Err(error) if is_absent(&error) => {
                    log::warn!(
                        "there is no IPv6 here ({error}): listening on {v4} in place of {v6}"
                    );
                    Ok(vec![listen((v4, *port).into())?])
                }
                listener => Ok(vec![listener?]),
            }
        }
        Addresses::Loopbacks(port) => on_loopbacks(*port),
        Addresses::FirstOf(addresses) => {
            let mut bound = Err(io::ErrorKind::AddrNotAvailable.into());
            for address in addresses {
                bound = listen(*address);
                if bound.is_ok() {
                    break;
                }
            }
            Ok(vec![bound?])
        }
    }
}

/// Listens on the loopback addresses of both families, on the same port, or on that of the only
/// family there is.
fn on_loopbacks(port: u16) -> io::Result<Vec<TcpListener>> {
    let (v4, v6) = (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
    for _ in 0..MAX_TRIES {
        let first = match listen((v4, port).into()) {
            Err(error) if is_absent(&error) => return Ok(vec![listen((v6, port).into())?]),
            first => first?,
        };
        match listen((v6, first.local_addr()?.port()).into()) {
            Ok(second) => return Ok(vec![first, second]),
            Err(error) if is_absent(&error) => return Ok(vec![first]),
            // The port was chosen by the kernel, and is free in one family only: try another one.
            Err(error) if port == 0 && error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

/// Whether an error means that there are no addresses of this family: the kernel does not have it,
/// a filter hides it, or no interface has an address.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::AFNOSUPPORT | Errno::PROTONOSUPPORT | Errno::ADDRNOTAVAIL)
    )
}

/// Opens one listening socket.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    if address.is_ipv6() {
        // The unspecified address includes those of IPv4, whatever net.ipv6.bindv6only says
        // (ipv6(7)).
        sockopt::set_ipv6_v6only(&socket, !address.ip().is_unspecified())?;
    }
    // A restarted server can listen while connections of its predecessor are in TIME_WAIT.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket.into())
}
