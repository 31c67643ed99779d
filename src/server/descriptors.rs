//! How many connections and pipes the limit of open descriptors allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors for neither connections nor transfers: the storage, the log, and a reserve.
const OTHERS: usize = 24;

/// There is one pipe for bodies, which takes two descriptors, for this many descriptors.
const PER_PIPE: usize = 64;

/// Descriptors of a transfer beside that of its connection: files and directories.
const PER_TRANSFER: usize = 2;

/// The descriptors that this process may have open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptors(usize);

impl Descriptors {
    /// Raises the soft limit of this process to the hard one.
    pub(super) fn raise_limit() -> Self {
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        let current = match setrlimit(Resource::Nofile, raised) {
            Ok(()) => limit.maximum,
            Err(error) => {
                log::warn!("the limit of open descriptors cannot be raised: {error}");
                limit.current
            }
        };
        let current = current.and_then(|limit| usize::try_from(limit).ok());
        Self(current.unwrap_or(usize::MAX))
    }

    /// The maximum number of pipes for bodies.
    pub(super) fn max_pipes(self) -> usize {
        self.0 / PER_PIPE
    }

    /// The maximum number of connections, beside these transfers and descriptors that are taken.
    ///
    /// Where transfers could take all that is left, it is as many as can be in a transfer at once.
    pub(super) fn max_connections(self, transfers: usize, taken: usize) -> usize {
        let left = self.0.saturating_sub(taken).saturating_sub(OTHERS);
        let beside_all = left.saturating_sub(transfers.saturating_mul(PER_TRANSFER));
        beside_all.max(left / (1 + PER_TRANSFER)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_transfers() {
        for (descriptors, transfers, expected) in [
            (1_000_000, 512, 998_952),
            (20_000, 512, 18_952),
            (2048, 512, 1000),
            (1024, 512, 333),
            (1024, 16, 968),
            (64, 512, 13),
            (10, 512, 1),
        ] {
            let found = Descriptors(descriptors).max_connections(transfers, 0);
            assert_eq!(found, expected, "{descriptors} {transfers}");
            let found = Descriptors(descriptors + 7).max_connections(transfers, 7);
            assert_eq!(found, expected, "{descriptors} {transfers}");
        }
    }
}
