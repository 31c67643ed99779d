//! Readers that look at a file all the time while a test changes it.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Conn, Server};

/// Ends the readers of a scope also when the thread that sets the pace panics.
pub struct StopOnDrop<'a>(pub &'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// GETs `name` from every one of `servers` until `done`, and judges each reply; gives the number of
/// replies.
pub fn read_until(
    done: &AtomicBool,
    servers: &[&Server],
    name: &str,
    judge: &(dyn Fn(u16, &[u8]) + Sync),
) -> usize {
    let mut conns: Vec<Conn> = servers.iter().map(|server| server.open()).collect();
    let mut count = 0;
    while !done.load(Ordering::Relaxed) {
        for conn in &mut conns {
            let reply = conn.request("GET", name, &[], b"").expect("a reply");
            judge(reply.status, &reply.body);
            count += 1;
        }
    }
    count
}
