//! Work that keeps a processor busy for long. It is done in turns with other such work, and only as
//! long as its result is wanted.
//!
//! Responsible for: what the code that computes calls. Not for: the turns
//! (`server/scheduler.rs`).

use std::fmt;

/// Why a computation is ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// The client has closed the connection.
    ClientGone,
    /// The server is shutting down, and the computation would take longer than that.
    Stopping,
}

/// The texts are for clients, too.
impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientGone => "the client closed the connection before its reply",
            Self::Stopping => "the server is shutting down, try again",
        })
    }
}

/// What a computation calls repeatedly.
pub(crate) trait Computing {
    /// Reports that `done` of `total` is done, where the total is known, and waits until the
    /// computation may go on.
    ///
    /// # Errors
    /// Its result is no longer wanted.
    fn checkpoint(&mut self, done: u64, total: u64) -> Result<(), Cancelled>;

    /// Lets other computations go on until the next checkpoint: called before waiting for a lock, a
    /// disk or a client.
    fn pause(&mut self);
}

/// A computation that never waits and is never cancelled.
impl Computing for () {
    fn checkpoint(&mut self, _done: u64, _total: u64) -> Result<(), Cancelled> {
        Ok(())
    }

    fn pause(&mut self) {}
}
