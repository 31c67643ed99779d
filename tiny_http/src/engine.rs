//! The connections of a server and the threads that serve them: one epoll instance for all sockets,
//! on which all threads wait that ask for a request.
//!
//! Responsible for: which thread waits and what it is woken for, deadlines, the end of the server.
//! Not for: a single connection (`lifecycle.rs`), and what is done with its input (`dispatch.rs`).
//!
//! Sockets are registered one-shot: the thread that is given an event owns the connection until it
//! gives it back. A timer is set to the earliest deadline of all connections, so that no thread
//! that waits needs a timeout for them.

use std::fmt::Display;
use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::connection::Connection;
use crate::io::time_left;
use crate::listen::Listener;
use crate::poller::{Event, Poller};
use crate::state::State;
use crate::sync::lock;
use crate::table::Wait;

/// How long no connection is accepted after an error.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) config: Config,
    pub(crate) poller: Poller,
    state: Mutex<State>,
    /// For threads that wait for a place among the pollers.
    parked: Condvar,
    /// Notified when the last connection of a server that stops has ended.
    over: Condvar,
    pub(crate) next_id: AtomicU64,
}

/// What a thread is to do next.
pub(crate) enum Task {
    /// Accept from the listener of this number.
    Accept(usize),
    /// Go on with a connection that needs nothing from its socket.
    Advance(Box<Connection>),
    /// Receive what has come on a connection that has waited for this.
    Receive(Box<Connection>, Wait),
}

impl Engine {
    pub(crate) fn new(listeners: Vec<Listener>, config: Config) -> io::Result<Self> {
        let poller = Poller::new()?;
        for (number, listener) in listeners.iter().enumerate() {
            listener.set_nonblocking()?;
            if let Listener::Tcp(_) = listener {
                // Accepted sockets inherit it. Replies leave in as few writes as possible.
                rustix::net::sockopt::set_tcp_nodelay(listener, true)?;
            }
            poller.add(listener, Event::Listener(number))?;
        }
        Ok(Self {
            config,
            poller,
            state: Mutex::new(State::new(listeners)),
            parked: Condvar::new(),
            over: Condvar::new(),
            next_id: AtomicU64::new(0),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Waits for something to do. `None` at the deadline, if the thread was unblocked, and once the
    /// server has stopped and no connection is left.
    ///
    /// # Errors
    /// Those of epoll_wait(2).
    pub(crate) fn next_task(&self, deadline: Option<Instant>) -> io::Result<Option<Task>> {
        let mut state = self.lock();
        loop {
            if state.unblocked > 0 || state.is_over() {
                let unblocked = state.unblocked;
                state.unblocked = unblocked.saturating_sub(1);
                self.leave(state, unblocked > 1);
                return Ok(None);
            }
            let can_poll = state.pollers < self.config.pollers.max(1);
            if let Some(connection) = state.next_ready(can_poll) {
                let is_more = !state.ready.is_empty();
                self.leave(state, is_more);
                return Ok(Some(Task::Advance(connection)));
            }
            if !can_poll {
                state = self.park(state, deadline);
                if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                    self.leave(state, false);
                    return Ok(None);
                }
                continue;
            }
            if let ControlFlow::Break(task) = self.poll(state, deadline)? {
                return Ok(task);
            }
            state = self.lock();
        }
    }

    /// Waits for an event, at most until the deadline, and only checks for one where a connection
    /// is ready. `Break` has the task that follows from the event, or none at the deadline.
    fn poll(
        &self,
        mut state: MutexGuard<'_, State>,
        deadline: Option<Instant>,
    ) -> io::Result<ControlFlow<Option<Task>>> {
        let is_check = std::mem::take(&mut state.polls_first) && !state.ready.is_empty();
        let deadline = if is_check {
            Some(Instant::now())
        } else {
            deadline
        };
        state.pollers += 1;
        drop(state);
        let event = self.poller.wait(deadline);
        let mut state = self.lock();
        state.pollers -= 1;
        match event {
            Ok(Some(event)) => Ok(match self.task_of(event, state) {
                Some(task) => ControlFlow::Break(Some(task)),
                None => ControlFlow::Continue(()),
            }),
            Ok(None) if is_check => Ok(ControlFlow::Continue(())),
            other => {
                self.leave(state, false);
                other.map(|_| ControlFlow::Break(None))
            }
        }
    }

    /// Waits for a place among the pollers, or for the end of the server.
    fn park<'s>(
        &self,
        mut state: MutexGuard<'s, State>,
        deadline: Option<Instant>,
    ) -> MutexGuard<'s, State> {
        state.parked += 1;
        let left = deadline.map_or(Duration::MAX, time_left);
        let waited = self.parked.wait_timeout(state, left);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.parked -= 1;
        state
    }

