//! One epoll instance for all sockets of a server, on which all threads wait that ask for a request.
//!
//! Responsible for: who waits, what woke a thread, deadlines, the end of a server. Not for: putting a connection down
//! (`connection.rs`), what is done with one that has something to read (`dispatch.rs`).
//!
//! Connections are registered one-shot: whoever is given the event has the connection, until it puts it down again.
//! A timer holds the earliest deadline, so that no thread needs to know when it has to look after others' connections.

use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

use crate::connection::Connection;
use crate::io::timespec;
use crate::sync::lock;
use crate::table::{Table, Token, Wait};
use crate::{Config, Listener, Request};

/// The token of the event that only wakes a thread.
const WAKE: Token = Token::MAX;
/// The token of the timer.
const TIMER: Token = Token::MAX - 1;
/// The token of the first listener; those of the others are below it.
const LISTENER: Token = Token::MAX - 2;

#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) config: Config,
    pub(crate) epoll: OwnedFd,
    wake: OwnedFd,
    timer: OwnedFd,
    state: Mutex<State>,
    /// For threads that wait for a place among the pollers.
    parked: Condvar,
    /// Told when the last connection of a server that stops is over.
    over: Condvar,
    pub(crate) next_id: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) table: Table<Box<Connection>>,
    /// Connections whose next request has come already, or was given up.
    pub(crate) ready: VecDeque<Box<Connection>>,
    /// Connections whose next head is refused, to be answered when the replies before are over.
    pub(crate) refused: VecDeque<Box<Connection>>,
    listeners: Vec<Arc<Listener>>,
    /// Whether connections are refused, as far as the log knows.
    pub(crate) is_refusing: bool,
    /// Whether what the sockets have goes before what is ready: neither keeps the other waiting.
    is_turn_of_events: bool,
    /// When to accept again, after a failure.
    pub(crate) accept_again: Option<Instant>,
    /// What the timer is set to.
    armed: Option<Instant>,
    /// Threads in `epoll_wait`, and threads that wait for a place among them.
    pollers: usize,
    parked: usize,
    /// Threads that are to be unblocked.
    unblocked: usize,
    /// Whether nothing more is accepted, and each reply is the last of its connection.
    pub(crate) stopping: bool,
    /// Whether connections that wait for a request are closed.
    pub(crate) draining: bool,
}

impl State {
    /// Whether a server that stops has no connection left.
    fn is_over(&self) -> bool {
        self.stopping && self.table.len() == 0
    }
}

