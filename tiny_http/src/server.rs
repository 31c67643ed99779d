//! The server, as the interface of tiny_http has it, with the additions to that.

use std::error::Error;
use std::io;
use std::net::ToSocketAddrs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::dispatch::next_request;
use crate::engine::Engine;
use crate::listen::{ConfigListenAddr, ListenAddr, Listener};
use crate::request::Request;

/// The error of a server that cannot be made.
type BoxError = Box<dyn Error + Send + Sync + 'static>;

/// A server. It has no thread of its own: the threads that wait for a request do its work.
///
/// When it is dropped, it closes its listeners and the connections that wait for a request;
/// requests that were handed out can still be answered.
#[derive(Debug)]
pub struct Server {
    engine: Arc<Engine>,
    addresses: Vec<ListenAddr>,
    /// Whether it removes the files of its Unix sockets when it is dropped.
    removes_files: bool,
}

/// Where a server listens, and with which certificate.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where it listens.
    pub addr: ConfigListenAddr,
    /// For TLS, which is not supported: must be none.
    pub ssl: Option<SslConfig>,
}

/// A certificate and a key. They have no use, since TLS is not supported.
#[derive(Clone, Debug)]
pub struct SslConfig {
    /// The public certificate.
    pub certificate: Vec<u8>,
    /// The private key.
    pub private_key: Vec<u8>,
}

impl Server {
    /// A server that listens at an address of TCP.
    ///
    /// # Errors
    /// Those of resolving and of bind(2).
    pub fn http<A: ToSocketAddrs>(addr: A) -> Result<Self, BoxError> {
        let addr = ConfigListenAddr::from_socket_addrs(addr)?;
        Self::new(ServerConfig { addr, ssl: None })
    }

    /// A server that listens at a Unix socket, whose file is removed when the server is dropped.
    ///
    /// # Errors
    /// Those of bind(2).
    pub fn http_unix(path: &Path) -> Result<Self, BoxError> {
        let addr = ConfigListenAddr::unix_from_path(path);
        Self::new(ServerConfig { addr, ssl: None })
    }

    /// A server that listens at this address.
    ///
    /// # Errors
    /// Those of bind(2); that TLS is asked for, which is not supported.
    pub fn new(config: ServerConfig) -> Result<Self, BoxError> {
        Self::from_listener(config.addr.bind()?, config.ssl)
    }

    /// A server with an existing listener. The file of a Unix socket is removed when the server is
    /// dropped.
    ///
    /// # Errors
    /// Those of epoll(7); that TLS is asked for, which is not supported.
    pub fn from_listener<L: Into<Listener>>(
        listener: L,
        ssl_config: Option<SslConfig>,
    ) -> Result<Self, BoxError> {
        if ssl_config.is_some() {
            return Err("TLS is not supported".into());
        }
        let mut server = Self::with_config(vec![listener.into()], Config::default())?;
        server.removes_files = true;
        Ok(server)
    }

    /// The requests as they come, until a thread is unblocked.
    #[must_use]
    pub fn incoming_requests(&self) -> IncomingRequests<'_> {
        IncomingRequests { server: self }
    }

    /// The address at which the server listens; the first if there are several.
    ///
    /// # Panics
    /// If it was made without a listener.
    #[must_use]
    pub fn server_addr(&self) -> ListenAddr {
        self.addresses[0].clone()
    }

    /// How many clients are connected.
    #[must_use]
    pub fn num_connections(&self) -> usize {
        self.engine.connections()
    }

    /// Waits for a request.
    ///
    /// # Errors
    /// `Other` where the thread was unblocked, or the server has been drained and its last
    /// connection has ended; those of epoll_wait(2).
    pub fn recv(&self) -> io::Result<Request> {
        let unblocked = || io::Error::other("thread unblocked");
        next_request(&self.engine, None)?.ok_or_else(unblocked)
    }

    /// Waits for a request, at most for this time. None where none came, or the thread was
    /// unblocked.
    ///
    /// # Errors
    /// Those of epoll(7).
    pub fn recv_timeout(&self, timeout: Duration) -> io::Result<Option<Request>> {
        next_request(&self.engine, Instant::now().checked_add(timeout))
    }

    /// Returns a request that has come already, if there is one.
    ///
    /// # Errors
    /// Those of epoll(7).
    pub fn try_recv(&self) -> io::Result<Option<Request>> {
        self.recv_timeout(Duration::ZERO)
    }

    /// Unblocks one thread that waits for a request, or the next one that will.
    pub fn unblock(&self) {
        self.engine.unblock();
    }
}

/// Additions to the interface of tiny_http.
impl Server {
    /// A server with any number of listeners and with settings. The files of Unix sockets are left
    /// to the caller, who knows whether another server has taken their place.
    ///
    /// # Errors
    /// Those of epoll(7).
    pub fn with_config(listeners: Vec<Listener>, config: Config) -> io::Result<Self> {
        let addresses: io::Result<_> = listeners.iter().map(Listener::local_addr).collect();
        Ok(Self {
            addresses: addresses?,
            removes_files: false,
            engine: Arc::new(Engine::new(listeners, config)?),
        })
    }

    /// The addresses at which the server listens.
    #[must_use]
    pub fn server_addrs(&self) -> &[ListenAddr] {
        &self.addresses
    }

    /// Accepts no more connections, and sends `Connection: close` with all replies from now on. The
    /// connections that exist can still send a request.
    pub fn stop_accepting(&self) {
        self.engine.stop_accepting();
    }

    /// Ends the server in an orderly way: accepts no more connections, closes those that wait for a
    /// request, and sends `Connection: close` with all replies from now on. Requests of which a
    /// part has come are still handed out.
    pub fn drain(&self) {
        self.engine.stop(false);
    }

    /// Waits until the last connection of a server that is drained has ended; returns whether it
    /// has.
    ///
    /// Other threads have to call [`recv`](Server::recv) meanwhile, for the requests that are still
    /// coming.
    #[must_use]
    pub fn wait_until_drained(&self, timeout: Duration) -> bool {
        self.engine.wait_until_over(timeout)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.engine.stop(true);
        if !self.removes_files {
            return;
        }
        for address in self.addresses.drain(..) {
            let unix = address.to_unix();
            if let Some(path) = unix.as_ref().and_then(|unix| unix.as_pathname()) {
                // There is no caller to return an error to.
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

/// The requests of a server as they come.
pub struct IncomingRequests<'a> {
    server: &'a Server,
}

impl Iterator for IncomingRequests<'_> {
    type Item = Request;

    fn next(&mut self) -> Option<Request> {
        self.server.recv().ok()
    }
}
