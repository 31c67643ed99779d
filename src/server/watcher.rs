//! One client that watches the transfers: a reply that is continued with an event now and then.
//!
//! Responsible for: sending events without waiting for the client, and when it is given up. Not
//! for: making events, when they are sent (`watchers.rs`).

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tiny_http::{ClientFault, Detached, Selector};

use super::slots::Slot;
use super::transfer::Transfer;
use crate::http::policy::Caller;

/// How long a client may take nothing of an event.
const STALL_TIMEOUT: Duration = Duration::from_secs(10);

/// What the system keeps for a client that has not taken it yet, in bytes. The control group is
/// charged for twice as much.
const BUFFER_SIZE: usize = 16 * 1024;

/// Who watches.
pub(super) struct Client {
    pub(super) transfer: Arc<Transfer>,
    /// Who may watch, and by which rules.
    pub(super) caller: Caller,
    /// Its place among those that watch, which is free again when this is dropped.
    pub(super) _place: Slot,
}

/// A client that watches.
pub(super) struct Watcher {
    reply: Detached,
    client: Client,
    /// The number of the event that was sent last, whole or in part.
    event: u64,
    /// How much of the reply had been sent when it was last seen to go on, and when that was.
    progress: (u64, Instant),
}

/// Why a client does not watch any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client or the server has ended the connection, or it fails.
    Client(ClientFault),
    /// The client has taken nothing for too long.
    Stalled,
    /// What slow clients have not taken yet is too much in all.
    Backlog,
    /// The rules of who may do what have changed. It has to ask again.
    Rules,
    /// The server is shutting down.
    Stopping,
    /// Something else, in words for the log.
    Failed(String),
}

impl End {
    /// What the log says. That a client leaves is how watching ends.
    pub(super) fn cause(self) -> Option<String> {
        Some(match self {
            Self::Client(ClientFault::Gone) => return None,
            Self::Client(fault) => fault.to_string(),
            Self::Stalled => {
                format!("the client took no event for {} s", STALL_TIMEOUT.as_secs())
            }
            Self::Backlog => "slow clients kept too many events in memory".to_owned(),
            Self::Rules => "the access file has changed".to_owned(),
            Self::Stopping => "the server is shutting down".to_owned(),
            Self::Failed(cause) => cause,
        })
    }

    fn of(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::TimedOut => {
                Self::Client(ClientFault::Gone)
            }
            _ => Self::Failed(format!("the reply cannot be continued: {error}")),
        }
    }
}

impl Watcher {
    pub(super) fn new(reply: Detached, client: Client) -> Self {
        reply.limit_buffer(BUFFER_SIZE);
        // It lasts for as long as the client wants. It has one line in the log, at its end.
        client.transfer.set_waiting(true);
        Self {
            progress: (0, Instant::now()),
            reply,
            client,
            event: 0,
        }
    }

    /// Has the selector report when there is something to do.
    pub(super) fn register(&self, selector: &Selector, key: u64) -> Result<(), End> {
        selector
            .add(&self.reply, key)
            .map_err(|error| End::of(&error))
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.client.caller
    }

    /// Sends the event of this number. A client that has not taken the one before goes without it.
    pub(super) fn send(&mut self, event: &Arc<[u8]>, number: u64, now: Instant) -> Result<(), End> {
        if !self.flush()? {
            return self.check_progress(now);
        }
        self.event = number;
        self.progress = (self.reply.sent(), now);
        match self.reply.send(Arc::clone(event)) {
            Ok(_) => Ok(()),
            Err(error) => Err(End::of(&error)),
        }
    }

    /// Does what there is to do when the selector has reported it.
    pub(super) fn advance(&mut self) -> Result<(), End> {
        match self.reply.client_fault() {
            Some(fault) => Err(End::Client(fault)),
            None => self.flush().map(drop),
        }
    }

    /// The number of the event that it has not taken whole, and the bytes of that in memory.
    pub(super) fn unsent(&self) -> Option<(u64, usize)> {
        let content = self.reply.unsent()?;
        Some((self.event, content.len()))
    }

    /// Ends the reply, as a whole one where it is the server that ends it, else by a reset. Returns
    /// the request that has ended with it.
    pub(super) fn end(self, why: &End) -> Arc<Transfer> {
        let transfer = self.client.transfer;
        transfer.count(0, self.reply.sent());
        if matches!(why, End::Stopping | End::Rules) {
            // An error means that it was reset instead: the client has not taken what came before.
            let _ = self.reply.finish();
        }
        transfer
    }

    fn flush(&mut self) -> Result<bool, End> {
        self.reply.flush().map_err(|error| End::of(&error))
    }

    fn check_progress(&mut self, now: Instant) -> Result<(), End> {
        let (sent, since) = self.progress;
        if self.reply.sent() > sent {
            self.progress = (self.reply.sent(), now);
            return Ok(());
        }
        match now.saturating_duration_since(since) >= STALL_TIMEOUT {
            true => Err(End::Stalled),
            false => Ok(()),
        }
    }
}
