//! A body that goes from the socket into a file without passing through the program (splice(2)).

use std::fs::File;
use std::io::{self, Read, Write};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};

use crate::io::{READ_SIZE, Socket};

/// What an empty pipe always holds, in bytes: a page (pipe(7)).
pub(crate) const PAGE: usize = 4096;

/// A pipe in which a part of a body is on its way from the socket into a file. It takes two descriptors.
#[derive(Debug)]
pub struct Pipe {
    output: File,
    input: File,
    /// How many bytes are in it.
    length: usize,
}

/// Whether the system does not splice these at all: a file that is open for appending, some file systems, a filter.
fn is_denial(errno: Errno) -> bool {
    matches!(errno, Errno::INVAL | Errno::NOSYS | Errno::PERM)
}

impl Pipe {
    /// How much one is to hold, in bytes; less where the system does not let it.
    pub const SIZE: usize = 1 << 20;

    /// An empty one.
    ///
    /// # Errors
    /// Those of pipe(2).
    pub fn new() -> io::Result<Self> {
        let (output, input) = pipe_with(PipeFlags::CLOEXEC)?;
        // It works with the size that it has.
        let _ = rustix::pipe::fcntl_setpipe_size(&input, Self::SIZE);
        Ok(Self {
            output: output.into(),
            input: input.into(),
            length: 0,
        })
    }

    /// Moves all that is in it into a file, to where the file stands, and says whether that went without a copy.
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

    /// Puts at most a page into the pipe, which is empty.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.input.write_all(bytes)?;
        self.length = bytes.len();
        Ok(())
    }

    /// Moves what has come on a socket, at most this many bytes, into the pipe, which is empty. Says
    /// how many bytes that were; 0 at the end.
    ///
    /// `is_stuck` is kept by the caller, false before the first call. Some input cannot be spliced
    /// although it is there, such as urgent data (tcp(7)): poll(2) reports it at once, again and
    /// again. Where splicing has had to wait once, the next call that has to receives instead.
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
