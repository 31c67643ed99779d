//! What the handlers of all requests share.

use super::report::Reports;
use crate::memory::Memory;
use crate::storage::Store;

/// The storage, the limits and the reports, for a handler.
#[derive(Clone, Copy)]
pub(crate) struct Context<'s> {
    /// The storage.
    pub store: &'s Store,
    /// The largest body of an upload in bytes, if there is a limit.
    pub max_upload: Option<u64>,
    /// The memory that all requests share.
    pub memory: &'s Memory,
    /// What the server finds out about itself.
    pub reports: &'s dyn Reports,
}
