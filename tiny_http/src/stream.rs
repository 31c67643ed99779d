//! The connection of a request, given to the program as it is.
//!
//! Responsible for: reading and writing it, and its end. Not for: what is said on it.

use std::io::{self, IoSlice, Read, Write};

use crate::exchange::Exchange;
use crate::wire::{Next, Sink as _};

/// A stream that can be read and written.
pub trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

/// A connection on which its user speaks another protocol, or writes the reply itself.
pub(crate) struct Stream {
    exchange: Option<Exchange>,
    /// Whether the connection goes on with the next request when the stream is dropped.
    goes_on: bool,
}

impl Stream {
    /// The stream of a request's connection; without a connection every use of it fails.
    pub(crate) fn new(exchange: Option<Exchange>, goes_on: bool) -> Self {
        Self { exchange, goes_on }
    }

    fn exchange(&mut self) -> io::Result<&mut Exchange> {
        self.exchange
            .as_mut()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Read for Stream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let exchange = self.exchange()?;
        match exchange.take_pending(out) {
            0 => {}
            pending => return Ok(pending),
        }
        loop {
            match exchange.socket.receive(out) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    exchange.socket.wait_readable(None)?;
                }
                received => return received,
            }
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let exchange = self.exchange()?;
        exchange.wait_for_replies_before();
        let mut wire = exchange.wire(&());
        wire.send(&mut [IoSlice::new(bytes)], Next::Later)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            exchange.finish(self.goes_on);
        }
    }
}
