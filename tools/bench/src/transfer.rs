//! Rows of large files: one, or eight at once, in either direction.

use std::io::{self, Error};
use std::path::Path;
use std::time::Instant;

use testkit::http::Conn;

use crate::conn;
use crate::content;
use crate::engine::Turn;
use crate::kind::Ask;
use crate::outcome::{Outcome, Sample};
use crate::scene::{BIG, Scene};

/// How many transfers there are at once.
const ABREAST: u64 = 8;

/// The name that is stored under.
const STORED: &str = "stored";

/// How a body is delimited.
#[derive(Clone, Copy)]
pub enum Framing {
    Length,
    /// Chunks of this many bytes.
    Chunks(usize),
}

pub fn get(turn: &Turn<'_>) -> io::Result<Outcome> {
    let begin = Instant::now();
    fetch(turn, BIG, turn.scene.size)?;
    Ok(Outcome::Done(Sample::speed(
        turn.scene.size,
        begin.elapsed().as_secs_f64(),
    )))
}

pub fn get_8(turn: &Turn<'_>) -> io::Result<Outcome> {
    let part = turn.scene.size / ABREAST;
    abreast(turn, |place| fetch(turn, &Scene::part(place), part))
}

/// The file is not in the page cache.
pub fn get_cold(turn: &Turn<'_>) -> io::Result<Outcome> {
    let file = std::fs::File::open(turn.place.storage.join(BIG))?;
    // Only what is on the disk can be dropped.
    file.sync_data()?;
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    get(turn)
}

pub fn put(turn: &Turn<'_>) -> io::Result<Outcome> {
    put_one(turn, Framing::Length, false)
}

pub fn put_spliced(turn: &Turn<'_>) -> io::Result<Outcome> {
    let ask = turn.server.kind.splice(STORED);
    put_as(turn, &ask, Framing::Length, false)
}

pub fn put_chunks_64k(turn: &Turn<'_>) -> io::Result<Outcome> {
    put_one(turn, Framing::Chunks(64 * 1024), false)
}

pub fn put_chunks_1k(turn: &Turn<'_>) -> io::Result<Outcome> {
    put_one(turn, Framing::Chunks(1024), false)
}

/// Until the bytes are on the disk: the client sees to it, as no peer does.
pub fn put_synced(turn: &Turn<'_>) -> io::Result<Outcome> {
    put_one(turn, Framing::Length, true)
}

pub fn put_8(turn: &Turn<'_>) -> io::Result<Outcome> {
    let part = turn.scene.size / ABREAST;
    let name = |place| format!("{STORED}-{place}");
    let outcome = abreast(turn, |place| {
        send(
            turn,
            &turn.server.kind.store(&name(place)),
            part,
            Framing::Length,
        )
    });
    for place in 0..ABREAST {
        verify(turn, &turn.place.storage.join(name(place)), part)?;
    }
    outcome
}

fn put_one(turn: &Turn<'_>, framing: Framing, synced: bool) -> io::Result<Outcome> {
    put_as(turn, &turn.server.kind.store(STORED), framing, synced)
}

fn put_as(turn: &Turn<'_>, ask: &Ask, framing: Framing, synced: bool) -> io::Result<Outcome> {
    let path = turn.place.storage.join(STORED);
    let length = turn.scene.size;
    let begin = Instant::now();
    send(turn, ask, length, framing)?;
    if synced {
        std::fs::File::open(&path)?.sync_data()?;
    }
    let seconds = begin.elapsed().as_secs_f64();
    verify(turn, &path, length)?;
    Ok(Outcome::Done(Sample::speed(length, seconds)))
}

/// Looks at what is stored, and removes it: the next server must not have to free another's blocks.
fn verify(turn: &Turn<'_>, path: &Path, length: u64) -> io::Result<()> {
    let piece = turn.first.then_some(turn.scene.piece.as_slice());
    content::check(path, length, piece)?;
    std::fs::remove_file(path)
}

/// Does something eight times at once, on threads of their own.
fn abreast(turn: &Turn<'_>, work: impl Fn(u64) -> io::Result<()> + Sync) -> io::Result<Outcome> {
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..ABREAST)
            .map(|place| scope.spawn(move || work(place)))
            .collect();
        let failed = || Err(Error::other("a thread of the client has failed"));
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| failed()))
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    Ok(Outcome::Done(Sample::speed(turn.scene.size, seconds)))
}

fn fetch(turn: &Turn<'_>, name: &str, length: u64) -> io::Result<()> {
    let mut conn = conn::open(turn.server.address)?;
    match conn.ask(&turn.server.kind.get(name).without_body())? {
        (200, found) if found == length => Ok(()),
        (status, found) => Err(Error::other(format!("status {status} and {found} bytes"))),
    }
}

fn send(turn: &Turn<'_>, ask: &Ask, length: u64, framing: Framing) -> io::Result<()> {
    let mut conn = conn::open(turn.server.address)?;
    let sent = pour(&mut conn, ask, length, framing, &turn.scene.piece);
    // A server that refuses a body may close before it is sent: what counts is the reply.
    match conn.discard_reply() {
        Ok((200 | 201 | 204, _)) => sent,
        Ok((status, _)) => Err(Error::other(format!("status {status}"))),
        Err(error) => Err(sent.err().unwrap_or(error)),
    }
}

/// Sends the piece repeatedly, framed beforehand, so that nothing is left to do but to send
/// it.
fn pour(conn: &mut Conn, ask: &Ask, length: u64, framing: Framing, piece: &[u8]) -> io::Result<()> {
    let (head, framed, end) = match framing {
        Framing::Length => (ask.with_length(length), None, &b""[..]),
        Framing::Chunks(size) => (ask.chunked(), Some(chunks(piece, size)), &b"0\r\n\r\n"[..]),
    };
    let framed = framed.as_deref().unwrap_or(piece);
    conn.try_send(&head)?;
    for _ in 0..length / piece.len() as u64 {
        conn.try_send(framed)?;
    }
    conn.try_send(end)
}

fn chunks(piece: &[u8], size: usize) -> Vec<u8> {
    let mut framed = Vec::with_capacity(piece.len() / size * (size + 16));
    for chunk in piece.chunks(size) {
        framed.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        framed.extend_from_slice(chunk);
        framed.extend_from_slice(b"\r\n");
    }
    framed
}
