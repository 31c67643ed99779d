//! Reading the head of a request on a connection, up to the request that is handed out.
//!
//! Responsible for: one step of one connection, without waiting. Not for: the syntax of a head
//! (`parser.rs`, `role.rs`), and what follows it (`exchange.rs`).

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Instant;

use crate::connection::Connection;
use crate::engine::Engine;
use crate::exchange::Exchange;
use crate::io::READ_SIZE;
use crate::lifecycle;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::response::Response;
use crate::table::Wait;

/// Receives what has come of a head, and hands the request out if that completes it.
pub(crate) fn receive(engine: &Arc<Engine>, mut connection: Box<Connection>) -> Option<Request> {
    let was_idle = connection.input.pending().is_empty();
    let room = connection.input.room(READ_SIZE);
    match connection.socket.receive_behind(room) {
        Ok(0) => lifecycle::close(engine, connection),
        Ok(count) => {
            connection.counts.received += count as u64;
            if was_idle {
                connection.since = Instant::now();
            }
            return advance(engine, connection);
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => wait_for_more(engine, connection),
        Err(_) => lifecycle::close(engine, connection),
    }
    None
}

/// Hands the request out if its head is complete or refused.
pub(crate) fn advance(engine: &Arc<Engine>, mut connection: Box<Connection>) -> Option<Request> {
    if let Some(refusal) = connection.refusal.take() {
        return refuse(engine, connection, refusal);
    }
    match connection.input.head(engine.config.max_head) {
        None => {
            wait_for_more(engine, connection);
            None
        }
        Some(Ok(head)) => Some(Request::new(Exchange::new(engine, connection, &head), head)),
        Some(Err(refusal)) => refuse(engine, connection, refusal),
    }
}

/// Waits for the rest of a head, or for its first byte.
fn wait_for_more(engine: &Engine, mut connection: Box<Connection>) {
    connection.input.shrink();
    let (wait, limit) = match connection.input.pending().is_empty() {
        true => (Wait::Idle, engine.config.keep_alive),
        false => (Wait::Head, engine.config.head_timeout),
    };
    let deadline = connection.since + limit;
    lifecycle::wait(engine, connection, wait, deadline);
}

/// Answers a head that is refused, unless the program does. Where replies to earlier requests of
/// the connection are not over, it is answered once they are.
fn refuse(
    engine: &Arc<Engine>,
    mut connection: Box<Connection>,
    refusal: Refusal,
) -> Option<Request> {
    let is_handed_out = engine.config.hands_out_refusals;
    if !is_handed_out {
        connection.refusal = Some(refusal.clone());
        connection = lifecycle::defer_refused(engine, connection)?;
    }
    let request = Request::refused(Exchange::refused(engine, connection), refusal.clone());
    if is_handed_out {
        return Some(request);
    }
    log::debug!("a request is refused: {}", refusal.fault);
    let response = Response::from_string(format!("{}\n", refusal.fault));
    // An error means that the client does not read it.
    let _ = request.respond_at_once(response.with_status_code(refusal.fault.status()));
    None
}
