//! What requests, the signal thread and the main thread share.

use std::sync::Arc;

use super::access::Access;
use super::listeners::SocketFiles;
use super::readiness::Readiness;
use super::scheduler::Scheduler;
use super::shutdown::Shutdown;
use super::transfer::Transfers;
use super::uploads::Uploads;
use super::waits::Waits;
use super::watchers::Watchers;
use crate::http::forwarded::TrustedProxies;
use crate::http::origins::AllowedOrigins;
use crate::memory::Memory;
use crate::storage::{self, Store};

/// The state of the server.
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) access: Arc<Access>,
    pub(super) max_upload: Option<u64>,
    pub(super) trusted_proxies: TrustedProxies,
    pub(super) allowed_origins: AllowedOrigins,
    pub(super) memory: Memory,
    pub(super) transfers: Arc<Transfers>,
    pub(super) waits: Arc<Waits>,
    pub(super) watchers: Watchers,
    pub(super) scheduler: Scheduler,
    pub(super) uploads: Uploads,
    pub(super) socket_files: SocketFiles,
    pub(super) shutdown: Shutdown,
    pub(super) readiness: Readiness,
    /// The engine, which counts the connections.
    pub(super) server: Arc<tiny_http::Server>,
}

impl Shared {
    /// Drops everything still under way, which leaves nothing but lines in the log. The process
    /// ends next.
    pub(super) fn give_up(&self) {
        self.socket_files.remove();
        self.transfers.give_up();
        storage::discard_staged(&self.store);
    }

    /// Drops uploads that are too slow, for a request that was refused and would have had room
    /// without them. Not during a shutdown: then no request would use the room, and the uploads may
    /// finish.
    pub(super) fn make_room(&self) {
        if !self.shutdown.has_begun() {
            self.uploads.drop_slow();
        }
    }
}
