//! The row of little memory: a large file goes up and comes down while the server is in a control
//! group of 16 MiB.

use std::fs;
use std::io::{self, Error, ErrorKind};
use std::path::Path;
use std::time::Instant;

use testkit::group::Group;

use crate::conn;
use crate::content::{self, PIECE};
use crate::kind::Kind;
use crate::outcome::{Fold, Outcome, Sample, Unit, figure};
use crate::scene::{Place, Scene};
use crate::server::{Server, Wrap};

/// What the group is limited to, in bytes.
const LIMIT: u64 = 16 << 20;

const NAME: &str = "huge";

pub fn transfers(scene: &Scene, place: &Place, kind: Kind) -> io::Result<Outcome> {
    let group = Group::with_limit(LIMIT).ok_or_else(|| {
        let text = "no control group with a limit of memory can be made here";
        Error::new(ErrorKind::Unsupported, text)
    })?;
    let length: u64 = if scene.short { 256 << 20 } else { 4 << 30 };
    let server = Server::start(kind, scene, place, Wrap::Group(&group))?;
    let path = place.storage.join(NAME);
    let transferred = transfer(&server, &path, length, &scene.piece);
    let peak = group.peak();
    // Out of the group, so that looking at it takes none of its memory.
    let checked = content::check(&path, length, Some(&scene.piece));
    let _ = fs::remove_file(&path);
    let (up, down) = transferred?;
    checked?;
    drop(server);
    let speed = |label, seconds| figure(label, Unit::Speed, Fold::Median, length as f64 / seconds);
    Ok(Outcome::Done(Sample {
        figures: vec![
            speed("upload", up),
            speed("download", down),
            figure(
                "memory with page cache",
                Unit::Memory,
                Fold::Max,
                peak as f64,
            ),
        ],
        work: 0.0,
        processor: None,
    }))
}

/// The seconds of an upload and of the download of the same.
fn transfer(server: &Server, path: &Path, length: u64, piece: &[u8]) -> io::Result<(f64, f64)> {
    let begin = Instant::now();
    let mut conn = conn::open(server.address)?;
    conn.try_send(&server.kind.store(NAME).with_length(length))?;
    for _ in 0..length / PIECE as u64 {
        conn.try_send(piece)?;
    }
    let (status, _) = conn.discard_reply()?;
    if !matches!(status, 200 | 201 | 204) {
        return Err(Error::other(format!("status {status}")));
    }
    let up = begin.elapsed().as_secs_f64();
    content::check(path, length, None)?;
    let begin = Instant::now();
    let mut conn = conn::open(server.address)?;
    match conn.ask(&server.kind.get(NAME).without_body())? {
        (200, found) if found == length => Ok((up, begin.elapsed().as_secs_f64())),
        (status, found) => Err(Error::other(format!("status {status} and {found} bytes"))),
    }
}
