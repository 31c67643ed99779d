//! The connection to the client of a reply.
//!
//! Responsible for: sending bytes and parts of files, waiting for a client that takes no more for
//! now. Not for: which bytes a reply consists of (`encode.rs`).

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::ops::Range;
use std::time::Duration;

use crate::io::{Peer, SENDFILE_MAX, Socket};

/// The interim response to a client that waits with its body (RFC 9110, section 15.2.1). It needs
/// no fields.
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What follows a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// More, at once: the system may delay what is written until then.
    More,
    /// More, at some time.
    Later,
    /// Nothing of this reply.
    Nothing,
}

/// Where the bytes of a reply go.
pub(crate) trait Sink {
    /// Writes all of these parts.
    fn send(&mut self, parts: &mut [IoSlice<'_>], next: Next) -> io::Result<()>;
}

impl<W: Write> Sink for W {
    fn send(&mut self, parts: &mut [IoSlice<'_>], _: Next) -> io::Result<()> {
        parts.iter().try_for_each(|part| self.write_all(part))
    }
}

/// Watches a reply while it is sent, and decides whether its thread waits for the client.
pub trait Progress {
    /// This many bytes of the content have been sent.
    fn has_sent(&self, _content: u64) {}

    /// The next write does not wait, and may be the last of the reply. A thread that is counted as
    /// waiting for a client can be counted as free.
    fn may_end(&self) {}

    /// The client accepts no more for now. Returns whether to wait until it does; otherwise the
    /// reply is broken off.
    fn may_wait(&self) -> bool {
        true
    }
}

/// Watches nothing, and waits for clients.
impl Progress for () {}

/// Does not wait for the client.
pub(crate) struct WithoutWaiting;

impl Progress for WithoutWaiting {
    fn may_wait(&self) -> bool {
        false
    }
}

/// The connection to the client of a reply.
pub(crate) struct Wire<'s> {
    pub(crate) socket: &'s Socket,
    pub(crate) progress: &'s dyn Progress,
    /// How long the client may accept nothing.
    pub(crate) timeout: Option<Duration>,
}

impl Wire<'_> {
    /// Whether the client is known to have closed the whole connection.
    pub(crate) fn is_client_gone(&self) -> bool {
        self.socket.peer() == Peer::Gone
    }

    /// Whether parts of files can leave by `sendfile`.
    pub(crate) fn takes_files(&self) -> bool {
        !matches!(self.socket, Socket::Nowhere)
    }

    /// Sends a part of a file, after `before` bytes of content. `is_last` means that nothing of
    /// the reply's framing follows.
    ///
    /// # Errors
    /// Those of sendfile(2); `UnexpectedEof` where the file has become shorter.
    pub(crate) fn send_file(
        &mut self,
        file: &File,
        part: Range<u64>,
        before: u64,
        is_last: bool,
    ) -> io::Result<()> {
        let mut offset = part.start;
        while offset < part.end {
            self.progress.has_sent(before + offset - part.start);
            let left = part.end - offset;
            if is_last && left <= SENDFILE_MAX {
                self.progress.may_end();
            }
            if let Err(error) = self.socket.send_file(file, &mut offset, left) {
                self.wait(error)?;
            }
        }
        Ok(())
    }

    /// Waits until the client accepts more, if that was the only problem.
    fn wait(&self, error: io::Error) -> io::Result<()> {
        if error.kind() != io::ErrorKind::WouldBlock || !self.progress.may_wait() {
            return Err(error);
        }
        self.socket.wait_writable(self.timeout)
    }
}

impl Sink for Wire<'_> {
    fn send(&mut self, mut parts: &mut [IoSlice<'_>], next: Next) -> io::Result<()> {
        // Drops the parts that are empty.
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            if next == Next::Nothing {
                self.progress.may_end();
            }
            match self.socket.send(parts, next == Next::More) {
                Ok(sent) => IoSlice::advance_slices(&mut parts, sent),
                Err(error) => self.wait(error)?,
            }
        }
        Ok(())
    }
}
