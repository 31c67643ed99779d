//! System calls on the socket of a connection.
//!
//! Responsible for: interrupted calls, waiting with a limit. Not for: what is sent and received.

use std::fs::File;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};
use rustix::pipe::SpliceFlags;

/// How much is received at a time where the length of what comes is not known, in bytes: enough for
/// a head and a small body.
pub(crate) const READ_SIZE: usize = 8192;

/// What one call of sendfile(2) is given to send at most, in bytes.
pub(crate) const SENDFILE_MAX: u64 = 2 << 20;

/// Where the bytes of a connection come from and go to.
#[derive(Debug)]
pub(crate) enum Socket {
    /// A socket of TCP or a Unix socket, non-blocking.
    Plain(OwnedFd),
    /// For requests in tests: nothing is received, and what is sent is dropped.
    Nowhere,
}

/// What is known of the other side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// It may send and receive.
    Open,
    /// It sends nothing more; whether it still receives is not known.
    SendsNothing,
    /// Nothing that is sent to it can arrive.
    Gone,
}

/// What came of discarding input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Discarded {
    /// More may have come.
    Some,
    /// All that has come was discarded.
    All,
    /// The client sends nothing more, or has gone.
    End,
}

impl Socket {
    fn plain(&self) -> io::Result<BorrowedFd<'_>> {
        match self {
            Self::Plain(socket) => Ok(socket.as_fd()),
            Self::Nowhere => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// The descriptor, where there is one.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.plain().ok()
    }

    /// Receives what has come into the spare capacity of the buffer; 0 at the end.
    pub(crate) fn receive_behind(&self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let Self::Plain(socket) = self else {
            return Ok(0);
        };
        let receive = || rustix::net::recv(socket, spare_capacity(buffer), RecvFlags::empty());
        Ok(rustix::io::retry_on_intr(receive)?.0)
    }

