//! What fits into the memory of the control group: the memory that requests share, and the numbers
//! of connections and transfers.

use crate::memory;

/// What the process takes without connections, in bytes: its code and data, the threads that are
/// always there, a log that has not been read yet, and what the kernel keeps for it.
const BASE: u64 = 6 << 20;

/// What a connection takes as the kernel counts, in bytes: its socket with what is received and not
/// yet sent, and an incomplete request head.
const PER_CONNECTION: u64 = 48 << 10;

/// What a transfer takes beside its connection and beside what is shared, in bytes: the stacks of
/// its thread, the buffer of a stream, a body, a checksum or a copy, and names.
const PER_TRANSFER: u64 = 112 << 10;

/// What the server works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Capacity {
    /// The memory that requests share, in bytes.
    pub(super) memory: usize,
    /// Connections open at once.
    pub(super) connections: usize,
    /// Transfers at once.
    pub(super) transfers: usize,
}

impl Capacity {
    /// How many of these connections and transfers fit into a control group with this limit in
    /// bytes; all of them where there is no limit.
    ///
    /// Half of the limit is for what requests share, up to [`memory::DEFAULT`]. Transfers get at
    /// most half of the rest, and connections what transfers leave.
    pub(super) fn of(limit: Option<u64>, (connections, transfers): (usize, usize)) -> Self {
        let Some(limit) = limit else {
            let memory = memory::DEFAULT;
            return Self {
                memory,
                connections,
                transfers,
            };
        };
        let memory = as_size(limit / 2).min(memory::DEFAULT);
        let rest = limit.saturating_sub(memory as u64).saturating_sub(BASE);
        let transfers = transfers.min(as_size(rest / 2 / PER_TRANSFER)).max(1);
        let rest = rest.saturating_sub(transfers as u64 * PER_TRANSFER);
        Self {
            memory,
            connections: connections.min(as_size(rest / PER_CONNECTION)).max(1),
            transfers,
        }
    }

    /// Logs the memory that requests share, and what is less than the flags ask for.
    pub(super) fn log(&self, limit: Option<u64>, (connections, transfers): (usize, usize)) {
        let memory = self.memory;
        let Some(limit) = limit else {
            log::info!(memory; "memory that requests share");
            return;
        };
        log::info!(memory, limit; "memory that requests share, and the limit of the control group");
        for (flag, asked, fits) in [
            ("--max-connections", connections, self.connections),
            ("--max-transfers", transfers, self.transfers),
        ] {
            if fits < asked {
                log::warn!(fits, asked, limit; "{flag} is lowered: more does not fit into the control group");
            }
        }
    }
}

fn as_size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_allowed_fits_into_the_group() {
        const FLAGS: (usize, usize) = (4096, 512);
        for limit in [16, 24, 32, 64, 128, 256, 512, 1024] {
            let limit = limit << 20;
            let it = Capacity::of(Some(limit), FLAGS);
            let taken = BASE
                + it.memory as u64
                + it.connections as u64 * PER_CONNECTION
                + it.transfers as u64 * PER_TRANSFER;
            assert!(taken <= limit, "{limit}: {it:?} take {taken}");
            assert!(it.connections >= it.transfers, "{limit}: {it:?}");
        }
        for (limit, memory, connections, transfers) in [
            (None, memory::DEFAULT, 4096, 512),
            (Some(1 << 40), memory::DEFAULT, 4096, 512),
            (Some(32 << 20), 16 << 20, 108, 45),
            (Some(1 << 20), 512 << 10, 1, 1),
        ] {
            let expected = Capacity {
                memory,
                connections,
                transfers,
            };
            assert_eq!(Capacity::of(limit, FLAGS), expected, "{limit:?}");
        }
        let few = Capacity::of(Some(32 << 20), (10, 5));
        assert_eq!((few.connections, few.transfers), (10, 5));
    }
}
