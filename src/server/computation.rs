//! The computation of one request.
//!
//! Responsible for: its progress, and whether it is to be cancelled. Not for: which computations
//! may run (`scheduler.rs`).

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::scheduler::{Permit, Scheduler};
use super::shared::Shared;
use super::shutdown::Shutdown;
use crate::computing::Cancelled;

/// What a request computes before its reply, or while the reply is sent.
pub(super) struct Computation<'e> {
    scheduler: &'e Scheduler,
    shutdown: &'e Shutdown,
    client: IpAddr,
    /// The permit to compute, and since when it has been used without a wait.
    running: Option<(Permit<'e>, Instant)>,
    /// How much was done at the first checkpoint of the work under way; the time that it took is
    /// unknown.
    done_at_first: u64,
    /// How much was done at the last checkpoint.
    done: u64,
    /// The time that the work has taken since its first checkpoint, without waits.
    elapsed: Duration,
}

impl<'e> Computation<'e> {
    /// One that has not begun, for a client of this address.
    pub(super) fn new(shared: &'e Shared, client: IpAddr) -> Self {
        Self {
            scheduler: &shared.scheduler,
            shutdown: &shared.shutdown,
            client,
            running: None,
            done_at_first: u64::MAX,
            done: u64::MAX,
            elapsed: Duration::ZERO,
        }
    }

    /// Records that `done` of `total` is done, and waits until the computation may go on.
    ///
    /// # Errors
    /// The result is no longer wanted.
    pub(super) fn checkpoint(
        &mut self,
        (done, total): (u64, u64),
        is_client_gone: &mut dyn FnMut() -> bool,
    ) -> Result<(), Cancelled> {
        let permit = self.suspend();
        if done < self.done {
            // Other work has begun.
            self.done_at_first = done;
            self.elapsed = Duration::ZERO;
        }
        self.done = done;
        let progress = Progress {
            done: done - self.done_at_first,
            total: total.saturating_sub(self.done_at_first),
            elapsed: self.elapsed,
        };
        let mut check = || {
            if is_client_gone() {
                return Err(Cancelled::ClientGone);
            }
            match self.shutdown.time_left() {
                Some(left) if !progress.ends_within(left) => Err(Cancelled::Stopping),
                _ => Ok(()),
            }
        };
        check()?;
        let permit = match permit {
            Some(permit) => permit.renew(&mut check)?,
            None => self.scheduler.wait(self.client, &mut check)?,
        };
        self.running = Some((permit, Instant::now()));
        Ok(())
    }

    /// Gives the permit back, if there is one.
    pub(super) fn pause(&mut self) {
        drop(self.suspend());
    }

    fn suspend(&mut self) -> Option<Permit<'e>> {
        let (permit, since) = self.running.take()?;
        self.elapsed += since.elapsed();
        Some(permit)
    }
}

/// How much of a computation is done.
#[derive(Clone, Copy, Debug)]
struct Progress {
    done: u64,
    total: u64,
    /// The time that it took, without waits.
    elapsed: Duration,
}

impl Progress {
    /// Whether the rest will be done within this time, at the speed so far and without waits.
    fn ends_within(self, left: Duration) -> bool {
        let parts_to_do = self.total.saturating_sub(self.done) as f64 / self.done.max(1) as f64;
        self.elapsed.as_secs_f64() * parts_to_do <= left.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worth_going_on_with() {
        for (done, total, elapsed, left, expected) in [
            (1, 2, 10, 10, true),
            (1, 2, 10, 9, false),
            (9, 10, 9, 1, true),
            (0, 10, 1, 5, false),
            (0, 10, 0, 5, true),
            (10, 10, 100, 0, true),
            (4 << 20, 8 << 40, 1, 3600, false),
        ] {
            let progress = Progress {
                done,
                total,
                elapsed: Duration::from_secs(elapsed),
            };
            let ends = progress.ends_within(Duration::from_secs(left));
            assert_eq!(ends, expected, "{progress:?} {left}");
        }
    }
}
