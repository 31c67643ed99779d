//! The loop of a thread that asks for a request: it serves all connections until one has a request.
//!
//! Responsible for: which step a connection takes next. Not for: which thread waits (`engine.rs`),
//! and the steps themselves.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use crate::accept::accept;
use crate::engine::{Engine, Task};
use crate::lifecycle;
use crate::read_head;
use crate::request::Request;
use crate::table::Wait;

/// Waits for a request. `None` at the deadline, if the thread was unblocked, and once the server
/// has stopped and no connection is left.
///
/// # Errors
/// Those of epoll_wait(2).
pub(crate) fn next_request(
    engine: &Arc<Engine>,
    deadline: Option<Instant>,
) -> io::Result<Option<Request>> {
    while let Some(task) = engine.next_task(deadline)? {
        let request = match task {
            Task::Accept(number) => accept(engine, number),
            Task::Advance(connection) => read_head::advance(engine, connection),
            Task::Receive(connection, Wait::Linger) => {
                lifecycle::discard(engine, connection);
                None
            }
            Task::Receive(connection, Wait::Idle | Wait::Head) => {
                read_head::receive(engine, connection)
            }
        };
        if request.is_some() {
            return Ok(request);
        }
    }
    Ok(None)
}
