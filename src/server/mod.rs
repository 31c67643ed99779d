//! The server, from its start to its end.
//!
//! Responsible for: threads, sockets, limits and shutdown. Not for: what requests do (`api`).

mod access;
mod admission;
mod announce;
mod capacity;
mod cleaner;
mod client;
mod computation;
mod control_group;
mod descriptors;
mod handler;
mod listeners;
mod logged_head;
mod metrics;
mod name_watch;
mod panics;
mod readiness;
mod request;
mod scheduler;
mod send;
mod shared;
mod shutdown;
mod signal;
mod signals;
mod slots;
mod sockets;
mod status;
mod transfer;
mod unix_socket;
mod uploads;
mod wait_state;
mod wait_threads;
mod waits;
mod watcher;
mod watchers;
mod worker_pool;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use tiny_http::ListenAddr;

use crate::config::{Config, Endpoint};
use crate::http::hosts::Hosts;
use crate::memory::Memory;
use crate::storage::{self, Options, Store};

use access::Access;
use admission::AdmissionControl;
use capacity::Capacity;
use descriptors::Descriptors;
use handler::RequestHandler;
use listeners::{Listeners, SocketFiles};
use readiness::Readiness;
use scheduler::Scheduler;
use shared::Shared;
use shutdown::Shutdown;
use uploads::Uploads;
use waits::Waits;
use watchers::Watchers;
use worker_pool::WorkerPool;

/// The longest request head, in bytes, from the request line to the empty line.
const MAX_HEAD: usize = 16 * 1024;

/// The maximum time, at the end, for connections that are being closed: clients of refused requests
/// may still be sending.
const LAST_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The time between two checks of a shutdown for requests under way.
const SHUTDOWN_INTERVAL: Duration = Duration::from_millis(10);

/// Serves until a signal ends the server.
///
/// # Errors
/// One line that says what keeps the server from running.
pub(crate) fn run(config: &Config) -> Result<(), String> {
    let flags = (config.max_connections, config.max_transfers);
    let group = control_group::memory_limit();
    let capacity = Capacity::of(group, flags);
    let descriptors = Descriptors::raise_limit();
    let memory = Memory::new(capacity.memory).with_pipes(descriptors.max_pipes());
    let store = open_store(config)?;
    let access = Access::open(config.access.as_deref(), &store)?;
    let listeners = Listeners::open(config, &store)?;
    let taken = listeners.sockets.len() + 2 * memory.pipes();
    let connections = descriptors.max_connections(capacity.transfers, taken);
    let connections = capacity.connections.min(connections);
    let watchers = Watchers::new(connections, Arc::default())?;
    let engine = engine(config, connections);
    let server = tiny_http::Server::with_config(listeners.sockets, engine)
        .map_err(|error| format!("cannot listen: {error}"))?;
    let server = Arc::new(server);
    let waits = Waits::new(Arc::clone(&server), connections)?;
    let files = listeners.files;
    let shared = shared(
        config,
        (store, access),
        memory,
        files,
        (Arc::clone(&server), waits, watchers),
    );
    let shared = Arc::new(shared);
    let addresses = server.server_addrs().to_vec();
    let reachable = reachable(&addresses);
    let (stop, stopped) = channel();
    signals::watch(stop, Arc::clone(&shared))?;
    transfer::watch(Arc::clone(&shared.transfers))?;
    status::watch(Arc::clone(&shared))?;
    access::watch(Arc::clone(&shared.access))?;
    wait_threads::start(&shared)?;
    status::send_events(Arc::clone(&shared))?;
    let hosts = hosts(&config.listen);
    let hosts = config.allowed_hosts.resolve(&hosts, reachable.is_empty());
    let workers = start_workers(server, &shared, capacity.transfers, hosts)?;
    // Before the server announces its addresses, since it may wait for the disk.
    let file_system = storage::file_system(&shared.store);
    announce::listening(&addresses);
    // After the lines above, so that those of the cleaner follow them in the log.
    cleaner::start(Arc::clone(&shared))?;
    announce::start(config, &file_system);
    let has_rules = config.access.is_some();
    reachable
        .into_iter()
        .for_each(|address| announce::reachable(address, has_rules));
    capacity.log(group, flags);
    // An error would mean that the signal thread is gone; then nothing could end the server later.
    let _ = stopped.recv();
    shut_down(config.shutdown_timeout, &shared, &workers);
    shared.give_up();
    log::info!("stopped");
    Ok(())
}

