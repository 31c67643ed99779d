//! The figures of a write for which there is no space.

use std::fmt;

/// Why a write found no space, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// What the write needs beside what it already occupies; of a body without a declared length,
    /// what has come of it.
    pub asked: u64,
    /// What the file system has free for the server's user.
    pub free: u64,
    /// What uploads have to leave free.
    pub kept: u64,
    /// What uploads that began before have been promised of the free space.
    pub promised: u64,
    /// What other uploads under way have on the disk. Those of which less than 1 MiB has come do
    /// not count.
    pub occupied: u64,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no space left: {} bytes asked, {} free, {} kept back, {} promised to other uploads",
            self.asked, self.free, self.kept, self.promised
        )
    }
}

impl Shortage {
    /// Whether the write would have space if the other uploads were not there.
    #[must_use]
    pub fn fits_without_uploads(&self) -> bool {
        let needed = self.asked.saturating_add(self.kept);
        needed <= self.free.saturating_add(self.occupied)
    }

    /// Whether the write would leave less than is kept back and promised.
    pub(super) fn is_short(&self) -> bool {
        let needed = self.asked.saturating_add(self.promised);
        self.free < needed.saturating_add(self.kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_once_uploads_have_gone() {
        for (asked, free, kept, promised, occupied, expected) in [
            (10, 5, 0, 0, 5, true),
            (10, 5, 0, 0, 4, false),
            (10, 5, 1, 0, 5, false),
            (10, 10, 0, 1000, 0, true),
            (u64::MAX, u64::MAX, 1, 0, 1, true),
            (32 << 40, 1 << 40, 0, 0, 1 << 30, false),
        ] {
            let shortage = Shortage {
                asked,
                free,
                kept,
                promised,
                occupied,
            };
            assert_eq!(shortage.fits_without_uploads(), expected, "{shortage:?}");
        }
    }
}
