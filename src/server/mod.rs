//! The server: the loop that hands out requests, the workers that serve them, and the end.
//!
//! The loop waits for tiny_http's requests and gives each to a worker of the pool. It never reads from a client,
//! writes to one or touches the disk, so no client and no disk can hold it up.

mod pool;
mod signals;
mod slots;
mod transfer;
mod worker;

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::guard::Stopper;
use crate::storage::{Options, Root};

use pool::Pool;
use slots::Slots;
use transfer::Transfers;
use worker::{Job, Worker};

/// Threads beyond the number of transfers: for those that are through, but for sending their last bytes.
const SPARE: usize = 16;

/// Threads that answer what finds the pool full: health checks, and 503 for the rest.
const RESERVE: usize = 4;

/// Requests that wait for these threads at most; above that, connections are closed without a word.
const RESERVE_QUEUE: usize = 1024;

/// How often a shutdown looks whether all is done.
const SHUTDOWN_TICK: Duration = Duration::from_millis(10);

/// What the loop, the workers and the signal thread share.
struct Shared {
    root: Root,
    transfers: Transfers,
    stopping: AtomicBool,
}

impl Shared {
    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

/// Serves until a signal ends it.
///
/// # Errors
/// One line that says what keeps the server from running.
pub fn run(config: &Config) -> Result<(), String> {
    raise_descriptor_limit();
    let options = Options {
        min_free: config.min_free_space,
        sync: config.sync,
    };
    let shared = Arc::new(Shared {
        root: Root::open(&config.storage, options)?,
        transfers: Transfers::default(),
        stopping: AtomicBool::new(false),
    });
    let (host, port) = (config.host.as_str(), config.port);
    let cannot_listen = |error: std::io::Error| {
        format!("cannot listen on {host} port {port}: {error} (choose another with --host, --port)")
    };
    let listener = TcpListener::bind((host, port)).map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    let stopper = Stopper::new(&listener).map_err(cannot_listen)?;
    let http = tiny_http::Server::from_listener(listener, None)
        .map_err(|error| format!("cannot serve on {address}: {error}"))?;
    let http = Arc::new(http);
    signals::watch(stopper, Arc::clone(&http), Arc::clone(&shared))?;
    transfer::watch(Arc::clone(&shared))?;
    // Who reads it may have gone; the log says it too.
    let _ = writeln!(std::io::stdout(), "listening on http://{address}");
    log::info!(
        "http-nas {} listens on {address}",
        env!("CARGO_PKG_VERSION")
    );
    serve(config, &http, &shared)
}

fn serve(config: &Config, http: &tiny_http::Server, shared: &Arc<Shared>) -> Result<(), String> {
    let worker = || {
        let worker = Worker::new(Arc::clone(shared));
        move |job| worker.serve(job)
    };
    let slots = Slots::new(config.max_transfers);
    let workers = Pool::new("worker", config.max_transfers + SPARE, 0, worker());
    let reserve = Pool::new("reserve", RESERVE, RESERVE_QUEUE, worker());
    let refuse = |request| {
        if let Err(job) = reserve.submit(Job::refused(request)) {
            // Too many even to be refused in words.
            job.drop_connection();
        }
    };
    loop {
        match http.recv() {
            Ok(request) => match slots.take() {
                Some(slot) => {
                    if let Err(job) = workers.submit(Job::admitted(request, slot)) {
                        refuse(job.into_request());
                    }
                }
                None => refuse(request),
            },
            Err(_) if shared.is_stopping() => break,
            Err(error) => return Err(format!("no more connections can be accepted: {error}")),
        }
    }
    let deadline = Instant::now() + config.shutdown_timeout;
    while Instant::now() < deadline && workers.busy() + reserve.busy() > 0 {
        if let Ok(Some(request)) = http.recv_timeout(SHUTDOWN_TICK) {
            refuse(request);
        }
    }
    let left = workers.busy();
    if left > 0 {
        log::warn!("{left} transfers were dropped at the end of the shutdown timeout");
    }
    shared.root.discard_staged();
    log::info!("stopped");
    Ok(())
}

/// Raises the soft limit of open descriptors to the hard one: each connection takes two or three.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        log::warn!(
            "the limit of open descriptors stays at {:?}: {error}",
            limit.current
        );
    }
}
