//! The row of little memory: a large file goes up and comes down while the server is in a control group of 16 MiB.

use std::fs;
use std::io::{self, Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::conn::Conn;
use crate::content::{self, PIECE};
use crate::kind::Kind;
use crate::outcome::{Fold, Outcome, Sample, Unit, figure};
use crate::scene::{Place, Scene};
use crate::server::{Server, Wrap};

/// What the group is limited to, in bytes.
const LIMIT: u64 = 16 << 20;

const NAME: &str = "huge";

/// A control group of its own, which is removed at the end.
struct Group {
    folder: PathBuf,
    /// Where the most memory is written down.
    peak: &'static str,
}

pub fn transfers(scene: &Scene, place: &Place, kind: Kind) -> io::Result<Outcome> {
    let group = Group::make().ok_or_else(|| {
        let text = "no control group with a limit of memory can be made here";
        Error::new(ErrorKind::Unsupported, text)
    })?;
    let length: u64 = if scene.short { 256 << 20 } else { 4 << 30 };
    let server = Server::start(kind, scene, place, Wrap::Group(&group.folder))?;
    let path = place.storage.join(NAME);
    let transferred = transfer(&server, &path, length, &scene.piece);
    let peak = group.read(group.peak);
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
    let mut conn = Conn::open(server.address)?;
    conn.send(&server.kind.store(NAME).with_length(length))?;
    for _ in 0..length / PIECE as u64 {
        conn.send(piece)?;
    }
    let (status, _) = conn.reply()?;
    if !matches!(status, 200 | 201 | 204) {
        return Err(Error::other(format!("status {status}")));
    }
    let up = begin.elapsed().as_secs_f64();
    content::check(path, length, None)?;
    let begin = Instant::now();
    let mut conn = Conn::open(server.address)?;
    match conn.ask(&server.kind.get(NAME))? {
        (200, found) if found == length => Ok((up, begin.elapsed().as_secs_f64())),
        (status, found) => Err(Error::other(format!("status {status} and {found} bytes"))),
    }
}

impl Group {
    fn make() -> Option<Self> {
        let name = format!("http-nas-bench-{}", std::process::id());
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        // Version 2 has one hierarchy, numbered 0; version 1 one for each controller.
        let path = |begin: &dyn Fn(&str) -> bool| {
            let line = own.lines().find(|line| begin(line))?;
            line.splitn(3, ':')
                .nth(2)
                .map(|path| path.trim_start_matches('/').to_owned())
        };
        let one = path(&|line| {
            line.split(':')
                .nth(1)
                .is_some_and(|names| names.split(',').any(|name| name == "memory"))
        });
        let two = path(&|line| line.starts_with("0::"));
        let mut tries = Vec::new();
        for own in one.iter().flat_map(|own| [own.as_str(), ""]) {
            let parent = Path::new("/sys/fs/cgroup/memory").join(own);
            tries.push((parent, "memory.limit_in_bytes", "memory.max_usage_in_bytes"));
        }
        for own in two.iter().flat_map(|own| [own.as_str(), ""]) {
            let parent = Path::new("/sys/fs/cgroup").join(own);
            tries.push((parent, "memory.max", "memory.peak"));
        }
        tries.into_iter().find_map(|(parent, limit, peak)| {
            let folder = parent.join(&name);
            fs::create_dir(&folder).ok()?;
            let group = Self { folder, peak };
            // Where no group can be made, a folder may.
            let is_group = [limit, "cgroup.procs"]
                .iter()
                .all(|file| group.folder.join(file).exists());
            let limited =
                is_group && fs::write(group.folder.join(limit), LIMIT.to_string()).is_ok();
            limited.then_some(group)
        })
    }

    fn read(&self, file: &str) -> u64 {
        let text = fs::read_to_string(self.folder.join(file)).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A process that was killed is in it for a moment more.
        for _ in 0..200 {
            match fs::remove_dir(&self.folder) {
                Err(error) if error.kind() == ErrorKind::ResourceBusy => {
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
                _ => return,
            }
        }
    }
}
