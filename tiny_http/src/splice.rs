//! A body that goes from the socket into a file without passing through the program (splice(2)).

use std::fs::File;
use std::io::{self, Read, Write};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};

use crate::conn::Step;
use crate::dispatch::READ;
use crate::exchange::Exchange;
use crate::io::Socket;

/// What an empty pipe always holds, in bytes: a page (pipe(7)).
const PAGE: usize = 4096;

/// A pipe in which a part of a body is on its way from the socket into a file. It takes two descriptors.
#[derive(Debug)]
pub struct Pipe {
    output: File,
    input: File,
    /// Bytes that are in it.
    held: usize,
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
            held: 0,
        })
    }

    /// Moves all that is in it into a file, to where the file stands, and says whether that went without a copy.
    ///
    /// # Errors
    /// Those of the file.
    pub fn empty_into(&mut self, file: &File) -> io::Result<bool> {
        while self.held > 0 {
            let moved = || splice(&self.output, None, file, None, self.held, SpliceFlags::MOVE);
            match rustix::io::retry_on_intr(moved) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(moved) => self.held -= moved,
                Err(errno) if is_denial(errno) => {
                    self.copy_into(file)?;
                    return Ok(false);
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(true)
    }

    fn copy_into(&mut self, mut file: &File) -> io::Result<()> {
        let mut buffer = [0; READ];
        while self.held > 0 {
            let room = self.held.min(READ);
            self.output.read_exact(&mut buffer[..room])?;
            self.held -= room;
            file.write_all(&buffer[..room])?;
        }
        Ok(())
    }
}

impl Exchange {
    /// Moves what comes next of the body into a pipe that is empty, and says how many bytes that were; 0 at the end.
    pub(crate) fn fill(&mut self, pipe: &mut Pipe) -> io::Result<usize> {
        let mut page = [0; PAGE];
        loop {
            let count = match self.next_of_body(&mut page)? {
                Step::End => return Ok(0),
                Step::Bytes(count) => {
                    pipe.input.write_all(&page[..count])?;
                    count
                }
                Step::Framing => {
                    self.receive(true, |socket, input| {
                        socket.receive_behind(input.room(READ))
                    })?;
                    continue;
                }
                Step::Data(left) => {
                    let most = left.min(Pipe::SIZE as u64) as usize;
                    let mut is_refused = false;
                    let count = self.receive(true, |socket, _| {
                        take(socket, &pipe.input, most, &mut is_refused)
                    })?;
                    self.pass(count as u64);
                    count
                }
            };
            pipe.held = count;
            return Ok(count);
        }
    }
}

/// Takes what is there into an empty pipe. What cannot be spliced though it is there, such as urgent data (tcp(7)), or what
/// a filter denies to be, is read: else who waits for it would be woken up again and again.
fn take(socket: &Socket, mut pipe: &File, most: usize, is_refused: &mut bool) -> io::Result<usize> {
    let taken = socket.splice(pipe, most);
    let is_denied = match &taken {
        Ok(_) => false,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            std::mem::replace(is_refused, true)
        }
        Err(error) => Errno::from_io_error(error).is_some_and(is_denial),
    };
    if !is_denied {
        return taken;
    }
    let mut page = [0; PAGE];
    let room = most.min(PAGE);
    let count = socket.receive(&mut page[..room])?;
    pipe.write_all(&page[..count])?;
    Ok(count)
}
