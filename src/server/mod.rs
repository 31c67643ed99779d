//! The server: from the configuration to the end.

mod admission;
mod announce;
mod capacity;
mod cleaner;
mod client;
mod computation;
mod control_group;
mod handler;
mod listeners;
mod logged_head;
mod panics;
mod request;
mod scheduler;
mod send;
mod shared;
mod shutdown;
mod signals;
mod slots;
mod sockets;
mod transfer;
mod unix_socket;
mod uploads;
mod workers;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use tiny_http::ListenAddr;

use crate::config::{Config, Endpoint};
use crate::memory::Memory;
use crate::storage::{self, Options, Store};

use admission::AdmissionControl;
use capacity::Capacity;
use handler::RequestHandler;
use listeners::Listeners;
use scheduler::Scheduler;
use shared::Shared;
use shutdown::Shutdown;
use transfer::Transfers;
use uploads::Uploads;
use workers::Workers;

/// The longest request head, in bytes, from the request line to the empty line.
const MAX_HEAD: usize = 16 * 1024;

/// How long clients that were refused may go on sending when the server ends, at most.
const LINGER_AT_END: Duration = Duration::from_secs(1);

/// Descriptors that are not for connections: the storage, the log, and a reserve.
const OTHER_DESCRIPTORS: usize = 24;

/// For this many descriptors there is one pipe for bodies, which takes two.
const PER_PIPE: usize = 64;

/// Descriptors of a transfer beside that of its connection: files and directories.
const PER_TRANSFER: usize = 2;

/// How often a shutdown looks whether all is done.
const SHUTDOWN_TICK: Duration = Duration::from_millis(10);

/// Serves until a signal ends it.
///
/// # Errors
/// One line that says what keeps the server from running.
pub fn run(config: &Config) -> Result<(), String> {
    let flags = (config.max_connections, config.max_transfers);
    let group = control_group::memory_limit();
    let capacity = Capacity::of(group, flags);
    let descriptors = raise_descriptor_limit();
    let memory = Memory::new(capacity.memory).with_pipes(descriptors / PER_PIPE);
    let options = Options {
        min_free: config.min_free_space,
        sync: config.sync,
        create_parents: config.create_parents,
    };
    let store = Store::open(&config.storage, options)?;
    let listeners = Listeners::open(config, &store)?;
    let taken = listeners.sockets.len() + 2 * memory.pipes();
    let most_connections =
        connections_by_descriptors(descriptors.saturating_sub(taken), capacity.transfers);
    let shared = Arc::new(Shared {
        store,
        max_upload: config.max_upload_size,
        trusted_proxies: config.trusted_proxies.clone(),
        memory,
        transfers: Arc::new(Transfers::default()),
        scheduler: Scheduler::new(),
        uploads: Uploads::new(config.min_rate),
        socket_files: listeners.files,
        shutdown: Shutdown::default(),
    });
    let (stop, stopped) = channel();
    let engine = tiny_http::Config {
        max_head: MAX_HEAD,
        max_connections: capacity.connections.min(most_connections),
        keep_alive: config.keep_alive_timeout,
        body_timeout: config.idle_timeout,
        reply_timeout: config.idle_timeout,
        pipelined_requests: 1,
        pollers: workers::KEPT,
        hands_out_refusals: true,
        ..tiny_http::Config::default()
    };
    let cannot_listen = |error: std::io::Error| format!("cannot listen: {error}");
    let server =
        tiny_http::Server::with_config(listeners.sockets, engine).map_err(cannot_listen)?;
    let addresses = server.server_addrs().to_vec();
    signals::watch(stop, Arc::clone(&shared))?;
    transfer::watch(Arc::clone(&shared.transfers))?;
    let reachable = reachable(&addresses);
    let hosts = config
        .allowed_hosts
        .resolve(&hosts(&config.listen), reachable.is_empty());
    let admission = AdmissionControl::new(Arc::clone(&shared), capacity.transfers);
    let handler = RequestHandler::new(Arc::clone(&shared), admission, hosts);
    let most = admission::max_threads(capacity.transfers);
    let workers = Workers::start(server, handler, most)?;
    // It may wait for the disk, and is done before the server says that it is there.
    let file_system = storage::file_system(&shared.store);
    announce::listening(&addresses);
    // From here on, so that the lines above come before those of the cleaner.
    cleaner::start(Arc::clone(&shared))?;
    announce::start(config, &file_system);
    reachable.into_iter().for_each(announce::warn_of);
    capacity.log(group, flags);
    // An error says that nobody is left to ask for the end.
    let _ = stopped.recv();
    shut_down(config.shutdown_timeout, &shared, &workers);
    shared.give_up();
    log::info!("stopped");
    Ok(())
}

/// The hosts that are listened on, as they were given.
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

/// Waits until what is in flight has ended, or the timeout.
fn shut_down(timeout: Duration, shared: &Shared, workers: &Workers<RequestHandler>) {
    let deadline = shared.shutdown.set_deadline(timeout);
    shared.socket_files.remove();
    workers.stop_accepting();
    while workers.busy() > 0 && Instant::now() < deadline {
        std::thread::sleep(SHUTDOWN_TICK);
    }
    let left = deadline.saturating_duration_since(Instant::now());
    workers.drain(left.min(LINGER_AT_END));
}

/// As many connections as so many descriptors allow, beside so many transfers; where those could take all, as many as can be in
/// a transfer.
fn connections_by_descriptors(descriptors: usize, transfers: usize) -> usize {
    let left = descriptors.saturating_sub(OTHER_DESCRIPTORS);
    let beside_all = left.saturating_sub(transfers.saturating_mul(PER_TRANSFER));
    beside_all.max(left / (1 + PER_TRANSFER)).max(1)
}

/// Raises the soft limit of open descriptors to the hard one, and says what it is: each connection takes one, and each
/// transfer [`PER_TRANSFER`] more.
fn raise_descriptor_limit() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
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
    current
        .and_then(|n| usize::try_from(n).ok())
        .unwrap_or(usize::MAX)
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
            let found = connections_by_descriptors(descriptors, transfers);
            assert_eq!(found, expected, "{descriptors} {transfers}");
        }
    }
}
