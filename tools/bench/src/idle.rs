//! The row of connections that wait for a request: memory and threads, and how a client beside them
//! is served.

use std::io::{self, Error, ErrorKind};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustix::process::{Resource, getrlimit};
use testkit::http::Conn;

use crate::conn::CLIENT_TIMEOUT;
use crate::kind::Kind;
use crate::outcome::{Fold, MEMORY, Outcome, Sample, THREADS, Unit, figure};
use crate::process;
use crate::scene::{Place, SMALL, SMALL_LENGTH, Scene};
use crate::server::{Server, Wrap};
use crate::small::times;

/// A server may take several descriptors for a connection.
const DESCRIPTORS: u64 = 4;

/// How many times the connections that wait have room: they may all come to one of nginx's workers,
/// which closes some when it has little room left.
const ROOM: usize = 2;

/// Half of the connections have had one request answered, half have sent nothing. None is closed
/// while another client goes on, on a connection that it keeps and on new ones.
///
/// # Errors
/// `Unsupported` where too few descriptors are allowed here.
pub fn many(scene: &Scene, place: &Place, kind: Kind) -> io::Result<Outcome> {
    let count = scene.idle();
    let needed = DESCRIPTORS * count as u64;
    if getrlimit(Resource::Nofile)
        .current
        .is_some_and(|most| most < needed)
    {
        let text = format!("`ulimit -n` is below {needed}");
        return Err(Error::new(ErrorKind::Unsupported, text));
    }
    let server = Server::start_with(kind, scene, place, Wrap::Tied, count * ROOM)?;
    let mut waiting = Vec::with_capacity(count);
    for number in 0..count {
        let stream = TcpStream::connect(server.address)?;
        waiting.push(match number % 2 {
            0 => stream,
            _ => asked(&server, stream)?.ok_or_else(|| Error::other("one is not kept"))?,
        });
    }
    let ends = Instant::now() + Duration::from_millis(if scene.short { 200 } else { 1_000 });
    let mut latencies = Vec::new();
    let mut kept = None;
    while Instant::now() < ends {
        let sent = Instant::now();
        let stream = kept.map_or_else(|| TcpStream::connect(server.address), Ok)?;
        kept = asked(&server, stream)?;
        latencies.push(sent.elapsed().as_secs_f64());
        let sent = Instant::now();
        asked(&server, TcpStream::connect(server.address)?)?;
        latencies.push(sent.elapsed().as_secs_f64());
    }
    let memory = process::memory(server.process());
    let threads = process::threads(server.process());
    let closed = waiting.iter().filter(|stream| !is_open(stream)).count();
    if closed > 0 {
        return Err(Error::other(format!("{closed} of {count} were closed")));
    }
    let mut figures = vec![
        figure(MEMORY, Unit::Memory, Fold::Median, memory as f64),
        figure(THREADS, Unit::Count, Fold::Median, threads as f64),
    ];
    figures.extend(times(&latencies));
    Ok(Outcome::Done(Sample {
        figures,
        ..Sample::default()
    }))
}

/// One request and its reply, and the connection where it is kept: nginx ends one after 1,000
/// requests.
fn asked(server: &Server, stream: TcpStream) -> io::Result<Option<TcpStream>> {
    let mut conn = Conn::of(stream, CLIENT_TIMEOUT)?;
    conn.try_send(&server.kind.get(SMALL).without_body())?;
    let head = conn.final_head()?;
    match (head.status, conn.discard(head.body)?) {
        (200, length) if length == SMALL_LENGTH as u64 => Ok((!head.closes).then_some(conn.stream)),
        (status, length) => Err(Error::other(format!("status {status} and {length} bytes"))),
    }
}

fn is_open(stream: &TcpStream) -> bool {
    let flags = RecvFlags::DONTWAIT | RecvFlags::PEEK;
    rustix::net::recv(stream, &mut [0][..], flags) == Err(Errno::WOULDBLOCK)
}