fn open_store(config: &Config) -> Result<Store, String> {
    let options = Options {
        min_free: config.min_free_space,
        sync: config.sync,
        create_parents: config.create_parents,
    };
    Store::open(&config.storage, options)
}

fn shared(
    config: &Config,
    (store, access): (Store, Access),
    memory: Memory,
    socket_files: SocketFiles,
    (server, waits, watchers): (Arc<tiny_http::Server>, Waits, Watchers),
) -> Shared {
    Shared {
        store,
        access: Arc::new(access),
        max_upload: config.max_upload_size,
        trusted_proxies: config.trusted_proxies.clone(),
        allowed_origins: config.allowed_origins.clone(),
        memory,
        transfers: Arc::clone(watchers.transfers()),
        waits: Arc::new(waits),
        watchers,
        scheduler: Scheduler::new(),
        uploads: Uploads::new(config.min_rate),
        socket_files,
        shutdown: Shutdown::default(),
        readiness: Readiness::default(),
        server,
    }
}

/// The configuration of the HTTP engine.
fn engine(config: &Config, max_connections: usize) -> tiny_http::Config {
    tiny_http::Config {
        max_head: MAX_HEAD,
        max_connections,
        keep_alive: config.keep_alive_timeout,
        body_timeout: config.idle_timeout,
        reply_timeout: config.idle_timeout,
        pipelined_requests: 1,
        pollers: worker_pool::MAX_IDLE,
        hands_out_refusals: true,
        ..tiny_http::Config::default()
    }
}

fn start_workers(
    server: Arc<tiny_http::Server>,
    shared: &Arc<Shared>,
    max_transfers: usize,
    hosts: Hosts,
) -> Result<Arc<WorkerPool<RequestHandler>>, String> {
    let admission = AdmissionControl::new(Arc::clone(shared), max_transfers);
    let handler = RequestHandler::new(Arc::clone(shared), admission, hosts);
    WorkerPool::start(server, handler, admission::max_threads(max_transfers))
}

/// The hosts of the endpoints, as they were given.
fn hosts(endpoints: &[Endpoint]) -> Vec<&str> {
    let hosts = endpoints.iter().filter_map(|endpoint| match endpoint {
        Endpoint::Tcp { host, .. } => Some(host.as_str()),
        Endpoint::Unix(_) => None,
    });
    hosts.collect()
}

/// The addresses that other machines can connect to: all but those of loopback.
fn reachable(addresses: &[ListenAddr]) -> BTreeSet<IpAddr> {
    let addresses = addresses.iter().filter_map(|it| it.clone().to_ip());
    let addresses = addresses.map(|it| it.ip().to_canonical());
    addresses.filter(|it| !it.is_loopback()).collect()
}

/// Waits until all requests under way have ended, up to the timeout.
fn shut_down(timeout: Duration, shared: &Shared, workers: &WorkerPool<RequestHandler>) {
    let deadline = shared.shutdown.set_deadline(timeout);
    shared.socket_files.remove();
    workers.stop_accepting();
    // They would go on for ever, and their clients come again.
    shared.watchers.end_all();
    shared.waits.end_all();
    while (workers.busy() > 0 || shared.waits.has_any()) && Instant::now() < deadline {
        std::thread::sleep(SHUTDOWN_INTERVAL);
    }
    let left = deadline.saturating_duration_since(Instant::now());
    workers.drain(left.min(LAST_CLOSE_TIMEOUT));
}
