//! The end of connections whose client is still sending.
//!
//! A socket that is closed with bytes unread resets its connection, and a client that is reset may lose the reply
//! that says why. So the rest is read for a while, by one thread for all, and then the connection is shut down
//! (RFC 9112, section 9.6).
//!
//! It is also the only place where a request with an unread body is dropped, one at a time: tiny_http asks for a
//! buffer as long as what is left of the body then, and the address space has room for one of the longest.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown};

use super::connection::Connection;
use super::exchange::abandon;

/// How long the rest is read at most.
const LINGER: Duration = Duration::from_secs(1);

/// How much of the rest is read at most, in bytes, beyond what had come before the reply was out.
const MOST: usize = 1 << 20;

/// How long a look at all lingering connections waits for one of them; newcomers wait for it.
const TICK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

static RETIRED: LazyLock<Option<Sender<Retired>>> = LazyLock::new(|| {
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::Builder::new().name("linger".to_owned());
    thread.spawn(move || run(&receiver)).ok().map(|_| sender)
});

struct Retired {
    request: tiny_http::Request,
    connection: Arc<Connection>,
    /// Where it is still open.
    socket: Option<OwnedFd>,
    deadline: Instant,
    left: usize,
}

/// Ends a connection whose client may still be sending. The reply, if there is one, is out.
pub(super) fn retire(
    request: tiny_http::Request,
    connection: Arc<Connection>,
    socket: Option<OwnedFd>,
) {
    if let Some(socket) = &socket {
        // The client is told that nothing more will come; it may have gone already.
        let _ = rustix::net::shutdown(socket, Shutdown::Write);
    }
    // What was under way already says nothing of a client that does not listen.
    let come = socket.as_ref().map(rustix::io::ioctl_fionread);
    let come = come.and_then(Result::ok).unwrap_or(0);
    let retired = Retired {
        request,
        connection,
        socket,
        deadline: Instant::now() + LINGER,
        left: MOST.saturating_add(usize::try_from(come).unwrap_or(0)),
    };
    match &*RETIRED {
        Some(sender) => {
            if let Err(mpsc::SendError(retired)) = sender.send(retired) {
                retired.end();
            }
        }
        None => retired.end(),
    }
}

fn run(receiver: &Receiver<Retired>) {
    let mut all: Vec<Retired> = Vec::new();
    loop {
        if all.is_empty() {
            match receiver.recv() {
                Ok(retired) => all.push(retired),
                Err(mpsc::RecvError) => return,
            }
        }
        all.extend(receiver.try_iter());
        wait(&all);
        let now = Instant::now();
        let mut staying = Vec::with_capacity(all.len());
        for mut retired in all {
            if retired.reads_on(now) {
                staying.push(retired);
            } else {
                retired.end();
            }
        }
        all = staying;
    }
}

/// Waits until one of the sockets has something to read, or a tick has passed.
fn wait(all: &[Retired]) {
    let mut polled: Vec<PollFd<'_>> = all
        .iter()
        .filter_map(|retired| retired.socket.as_ref())
        .map(|socket| PollFd::new(socket, PollFlags::IN))
        .collect();
    if polled.len() == all.len() {
        // A failure is found again, and dealt with, when the sockets are read.
        let _ = rustix::event::poll(&mut polled, Some(&TICK));
    }
}

impl Retired {
    /// Reads what is there, without waiting. `false` where the connection is to be ended now.
    fn reads_on(&mut self, now: Instant) -> bool {
        let Some(socket) = &self.socket else {
            return false;
        };
        let mut discarded = [0_u8; 16 * 1024];
        while self.left > 0 && now < self.deadline {
            match rustix::net::recv(socket, &mut discarded, RecvFlags::DONTWAIT) {
                Ok((0, _)) => return false,
                Ok((received, _)) => self.left = self.left.saturating_sub(received),
                Err(Errno::WOULDBLOCK) => return true,
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        false
    }

    fn end(mut self) {
        // Only now: tiny_http shuts the socket down for reading when it is told of the end, and bytes that come after
        // that reset the connection. Until the request is dropped it waits, and this thread alone reads.
        self.connection.close();
        if let Some(socket) = &self.socket {
            let _ = rustix::net::shutdown(socket, Shutdown::Both);
        }
        // What tiny_http has buffered of a chunked body must not be left for it to parse. The guard gives no more, so
        // that this ends with an error or an end at once.
        let _ = io::copy(&mut self.request.as_reader(), &mut io::sink());
        self.connection.leave();
        abandon(self.request);
    }
}
