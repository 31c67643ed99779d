//! One server that runs, on a free port of loopback, and ends whatever happens.

use std::fs::{self, File};
use std::io::{self, Error};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testkit::child::{Child, tied};
use testkit::group::Group;
use testkit::nginx;

use crate::bare;
use crate::conn;
use crate::kind::Kind;
use crate::scene::{Place, SMALL, SMALL_LENGTH, Scene};
use crate::tokens;

/// How long a server may take to give its first reply.
const START: Duration = Duration::from_secs(20);

/// How long a server may take to end after it was asked to.
const END: Duration = Duration::from_secs(5);

/// How many connections have room where a row needs no more: the default of http-nas, which nginx
/// is given, too.
const CONNECTIONS: usize = 4096;

/// How long to wait before asking again whether it listens.
const TICK: Duration = Duration::from_micros(100);

#[derive(Debug)]
pub struct Server {
    pub kind: Kind,
    pub address: SocketAddr,
    /// From the start of the process to its first reply of 200.
    pub started_in: Duration,
    child: Child,
    folder: PathBuf,
}

/// What stands before a server's own words.
#[derive(Clone, Copy)]
pub enum Wrap<'w> {
    /// It is sent a signal should this program be killed.
    Tied,
    /// Nothing: for measuring the start.
    Plain,
    /// It writes itself into a control group first.
    Group(&'w Group),
}

impl Server {
    pub fn start(kind: Kind, scene: &Scene, place: &Place, wrap: Wrap<'_>) -> io::Result<Self> {
        Self::start_with(kind, scene, place, wrap, CONNECTIONS)
    }

    /// A server with room for this many connections.
    pub fn start_with(
        kind: Kind,
        scene: &Scene,
        place: &Place,
        wrap: Wrap<'_>,
        connections: usize,
    ) -> io::Result<Self> {
        // Another process may take the port before the server does.
        let mut last = Error::other("not tried");
        for _ in 0..3 {
            match Self::try_start(kind, scene, place, wrap, connections) {
                Ok(server) => return Ok(server),
                Err(error) => last = error,
            }
        }
        Err(Error::other(format!(
            "{} did not start: {last}",
            kind.name()
        )))
    }

    fn try_start(
        kind: Kind,
        scene: &Scene,
        place: &Place,
        wrap: Wrap<'_>,
        connections: usize,
    ) -> io::Result<Self> {
        let folder = scene.folder.join(kind.name());
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        if rustix::process::geteuid().is_root() {
            // Workers of nginx that run as the user "nobody" have to pass through.
            for open in [&scene.folder, &folder] {
                fs::set_permissions(open, fs::Permissions::from_mode(0o755))?;
            }
        }
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let address = TcpListener::bind(any)?.local_addr()?;
        let words = wrapped(
            words(kind, scene, place, &folder, address, connections)?,
            kind,
            wrap,
        );
        let log = File::create(folder.join("log"))?;
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("PORT", address.port().to_string())
            .env("STORAGE_PATH", &place.storage)
            .env("NODE_ENV", "production")
            .env("RUST_LOG", "info")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let begin = Instant::now();
        let child = Child::spawn(&mut command)?;
        let mut server = Self {
            kind,
            address,
            started_in: Duration::ZERO,
            child,
            folder,
        };
        server.wait_for_reply(begin)?;
        server.started_in = begin.elapsed();
        Ok(server)
    }

    fn wait_for_reply(&mut self, begin: Instant) -> io::Result<()> {
        let mut status = "no connection".to_owned();
        while begin.elapsed() < START && self.child.is_alive() {
            if let Ok(mut conn) = conn::open(self.address) {
                conn.stream.set_read_timeout(Some(START))?;
                match conn.ask(&self.kind.get(SMALL).without_body()) {
                    Ok((200, length)) if length == SMALL_LENGTH as u64 => return Ok(()),
                    Ok((other, _)) => status = format!("status {other}"),
                    Err(error) => status = error.to_string(),
                }
            }
            std::thread::sleep(TICK);
        }
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let log: Vec<_> = log.lines().rev().take(3).collect();
        Err(Error::other(format!("{status}; its log ends with {log:?}")))
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Only nginx has processes of its own to end.
        if self.kind == Kind::Nginx {
            nginx::end(&mut self.child, END);
        }
    }
}

/// The words that start a server.
fn words(
    kind: Kind,
    scene: &Scene,
    place: &Place,
    folder: &Path,
    address: SocketAddr,
    connections: usize,
) -> io::Result<Vec<String>> {
    let programs = &scene.programs;
    let port = address.port().to_string();
    let storage = text(&place.storage);
    Ok(match kind {
        Kind::HttpNas | Kind::Tokens => {
            let mut words = vec![
                text(&programs.http_nas),
                "--port".into(),
                port,
                "--storage".into(),
                storage,
                "--max-connections".into(),
                connections.to_string(),
            ];
            if kind == Kind::Tokens {
                words.extend(["--access".into(), tokens::write(folder)]);
            }
            words
        }
        Kind::Nginx => {
            let settings = nginx::Settings {
                folder,
                root: &place.storage,
                bodies: &place.bodies,
                address,
                connections,
                as_root: rustix::process::geteuid().is_root(),
                more: "",
            };
            settings.command()?
        }
        Kind::Dufs => {
            let dufs = programs.dufs.as_deref().map(text).unwrap_or_default();
            vec![
                dufs,
                "-A".into(),
                "-b".into(),
                "127.0.0.1".into(),
                "-p".into(),
                port,
                storage,
            ]
        }
        Kind::Node => {
            let script = programs
                .node
                .as_ref()
                .map(|folder| folder.join("server.js"));
            vec![
                "node".into(),
                script.as_deref().map(text).unwrap_or_default(),
            ]
        }
        Kind::Bare => vec![
            text(&std::env::current_exe()?),
            bare::WORD.into(),
            port,
            storage,
        ],
    })
}

fn wrapped(words: Vec<String>, kind: Kind, wrap: Wrap<'_>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    if !matches!(wrap, Wrap::Plain) {
        all.extend(tied(if kind == Kind::Nginx { "TERM" } else { "KILL" }));
    }
    if let Wrap::Group(group) = wrap {
        all.extend(group.words());
    }
    all.extend(words);
    all
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
