//! The body of a request, as it is received.
//!
//! Responsible for: how far it has come, receiving the rest, and what is wrong with it. Not for:
//! how its bytes are delimited (`decode.rs`), and what follows it (`exchange.rs`).

use std::fmt;
use std::io;
use std::time::Duration;

use crate::connection::Connection;
use crate::io::{READ_SIZE, Socket};
use crate::parser::{Parser, Step};
use crate::pipe::{PAGE, Pipe};

/// Why a body did not come whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFault {
    /// No byte came for longer than the limit.
    Stalled,
    /// The connection ended before the body did.
    EndedEarly,
    /// The chunked framing is broken.
    Malformed,
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stalled => "the body stopped coming",
            Self::EndedEarly => "the body ended early",
            Self::Malformed => "the chunks of the body are malformed",
        })
    }
}

impl std::error::Error for BodyFault {}

impl From<BodyFault> for io::Error {
    fn from(fault: BodyFault) -> Self {
        let kind = match fault {
            BodyFault::Stalled => io::ErrorKind::TimedOut,
            BodyFault::EndedEarly => io::ErrorKind::UnexpectedEof,
            BodyFault::Malformed => io::ErrorKind::InvalidData,
        };
        Self::new(kind, fault)
    }
}

/// A body that is being received.
#[derive(Debug)]
pub(crate) struct Body {
    state: BodyState,
    /// How long it may go without a byte.
    timeout: Option<Duration>,
    /// How many bytes of it have been taken.
    received: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyState {
    Coming,
    Whole,
    Failed(BodyFault),
}

impl Body {
    /// One of which no byte is to come.
    pub(crate) fn empty() -> Self {
        Self {
            state: BodyState::Whole,
            timeout: None,
            received: 0,
        }
    }

    /// One that is still to come.
    pub(crate) fn coming(timeout: Option<Duration>) -> Self {
        Self {
            state: BodyState::Coming,
            timeout,
            received: 0,
        }
    }

    pub(crate) fn is_coming(&self) -> bool {
        self.state == BodyState::Coming
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.state == BodyState::Whole
    }

    /// How many bytes of it have been taken.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Why reading it has failed, if it has.
    pub(crate) fn fault(&self) -> Option<BodyFault> {
        match self.state {
            BodyState::Failed(fault) => Some(fault),
            BodyState::Coming | BodyState::Whole => None,
        }
    }

    /// Gives it up. The error is that of every later read.
    pub(crate) fn fail(&mut self, fault: BodyFault) -> io::Error {
        self.state = BodyState::Failed(fault);
        fault.into()
    }

    /// Copies what comes next of it; 0 at its end. With `waits` it waits until there is something.
    ///
    /// # Errors
    /// That of the fault; `WouldBlock` where it does not wait and nothing has come.
    pub(crate) fn read(
        &mut self,
        connection: &mut Connection,
        out: &mut [u8],
        waits: bool,
    ) -> io::Result<usize> {
        loop {
            match self.next(connection, out)? {
                Step::Bytes(count) => return Ok(count),
                Step::End => return Ok(0),
                Step::Data(left) => {
                    let most = usize::try_from(left).unwrap_or(usize::MAX).min(out.len());
                    let out = &mut out[..most];
                    let receive = |socket: &Socket, _: &mut Parser| socket.receive(out);
                    let count = self.receive(connection, waits, receive)?;
                    self.skip(connection, count);
                    return Ok(count);
                }
                Step::Framing => self.receive_framing(connection, waits)?,
            }
        }
    }

    /// Moves what comes next of it into a pipe that is empty; 0 at its end.
    ///
    /// # Errors
    /// That of the fault.
    pub(crate) fn fill(
        &mut self,
        connection: &mut Connection,
        pipe: &mut Pipe,
    ) -> io::Result<usize> {
        let mut page = [0; PAGE];
        loop {
            match self.next(connection, &mut page)? {
                Step::Bytes(count) => {
                    pipe.put(&page[..count])?;
                    return Ok(count);
                }
                Step::End => return Ok(0),
                Step::Data(left) => {
                    let most = usize::try_from(left).unwrap_or(usize::MAX);
                    let mut is_stuck = false;
                    let receive = |socket: &Socket, _: &mut Parser| {
                        pipe.fill_from(socket, most, &mut is_stuck)
                    };
                    let count = self.receive(connection, true, receive)?;
                    self.skip(connection, count);
                    return Ok(count);
                }
                Step::Framing => self.receive_framing(connection, true)?,
            }
        }
    }

    /// What comes next of it; what has come already is copied.
    fn next(&mut self, connection: &mut Connection, out: &mut [u8]) -> io::Result<Step> {
        match self.state {
            BodyState::Coming => {}
            BodyState::Whole => return Ok(Step::End),
            BodyState::Failed(fault) => return Err(fault.into()),
        }
        if out.is_empty() {
            return Ok(Step::Bytes(0));
        }
        let Ok(step) = connection.input.body(out) else {
            return Err(self.fail(BodyFault::Malformed));
        };
        if let Step::Bytes(count) = step {
            self.received += count as u64;
        }
        self.check_end(connection);
        Ok(step)
    }

    /// Records that this many bytes of it were taken from the socket, past the parser.
    fn skip(&mut self, connection: &mut Connection, count: usize) {
        self.received += count as u64;
        connection.input.skip_data(count as u64);
        self.check_end(connection);
    }

    /// Ends the body if the parser has found its end.
    fn check_end(&mut self, connection: &Connection) {
        if connection.input.is_whole() {
            self.state = BodyState::Whole;
        }
    }

    fn receive_framing(&mut self, connection: &mut Connection, waits: bool) -> io::Result<()> {
        let receive = |socket: &Socket, input: &mut Parser| {
            // What comes is put after what is pending.
            socket.receive_behind(input.room(READ_SIZE))
        };
        self.receive(connection, waits, receive).map(drop)
    }

    /// Receives something, with `waits` as soon as there is something.
    fn receive(
        &mut self,
        connection: &mut Connection,
        waits: bool,
        mut receive: impl FnMut(&Socket, &mut Parser) -> io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            let error = match receive(&connection.socket, &mut connection.input) {
                Ok(0) => return Err(self.fail(BodyFault::EndedEarly)),
                Ok(count) => {
                    connection.counts.received += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => error,
                Err(error) if !waits => return Err(error),
                Err(_) => match connection.socket.wait_readable(self.timeout) {
                    Ok(()) => continue,
                    Err(error) => error,
                },
            };
            return Err(match error.kind() {
                io::ErrorKind::TimedOut => self.fail(BodyFault::Stalled),
                io::ErrorKind::ConnectionReset => self.fail(BodyFault::EndedEarly),
                _ => error,
            });
        }
    }
}
