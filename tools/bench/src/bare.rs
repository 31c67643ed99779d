//! The bare loop: the system calls that a transfer takes, and nothing else. What no server can be
//! much faster than.
//!
//! Belongs here: one connection for a thread at a time; GET by sendfile, or by one read and one
//! send where a file is small; PUT by receive and write, with buffers of 256 KiB, into a file that
//! is then renamed; SPLICE likewise, by splice; PATCH by one write behind the file; a folder's
//! names. Does not belong here: safety of any kind. It is never to be reached from outside, and the
//! client is to be trusted.

use std::fs::{self, File};
use std::io::{self, Error, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use rustix::net::SendFlags;
use rustix::pipe::SpliceFlags;

/// The word that makes this program the bare loop: `bench bare PORT FOLDER`.
pub const WORD: &str = "bare";

/// The buffer of a body, and that of a connection before there is one.
const BUFFER: usize = 256 * 1024;
const HEADS: usize = 16 * 1024;

/// The pipe of a body that is spliced: as long as one may be without privileges (pipe(7)).
const PIPE: usize = 1 << 20;

/// Up to this length, a file is read and sent with its head.
const SMALL: u64 = 64 * 1024;

/// For each body on its way, a name of its own.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Serves until it is killed, or something fails.
pub fn run(words: &[String]) -> Error {
    let [port, folder] = words else {
        return Error::other("bare PORT FOLDER");
    };
    let Ok(port) = port.parse::<u16>() else {
        return Error::other("this is no port");
    };
    match accept(port, folder) {
        Ok(()) => Error::other("it has ended"),
        Err(error) => error,
    }
}

fn accept(port: u16, folder: &str) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let (listener, folder) = (Arc::new(listener), Arc::from(Path::new(folder)));
    wait(&listener, &folder)
}

/// Threads that wait for a connection.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// Accepts and serves connections one after another. There is always a thread that accepts, and
/// none hands a connection to another.
fn wait(listener: &Arc<TcpListener>, folder: &Arc<Path>) -> io::Result<()> {
    loop {
        WAITING.fetch_add(1, Ordering::SeqCst);
        let (stream, _) = listener.accept()?;
        if WAITING.fetch_sub(1, Ordering::SeqCst) == 1 {
            let (listener, folder) = (Arc::clone(listener), Arc::clone(folder));
            std::thread::spawn(move || wait(&listener, &folder));
        }
        // The client sees that the connection is gone.
        let _ = Link::new(stream).serve(folder);
    }
}

/// One connection, and what was received on it and not used yet.
struct Link {
    stream: TcpStream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Link {
    fn new(stream: TcpStream) -> Self {
        let buffer = vec![0; HEADS];
        Self {
            stream,
            buffer,
            start: 0,
            end: 0,
        }
    }

    fn serve(&mut self, folder: &Path) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        loop {
            let Some(head) = self.head()? else {
                return Ok(());
            };
            let mut words = head.split_ascii_whitespace();
            let (method, target) = (
                words.next().unwrap_or_default(),
                words.next().unwrap_or_default(),
            );
            let path = folder.join(target.trim_start_matches('/'));
            let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
            match method {
                "GET" if path.is_dir() => self.list(&path)?,
                "GET" => self.send(&path)?,
                _ => {
                    let (file, staged) = open(&path, method == "PATCH")?;
                    match field("Content-Length: ").and_then(|length| length.parse().ok()) {
                        Some(length) if method == "SPLICE" => self.splice(&file, length)?,
                        Some(length) => self.store(&file, length)?,
                        None => self.store_chunks(&file)?,
                    }
                    if let Some(staged) = staged {
                        fs::rename(staged, path)?;
                    }
                    self.stream
                        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
                }
            }
        }
    }

