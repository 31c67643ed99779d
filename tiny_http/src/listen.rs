//! Where a server listens: addresses and listeners of TCP and of Unix sockets.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
use std::path::PathBuf;

/// A listening socket.
#[derive(Debug)]
pub enum Listener {
    /// For IPv4 and IPv6.
    Tcp(TcpListener),
    /// For clients on the same machine.
    Unix(UnixListener),
}

impl Listener {
    pub(crate) fn local_addr(&self) -> io::Result<ListenAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(ListenAddr::IP),
            Self::Unix(listener) => listener.local_addr().map(ListenAddr::Unix),
        }
    }

    pub(crate) fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.set_nonblocking(true),
            Self::Unix(listener) => listener.set_nonblocking(true),
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener) => listener.as_fd(),
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}

/// Where a server is to listen.
#[derive(Clone, Debug)]
pub enum ConfigListenAddr {
    /// At the first of these addresses that is available.
    IP(Vec<SocketAddr>),
    /// At this path, which must not exist.
    Unix(PathBuf),
}

impl ConfigListenAddr {
    /// Resolves addresses.
    ///
    /// # Errors
    /// Those of the resolver.
    pub fn from_socket_addrs<A: ToSocketAddrs>(addrs: A) -> io::Result<Self> {
        Ok(Self::IP(addrs.to_socket_addrs()?.collect()))
    }

    /// A Unix socket.
    pub fn unix_from_path<P: Into<PathBuf>>(path: P) -> Self {
        Self::Unix(path.into())
    }

    /// Creates the listener.
    ///
    /// # Errors
    /// Those of bind(2) and listen(2).
    pub fn bind(&self) -> io::Result<Listener> {
        match self {
            Self::IP(addresses) => TcpListener::bind(addresses.as_slice()).map(Listener::Tcp),
            Self::Unix(path) => UnixListener::bind(path).map(Listener::Unix),
        }
    }
}

/// Where a server listens.
#[derive(Clone, Debug)]
pub enum ListenAddr {
    /// An address of IPv4 or IPv6, with its port.
    IP(SocketAddr),
    /// A Unix socket.
    Unix(UnixAddr),
}

impl ListenAddr {
    /// The address and the port, unless it is a Unix socket.
    #[must_use]
    pub fn to_ip(self) -> Option<SocketAddr> {
        match self {
            Self::IP(address) => Some(address),
            Self::Unix(_) => None,
        }
    }

    /// The Unix socket, if it is one.
    #[must_use]
    pub fn to_unix(self) -> Option<UnixAddr> {
        match self {
            Self::IP(_) => None,
            Self::Unix(address) => Some(address),
        }
    }
}

impl From<SocketAddr> for ListenAddr {
    fn from(address: SocketAddr) -> Self {
        Self::IP(address)
    }
}

impl From<UnixAddr> for ListenAddr {
    fn from(address: UnixAddr) -> Self {
        Self::Unix(address)
    }
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IP(address) => address.fmt(f),
            Self::Unix(address) => fmt::Debug::fmt(address, f),
        }
    }
}
