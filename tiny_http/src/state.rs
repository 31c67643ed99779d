//! The state that the threads of a server share under one lock: its connections, and what is to be
//! done next.
//!
//! Responsible for: decisions, with points in time as values. Not for: the lock, waiting, system
//! calls.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::connection::Connection;
use crate::listen::Listener;
use crate::table::{Table, Wait};

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) table: Table<Box<Connection>>,
    /// Connections that can go on without their socket: the next head has come already, or is
    /// refused.
    pub(crate) ready: VecDeque<Box<Connection>>,
    /// Connections whose next head is refused, until the replies before are over.
    pub(crate) refused: VecDeque<Box<Connection>>,
    pub(crate) listeners: Vec<Arc<Listener>>,
    /// Whether it has been logged that connections are refused.
    pub(crate) is_refusing: bool,
    /// Whether the sockets are polled before the next ready connection is taken. It alternates, so
    /// that neither delays the other for long.
    pub(crate) polls_first: bool,
    /// When to accept again, after an error.
    pub(crate) accept_at: Option<Instant>,
    /// What the timer is set to.
    pub(crate) timer: Option<Instant>,
    /// Threads in `epoll_wait`, and threads that wait for a place among them.
    pub(crate) pollers: usize,
    pub(crate) parked: usize,
    /// How many threads are to be unblocked.
    pub(crate) unblocked: usize,
    /// Whether nothing more is accepted, and each reply is the last of its connection.
    pub(crate) is_stopping: bool,
    /// Whether connections that wait for a request are closed.
    pub(crate) is_draining: bool,
}

impl State {
    pub(crate) fn new(listeners: Vec<Listener>) -> Self {
        Self {
            table: Table::new(),
            ready: VecDeque::new(),
            refused: VecDeque::new(),
            listeners: listeners.into_iter().map(Arc::new).collect(),
            is_refusing: false,
            polls_first: false,
            accept_at: None,
            timer: None,
            pollers: 0,
            parked: 0,
            unblocked: 0,
            is_stopping: false,
            is_draining: false,
        }
    }

    /// Whether a server that stops has no connection left.
    pub(crate) fn is_over(&self) -> bool {
        self.is_stopping && self.table.len() == 0
    }

    /// The next ready connection, unless the sockets come first and the caller can poll them.
    pub(crate) fn next_ready(&mut self, can_poll: bool) -> Option<Box<Connection>> {
        if self.polls_first && can_poll {
            return None;
        }
        let connection = self.ready.pop_front()?;
        self.polls_first = true;
        Some(connection)
    }

    /// Takes up the connections whose deadlines have come. Those with an incomplete head become
    /// ready with a refusal; the others are returned, to be closed.
    pub(crate) fn expire(&mut self, now: Instant) -> VecDeque<Box<Connection>> {
        let mut closed = VecDeque::new();
        while let Some((token, mut connection, wait)) = self.table.expired(now) {
            connection.refusal = match wait {
                Wait::Head => connection.input.time_out(),
                Wait::Idle | Wait::Linger => None,
            };
            if connection.refusal.is_some() {
                self.ready.push_back(connection);
            } else {
                self.table.remove(token);
                closed.push_back(connection);
            }
        }
        closed
    }

    /// Whether it is time to accept again after an error. True once.
    pub(crate) fn is_time_to_accept(&mut self, now: Instant) -> bool {
        self.accept_at.take_if(|at| *at <= now).is_some()
    }

    /// The earliest time at which something is due.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let deadlines = [self.table.next_deadline(), self.accept_at];
        deadlines.into_iter().flatten().min()
    }

    /// Makes a connection ready whose refusal had to wait for the replies before. Returns whether
    /// there is one.
    pub(crate) fn ready_refused(&mut self, id: u64) -> bool {
        let is_due = |connection: &Connection| {
            let pipeline = connection.pipeline.as_ref();
            connection.id == id && pipeline.is_none_or(|pipeline| pipeline.in_flight() == 0)
        };
        let due = self.refused.iter().position(|it| is_due(it));
        let due = due.and_then(|at| self.refused.swap_remove_back(at));
        let is_any = due.is_some();
        self.ready.extend(due);
        is_any
    }

    /// Accepts nothing more.
    pub(crate) fn stop_accepting(&mut self) {
        self.is_stopping = true;
        self.accept_at = None;
        self.listeners.clear();
    }

    /// Closes the connections that wait for a request; with `at_once`, also those that have begun
    /// to send one.
    pub(crate) fn drain(&mut self, at_once: bool) {
        self.is_draining = true;
        let is_idle = |it: &Connection| it.input.is_new() && !it.socket.has_input();
        while self.table.evict(|it| at_once || is_idle(it)).is_some() {}
        if at_once {
            let left = self.ready.drain(..).chain(self.refused.drain(..));
            left.for_each(|connection| self.table.remove(connection.token));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::Socket;
    use crate::parser::Parser;
    use std::time::Duration;

    fn connection(state: &mut State, id: u64, input: &[u8]) -> Box<Connection> {
        let mut parser = Parser::default();
        parser.room(input.len()).extend_from_slice(input);
        Connection::new(state.table.insert(), id, Socket::Nowhere, None, parser)
    }

    #[test]
    fn ready_connections_and_sockets_take_turns() {
        let mut state = State::new(Vec::new());
        for id in 0..3 {
            let ready = connection(&mut state, id, b"");
            state.ready.push_back(ready);
        }
        let mut next = |can_poll| state.next_ready(can_poll).map(|connection| connection.id);
        assert_eq!(next(true), Some(0));
        assert_eq!(next(true), None, "the sockets come first");
        assert_eq!(next(false), Some(1), "another thread polls them");
        state.polls_first = false;
        let next = state.next_ready(true).map(|connection| connection.id);
        assert_eq!(next, Some(2));
        assert!(state.next_ready(true).is_none());
    }

    #[test]
    fn of_the_connections_that_are_late_those_with_a_part_of_a_head_become_ready() {
        let mut state = State::new(Vec::new());
        let now = Instant::now();
        for (id, input, wait) in [
            (0, &b"GET"[..], Wait::Head),
            (1, b"", Wait::Idle),
            (2, b"", Wait::Linger),
        ] {
            let connection = connection(&mut state, id, input);
            state.table.wait(connection.token, connection, wait, now);
        }
        let later = connection(&mut state, 3, b"");
        let deadline = now + Duration::from_secs(1);
        state.table.wait(later.token, later, Wait::Idle, deadline);
        let closed = state.expire(now);
        let mut closed: Vec<u64> = closed.iter().map(|connection| connection.id).collect();
        closed.sort_unstable();
        assert_eq!(closed, [1, 2]);
        assert!(state.ready[0].refusal.is_some() && state.ready.len() == 1);
        assert_eq!(
            (state.table.len(), state.next_deadline()),
            (2, Some(deadline))
        );
    }

    #[test]
    fn a_refusal_becomes_ready_when_the_replies_before_are_over() {
        let mut state = State::new(Vec::new());
        let mut refused = connection(&mut state, 7, b"");
        let pipeline = refused.pipeline.insert(Arc::default());
        let slot = pipeline.add();
        state.refused.push_back(refused);
        assert!(!state.ready_refused(7), "a reply is not over");
        drop(slot);
        assert!(!state.ready_refused(8), "it is of another connection");
        assert!(state.ready_refused(7));
        assert_eq!((state.ready.len(), state.refused.len()), (1, 0));
    }
}
