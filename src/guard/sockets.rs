//! The sockets that listen: which are made for a host, their options, and which one is accepted from next.
//!
//! tiny_http accepts from one of them. Where there are two, on the loopback addresses of both families, its accepting
//! thread waits for either and accepts from the one that has a connection.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::address::Addresses;

/// Connections that the kernel holds for us until they are accepted, at most (`net.core.somaxconn` may say less).
const BACKLOG: i32 = 4096;

/// How many free ports are tried until one is free in both families.
const MOST_TRIES: usize = 32;

/// The second listener, where there are two.
static SECOND: OnceLock<OwnedFd> = OnceLock::new();

/// Whether it is the second one's turn, when both have connections.
static IS_TURN_OF_SECOND: AtomicBool = AtomicBool::new(false);

/// The sockets that listen on `addresses`: one, or one of each family.
///
/// # Errors
/// Those of the socket calls: for several addresses of which one is enough, those of the last.
pub(super) fn listen_on(
    addresses: &Addresses,
    idle_timeout: Duration,
) -> io::Result<(TcpListener, Option<TcpListener>)> {
    let listen = |address: SocketAddr| listen(address, idle_timeout);
    match addresses {
        Addresses::Every(port) => {
            let (v4, v6) = (Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED);
            match listen((v6, *port).into()) {
                Err(error) if is_absent(&error) => {
                    log::warn!(
                        "there is no IPv6 here ({error}): listening on {v4} in place of {v6}"
                    );
                    Ok((listen((v4, *port).into())?, None))
                }
                listener => Ok((listener?, None)),
            }
        }
        Addresses::Loopbacks(port) => on_loopbacks(*port, listen),
        Addresses::FirstOf(addresses) => {
            let mut bound = Err(io::ErrorKind::AddrNotAvailable.into());
            for address in addresses {
                bound = listen(*address);
                if bound.is_ok() {
                    break;
                }
            }
            Ok((bound?, None))
        }
    }
}

/// Listens on loopback in both families, on the same port, or in the one that there is.
fn on_loopbacks(
    port: u16,
    listen: impl Fn(SocketAddr) -> io::Result<TcpListener>,
) -> io::Result<(TcpListener, Option<TcpListener>)> {
    let (v4, v6) = (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
    for _ in 0..MOST_TRIES {
        let first = match listen((v4, port).into()) {
            Err(error) if is_absent(&error) => return Ok((listen((v6, port).into())?, None)),
            first => first?,
        };
        match listen((v6, first.local_addr()?.port()).into()) {
            Ok(second) => return Ok((first, Some(second))),
            Err(error) if is_absent(&error) => return Ok((first, None)),
            // Any port would do, and this one is free in one family only.
            Err(error) if port == 0 && error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

/// Whether a failure says that there are no addresses of this family: the kernel has none of it, a filter hides it, or no
/// interface has an address.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::AFNOSUPPORT | Errno::PROTONOSUPPORT | Errno::ADDRNOTAVAIL)
    )
}

/// A socket that listens, with the options that accepted sockets inherit: they are set before the first can come.
fn listen(address: SocketAddr, idle_timeout: Duration) -> io::Result<TcpListener> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    if address.is_ipv6() {
        // Every address means that of IPv4, too, whatever net.ipv6.bindv6only says (ipv6(7)).
        sockopt::set_ipv6_v6only(&socket, !address.ip().is_unspecified())?;
    }
    // A server that is started again need not wait for the connections of the one before to be forgotten.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    // A reply must not wait for the acknowledgement of the one before,
    sockopt::set_tcp_nodelay(&socket, true)?;
    // and nobody for a client that has stalled. An accept that ends for it is begun again (see `listener::waits_out`).
    for timeout in [sockopt::Timeout::Recv, sockopt::Timeout::Send] {
        sockopt::set_socket_timeout(&socket, timeout, Some(idle_timeout))?;
    }
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

/// Accepts from a second listener, too, from now on.
///
/// # Errors
/// Those of ioctl(2).
pub(super) fn add_second(first: &TcpListener, second: TcpListener) -> io::Result<()> {
    // A connection that is gone again by the time it is accepted must not keep the thread from the other listener.
    first.set_nonblocking(true)?;
    second.set_nonblocking(true)?;
    // Set twice only by tests in one process.
    let _ = SECOND.set(second.into());
    Ok(())
}

/// The second listener, if there is one.
pub(super) fn second() -> Option<BorrowedFd<'static>> {
    SECOND.get().map(AsFd::as_fd)
}

/// The listener to accept from next. Where there are two, waits until one of them has a connection, or has been shut down.
pub(super) fn next(first: BorrowedFd<'_>) -> BorrowedFd<'_> {
    let Some(second) = second() else {
        return first;
    };
    let mut polled = [first, second].map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
    // After a failure, such as a signal, accepting says that there is nothing.
    let _ = rustix::event::poll(&mut polled, None);
    let [is_first, is_second] = polled.map(|fd| !fd.revents().is_empty());
    let is_second = is_second && (!is_first || IS_TURN_OF_SECOND.load(Ordering::Relaxed));
    IS_TURN_OF_SECOND.store(!is_second, Ordering::Relaxed);
    match is_second {
        true => second,
        false => first,
    }
}
