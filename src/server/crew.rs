//! The workers of one server of tiny_http: threads that take turns at the loop over its requests.
//!
//! Who is in the loop and receives a request sees to it that another thread is there in its place, and then carries the
//! request out. So a request goes from the thread that has read it straight to the one that serves it, and the loop
//! itself never reads from a client, writes to one or touches the disk: no client and no disk can hold it up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::guard::Incoming;
use crate::sync::lock;

/// How long a thread without work stays.
const IDLE: Duration = Duration::from_secs(10);

/// Threads that stay in the loop while others rest: of those that come back from a request, so many wait for the next.
const LISTENING: usize = 2;

/// The stack of a thread, in bytes: address space, of which only what is touched takes memory.
pub(super) const STACK: usize = 512 * 1024;

/// What the threads do with a request.
pub(super) trait Duty: Send + Sync {
    /// A request that has been let in.
    type Job;

    /// Lets a request in, or refuses it. Waits for no client and no disk, and for others that are about to end only for a
    /// moment.
    fn admit(&self, request: tiny_http::Request) -> Option<Self::Job>;

    /// Carries it out.
    fn serve(&self, job: Self::Job);

    /// Refuses, without waiting for anything, what no thread can be had for.
    fn turn_away(&self, job: Self::Job);
}

/// The threads.
pub(super) struct Crew<D> {
    incoming: Incoming,
    duty: Arc<D>,
    most: usize,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    threads: usize,
    /// Threads in the loop, or on their way there.
    listening: usize,
    /// Threads that rest.
    resting: usize,
    /// Resting threads that have been called to the loop, and are counted there.
    called: usize,
}

impl<D: Duty + 'static> Crew<D> {
    /// A crew of one thread at first, and of `most` at most.
    ///
    /// # Errors
    /// Where no thread can be had.
    pub(super) fn start(incoming: Incoming, duty: Arc<D>, most: usize) -> Result<(), String> {
        let first = State {
            threads: 1,
            listening: 1,
            ..State::default()
        };
        let crew = Arc::new(Self {
            incoming,
            duty,
            most,
            state: Mutex::new(first),
            wake: Condvar::new(),
        });
        match crew.hire() {
            true => Ok(()),
            false => Err("cannot start a thread".to_owned()),
        }
    }

    fn hire(self: &Arc<Self>) -> bool {
        let crew = Arc::clone(self);
        std::thread::Builder::new()
            .name("worker".to_owned())
            .stack_size(STACK)
            .spawn(move || crew.work())
            .is_ok()
    }

    fn work(self: Arc<Self>) {
        loop {
            let Some(request) = self.incoming.next(IDLE) else {
                if self.may_leave() {
                    return;
                }
                continue;
            };
            let Some(job) = self.duty.admit(request) else {
                continue;
            };
            if !self.is_relieved() {
                self.duty.turn_away(job);
                continue;
            }
            // A panic is logged where it happens; the thread and its place in the count must outlive it.
            drop(catch_unwind(AssertUnwindSafe(|| self.duty.serve(job))));
            if !self.comes_back() {
                return;
            }
        }
    }

    /// Sees to it that another thread is in the loop. `false` where none can be had.
    fn is_relieved(self: &Arc<Self>) -> bool {
        let mut state = lock(&self.state);
        if state.listening > 1 {
            state.listening -= 1;
            return true;
        }
        if state.resting > state.called {
            state.called += 1;
            self.wake.notify_one();
            return true;
        }
        if state.threads < self.most && self.hire() {
            state.threads += 1;
            return true;
        }
        false
    }

    /// Goes back to the loop, or rests until it is called there. `false` where it was not, for long.
    fn comes_back(&self) -> bool {
        let mut state = lock(&self.state);
        if state.listening < LISTENING {
            state.listening += 1;
            return true;
        }
        state.resting += 1;
        let (mut state, _) = self
            .wake
            .wait_timeout_while(state, IDLE, |state| state.called == 0)
            .unwrap_or_else(PoisonError::into_inner);
        state.resting -= 1;
        let is_called = state.called > 0;
        if is_called {
            state.called -= 1;
        } else {
            state.threads -= 1;
        }
        is_called
    }

    /// Whether a thread in the loop for which nothing came is to end: where another is there, or nothing will come.
    fn may_leave(&self) -> bool {
        let mut state = lock(&self.state);
        let may_leave = state.listening > 1 || self.incoming.is_over();
        if may_leave {
            state.listening -= 1;
            state.threads -= 1;
        }
        may_leave
    }
}