    /// The next head; `None` at the end of the connection.
    fn head(&mut self) -> io::Result<Option<String>> {
        loop {
            let received = &self.buffer[self.start..self.end];
            if let Some(length) = memchr::memmem::find(received, b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&received[..length]).into_owned();
                self.start += length + 4;
                return Ok(Some(head));
            }
            if self.receive()? == 0 {
                return Ok(None);
            }
        }
    }

    /// Receives, after what is in the buffer.
    fn receive(&mut self) -> io::Result<usize> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start.., 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let length = self.stream.read(&mut self.buffer[self.end..])?;
        self.end += length;
        Ok(length)
    }

    fn send(&mut self, path: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        if length <= SMALL {
            file.read_to_end(&mut head)?;
            return self.stream.write_all(&head);
        }
        rustix::net::send(&self.stream, &head, SendFlags::MORE | SendFlags::NOSIGNAL)?;
        let mut offset = 0;
        while offset < length {
            let left = usize::try_from(length - offset).unwrap_or(usize::MAX);
            if rustix::fs::sendfile(&self.stream, &file, Some(&mut offset), left)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    fn list(&mut self, path: &Path) -> io::Result<()> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            names.push(entry?.file_name().into_encoded_bytes());
        }
        names.sort_unstable();
        let mut body = names.join(&b'\n');
        body.push(b'\n');
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        self.stream.write_all(head.as_bytes())?;
        self.stream.write_all(&body)
    }

    fn store(&mut self, mut file: &File, length: u64) -> io::Result<()> {
        if length > HEADS as u64 {
            self.widen();
        }
        let mut left = length;
        while left > 0 {
            self.some()?;
            let now = (self.end - self.start).min(usize::try_from(left).unwrap_or(usize::MAX));
            file.write_all(&self.buffer[self.start..self.start + now])?;
            self.start += now;
            left -= now as u64;
        }
        Ok(())
    }

    /// From the socket through a pipe into the file, behind what was received with the head.
    fn splice(&mut self, mut file: &File, length: u64) -> io::Result<()> {
        let received = (self.end - self.start).min(usize::try_from(length).unwrap_or(usize::MAX));
        file.write_all(&self.buffer[self.start..self.start + received])?;
        self.start += received;
        let (output, input) = rustix::pipe::pipe()?;
        let room = rustix::pipe::fcntl_setpipe_size(&input, PIPE)?;
        let mut left = length - received as u64;
        while left > 0 {
            let most = room.min(usize::try_from(left).unwrap_or(usize::MAX));
            let mut piped = splice(&self.stream, &input, most)?;
            left -= piped as u64;
            while piped > 0 {
                piped -= splice(&output, file, piped)?;
            }
        }
        Ok(())
    }

    /// Takes the framing out of what was received in one piece, and writes the rest of it at once.
    fn store_chunks(&mut self, mut file: &File) -> io::Result<()> {
        self.widen();
        let mut left = 0;
        loop {
            self.some()?;
            let (mut from, mut kept) = (self.start, self.start);
            let mut ended = false;
            while from < self.end && !ended {
                if left == 0 {
                    let Some((size, line)) = size(&self.buffer[from..self.end])? else {
                        break;
                    };
                    from += line;
                    left = size;
                    ended = size == 0;
                }
                let now = left.min(self.end - from);
                self.buffer.copy_within(from..from + now, kept);
                (from, kept, left) = (from + now, kept + now, left - now);
            }
            file.write_all(&self.buffer[self.start..kept])?;
            self.start = from;
            if ended {
                return Ok(());
            }
            // A line that has not come whole needs more behind it.
            if self.start < self.end && self.receive()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Makes room for a body. What is not used of it takes no memory.
    fn widen(&mut self) {
        if self.buffer.len() < BUFFER {
            let mut wide = vec![0; BUFFER];
            wide[..self.end].copy_from_slice(&self.buffer[..self.end]);
            self.buffer = wide;
        }
    }

    fn some(&mut self) -> io::Result<()> {
        if self.start == self.end && self.receive()? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

/// Moves the bytes that have come, up to a limit; an end is an error.
fn splice(from: impl AsFd, to: impl AsFd, most: usize) -> io::Result<usize> {
    match rustix::pipe::splice(from, None, to, None, most, SpliceFlags::MOVE)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        moved => Ok(moved),
    }
}

/// The size of the chunk that begins here, and the length of its line with that of the end of the
/// chunk before. The line of the last chunk counts with the empty line behind it. `None` where it
/// has not come whole.
fn size(bytes: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let before = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
    let Some(length) = memchr::memchr(b'\n', &bytes[before..]) else {
        return Ok(None);
    };
    let line = std::str::from_utf8(&bytes[before..before + length]).unwrap_or_default();
    let size = usize::from_str_radix(line.trim_end(), 16).map_err(|_| Error::other("no size"))?;
    let end = before + length + 1;
    match size {
        0 if bytes.len() < end + 2 => Ok(None),
        0 => Ok(Some((0, end + 2))),
        size => Ok(Some((size, end))),
    }
}

/// The file that a body goes to: that of the name, to append, or one to be renamed.
fn open(path: &Path, appends: bool) -> io::Result<(File, Option<PathBuf>)> {
    if appends {
        return Ok((File::options().append(true).open(path)?, None));
    }
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let staged = path.with_file_name(format!(".bare-{number}"));
    Ok((File::create(&staged)?, Some(staged)))
}
