//! The listening sockets: what of their failures is waited out, the life of the thread that accepts, and the end. How they
//! are made is in `sockets.rs`.

use std::cell::Cell;
use std::io;
use std::mem::ManuallyDrop;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt;

use super::sockets;
use super::table::{self, Limits};
use crate::address::Addresses;
use crate::sync::lock;

/// How long accepting pauses when the system has no descriptor or memory for a connection.
const PAUSE: Duration = Duration::from_millis(20);

/// How long a new thread of tiny_http may take until it accepts.
const START: Duration = Duration::from_secs(2);

/// Threads that a server of tiny_http starts with, and one more to receive its requests.
const THREADS: usize = 6;

static STOPPED: AtomicBool = AtomicBool::new(false);

/// What is to be done when a thread that accepts has died.
static ON_DEATH: OnceLock<Box<dyn Fn() + Send + Sync>> = OnceLock::new();

/// How many threads have begun to accept.
static STARTED: Mutex<u64> = Mutex::new(0);
static HAS_STARTED: Condvar = Condvar::new();

thread_local! {
    /// Dropped with the thread that accepts.
    static LIFE: Life = Life::begin();

    /// Whether this thread accepts.
    static ACCEPTS: Cell<bool> = const { Cell::new(false) };
}

struct Life;

impl Life {
    fn begin() -> Self {
        *lock(&STARTED) += 1;
        HAS_STARTED.notify_all();
        Self
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        table::end_stranded();
        if let (false, Some(on_death)) = (STOPPED.load(Ordering::SeqCst), ON_DEATH.get()) {
            on_death();
        }
    }
}

/// Notes that the calling thread accepts.
pub(super) fn note_life() {
    // A thread that is ending has no thread-locals any more, and accepts nothing.
    let _ = LIFE.try_with(|_| {});
    ACCEPTS.set(true);
}

/// Whether the calling thread accepts.
pub(super) fn is_accepting() -> bool {
    ACCEPTS.get()
}

/// The requests of one server of tiny_http. A server that accepts no more still has its connections.
#[derive(Clone)]
pub struct Incoming {
    server: Arc<ManuallyDrop<tiny_http::Server>>,
    /// Which of the servers it is, from one.
    number: u64,
}

impl Incoming {
    /// Waits for the next request, for so long at most.
    #[must_use]
    pub fn next(&self, limit: Duration) -> Option<tiny_http::Request> {
        // Errors are those of accepting, which the guard deals with.
        self.server.recv_timeout(limit).ok().flatten()
    }

    /// Whether nothing more will come: another server accepts, and the last connection of this one has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        // The lock must be free again before the table is asked: who admits a connection takes them the other way round.
        let newest = number();
        self.number < newest && !table::has_connections_of(self.number)
    }
}

/// Whether a server of tiny_http has been started in this process.
pub(super) fn has_started() -> bool {
    number() > 0
}

/// Which server of tiny_http the accepting thread is that of.
pub(super) fn number() -> u64 {
    *lock(&STARTED)
}

/// A listening socket for tiny_http, and maybe a second one (see [`Addresses::Loopbacks`]).
#[derive(Debug)]
pub struct Listener(TcpListener);

impl Listener {
    /// Listens on the addresses of a host. `on_death` is called on the thread that was accepting when that ends for
    /// whatever reason but [`Listener::stop`].
    ///
    /// # Errors
    /// Those of the socket calls.
    pub fn bind(
        addresses: &Addresses,
        limits: Limits,
        on_death: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<Self> {
        table::configure(limits);
        let (first, second) = sockets::listen_on(addresses, limits.idle_timeout)?;
        if let Some(second) = second {
            sockets::add_second(&first, second)?;
        }
        // Set twice only by tests in one process.
        let _ = ON_DEATH.set(Box::new(on_death));
        Ok(Self(first))
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// The other address that it listens on, if there is one. Both are loopback addresses then.
    #[must_use]
    pub fn second_address(&self) -> Option<SocketAddr> {
        let address = rustix::net::getsockname(sockets::second()?).ok()?;
        SocketAddr::try_from(address).ok()
    }

    /// Starts a server of tiny_http on a duplicate of the socket, which accepts when this returns, and whose requests
    /// go to `receive`.
    ///
    /// # Errors
    /// Where a descriptor or a thread cannot be had; what `receive` says.
    pub fn serve(
        &self,
        receive: impl FnOnce(Incoming) -> Result<(), String>,
    ) -> Result<(), String> {
        // tiny_http dies in silence where it gets no thread.
        if !can_start_threads(THREADS) {
            return Err("no threads to be had".to_owned());
        }
        let before = *lock(&STARTED);
        let socket = self.0.try_clone().map_err(|error| error.to_string())?;
        let server = catch_unwind(|| tiny_http::Server::from_listener(socket, None))
            .map_err(|_| "no thread to be had".to_owned())?
            .map_err(|error| error.to_string())?;
        // What is accepted must not find nobody there. A server that is let go of at its end would connect to the
        // socket to wake a thread that is no more.
        let server = Arc::new(ManuallyDrop::new(server));
        let received = receive(Incoming {
            server,
            number: before + 1,
        });
        let (started, _) = HAS_STARTED
            .wait_timeout_while(lock(&STARTED), START, |started| *started == before)
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match *started == before {
            true => Err("the thread that accepts has not started".to_owned()),
            false => received,
        }
    }

    /// Ends connections that wait for a request, for the sake of their threads.
    pub fn make_room(&self) {
        table::evict_some();
    }

    /// Closes the listening socket: new connections are refused by the kernel from now on. The running ones are not
    /// touched.
    pub fn stop(&self) {
        STOPPED.store(true, Ordering::SeqCst);
        // Wakes the thread that waits in accept4, which then finds the listener stopped.
        for socket in std::iter::once(self.0.as_fd()).chain(sockets::second()) {
            let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Both);
        }
    }
}

/// Whether so many threads more can be had, by having them for a moment.
fn can_start_threads(number: usize) -> bool {
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let threads: Vec<_> = (0..number)
        .map_while(|_| {
            let held = Arc::clone(&held);
            // Ends with an error as soon as the sender is dropped.
            let wait = move || lock(&held).recv().unwrap_or_default();
            std::thread::Builder::new().spawn(wait).ok()
        })
        .collect();
    drop(hold);
    let had = threads.len() == number;
    threads.into_iter().for_each(|thread| drop(thread.join()));
    had
}

/// Whether to accept again after a failure, and not to report it to tiny_http, which would stop accepting for ever.
pub(super) fn waits_out(listener: BorrowedFd<'_>, error: &io::Error) -> bool {
    while STOPPED.load(Ordering::SeqCst) {
        // The thread has nothing left to do; the end of the process ends it.
        std::thread::park();
    }
    if sockopt::socket_acceptconn(listener) == Ok(false) {
        return false;
    }
    match Errno::from_io_error(error) {
        // The listener is no socket any more.
        Some(Errno::BADF | Errno::NOTSOCK | Errno::INVAL | Errno::FAULT) | None => false,
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
            table::evict_some();
            std::thread::sleep(PAUSE);
            true
        }
        // The time limit of the socket, which is not for accepting; or the connection was gone before it was accepted,
        // or the network passes on an old error (accept(2)).
        Some(_) => true,
    }
}
