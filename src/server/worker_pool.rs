//! The pool of worker threads: each receives requests from the engine and handles them.
//!
//! The thread that receives a request also reads its head and handles it. Before that, it makes
//! sure that another thread waits for the next request. If no such thread can be started, the
//! request has to be handled without waiting for the client or the disk, so that this thread is
//! soon back.
//!
//! Responsible for: how many threads there are, and that one of them is always there to receive.
//! Not for: what a request leads to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::panics::catch;
use crate::sync::lock;

/// How long a thread waits for a request before it may end.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Idle threads that are kept. As many of them poll the sockets: to wake more of them for a request
/// costs time.
pub(super) const MAX_IDLE: usize = 3;

/// The stack of a thread, in bytes. It is address space: only what is used of it takes memory.
const STACK_SIZE: usize = 512 * 1024;

/// What the threads do with a request.
pub(super) trait Handler: Send + Sync + 'static {
    /// A request that is handled again.
    type Resumed;

    /// Handles a request. Without `may_wait`, no other thread receives requests meanwhile: then
    /// this must wait neither for the client nor for the disk.
    fn handle(&self, request: tiny_http::Request, may_wait: bool);

    /// Takes up a request that was put aside and is to be handled again, if there is one: `None`
    /// otherwise. A thread that is unblocked asks for it.
    fn next_resumed(&self) -> Option<Self::Resumed>;

    /// Handles such a request.
    fn handle_resumed(&self, resumed: Self::Resumed, may_wait: bool);
}

/// The worker threads of a server.
pub(super) struct WorkerPool<H> {
    server: Arc<tiny_http::Server>,
    handler: H,
    max_threads: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// All threads.
    threads: usize,
    /// Those that wait for a request, or are about to.
    waiting: usize,
}

impl<H: Handler> WorkerPool<H> {
    /// Starts the pool with one thread; there will never be more than `max_threads`.
    ///
    /// # Errors
    /// One line, where the thread cannot be started.
    pub(super) fn start(
        server: Arc<tiny_http::Server>,
        handler: H,
        max_threads: usize,
    ) -> Result<Arc<Self>, String> {
        let workers = Arc::new(Self {
            server,
            handler,
            max_threads,
            state: Mutex::default(),
        });
        match workers.spawn_worker(&mut lock(&workers.state)) {
            Ok(()) => Ok(Arc::clone(&workers)),
            Err(error) => Err(format!("cannot start a thread: {error}")),
        }
    }

    /// The number of requests that are being handled.
    pub(super) fn busy(&self) -> usize {
        let state = lock(&self.state);
        state.threads - state.waiting
    }

    /// Stops accepting connections. Replies say from now on that they are the last of their
    /// connection.
    pub(super) fn stop_accepting(&self) {
        self.server.stop_accepting();
    }

    /// Closes the connections that wait for a request, and waits up to `timeout` until the others
    /// are closed: clients of refused requests may still be sending.
    pub(super) fn drain(&self, timeout: Duration) {
        self.server.drain();
        // The end of the process closes the rest.
        let _ = self.server.wait_until_drained(timeout);
    }

    fn spawn_worker(self: &Arc<Self>, state: &mut State) -> std::io::Result<()> {
        let workers = Arc::clone(self);
        std::thread::Builder::new()
            .name("worker".to_owned())
            .stack_size(STACK_SIZE)
            .spawn(move || workers.work())?;
        state.threads += 1;
        state.waiting += 1;
        Ok(())
    }

    fn work(self: Arc<Self>) {
        // A panic is logged where it happens. The thread has to survive it, since it is counted.
        let mut goes_on = true;
        while goes_on {
            goes_on = catch(|| self.wait_and_serve()).unwrap_or(true);
        }
    }

    /// Waits for a request and handles it. Returns `false` when the thread has to end; it is no
    /// longer counted then.
    fn wait_and_serve(self: &Arc<Self>) -> bool {
        match self.server.recv_timeout(IDLE_TIMEOUT) {
            Ok(Some(request)) => {
                let may_wait = self.ensure_receiver();
                let _busy = Busy(&self.state);
                self.handler.handle(request, may_wait);
            }
            Ok(None) => match self.handler.next_resumed() {
                Some(resumed) => {
                    let may_wait = self.ensure_receiver();
                    let _busy = Busy(&self.state);
                    self.handler.handle_resumed(resumed, may_wait);
                }
                None => return !self.may_end(),
            },
            Err(error) => {
                log::error!("no request can be received for now: {error}");
                std::thread::sleep(IDLE_TIMEOUT);
            }
        }
        true
    }

    /// Counts the calling thread as busy, and makes sure that another one waits for requests.
    /// Returns `false` if none can be started.
    fn ensure_receiver(self: &Arc<Self>) -> bool {
        let mut state = lock(&self.state);
        state.waiting -= 1;
        state.waiting > 0
            || state.threads < self.max_threads && self.spawn_worker(&mut state).is_ok()
    }

    /// Whether a thread that has received nothing has to end: enough others wait, or no request
    /// will come. If so, it is not counted from here on.
    fn may_end(&self) -> bool {
        let is_over = self.server.wait_until_drained(Duration::ZERO);
        let mut state = lock(&self.state);
        let may_end = is_over || state.waiting > MAX_IDLE;
        if may_end {
            state.waiting -= 1;
            state.threads -= 1;
        }
        may_end
    }
}

/// A thread that handles a request. It counts as waiting again when this is dropped.
struct Busy<'s>(&'s Mutex<State>);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        lock(self.0).waiting += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    struct Panics;

    impl Handler for Panics {
        type Resumed = ();

        fn next_resumed(&self) -> Option<()> {
            None
        }

        fn handle_resumed(&self, _resumed: (), _may_wait: bool) {}

        fn handle(&self, request: tiny_http::Request, _may_wait: bool) {
            panic!("on purpose, at {}", request.url());
        }
    }

    #[test]
    fn a_thread_whose_request_panics_waits_for_the_next_one()
    -> Result<(), Box<dyn std::error::Error>> {
        let server = tiny_http::Server::http("127.0.0.1:0").map_err(|error| error.to_string())?;
        let address = server.server_addr().to_ip().ok_or("no address of TCP")?;
        let workers = WorkerPool::start(Arc::new(server), Panics, 2)?;
        for number in 0..5 {
            let mut client = TcpStream::connect(address)?;
            client.set_read_timeout(Some(IDLE_TIMEOUT))?;
            client.write_all(format!("GET /{number} HTTP/1.0\r\n\r\n").as_bytes())?;
            let mut reply = String::new();
            client.read_to_string(&mut reply)?;
            assert!(reply.starts_with("HTTP/1.0 500 "), "{number}: {reply:?}");
        }
        let began = std::time::Instant::now();
        while workers.busy() > 0 {
            assert!(
                began.elapsed() < IDLE_TIMEOUT,
                "{} are busy",
                workers.busy()
            );
            std::thread::yield_now();
        }
        workers.stop_accepting();
        Ok(())
    }
}
