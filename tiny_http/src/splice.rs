//! A body that goes from the socket into a file without passing through the program (splice(2)).

use std::fs::File;
use std::io::{self, Read, Write};

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};

use crate::conn::Step;
use crate::dispatch::READ;
use crate::exchange::Exchange;

/// From how many bytes on, known to come, a pipe is worth its while.
const LONG: u64 = 64 * 1024;

/// How much a pipe is to hold, in bytes; less where the system does not let it.
const PIPE: usize = 1 << 20;

/// How much is copied at a time where there is no pipe, in bytes.
const COPIED: usize = 64 * 1024;

struct Pipe {
    output: File,
    input: OwnedFd,
}

impl Pipe {
    fn new() -> io::Result<Self> {
        let (output, input) = pipe_with(PipeFlags::CLOEXEC)?;
        // It works with the size that it has.
        let _ = rustix::pipe::fcntl_setpipe_size(&input, PIPE);
        let output = File::from(output);
        Ok(Self { output, input })
    }

    /// Moves what is in it, so many bytes, to a file; says whether that went without a copy. A file that is open for
    /// appending, and some file systems, take none from a pipe.
    fn empty(&mut self, mut count: usize, mut file: &File) -> io::Result<bool> {
        while count > 0 {
            let flags = SpliceFlags::MOVE;
            let moved = || splice(&self.output, None, file, None, count, flags);
            match rustix::io::retry_on_intr(moved) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(moved) => count -= moved,
                Err(Errno::INVAL) => {
                    let mut rest = vec![0; count];
                    self.output.read_exact(&mut rest)?;
                    file.write_all(&rest)?;
                    return Ok(false);
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(true)
    }
}

impl Exchange {
    /// Copies the rest of the body to a file, and says after each step how many bytes of the body have come. Gives how many
    /// have.
    pub(crate) fn copy_body_to_file(
        &mut self,
        mut file: &File,
        has_come: &mut dyn FnMut(u64),
    ) -> io::Result<u64> {
        let mut pipe = None;
        let mut splices = true;
        let mut buffer = vec![0; READ];
        loop {
            match self.next_of_body(&mut buffer)? {
                Step::Bytes(count) => file.write_all(&buffer[..count])?,
                Step::End => return Ok(self.received),
                Step::Framing => {
                    self.receive(true, |socket, input| {
                        socket.receive_behind(input.room(READ))
                    })?;
                }
                Step::Data(left) if splices && left >= LONG => {
                    let Ok(pipe) = filled(&mut pipe) else {
                        splices = false;
                        continue;
                    };
                    let most = left.min(PIPE as u64) as usize;
                    let count = self.receive(true, |socket, _| socket.splice(&pipe.input, most))?;
                    self.pass(count as u64);
                    splices = pipe.empty(count, file)?;
                }
                Step::Data(_) => {
                    buffer.resize(COPIED, 0);
                    let count = self.read_body(&mut buffer, true)?;
                    file.write_all(&buffer[..count])?;
                }
            }
            has_come(self.received);
        }
    }
}

fn filled(pipe: &mut Option<Pipe>) -> io::Result<&mut Pipe> {
    match pipe {
        Some(pipe) => Ok(pipe),
        None => Ok(pipe.insert(Pipe::new()?)),
    }
}