impl Engine {
    pub(crate) fn new(listeners: Vec<Listener>, config: Config) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let data = epoll::EventData::new_u64;
        epoll::add(&epoll, &wake, data(WAKE), epoll::EventFlags::IN)?;
        epoll::add(&epoll, &timer, data(TIMER), epoll::EventFlags::IN)?;
        let once = epoll::EventFlags::IN | epoll::EventFlags::ONESHOT;
        for (token, listener) in (0..=LISTENER).rev().zip(&listeners) {
            listener.set_nonblocking()?;
            if let Listener::Tcp(_) = listener {
                // What is accepted inherits it. Replies leave in as few writes as can be.
                rustix::net::sockopt::set_tcp_nodelay(listener, true)?;
            }
            epoll::add(&epoll, listener, data(token), once)?;
        }
        Ok(Self {
            config,
            epoll,
            wake,
            timer,
            state: Mutex::new(State {
                table: Table::new(),
                ready: VecDeque::new(),
                refused: VecDeque::new(),
                is_turn_of_events: false,
                listeners: listeners.into_iter().map(Arc::new).collect(),
                is_refusing: false,
                accept_again: None,
                armed: None,
                pollers: 0,
                parked: 0,
                unblocked: 0,
                stopping: false,
                draining: false,
            }),
            parked: Condvar::new(),
            over: Condvar::new(),
            next_id: AtomicU64::new(0),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Waits for a request, at most until the deadline. None where that has come, the thread was unblocked, or the server
    /// has stopped and no connection is left.
    ///
    /// # Errors
    /// Those of epoll_wait(2).
    pub(crate) fn receive(
        self: &Arc<Self>,
        deadline: Option<Instant>,
    ) -> io::Result<Option<Request>> {
        let mut state = self.lock();
        loop {
            if state.unblocked > 0 || state.is_over() {
                let unblocked = state.unblocked;
                state.unblocked = unblocked.saturating_sub(1);
                self.leave(state, unblocked > 1);
                return Ok(None);
            }
            let has_place = state.pollers < self.config.pollers.max(1);
            let may_wait = state.is_turn_of_events && has_place;
            let is_due = !state.ready.is_empty() && !may_wait;
            if is_due && let Some(connection) = state.ready.pop_front() {
                state.is_turn_of_events = true;
                let is_more = !state.ready.is_empty();
                self.leave(state, is_more);
                if let Some(request) = self.advance(connection) {
                    return Ok(Some(request));
                }
                state = self.lock();
            } else if has_place {
                // With a request ready, other connections have their turn if they have anything.
                let looks = std::mem::take(&mut state.is_turn_of_events) && !state.ready.is_empty();
                state.pollers += 1;
                drop(state);
                let event = self.poll(if looks {
                    Some(Instant::now())
                } else {
                    deadline
                });
                state = self.lock();
                state.pollers -= 1;
                match event {
                    Ok(None) if looks => {}
                    Ok(Some(token)) => {
                        self.leave(state, false);
                        if let Some(request) = self.dispatch(token) {
                            return Ok(Some(request));
                        }
                        state = self.lock();
                    }
                    other => {
                        self.leave(state, false);
                        return other.map(|_| None);
                    }
                }
            } else {
                state.parked += 1;
                let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
                let waited = self
                    .parked
                    .wait_timeout(state, left.unwrap_or(Duration::MAX));
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                state.parked -= 1;
                if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                    self.leave(state, false);
                    return Ok(None);
                }
            }
        }
    }

    /// Called by a thread that goes off to do something: where it leaves no poller behind, another takes its place.
    pub(crate) fn leave(&self, state: MutexGuard<'_, State>, is_work_left: bool) {
        let (is_needed, is_polling) = (state.parked > 0 && state.pollers == 0, state.pollers > 0);
        drop(state);
        if is_needed {
            self.parked.notify_one();
        }
        if is_work_left && is_polling {
            self.wake();
        }
    }

    /// Waits for one event.
    fn poll(&self, deadline: Option<Instant>) -> io::Result<Option<Token>> {
        loop {
            let mut events = [MaybeUninit::uninit()];
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let timeout = left.map(timespec);
            match epoll::wait(&self.epoll, &mut events, timeout.as_ref()) {
                Ok((events, _)) => return Ok(events.first().map(|event| event.data.u64())),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn dispatch(self: &Arc<Self>, token: Token) -> Option<Request> {
        match token {
            WAKE => self.woken(),
            TIMER => self.expire(),
            _ if token > LISTENER - (1 << 16) => return self.accept(LISTENER - token),
            _ => {
                let (connection, wait) = self.lock().table.take(token)?;
                return match wait {
                    Wait::Linger => self.discard(connection),
                    Wait::Idle | Wait::Head => self.readable(connection),
                };
            }
        }
        None
    }

    /// Wakes one of the threads that poll, or all of them where the server is over.
    fn wake(&self) {
        let write = || rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
        // The only other failure is that the counter is full, and then the event is there.
        let _ = rustix::io::retry_on_intr(write);
    }

    fn woken(&self) {
        if !self.lock().is_over() {
            // Another thread may have been quicker.
            let _ = rustix::io::read(&self.wake, &mut [0_u8; 8]);
        }
    }

    /// Unblocks one thread that waits for a request, or the next one that will.
    pub(crate) fn unblock(&self) {
        self.lock().unblocked += 1;
        self.wake();
    }

    /// Sees to it that the timer goes off at a deadline, or before.
    pub(crate) fn arm(&self, state: &mut State, deadline: Instant) {
        if state.armed.is_some_and(|armed| armed <= deadline) {
            return;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let value = Itimerspec {
            it_interval: timespec(Duration::ZERO),
            // 0 would disarm it.
            it_value: timespec(left.max(Duration::from_nanos(1))),
        };
        match timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &value) {
            Ok(_) => state.armed = Some(deadline),
            Err(errno) => log::warn!("deadlines are not kept, for timerfd_settime says: {errno}"),
        }
    }

    /// Gives up on what has come too late.
    fn expire(&self) {
        // Another thread may have been quicker.
        let _ = rustix::io::read(&self.timer, &mut [0_u8; 8]);
        let now = Instant::now();
        let mut closed = Vec::new();
        let mut state = self.lock();
        state.armed = None;
        while let Some((token, mut connection, wait)) = state.table.expired(now) {
            connection.refusal = match wait {
                Wait::Head => connection.input.time_out(),
                Wait::Idle | Wait::Linger => None,
            };
            match connection.refusal {
                Some(_) => state.ready.push_back(connection),
                None => {
                    state.table.remove(token);
                    closed.push(connection);
                }
            }
        }
        let accepts = state.accept_again.is_some_and(|again| again <= now);
        if accepts {
            state.accept_again = None;
        }
        let next = state
            .table
            .next_deadline()
            .into_iter()
            .chain(state.accept_again)
            .min();
        if let Some(next) = next {
            self.arm(&mut state, next);
        }
        let listeners = if accepts {
            0..state.listeners.len() as u64
        } else {
            0..0
        };
        self.note_end(state);
        listeners.for_each(|number| self.listen(number));
    }

    /// Waits for connections at a listener again; where that cannot be, after a while.
    pub(crate) fn listen(&self, number: u64) {
        if let Some(listener) = self.listener(number) {
            let data = epoll::EventData::new_u64(LISTENER - number);
            let once = epoll::EventFlags::IN | epoll::EventFlags::ONESHOT;
            if let Err(errno) = epoll::modify(&self.epoll, listener.as_fd(), data, once) {
                self.note_refusal(&errno);
                self.pause();
            }
        }
    }

    pub(crate) fn listener(&self, number: u64) -> Option<Arc<Listener>> {
        self.lock()
            .listeners
            .get(usize::try_from(number).ok()?)
            .cloned()
    }

    /// Tells whoever waits for it that the server is over, if it is.
    pub(crate) fn note_end(&self, state: MutexGuard<'_, State>) {
        if state.is_over() {
            drop(state);
            self.over.notify_all();
            self.parked.notify_all();
            self.wake();
        }
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.lock().table.len()
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    /// Accepts no more.
    pub(crate) fn stop_accepting(&self) {
        let mut state = self.lock();
        state.stopping = true;
        state.accept_again = None;
        state.listeners.clear();
        self.note_end(state);
    }

    /// Accepts no more, and closes the connections that wait for a request. With `at_once`, also those that have begun to
    /// send one.
    pub(crate) fn stop(&self, at_once: bool) {
        self.stop_accepting();
        let mut state = self.lock();
        state.draining = true;
        let is_idle = |it: &Connection| it.input.is_new() && !it.socket.has_input();
        while state.table.evict(|it| at_once || is_idle(it)).is_some() {}
        if at_once {
            let State {
                ready,
                refused,
                table,
                ..
            } = &mut *state;
            let left = ready.drain(..).chain(refused.drain(..));
            left.for_each(|connection| table.remove(connection.token));
        }
        self.note_end(state);
    }

    /// Waits until the last connection is over, of a server that stops; says whether that is so.
    pub(crate) fn wait_until_over(&self, timeout: Duration) -> bool {
        let is_not = |state: &mut State| !state.is_over();
        let waited = self.over.wait_timeout_while(self.lock(), timeout, is_not);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_over()
    }
}
