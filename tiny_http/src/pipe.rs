//! A pipe by which a body goes from a socket into a file without passing through the program
//! (splice(2)).

use std::fs::File;
use std::io::{self, Read, Write};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};

use crate::io::{READ_SIZE, Socket};

/// The least capacity of a pipe, in bytes: a page (pipe(7)).
pub(crate) const PAGE: usize = 4096;

/// A pipe by which a part of a body gets from the socket into a file. It takes two descriptors.
#[derive(Debug)]
pub struct Pipe {
    output: File,
    input: File,
    /// How many bytes are in it.
    length: usize,
}

/// Whether an error of splice(2) means that it does not work for these descriptors at all: a file
/// opened for appending, some file systems, a seccomp filter.
fn is_denial(errno: Errno) -> bool {
    matches!(errno, Errno::INVAL | Errno::NOSYS | Errno::PERM)
}

impl Pipe {
    /// The capacity that is asked for, in bytes; the system may grant less.
    pub const SIZE: usize = 1 << 20;

    /// An empty pipe.
    ///
    /// # Errors
    /// Those of pipe(2).
    pub fn new() -> io::Result<Self> {
        let (output, input) = pipe_with(PipeFlags::CLOEXEC)?;
        // It works with any capacity.
        let _ = rustix::pipe::fcntl_setpipe_size(&input, Self::SIZE);
        Ok(Self {
            output: output.into(),
            input: input.into(),
            length: 0,
        })
    }

    /// Moves everything in it to the current offset of a file. Returns whether that went without a
    /// copy.
    ///
    /// # Errors
    /// Those of the file.
    pub fn empty_into(&mut self, file: &File) -> io::Result<bool> {
        while self.length > 0 {
            let moved = || {
                splice(
                    &self.output,
                    None,
                    file,
                    None,
                    self.length,
                    SpliceFlags::MOVE,
                )
            };
            match rustix::io::retry_on_intr(moved) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(moved) => self.length -= moved,
                Err(errno) if is_denial(errno) => {
                    self.copy_into(file)?;
                    return Ok(false);
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(true)
    }

    /// Writes at most a page into the pipe, which is empty.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.input.write_all(bytes)?;
        self.length = bytes.len();
        Ok(())
    }

    /// Moves what has come on a socket, at most this many bytes, into the pipe, which is empty.
    /// Returns how many bytes that were; 0 at the end.
    ///
    /// Some input cannot be spliced although it has come, such as urgent data (tcp(7)), and poll(2)
    /// reports it each time. So the second call that would have to wait receives instead.
    /// `is_stuck` is false before the first call, and kept by the caller until bytes are moved.
    ///
    /// # Errors
    /// Those of the socket.
    pub(crate) fn fill_from(
        &mut self,
        socket: &Socket,
        most: usize,
        is_stuck: &mut bool,
    ) -> io::Result<usize> {
        let spliced = socket.splice(&self.input, most.min(Self::SIZE));
        let is_denied = match &spliced {
            Ok(_) => false,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                std::mem::replace(is_stuck, true)
            }
            Err(error) => Errno::from_io_error(error).is_some_and(is_denial),
        };
        if !is_denied {
            self.length = *spliced.as_ref().unwrap_or(&0);
            return spliced;
        }
        let mut page = [0; PAGE];
        let count = socket.receive(&mut page[..most.min(PAGE)])?;
        self.put(&page[..count])?;
        Ok(count)
    }

    fn copy_into(&mut self, mut file: &File) -> io::Result<()> {
        let mut buffer = [0; READ_SIZE];
        while self.length > 0 {
            let room = self.length.min(READ_SIZE);
            self.output.read_exact(&mut buffer[..room])?;
            self.length -= room;
            file.write_all(&buffer[..room])?;
        }
        Ok(())
    }
}