    /// The task that follows from an event. None where the event is dealt with here, or another
    /// thread owns the connection.
    fn task_of(&self, event: Event, mut state: MutexGuard<'_, State>) -> Option<Task> {
        let task = match event {
            Event::Listener(number) => Some(Task::Accept(number)),
            Event::Connection(token) => state
                .table
                .take(token)
                .map(|(connection, wait)| Task::Receive(connection, wait)),
            Event::Wake | Event::Timer => None,
        };
        self.leave(state, false);
        match event {
            Event::Wake => self.clear_wake(),
            Event::Timer => self.expire(),
            Event::Listener(_) | Event::Connection(_) => {}
        }
        task
    }

    /// Called by a thread that stops waiting: where it leaves no poller behind, a parked thread
    /// takes its place.
    pub(crate) fn leave(&self, state: MutexGuard<'_, State>, is_work_left: bool) {
        let (is_needed, is_polling) = (state.parked > 0 && state.pollers == 0, state.pollers > 0);
        drop(state);
        if is_needed {
            self.parked.notify_one();
        }
        if is_work_left && is_polling {
            self.poller.wake();
        }
    }

    /// Lets threads wait again, unless the server is over: then all of them are to be woken.
    fn clear_wake(&self) {
        if !self.lock().is_over() {
            self.poller.clear_wake();
        }
    }

    /// Unblocks one thread that waits for a request, or the next one that will.
    pub(crate) fn unblock(&self) {
        self.lock().unblocked += 1;
        self.poller.wake();
    }

    /// Sees to it that the timer expires at a deadline, or before.
    pub(crate) fn set_timer(&self, state: &mut State, deadline: Instant) {
        if state.timer.is_some_and(|timer| timer <= deadline) {
            return;
        }
        match self.poller.set_timer(deadline) {
            Ok(()) => state.timer = Some(deadline),
            Err(errno) => log::warn!("deadlines are not kept: timerfd_settime failed: {errno}"),
        }
    }

    /// Deals with everything whose deadline has come.
    fn expire(&self) {
        self.poller.clear_timer();
        let now = Instant::now();
        let mut state = self.lock();
        state.timer = None;
        // Dropped at the end, without the lock.
        let _closed = state.expire(now);
        let is_time_to_accept = state.is_time_to_accept(now);
        if let Some(next) = state.next_deadline() {
            self.set_timer(&mut state, next);
        }
        let listeners = state.listeners.len();
        self.notify_if_over(state);
        if is_time_to_accept {
            (0..listeners).for_each(|number| self.listen(number));
        }
    }

    /// Waits for the next connection at a listener; where that fails, after a pause.
    pub(crate) fn listen(&self, number: usize) {
        if let Some(listener) = self.listener(number)
            && let Err(errno) = self
                .poller
                .rearm(listener.as_ref(), Event::Listener(number))
        {
            self.log_refusal(&errno);
            self.pause_accepting();
        }
    }

    pub(crate) fn listener(&self, number: usize) -> Option<Arc<Listener>> {
        self.lock().listeners.get(number).cloned()
    }

    /// Accepts nothing for a while.
    pub(crate) fn pause_accepting(&self) {
        let at = Instant::now() + ACCEPT_PAUSE;
        let mut state = self.lock();
        state.accept_at = Some(at);
        self.set_timer(&mut state, at);
    }

    /// Logs that no connection can be accepted: once, until one is accepted.
    pub(crate) fn log_refusal(&self, why: &dyn Display) {
        if !std::mem::replace(&mut self.lock().is_refusing, true) {
            log::warn!("new connections are refused for now: {why}");
        }
    }

    /// Wakes every thread that waits, if the server is over.
    pub(crate) fn notify_if_over(&self, state: MutexGuard<'_, State>) {
        if state.is_over() {
            drop(state);
            self.over.notify_all();
            self.parked.notify_all();
            self.poller.wake();
        }
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.lock().table.len()
    }

    /// Whether there are connections that wait for their clients.
    pub(crate) fn is_any_waiting(&self) -> bool {
        self.lock().table.is_any_waiting()
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.lock().is_stopping
    }

    /// Accepts no more connections.
    pub(crate) fn stop_accepting(&self) {
        let mut state = self.lock();
        state.stop_accepting();
        self.notify_if_over(state);
    }

    /// Accepts no more connections, and closes those that wait for a request. With `at_once`, also
    /// those that have begun to send one.
    pub(crate) fn stop(&self, at_once: bool) {
        self.stop_accepting();
        let mut state = self.lock();
        state.drain(at_once);
        self.notify_if_over(state);
    }

    /// Waits until the last connection of a server that stops has ended; says whether it has.
    pub(crate) fn wait_until_over(&self, timeout: Duration) -> bool {
        let is_not = |state: &mut State| !state.is_over();
        let waited = self.over.wait_timeout_while(self.lock(), timeout, is_not);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_over()
    }
}
