//! The computation of one request: it goes on in its turns, as long as somebody waits for what comes of it.
//!
//! Responsible for: how far it is, and whether it is worth going on with. Not for: whose turn it is (`computations.rs`).

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::computations::Turn;
use super::shared::Shared;
use crate::computing::Cancelled;

/// What a request computes before its reply, or while the reply is sent.
pub(super) struct Computation<'e> {
    shared: &'e Shared,
    address: IpAddr,
    /// Its turn, and since when it has gone on.
    turn: Option<(Turn<'e>, Instant)>,
    /// What was done when it was known first, of the work that is being done; how long that took is
    /// not known.
    done_before: u64,
    /// What was done when it was known last.
    done: u64,
    /// The time that it took since it was known first, without waits.
    took: Duration,
}

impl<'e> Computation<'e> {
    /// One that has not begun, for a client of this address.
    pub(super) fn new(shared: &'e Shared, address: IpAddr) -> Self {
        Self {
            shared,
            address,
            turn: None,
            done_before: u64::MAX,
            done: u64::MAX,
            took: Duration::ZERO,
        }
    }

    /// Notes that this much is done of all there is to do, and waits for the next turn where the last
    /// one is over.
    ///
    /// # Errors
    /// Its result is no longer wanted.
    pub(super) fn checkpoint(
        &mut self,
        (done, total): (u64, u64),
        is_client_gone: &mut dyn FnMut() -> bool,
    ) -> Result<(), Cancelled> {
        let turn = self.suspend();
        if done < self.done {
            // Other work has begun.
            self.done_before = done;
            self.took = Duration::ZERO;
        }
        self.done = done;
        let progress = Progress {
            done: done - self.done_before,
            total: total.saturating_sub(self.done_before),
            took: self.took,
        };
        let shared = self.shared;
        let mut check = || {
            if is_client_gone() {
                return Err(Cancelled::ClientGone);
            }
            match shared.shutdown.time_left() {
                Some(left) if !progress.ends_within(left) => Err(Cancelled::Stopping),
                _ => Ok(()),
            }
        };
        check()?;
        let turn = match turn {
            Some(turn) => turn.go_on(&mut check)?,
            None => shared.computations.wait(self.address, &mut check)?,
        };
        self.turn = Some((turn, Instant::now()));
        Ok(())
    }

    /// Gives the turn up, if it has one.
    pub(super) fn pause(&mut self) {
        drop(self.suspend());
    }

    fn suspend(&mut self) -> Option<Turn<'e>> {
        let (turn, since) = self.turn.take()?;
        self.took += since.elapsed();
        Some(turn)
    }
}

/// How far a computation is.
#[derive(Clone, Copy, Debug)]
struct Progress {
    done: u64,
    total: u64,
    /// The time that it took, without waits.
    took: Duration,
}

impl Progress {
    /// Whether it can be done within this time, if it goes on as it did and need not wait.
    fn ends_within(self, left: Duration) -> bool {
        let parts_to_do = self.total.saturating_sub(self.done) as f64 / self.done.max(1) as f64;
        self.took.as_secs_f64() * parts_to_do <= left.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worth_going_on_with() {
        for (done, total, took, left, expected) in [
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
                took: Duration::from_secs(took),
            };
            let ends = progress.ends_within(Duration::from_secs(left));
            assert_eq!(ends, expected, "{progress:?} {left}");
        }
    }
}
