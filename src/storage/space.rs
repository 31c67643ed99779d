//! Free space: how much there is, and how much a write may take.

use std::os::fd::AsFd;

use super::Error;
use super::root::Root;

impl Root {
    /// Refuses a write after which less than the space to be kept free would be left.
    ///
    /// # Errors
    /// [`Error::NoSpace`].
    pub(super) fn check_space(&self, needed: u64) -> Result<(), Error> {
        let stat = rustix::fs::fstatvfs(self.dir.as_fd())?;
        let available = stat.f_bavail.saturating_mul(stat.f_frsize);
        if available < self.options.min_free.saturating_add(needed) {
            return Err(Error::NoSpace);
        }
        Ok(())
    }
}
