//! The end of connections whose client is still sending.
//!
//! A socket that is closed with bytes unread resets its connection, and a client that is reset may lose the reply
//! that says why. So the rest is read for a while, by one thread for all, and then the connection is shut down
//! (RFC 9112, section 9.6).
//!
//! It is also the only place where a request with an unread body is dropped, one at a time: tiny_http asks for a
//! buffer as long as what is left of the body then, and the address space has room for one of the longest.

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown};

use super::held::Held;

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
    held: Held,
    /// Until when the rest is read, and how much of it; none where the connection ends at once.
    lingers: Option<(Instant, usize)>,
}

/// Ends a connection whose client may still be sending. The reply, if there is one, is out.
pub(super) fn retire(held: Held) {
    let socket = held.socket();
    // The client is told that nothing more will come; it may have gone already.
    let _ = rustix::net::shutdown(socket, Shutdown::Write);
    // What was under way already says nothing of a client that does not listen.
    let come = rustix::io::ioctl_fionread(socket).unwrap_or(0);
    let most = MOST.saturating_add(usize::try_from(come).unwrap_or(0));
    let lingers = Some((Instant::now() + LINGER, most));
    hand_over(Retired { held, lingers });
}

/// Ends a request that is not to be carried out, of a connection that has been ended already.
pub(super) fn end(held: Held) {
    let lingers = None;
    hand_over(Retired { held, lingers });
}

fn hand_over(retired: Retired) {
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
        .filter(|retired| retired.lingers.is_some())
        .map(|retired| PollFd::from_borrowed_fd(retired.held.socket(), PollFlags::IN))
        .collect();
    if polled.len() == all.len() {
        // A failure is found again, and dealt with, when the sockets are read.
        let _ = rustix::event::poll(&mut polled, Some(&TICK));
    }
}

impl Retired {
    /// Reads what is there, without waiting. `false` where the connection is to be ended now.
    fn reads_on(&mut self, now: Instant) -> bool {
        let Some((deadline, left)) = &mut self.lingers else {
            return false;
        };
        let mut discarded = [0_u8; 16 * 1024];
        while *left > 0 && now < *deadline {
            match rustix::net::recv(self.held.socket(), &mut discarded, RecvFlags::DONTWAIT) {
                Ok((0, _)) => return false,
                Ok((received, _)) => *left = left.saturating_sub(received),
                Err(Errno::WOULDBLOCK) => return true,
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        false
    }

    fn end(mut self) {
        let connection = Arc::clone(self.held.connection());
        // Only now: tiny_http shuts the socket down for reading when it is told of the end, and bytes that come after
        // that reset the connection. Until the request is dropped it waits, and this thread alone reads.
        connection.close();
        if self.lingers.is_some() {
            let _ = rustix::net::shutdown(self.held.socket(), Shutdown::Both);
        }
        // What tiny_http has buffered of a chunked body must not be left for it to parse. The guard gives no more, so
        // that this ends with an error or an end at once.
        let _ = io::copy(self.held.body(), &mut io::sink());
        connection.leave();
        self.held.abandon();
    }
}
