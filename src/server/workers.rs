//! The threads of the pool: each takes a request from the server, and serves it.
//!
//! The thread that receives a request has read its head, and serves it itself. Before it does, it sees to it that another
//! thread waits for the next request. Where none can be had, it may wait for nothing: neither for its client nor for the
//! disk.
//!
//! Responsible for: how many threads there are, and that one of them always waits. Not for: what becomes of a request.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::panics::catch;
use crate::sync::lock;

/// How long a thread without work stays.
const IDLE: Duration = Duration::from_secs(10);

/// Threads that stay without work. As many wait at the sockets; waking more of them for a request costs time.
pub(super) const KEPT: usize = 3;

/// The stack of a thread, in bytes: address space, of which only what is touched takes memory.
const STACK: usize = 512 * 1024;

/// What the threads do with a request.
pub(super) trait Service: Send + Sync + 'static {
    /// Serves a request. Unless the thread is relieved, by another that waits for the next request, it waits for nothing.
    fn serve(&self, request: tiny_http::Request, is_relieved: bool);
}

/// The threads.
pub(super) struct Workers<S> {
    server: tiny_http::Server,
    service: S,
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    threads: usize,
    /// Threads that wait for a request.
    waiting: usize,
}

impl<S: Service> Workers<S> {
    /// Threads for the requests of a server: one at first, and `most` at most.
    ///
    /// # Errors
    /// Where no thread can be had.
    pub(super) fn start(
        server: tiny_http::Server,
        service: S,
        most: usize,
    ) -> Result<Arc<Self>, String> {
        let workers = Arc::new(Self {
            server,
            service,
            most,
            state: Mutex::default(),
        });
        match workers.add_one(&mut lock(&workers.state)) {
            Ok(()) => Ok(Arc::clone(&workers)),
            Err(error) => Err(format!("cannot start a thread: {error}")),
        }
    }

    /// Requests that are being served.
    pub(super) fn busy(&self) -> usize {
        let state = lock(&self.state);
        state.threads - state.waiting
    }

    /// Accepts no more connections, and has the replies to what is still to come say that they are the last.
    pub(super) fn stop_accepting(&self) {
        self.server.stop_accepting();
    }

    /// Closes the connections that wait for a request, and waits until the last one is over, for so long at most: clients
    /// of refused requests may still be sending.
    pub(super) fn drain(&self, timeout: Duration) {
        self.server.drain();
        // What is left is closed by the end of the process.
        let _ = self.server.wait_until_drained(timeout);
    }

    fn add_one(self: &Arc<Self>, state: &mut State) -> std::io::Result<()> {
        let workers = Arc::clone(self);
        std::thread::Builder::new()
            .name("worker".to_owned())
            .stack_size(STACK)
            .spawn(move || workers.work())?;
        state.threads += 1;
        state.waiting += 1;
        Ok(())
    }

    fn work(self: Arc<Self>) {
        // A panic is logged where it happens; the thread and its place in the count must outlive it.
        let mut goes_on = true;
        while goes_on {
            goes_on = catch(|| self.wait_and_serve()).unwrap_or(true);
        }
    }

    /// Waits for a request, and serves it. `false` where the thread is to end, and is not counted any more.
    fn wait_and_serve(self: &Arc<Self>) -> bool {
        match self.server.recv_timeout(IDLE) {
            Ok(Some(request)) => {
                let is_relieved = self.is_relieved();
                let _busy = Busy(&self.state);
                self.service.serve(request, is_relieved);
            }
            Ok(None) => return !self.may_leave(),
            Err(error) => {
                log::error!("no request can be received for now: {error}");
                std::thread::sleep(IDLE);
            }
        }
        true
    }

    /// Takes the calling thread out of those that wait, and sees to it that another one does. `false` where none can be
    /// had.
    fn is_relieved(self: &Arc<Self>) -> bool {
        let mut state = lock(&self.state);
        state.waiting -= 1;
        state.waiting > 0 || state.threads < self.most && self.add_one(&mut state).is_ok()
    }

    /// Whether a thread for which nothing came is to end: where others wait, or nothing will come.
    fn may_leave(&self) -> bool {
        let is_over = self.server.wait_until_drained(Duration::ZERO);
        let mut state = lock(&self.state);
        let may_leave = is_over || state.waiting > KEPT;
        if may_leave {
            state.waiting -= 1;
            state.threads -= 1;
        }
        may_leave
    }
}

/// A thread that is not among those that wait; among them again when dropped.
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

    impl Service for Panics {
        fn serve(&self, request: tiny_http::Request, _is_relieved: bool) {
            panic!("on purpose, at {}", request.url());
        }
    }

    #[test]
    fn a_thread_whose_request_panics_waits_for_the_next_one()
    -> Result<(), Box<dyn std::error::Error>> {
        let server = tiny_http::Server::http("127.0.0.1:0").map_err(|error| error.to_string())?;
        let address = server.server_addr().to_ip().ok_or("no address of TCP")?;
        let workers = Workers::start(server, Panics, 2)?;
        for number in 0..5 {
            let mut client = TcpStream::connect(address)?;
            client.set_read_timeout(Some(IDLE))?;
            client.write_all(format!("GET /{number} HTTP/1.0\r\n\r\n").as_bytes())?;
            let mut reply = String::new();
            client.read_to_string(&mut reply)?;
            assert!(reply.starts_with("HTTP/1.0 500 "), "{number}: {reply:?}");
        }
        let began = std::time::Instant::now();
        while workers.busy() > 0 {
            assert!(began.elapsed() < IDLE, "{} are busy", workers.busy());
            std::thread::yield_now();
        }
        workers.stop_accepting();
        Ok(())
    }
}
