//! Accepting goes on where the descriptors have run out. The test lowers the limit of its process,
//! so it is the only one here.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs::File;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Client, config, echo, start};
use rustix::process::{Resource, getrlimit, setrlimit};
use testkit::eventually;

/// Remembers whether it was logged that connections are refused.
struct Log(AtomicBool);

static LOG: Log = Log(AtomicBool::new(false));

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record
            .args()
            .to_string()
            .starts_with("new connections are refused")
        {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    fn flush(&self) {}
}

#[test]
fn accepting_goes_on_where_the_descriptors_have_run_out() {
    log::set_logger(&LOG).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
    let running = start(config(), echo);
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = Some(100);
    setrlimit(Resource::Nofile, limit).unwrap();

    // With no idle connection that could make room, accepting is tried again.
    let open = || File::open("/dev/null").ok();
    let mut taken: Vec<File> = std::iter::from_fn(open).collect();
    taken.pop();
    let mut client = Client::new(TcpStream::connect(running.address()).unwrap());
    eventually("the log tells of it", || LOG.0.load(Ordering::SeqCst));
    drop(taken);
    assert_eq!(client.get("/a").content, b"/a");
    drop(client);

    // Idle connections make room. Both ends of each are in this process; the clients take all
    // descriptors, and then release some.
    let mut clients = Vec::new();
    for number in 0..200 {
        let Ok(stream) = TcpStream::connect(running.address()) else {
            clients.truncate(clients.len() / 2);
            continue;
        };
        let mut client = Client::new(stream);
        let target = format!("/{number}");
        assert_eq!(client.get(&target).content, target.as_bytes());
        clients.push(client);
    }
}
