//! A pool of threads that grows as needed up to a limit and shrinks when there is nothing to do.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::crew::STACK;
use crate::sync::lock;

/// How long a thread without work stays.
const IDLE: Duration = Duration::from_secs(10);

/// Threads that carry out jobs of one kind.
pub(super) struct Pool<J> {
    shared: Arc<Shared<J>>,
    name: &'static str,
    most: usize,
    queue: usize,
}

struct Shared<J> {
    state: Mutex<State<J>>,
    wake: Condvar,
    run: Box<dyn Fn(J) + Send + Sync>,
}

struct State<J> {
    waiting: VecDeque<J>,
    threads: usize,
    /// So many threads stay without work.
    kept: usize,
    /// Threads that are carrying out a job; the others look for one.
    running: usize,
}

impl<J: Send + 'static> Pool<J> {
    /// A pool of at most `most` threads, for jobs of which at most `queue` may wait for a thread.
    pub(super) fn new(
        name: &'static str,
        most: usize,
        queue: usize,
        run: impl Fn(J) + Send + Sync + 'static,
    ) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            threads: 0,
            kept: 0,
            running: 0,
        };
        let shared = Shared {
            state: Mutex::new(state),
            wake: Condvar::new(),
            run: Box::new(run),
        };
        Self {
            shared: Arc::new(shared),
            name,
            most,
            queue,
        }
    }

    /// Gives a job to a thread that is free, or to a new one, or to the queue; never waits.
    ///
    /// # Errors
    /// The job, where there is no room for it.
    pub(super) fn submit(&self, job: J) -> Result<(), J> {
        let mut state = self.shared.lock();
        let free = state.threads - state.running;
        if state.waiting.len() >= free && state.threads < self.most && self.start() {
            // It waits for the lock, and takes the job then.
            state.threads += 1;
        }
        let room = state.threads - state.running + self.queue;
        if state.threads == 0 || state.waiting.len() >= room {
            return Err(job);
        }
        state.waiting.push_back(job);
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Starts threads beforehand, that stay: for jobs that must be done even when no thread can be had.
    pub(super) fn keep(&self, threads: usize) {
        let mut state = self.shared.lock();
        while state.threads < threads.min(self.most) && self.start() {
            state.threads += 1;
            state.kept += 1;
        }
    }

    /// Jobs that run or wait.
    pub(super) fn busy(&self) -> usize {
        let state = self.shared.lock();
        state.running + state.waiting.len()
    }

    fn start(&self) -> bool {
        let shared = Arc::clone(&self.shared);
        std::thread::Builder::new()
            .name(self.name.to_owned())
            .stack_size(STACK)
            .spawn(move || shared.work())
            .is_ok()
    }
}

impl<J> Shared<J> {
    fn lock(&self) -> MutexGuard<'_, State<J>> {
        lock(&self.state)
    }

    fn work(&self) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.waiting.pop_front() {
                state.running += 1;
                drop(state);
                // A panic is logged where it happens; the thread and its place in the count must outlive it.
                drop(catch_unwind(AssertUnwindSafe(|| (self.run)(job))));
                state = self.lock();
                state.running -= 1;
                continue;
            }
            let (woken, timeout) = self
                .wake
                .wait_timeout_while(state, IDLE, |state| state.waiting.is_empty())
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            let is_spare = state.threads > state.kept;
            if timeout.timed_out() && state.waiting.is_empty() && is_spare {
                state.threads -= 1;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// A job that says that it has begun, and ends when it is told to.
    struct Held(Sender<()>, Receiver<()>);

    fn pool(most: usize, queue: usize) -> Pool<Held> {
        Pool::new("test", most, queue, |Held(begun, end)| {
            begun.send(()).unwrap_or_default();
            end.recv().unwrap_or_default();
        })
    }

    fn submit(pool: &Pool<Held>) -> Option<(Receiver<()>, Sender<()>)> {
        let (begun, has_begun) = channel();
        let (end, is_to_end) = channel();
        let submitted = pool.submit(Held(begun, is_to_end)).is_ok();
        submitted.then_some((has_begun, end))
    }

    fn until(condition: impl Fn() -> bool) {
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while !condition() {
            assert!(std::time::Instant::now() < deadline, "waited too long");
            std::thread::yield_now();
        }
    }

    #[test]
    fn jobs_run_at_once_up_to_the_limit_and_no_further() {
        let pool = pool(3, 0);
        for _round in 0..200 {
            let held: Vec<_> = (0..3).filter_map(|_| submit(&pool)).collect();
            assert_eq!(held.len(), 3);
            for (begun, _) in &held {
                assert_eq!(begun.recv(), Ok(()));
            }
            assert!(submit(&pool).is_none());
            drop(held);
            until(|| pool.busy() == 0);
        }
    }

    #[test]
    fn a_queue_takes_what_the_threads_do_not() {
        let pool = pool(1, 2);
        let first = submit(&pool);
        let waiting = [submit(&pool), submit(&pool)];
        assert!(waiting.iter().all(Option::is_some));
        if let Some((begun, _)) = &first {
            assert_eq!(begun.recv(), Ok(()));
        }
        assert!(submit(&pool).is_none());
        drop(first);
        for (begun, _) in waiting.iter().flatten().take(1) {
            assert_eq!(begun.recv(), Ok(()));
        }
        drop(waiting);
        until(|| pool.busy() == 0);
    }
}