    /// Receives what has come; 0 at the end.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self::Plain(socket) = self else {
            return Ok(0);
        };
        let receive = || rustix::net::recv(socket, &mut *buffer, RecvFlags::empty());
        Ok(rustix::io::retry_on_intr(receive)?.0)
    }

    /// Moves what has come, up to this many bytes, into a pipe that is empty; 0 at the end.
    pub(crate) fn splice(&self, pipe: impl AsFd, most: usize) -> io::Result<usize> {
        let socket = self.plain()?;
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        let splice = || rustix::pipe::splice(socket, None, &pipe, None, most, flags);
        Ok(rustix::io::retry_on_intr(splice)?)
    }

    /// Whether bytes have come that have not been received.
    pub(crate) fn has_input(&self) -> bool {
        let Self::Plain(socket) = self else {
            return false;
        };
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        let peeked = rustix::net::recv(socket, &mut [0_u8][..], flags);
        peeked.is_ok_and(|(received, _)| received > 0)
    }

    /// Discards what has come, up to a bound. Returns how many bytes that were, too.
    pub(crate) fn discard(&self) -> (usize, Discarded) {
        /// TCP discards it without touching the buffer (tcp(7), `MSG_TRUNC`). A larger buffer would
        /// cost memory nevertheless, because each page of a large stack frame is touched once to
        /// detect an overflow.
        const AT_ONCE: usize = 16 * 1024;
        let Self::Plain(socket) = self else {
            return (0, Discarded::End);
        };
        let mut buffer = [MaybeUninit::<u8>::uninit(); AT_ONCE];
        let mut count = 0;
        for _ in 0..256 {
            match rustix::net::recv(socket, &mut buffer[..], RecvFlags::TRUNC) {
                Ok((_, 0)) => return (count, Discarded::End),
                Ok((_, received)) => count += received,
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) => return (count, Discarded::All),
                Err(_) => return (count, Discarded::End),
            }
        }
        (count, Discarded::Some)
    }

    /// Sends as much of the parts as the socket takes at once, in one segment where they fit. With
    /// `more`, the last segment waits for what follows (`MSG_MORE` of send(2)).
    pub(crate) fn send(&self, parts: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        let Self::Plain(socket) = self else {
            return Ok(parts.iter().map(|part| part.len()).sum());
        };
        let mut flags = SendFlags::NOSIGNAL;
        flags.set(SendFlags::MORE, more);
        let mut control = SendAncillaryBuffer::default();
        let mut send = || rustix::net::sendmsg(socket, parts, &mut control, flags);
        match rustix::io::retry_on_intr(&mut send)? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            sent => Ok(sent),
        }
    }

    /// Sends as much of a part of a file as the socket takes at once, and advances the offset.
    pub(crate) fn send_file(&self, file: &File, offset: &mut u64, most: u64) -> io::Result<()> {
        let most = most.min(SENDFILE_MAX) as usize;
        let socket = self.plain()?;
        let send = || rustix::fs::sendfile(socket, file, Some(&mut *offset), most);
        match rustix::io::retry_on_intr(send)? {
            // The file has become shorter.
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Waits until there is input, or its end.
    ///
    /// # Errors
    /// `TimedOut` where that takes longer than the limit.
    pub(crate) fn wait_readable(&self, limit: Option<Duration>) -> io::Result<()> {
        self.wait(PollFlags::IN, limit)
    }

    /// Waits until something can be sent. The errors are those of `wait_readable`.
    pub(crate) fn wait_writable(&self, limit: Option<Duration>) -> io::Result<()> {
        self.wait(PollFlags::OUT, limit)
    }

    fn wait(&self, flags: PollFlags, limit: Option<Duration>) -> io::Result<()> {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let socket = self.plain()?;
        loop {
            let timeout = timeout_until(deadline);
            let mut polled = [PollFd::from_borrowed_fd(socket, flags)];
            match rustix::event::poll(&mut polled, timeout.as_ref()) {
                Ok(0) => return Err(Errno::TIMEDOUT.into()),
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Has the system keep about this many bytes at most that are sent and not yet taken.
    pub(crate) fn limit_output(&self, bytes: usize) {
        if let Self::Plain(socket) = self {
            // Where it fails, the limit is that of the system.
            let _ = rustix::net::sockopt::set_socket_send_buffer_size(socket, bytes);
        }
    }

    /// What is known of the other side right now.
    pub(crate) fn peer(&self) -> Peer {
        let Self::Plain(socket) = self else {
            return Peer::Open;
        };
        let events = events_now(socket, PollFlags::RDHUP);
        if events.intersects(PollFlags::HUP.union(PollFlags::ERR)) {
            Peer::Gone
        } else if events.contains(PollFlags::RDHUP) {
            Peer::SendsNothing
        } else {
            Peer::Open
        }
    }

    /// Ends what is sent to the client.
    pub(crate) fn end_output(&self) {
        self.shut_down(Shutdown::Write);
    }

    /// Ends what is received: a thread that reads finds the end.
    pub(crate) fn end_input(&self) {
        self.shut_down(Shutdown::Read);
    }

    /// Ends both directions.
    pub(crate) fn end(&self) {
        self.shut_down(Shutdown::Both);
    }

    fn shut_down(&self, how: Shutdown) {
        if let Self::Plain(socket) = self {
            // The only error is that it has ended already.
            let _ = rustix::net::shutdown(socket, how);
        }
    }

    /// Resets the connection, so that the client does not take a part for the whole: bytes that
    /// have not been sent are dropped.
    pub(crate) fn reset(&self) {
        if let Self::Plain(socket) = self {
            // connect(2) resets a connection of TCP in this way; Unix sockets have no reset.
            if rustix::net::connect_unspec(socket).is_err() {
                self.end();
            }
        }
    }
}

/// Whether an error of sending means that the client has gone, or takes nothing more.
pub(crate) fn is_disconnect(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut};
    matches!(
        error.kind(),
        BrokenPipe | ConnectionAborted | ConnectionReset | TimedOut
    )
}

/// The events of a descriptor at this moment: these and those that are always reported (poll(2)).
pub(crate) fn events_now(descriptor: impl AsFd, flags: PollFlags) -> PollFlags {
    let mut polled = [PollFd::new(&descriptor, flags)];
    // After an error no event is set. The next use of the descriptor shows what is wrong.
    let _ = rustix::event::poll(&mut polled, Some(&Timespec::default()));
    polled[0].revents()
}

/// The timeout of a call that is to wait until the deadline, for ever without one.
pub(crate) fn timeout_until(deadline: Option<Instant>) -> Option<Timespec> {
    deadline.map(|deadline| timespec(time_left(deadline)))
}

/// How long it is until a deadline; 0 once it has passed.
pub(crate) fn time_left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

pub(crate) fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}
