//! What the server says of itself: its checks, its figures, and the requests under way.
//!
//! Responsible for: finding it out. Not for: the replies (`api/report.rs`), counting requests
//! (`metrics.rs`).

use std::fs;
use std::io;
use std::sync::Arc;

use super::shared::Shared;
use super::watchers::Source;
use crate::api::{self, ReadinessCheck, Reports, UnderWay};
use crate::http::exposition::{Exposition, MetricKind};
use crate::http::policy::Caller;
use crate::sync::start_thread;

/// The reports of a server.
pub(super) struct Status(pub(super) Arc<Shared>);

impl Reports for Status {
    fn checks(&self) -> Vec<ReadinessCheck> {
        let found = self.0.readiness.check();
        let is_short = found
            .as_ref()
            .and_then(|found| found.space)
            .is_some_and(|space| space.free < space.kept);
        let (storage, cause) = match found.map(|found| found.fault) {
            None => (Some("it does not answer"), None),
            Some(None) => (None, None),
            Some(cause) => (Some("the storage folder cannot be written"), cause),
        };
        let is_stopping = self.0.shutdown.has_begun();
        let check = |name, fault, cause| ReadinessCheck { name, fault, cause };
        let access = self.0.access.check().map(|valid| {
            let cause = valid.err();
            let fault = "the access file is not valid, the rules before it stay in force";
            check("access", cause.is_some().then_some(fault), cause)
        });
        let mut checks = vec![
            check("storage", storage, cause),
            check(
                "space",
                is_short.then_some("less is free than is kept back"),
                None,
            ),
            check(
                "shutdown",
                is_stopping.then_some("the server is shutting down"),
                None,
            ),
        ];
        checks.extend(access);
        checks
    }

    fn metrics(&self) -> String {
        let shared = &self.0;
        let mut text = Exposition::default();
        shared.transfers.metrics().write(&mut text);
        let mut gauge = |name, help, value: u64| text.single(name, MetricKind::Gauge, help, value);
        let transfers = shared.transfers.for_files().len() as u64;
        gauge(
            "http_nas_transfers",
            "Requests for files under way.",
            transfers,
        );
        let connections = shared.server.num_connections() as u64;
        gauge("http_nas_connections", "Open connections.", connections);
        let watchers = shared.watchers.count() as u64;
        gauge(
            "http_nas_watchers",
            "Clients that watch the transfers.",
            watchers,
        );
        write_waits(
            &mut text,
            &[
                ("change", shared.waits.count()),
                ("lock", shared.store.lock_waits()),
                ("processor", shared.scheduler.waiting()),
            ],
        );
        let mut gauge = |name, help, value: u64| text.single(name, MetricKind::Gauge, help, value);
        if let Some(space) = shared.readiness.check().and_then(|found| found.space) {
            let help = "Space on the file system of the storage folder that the server can write.";
            gauge("http_nas_storage_free_bytes", help, space.free);
            let help = "Size of that file system.";
            gauge("http_nas_storage_size_bytes", help, space.total);
            let help = "Space that uploads leave free (--min-free-space).";
            gauge("http_nas_storage_kept_bytes", help, space.kept);
        }
        write_process(&mut text);
        text.metric(
            "http_nas_build_info",
            MetricKind::Gauge,
            "The version; always 1.",
        );
        let version = env!("CARGO_PKG_VERSION");
        text.sample("http_nas_build_info", &[("version", version)], 1);
        text.into_text()
    }

    fn each_transfer(
        &self,
        visit: &mut dyn FnMut(&UnderWay<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let transfers = self.0.transfers.for_files();
        transfers.iter().try_for_each(|it| visit(&it.under_way()))
    }
}

impl Source for Status {
    fn event(&self) -> Vec<u8> {
        api::event(self)
    }

    fn is_current(&self, caller: &Caller) -> bool {
        self.0.access.is_current(caller)
    }
}

/// How many requests wait for each of these things.
fn write_waits(text: &mut Exposition, waits: &[(&str, usize)]) {
    const WAITS: &str = "http_nas_waiting_requests";
    let help = "Requests that wait: for a change, for a lock on a file, to compute.";
    text.metric(WAITS, MetricKind::Gauge, help);
    for (what, count) in waits {
        text.sample(WAITS, &[("for", what)], count);
    }
}

/// The figures of the process, under the names that Prometheus's client libraries use. What /proc
/// does not tell is left out.
fn write_process(text: &mut Exposition) {
    let mut gauge = |name, help, value: Option<u64>| {
        if let Some(value) = value {
            text.single(name, MetricKind::Gauge, help, value);
        }
    };
    let descriptors = fs::read_dir("/proc/self/fd").ok();
    // The directory that is read is open, too.
    let open = descriptors.map(|entries| (entries.count() as u64).saturating_sub(1));
    gauge("process_open_fds", "Open file descriptors.", open);
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    gauge(
        "process_max_fds",
        "Maximum number of open file descriptors.",
        limit.current,
    );
    let page = rustix::param::page_size() as u64;
    let pages = fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|statm| statm.split(' ').nth(1)?.parse::<u64>().ok());
    let resident = pages.map(|pages| pages * page);
    gauge(
        "process_resident_memory_bytes",
        "Resident memory size in bytes.",
        resident,
    );
}

/// Starts the thread that finds out about the storage.
///
/// # Errors
/// A line for the user, if the thread cannot be started.
pub(super) fn watch(shared: Arc<Shared>) -> Result<(), String> {
    start_thread("readiness", move || shared.readiness.run(&shared.store))
}

/// Starts the thread that sends events to clients that watch the transfers.
///
/// # Errors
/// A line for the user, if the thread cannot be started.
pub(super) fn send_events(shared: Arc<Shared>) -> Result<(), String> {
    let status = Status(shared);
    start_thread("watchers", move || status.0.watchers.run(&status))
}
