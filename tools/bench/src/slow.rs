//! Rows of memory: a server at rest, and with five hundred slow clients.

use std::io::{self, Error};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use testkit::http::{Conn, Length};

use crate::conn;
use crate::content;
use crate::engine::Turn;
use crate::kind::Kind;
use crate::outcome::{Outcome, Sample};
use crate::process;
use crate::scene::{BIG, Place, Scene};
use crate::server::{Server, Wrap};

/// Clients at once, from two addresses: http-nas keeps some slots from a single one.
const CLIENTS: usize = 500;
const ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2)];

/// How many times each sends or takes a little, and then waits.
const STEPS: usize = 16;
const PAUSE: Duration = Duration::from_millis(25);
const SENT: usize = 8 * 1024;
const TAKEN: usize = 2 * 1024;

/// What each has to send in all: more than it has come to when the memory is looked at.
const UPLOAD: usize = 512 * 1024;

/// The receive buffer of a slow reader, so that the server cannot send much ahead.
const NARROW: usize = 64 * 1024;

pub fn idle(scene: &Scene, place: &Place, kind: Kind) -> io::Result<Outcome> {
    let server = Server::start(kind, scene, place, Wrap::Tied)?;
    std::thread::sleep(PAUSE * 4);
    Ok(Outcome::Done(Sample::memory(process::memory(
        server.process(),
    ))))
}

pub fn uploads(scene: &Scene, place: &Place, kind: Kind) -> io::Result<Outcome> {
    let server = Server::start(kind, scene, place, Wrap::Tied)?;
    let mut clients = open(&server, None)?;
    let name = |number| format!("slow-{number}");
    for (number, conn) in clients.iter_mut().enumerate() {
        conn.try_send(&kind.store(&name(number)).with_length(UPLOAD as u64))?;
    }
    for step in 0..STEPS {
        for conn in &mut clients {
            conn.try_send(&scene.piece[step * SENT..][..SENT])?;
        }
        std::thread::sleep(PAUSE);
    }
    let memory = process::memory(server.process());
    for (number, conn) in clients.iter_mut().enumerate() {
        let sent = conn.try_send(&scene.piece[STEPS * SENT..UPLOAD]);
        let status = conn.discard_reply().map(|(status, _)| status);
        let status = status.map_err(|error| sent.err().unwrap_or(error))?;
        if !matches!(status, 200 | 201 | 204) {
            return Err(Error::other(format!("status {status}")));
        }
        let path = place.storage.join(name(number));
        content::check(&path, UPLOAD as u64, Some(&scene.piece))?;
        std::fs::remove_file(path)?;
    }
    Ok(Outcome::Done(Sample::memory(memory)))
}

/// Many uploads, all under way before the first of them is ended.
pub fn upload_at_once(turn: &Turn<'_>) -> io::Result<()> {
    let kind = turn.server.kind;
    let name = |number| format!("warm-{number}");
    let mut clients = open(turn.server, None)?;
    let body = &turn.scene.piece[..SENT];
    for (number, conn) in clients.iter_mut().enumerate() {
        conn.try_send(&kind.store(&name(number)).with_length(SENT as u64))?;
        conn.try_send(&body[..SENT / 2])?;
    }
    std::thread::sleep(PAUSE * 4);
    for (number, conn) in clients.iter_mut().enumerate() {
        conn.try_send(&body[SENT / 2..])?;
        match conn.discard_reply()? {
            (200 | 201 | 204, _) => std::fs::remove_file(turn.place.storage.join(name(number)))?,
            (status, _) => return Err(Error::other(format!("status {status}"))),
        }
    }
    Ok(())
}

pub fn downloads(scene: &Scene, place: &Place, kind: Kind) -> io::Result<Outcome> {
    let server = Server::start(kind, scene, place, Wrap::Tied)?;
    let mut clients = open(&server, Some(NARROW))?;
    for conn in &mut clients {
        conn.try_send(&kind.get(BIG).without_body())?;
    }
    for conn in &mut clients {
        let head = conn.final_head()?;
        let wrong = matches!(head.body, Length::Known(length) if length != scene.size);
        if head.status != 200 || wrong {
            return Err(Error::other(format!(
                "status {}, {:?}",
                head.status, head.body
            )));
        }
    }
    for _ in 0..STEPS {
        for conn in &mut clients {
            conn.skip(TAKEN as u64)?;
        }
        std::thread::sleep(PAUSE);
    }
    Ok(Outcome::Done(Sample::memory(process::memory(
        server.process(),
    ))))
}

fn open(server: &Server, buffer: Option<usize>) -> io::Result<Vec<Conn>> {
    let from = |number: usize| SocketAddr::from((ADDRESSES[number % ADDRESSES.len()], 0));
    (0..CLIENTS)
        .map(|number| conn::open_from(from(number), server.address, buffer))
        .collect()
}
