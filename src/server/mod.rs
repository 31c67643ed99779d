//! The server: from the configuration to the end.

mod announce;
mod asked;
mod capacity;
mod cleaner;
mod client;
mod computations;
mod control_group;
mod crew;
mod dispatch;
mod pool;
mod request;
mod signals;
mod slots;
mod transfer;
mod uploads;
mod worker;

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::address::Addresses;
use crate::config::{Config, is_it_meant};
use crate::guard::{Limits, Listener};
use crate::http::network::Networks;
use crate::logging;
use crate::memory::Memory;
use crate::storage::{Options, Root};

use capacity::Capacity;
use computations::Computations;
use dispatch::Dispatch;
use transfer::Transfers;
use uploads::Uploads;

/// How long to wait before accepting is begun again.
const RETRY: Duration = Duration::from_millis(50);

/// For how long the log is silent about further failures of accepting: where threads are few, one comes on another.
const QUIET: Duration = Duration::from_secs(60);

/// How often a shutdown looks whether all is done.
const SHUTDOWN_TICK: Duration = Duration::from_millis(10);

/// What the loop, the workers and the signal thread share.
struct Shared {
    root: Root,
    max_upload: Option<u64>,
    trusted_proxies: Networks,
    memory: Memory,
    transfers: Transfers,
    computations: Computations,
    uploads: Uploads,
    stopping: AtomicBool,
    /// When what is still under way is dropped, once the server stops.
    ends_at: OnceLock<Instant>,
}

/// What the main thread waits for.
enum Event {
    /// A signal asks for the end.
    Stop,
    /// The thread that accepts connections has died.
    AcceptDied,
}

impl Shared {
    /// Drops what is still under way, without a trace but in the log. The process ends next.
    fn give_up(&self) {
        self.transfers.give_up();
        self.root.discard_staged();
    }

    /// Drops uploads that come too slowly, for a request that was refused and would have room without them. While the server
    /// stops none will get it, and those under way are to come to their end.
    fn make_room(&self) {
        if !self.is_stopping() {
            self.uploads.drop_slow();
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// How long what is under way may go on; none as long as the server does not stop.
    fn time_left(&self) -> Option<Duration> {
        let ends_at = self.ends_at.get()?;
        Some(ends_at.saturating_duration_since(Instant::now()))
    }
}

/// Serves until a signal ends it.
///
/// # Errors
/// One line that says what keeps the server from running.
pub fn run(config: &Config) -> Result<(), String> {
    let flags = (config.max_connections, config.max_transfers);
    let group = control_group::memory_limit();
    let capacity = Capacity::of(group, flags);
    let memory = Memory::new(capacity.memory);
    let limits = Limits {
        max_connections: capacity.connections,
        read_ahead: memory.for_reading_ahead(),
        idle_timeout: config.idle_timeout,
        keep_alive: config.keep_alive_timeout,
        descriptors: raise_descriptor_limit(),
    };
    let options = Options {
        min_free: config.min_free_space,
        sync: config.sync,
        create_parents: config.create_parents,
    };
    let shared = Arc::new(Shared {
        root: Root::open(&config.storage, options)?,
        max_upload: config.max_upload_size,
        trusted_proxies: config.trusted_proxies.clone(),
        memory,
        transfers: Transfers::default(),
        computations: Computations::new(),
        uploads: Uploads::new(config.min_rate),
        stopping: AtomicBool::new(false),
        ends_at: OnceLock::new(),
    });
    let (host, port) = (config.host.as_str(), config.port);
    let cannot_listen = |error: std::io::Error| {
        let hint = match config.is_host_shared && error.kind() != ErrorKind::AddrInUse {
            true => is_it_meant("HOST"),
            false => " (choose another with --host, --port)".to_owned(),
        };
        format!("cannot listen on {host} port {port}: {error}{hint}")
    };
    let addresses = Addresses::of(host, port).map_err(cannot_listen)?;
    let (events, happened) = channel();
    let died = events.clone();
    let on_death = move || {
        // The main thread ends only with the process.
        let _ = died.send(Event::AcceptDied);
    };
    let listener = Listener::bind(&addresses, limits, on_death).map_err(cannot_listen)?;
    let address = listener.address().map_err(cannot_listen)?;
    signals::watch(events, Arc::clone(&shared))?;
    transfer::watch(Arc::clone(&shared))?;
    let only_loopback = address.ip().to_canonical().is_loopback();
    let hosts = Arc::new(config.allowed_hosts.resolve(&config.host, only_loopback));
    let dispatch = Arc::new(Dispatch::new(capacity.transfers, &shared, &hosts));
    accept(&listener, &dispatch)?;
    // It may wait for the disk, and is done before the server says that it is there.
    let file_system = shared.root.file_system();
    // The log says it too.
    logging::print(format!("listening on http://{address}\n"));
    if let Some(second) = listener.second_address() {
        logging::print(format!("listening on http://{second}\n"));
        log::info!(address:% = second; "http-nas listens, too");
    }
    log::info!(address:% = address, version = env!("CARGO_PKG_VERSION"); "http-nas listens");
    // From here on, so that the line above comes before those of the cleaner.
    cleaner::start(Arc::clone(&shared))?;
    announce::start(config, &file_system);
    announce::warn_if_open(address.ip());
    capacity.log(group, flags);
    keep_accepting(&listener, &dispatch, &happened);
    shut_down(config.shutdown_timeout, &shared, &dispatch);
    shared.give_up();
    log::info!("stopped");
    Ok(())
}

/// Starts threads for requests, and a server of tiny_http that they receive them from.
fn accept(listener: &Listener, dispatch: &Arc<Dispatch>) -> Result<(), String> {
    listener.serve(|incoming| dispatch.receive(incoming))
}

/// Waits for the signal to end; whenever the thread that accepts dies, another one takes its place.
fn keep_accepting(listener: &Listener, dispatch: &Arc<Dispatch>, happened: &Receiver<Event>) {
    let mut said: Option<Instant> = None;
    while let Ok(Event::AcceptDied) = happened.recv() {
        let is_news = said.is_none_or(|said| said.elapsed() > QUIET);
        if is_news {
            said = Some(Instant::now());
            log::warn!(
                "accepting connections has failed, most likely for want of threads; trying again"
            );
        }
        listener.make_room();
        loop {
            match accept(listener, dispatch) {
                Ok(()) => break,
                Err(_) => match happened.recv_timeout(RETRY) {
                    Ok(Event::Stop) => {
                        listener.stop();
                        return;
                    }
                    Ok(Event::AcceptDied) | Err(_) => listener.make_room(),
                },
            }
        }
        if is_news {
            log::info!("connections are accepted again");
        }
    }
    listener.stop();
}

/// Waits until what is in flight has ended, or the timeout.
fn shut_down(timeout: Duration, shared: &Shared, dispatch: &Dispatch) {
    let deadline = *shared.ends_at.get_or_init(|| Instant::now() + timeout);
    while dispatch.busy() > 0 && Instant::now() < deadline {
        std::thread::sleep(SHUTDOWN_TICK);
    }
}

/// Raises the soft limit of open descriptors to the hard one: each connection takes two or three. Says what it is.
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
