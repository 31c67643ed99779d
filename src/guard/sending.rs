//! Replies on their way out: bytes, parts of files, and streams whose length nobody knows beforehand.
//!
//! In: system calls on a connection's socket. Out: whose turn it is, and what may follow.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::rc::Rc;

use chunked_transfer::Encoder;
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags, sockopt};

/// The most of a file that is sent in one step, in bytes.
const STEP: u64 = 2 << 20;

/// The most that is sent in the last step, in bytes. Files up to this length leave in one write with their head, where
/// the client takes it.
const LAST_STEP: u64 = 64 * 1024;

/// Parts of files from this length on go into a stream by `sendfile`, in a chunk of their own, in bytes.
const LARGE: u64 = 64 * 1024;

/// What a reply occupies while it is sent. It is told before each write whether its thread may wait for the client in
/// it: only what waits for no client any more is about to be free.
pub trait Occupied {
    /// So many bytes of the content are out.
    fn has_sent(&self, content: u64);

    /// The next write does not wait, and may be the last.
    fn may_end(&self);

    /// The client takes no more for now. Says whether to wait until it does; else the reply is broken off.
    fn may_wait(&self) -> bool;
}

/// Sends as much of the parts as goes out at once, in one segment where they fit.
pub(super) fn send_some(
    socket: BorrowedFd<'_>,
    parts: &[IoSlice<'_>],
    flags: SendFlags,
) -> io::Result<usize> {
    let mut control = SendAncillaryBuffer::default();
    loop {
        match rustix::net::sendmsg(socket, parts, &mut control, flags | SendFlags::NOSIGNAL) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(sent) => return Ok(sent),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Sends all of a head, of which more is to follow: it waits for the first bytes of that (`MSG_MORE` of send(2)).
pub(super) fn send_head(socket: BorrowedFd<'_>, head: &[u8]) -> io::Result<()> {
    send_all(socket, head, SendFlags::MORE)
}

/// Sends all of these bytes.
pub(super) fn send_all(socket: BorrowedFd<'_>, bytes: &[u8], flags: SendFlags) -> io::Result<()> {
    let mut unsent = bytes;
    while !unsent.is_empty() {
        unsent = &unsent[send_some(socket, &[IoSlice::new(unsent)], flags)?..];
    }
    Ok(())
}

/// Sends the end of a reply without waiting in a write: all of these parts, of which it leaves what has not gone out.
pub(super) fn send_last(
    socket: BorrowedFd<'_>,
    parts: &mut [&[u8]; 2],
    occupied: &dyn Occupied,
) -> io::Result<()> {
    while !parts.iter().all(|part| part.is_empty()) {
        let sent = send_now(socket, *parts, occupied)?;
        let of_first = sent.min(parts[0].len());
        parts[0] = &parts[0][of_first..];
        parts[1] = &parts[1][sent - of_first..];
        if sent == 0 {
            wait_for_client(socket, occupied)?;
        }
    }
    Ok(())
}

/// Sends what the client takes at once, in a write that may be the last of the reply; none where it takes nothing.
fn send_now(
    socket: BorrowedFd<'_>,
    [first, second]: [&[u8]; 2],
    occupied: &dyn Occupied,
) -> io::Result<usize> {
    occupied.may_end();
    let parts = [IoSlice::new(first), IoSlice::new(second)];
    match send_some(socket, &parts, SendFlags::DONTWAIT) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}

fn wait_for_client(socket: BorrowedFd<'_>, occupied: &dyn Occupied) -> io::Result<()> {
    match occupied.may_wait() {
        true => wait_writable(socket),
        false => Err(Errno::WOULDBLOCK.into()),
    }
}

/// Sends a head and a part of a file behind it, as the end of a reply; leaves what has not gone out of the part. While
/// it waits for the client, it holds nothing of the file in memory.
pub(super) fn send_file(
    socket: BorrowedFd<'_>,
    mut head: &[u8],
    (file, part): (&File, &mut Range<u64>),
    occupied: &dyn Occupied,
) -> io::Result<()> {
    let (start, end) = (part.start, part.end);
    if end - start > LAST_STEP {
        send_head(socket, head)?;
        head = &[];
        part.end -= LAST_STEP;
        let sent = send_part(socket, file, part, &mut |sent| occupied.has_sent(sent));
        part.end = end;
        sent?;
        wait_writable(socket)?;
    }
    while !(head.is_empty() && part.is_empty()) {
        occupied.has_sent(part.start - start);
        let bytes = read_part(file, part.clone())?;
        let sent = send_now(socket, [head, &bytes], occupied)?;
        drop(bytes);
        let of_head = sent.min(head.len());
        head = &head[of_head..];
        part.start += (sent - of_head) as u64;
        if sent == 0 {
            wait_for_client(socket, occupied)?;
        }
    }
    Ok(())
}

/// Reads a part of a file that is to leave in one write.
fn read_part(file: &File, part: Range<u64>) -> io::Result<Vec<u8>> {
    let length = usize::try_from(part.end - part.start).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let offset = part.start + bytes.len() as u64;
        match rustix::io::pread(file, spare_capacity(&mut bytes), offset) {
            // The file has become shorter meanwhile.
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    // There may be room for more than was asked for.
    bytes.truncate(length);
    Ok(bytes)
}

/// Sends a part of a file behind which more is to follow, and says before each step how much of it is out; leaves what
/// has not gone out.
fn send_part(
    socket: BorrowedFd<'_>,
    file: &File,
    part: &mut Range<u64>,
    before_step: &mut dyn FnMut(u64),
) -> io::Result<()> {
    let start = part.start;
    while part.start < part.end {
        before_step(part.start - start);
        let step = usize::try_from((part.end - part.start).min(STEP)).unwrap_or(usize::MAX);
        match rustix::fs::sendfile(socket, file, Some(&mut part.start), step) {
            // The file has become shorter.
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Waits until a socket takes bytes again, as long as it would wait to send them.
fn wait_writable(socket: BorrowedFd<'_>) -> io::Result<()> {
    let timeout = sockopt::socket_timeout(socket, sockopt::Timeout::Send)?;
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    loop {
        let mut polled = [PollFd::from_borrowed_fd(socket, PollFlags::OUT)];
        match rustix::event::poll(&mut polled, timeout.as_ref()) {
            Ok(0) => return Err(Errno::TIMEDOUT.into()),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// What shows a client the end of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The length in bytes, which stands in the head.
    Length(u64),
    /// The last chunk (RFC 9112, section 7.1).
    LastChunk,
    /// The end of the connection, for clients of HTTP/1.0 where the length is not known.
    Close,
}

/// Content that is made while it is sent.
///
/// Unless it is finished it has no end: the last chunk is missing, and where there are no chunks, the connection
/// is reset, so that no client takes a part for the whole.
pub struct Outgoing<'s> {
    socket: BorrowedFd<'s>,
    framing: Framing<'s>,
    end: End,
    sent: u64,
    occupied: &'s dyn Occupied,
    /// What the sender is told at the end.
    at_end: Rc<Cell<Option<&'s dyn Occupied>>>,
}

enum Framing<'s> {
    Chunks(Encoder<Sender<'s>>),
    Plain(io::BufWriter<Sender<'s>>),
}

/// A socket to write to.
struct Sender<'s> {
    socket: BorrowedFd<'s>,
    /// Told of what is written from the moment on that it is the end.
    end: Rc<Cell<Option<&'s dyn Occupied>>>,
}

impl Write for Sender<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.end.get() {
            None => send_some(self.socket, &[IoSlice::new(bytes)], SendFlags::empty()),
            Some(occupied) => {
                send_last(self.socket, &mut [bytes, &[]], occupied).map(|()| bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'s> Outgoing<'s> {
    pub(super) fn new(socket: BorrowedFd<'s>, end: End, occupied: &'s dyn Occupied) -> Self {
        let at_end = Rc::new(Cell::new(None));
        let sender = Sender {
            socket,
            end: Rc::clone(&at_end),
        };
        let framing = match end {
            End::LastChunk => Framing::Chunks(Encoder::new(sender)),
            End::Length(_) | End::Close => Framing::Plain(io::BufWriter::with_capacity(
                chunked_transfer::CHUNK,
                sender,
            )),
        };
        Self {
            socket,
            framing,
            end,
            sent: 0,
            occupied,
            at_end,
        }
    }

    /// Bytes of content that have been written.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Writes a part of a file: by `sendfile` where it is large, saying before each step how much of it is out.
    ///
    /// # Errors
    /// What the system says; `UnexpectedEof` where the file has become shorter.
    pub fn write_file(
        &mut self,
        file: &File,
        mut part: Range<u64>,
        before_step: &mut dyn FnMut(u64),
    ) -> io::Result<()> {
        let length = part.end.saturating_sub(part.start);
        if length < LARGE {
            return self.write_small(file, part);
        }
        self.flush()?;
        if let Framing::Chunks(_) = self.framing {
            send_head(self.socket, format!("{length:X}\r\n").as_bytes())?;
        }
        send_part(self.socket, file, &mut part, before_step)?;
        self.sent += length;
        if let Framing::Chunks(_) = self.framing {
            send_head(self.socket, b"\r\n")?;
        }
        Ok(())
    }

    fn write_small(&mut self, file: &File, part: Range<u64>) -> io::Result<()> {
        let mut offset = part.start;
        let mut buffer = [0_u8; 16 * 1024];
        while offset < part.end {
            let most = usize::try_from(part.end - offset).unwrap_or(usize::MAX);
            let most = most.min(buffer.len());
            match rustix::io::pread(file, &mut buffer[..most], offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    self.write_all(&buffer[..read])?;
                    offset += read as u64;
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// Ends the content as a whole.
    ///
    /// # Errors
    /// What the system says, or that it is not as long as was told.
    pub(super) fn finish(self) -> io::Result<()> {
        if let End::Length(length) = self.end
            && length != self.sent
        {
            let sent = self.sent;
            self.abort();
            let told = format!("{sent} bytes were written, of {length} that were told");
            return Err(io::Error::other(told));
        }
        self.at_end.set(Some(self.occupied));
        match self.framing {
            Framing::Chunks(encoder) => encoder.finish().map(drop),
            Framing::Plain(mut writer) => writer.flush(),
        }
    }

    /// Leaves the content without an end.
    pub(super) fn abort(self) {
        if let Framing::Plain(writer) = self.framing {
            // Unwritten bytes stay unwritten.
            drop(writer.into_parts());
            // Dissolves the association (connect(2)); the client is reset. One that has gone is not.
            let _ = rustix::net::connect_unspec(self.socket);
        }
    }
}

impl Write for Outgoing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.framing {
            Framing::Chunks(encoder) => encoder.write(bytes),
            Framing::Plain(writer) => writer.write(bytes),
        }?;
        self.sent += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.framing {
            Framing::Chunks(encoder) => encoder.flush(),
            Framing::Plain(writer) => writer.flush(),
        }
    }
}
