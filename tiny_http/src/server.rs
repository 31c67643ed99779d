//! The server, as the interface of tiny_http has it, with several listeners and an orderly end.

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

/// A server. It has no thread of its own: those that wait for a request do the work.
///
/// Dropped, it closes its listeners and the connections that wait for a request; requests that were handed out can still
/// be answered.
#[derive(Debug)]
pub struct Server {
    engine: Arc<Engine>,
    addresses: Vec<ListenAddr>,
    /// Whether the files of its Unix sockets are removed in the end.
    removes_files: bool,
}

/// What a server is made of.
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

    /// A server that listens at a Unix socket, which is removed in the end.
    ///
    /// # Errors
    /// Those of bind(2).
    pub fn http_unix(path: &Path) -> Result<Self, BoxError> {
        let addr = ConfigListenAddr::unix_from_path(path);
        Self::new(ServerConfig { addr, ssl: None })
    }

    /// A server that listens there.
    ///
    /// # Errors
    /// Those of bind(2); that TLS is asked for.
    pub fn new(config: ServerConfig) -> Result<Self, BoxError> {
        Self::from_listener(config.addr.bind()?, config.ssl)
    }

    /// A server with a listener that is there already. The file of a Unix socket is removed in the
    /// end.
    ///
    /// # Errors
    /// What the system says; that TLS is asked for.
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

    /// Where the server listens; the first of its addresses.
    ///
    /// # Panics
    /// Where it was made without a listener.
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
    /// `Other` where the thread was unblocked, or the server has been drained and its last connection is over; what the
    /// system says.
    pub fn recv(&self) -> io::Result<Request> {
        let unblocked = || io::Error::other("thread unblocked");
        next_request(&self.engine, None)?.ok_or_else(unblocked)
    }

    /// Waits for a request, not longer than that. None where none came, or the thread was unblocked.
    ///
    /// # Errors
    /// What the system says.
    pub fn recv_timeout(&self, timeout: Duration) -> io::Result<Option<Request>> {
        next_request(&self.engine, Instant::now().checked_add(timeout))
    }

    /// A request that has come already, if there is one.
    ///
    /// # Errors
    /// What the system says.
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
    /// to whoever has made them, and can tell whether another server has taken their place. An
    /// addition to tiny_http.
    ///
    /// # Errors
    /// What the system says.
    pub fn with_config(listeners: Vec<Listener>, config: Config) -> io::Result<Self> {
        let addresses: io::Result<_> = listeners.iter().map(Listener::local_addr).collect();
        Ok(Self {
            addresses: addresses?,
            removes_files: false,
            engine: Arc::new(Engine::new(listeners, config)?),
        })
    }

    /// Where the server listens. An addition to tiny_http.
    #[must_use]
    pub fn server_addrs(&self) -> &[ListenAddr] {
        &self.addresses
    }

    /// Accepts no more connections, and says `Connection: close` with all replies from now on. Connections that are there
    /// can still send a request. An addition to tiny_http.
    pub fn stop_accepting(&self) {
        self.engine.stop_accepting();
    }

    /// Ends the server in order: accepts no more, closes connections that wait for a request, and says `Connection: close`
    /// with all replies from now on. Requests that have begun to come are still handed out. An addition to tiny_http.
    pub fn drain(&self) {
        self.engine.stop(false);
    }

    /// Waits until the last connection of a server that is drained is over; says whether it is. An addition to tiny_http.
    ///
    /// Other threads have to call [`recv`](Server::recv) meanwhile, for what is still to come.
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
                // One that is gone already is what is wanted.
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
