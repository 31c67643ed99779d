//! Accepting goes on where the descriptors have run out. Alone in its process, whose limit it lowers.
#![allow(clippy::unwrap_used)]

mod common;

use common::{config, echo, start};
use rustix::process::{Resource, getrlimit, setrlimit};

#[test]
fn idle_connections_make_room_where_the_descriptors_have_run_out() {
    let running = start(config(), echo);
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = Some(100);
    setrlimit(Resource::Nofile, limit).unwrap();
    // Each has a descriptor at both ends here. The clients take all that there are, and the server has some in between.
    let mut clients = Vec::new();
    for number in 0..200 {
        let stream = match std::net::TcpStream::connect(running.address()) {
            Ok(stream) => stream,
            Err(_) => {
                clients.truncate(clients.len() / 2);
                continue;
            }
        };
        let mut client = common::Client::new(stream);
        let target = format!("/{number}");
        assert_eq!(client.get(&target).content, target.as_bytes());
        clients.push(client);
    }
}
