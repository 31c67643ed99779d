//! The servers under test: http-nas and nginx, each started on a folder of its own, and killed when
//! its value is dropped.
//!
//! Belongs here: the start, with limits of the system where a case wants them, and the end. Does
//! not belong here: what is sent to them.

use std::fs::{self, File};
use std::io::{self, Error};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testkit::child::{Child, listening_address};
use testkit::{nginx, rules};

use crate::cases::{Case, TOKEN};
use crate::good::Dialect;
use crate::programs::{self, Allowed, Programs};

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(10);

/// How long a server may take to end after it was asked to.
const END: Duration = Duration::from_secs(5);

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    HttpNas,
    Nginx,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::HttpNas => "http-nas",
            Self::Nginx => "nginx",
        }
    }

    pub fn dialect(self) -> Dialect {
        match self {
            Self::HttpNas => Dialect {
                store: "POST",
                append: Some("PUT"),
                authorization: rules::bearer(TOKEN),
            },
            Self::Nginx => Dialect {
                store: "PUT",
                append: None,
                authorization: rules::bearer(TOKEN),
            },
        }
    }
}

/// One server that runs.
#[derive(Debug)]
pub struct Server {
    pub kind: Kind,
    pub address: SocketAddr,
    /// Where what is stored as `/file/NAME` lies as NAME.
    pub storage: PathBuf,
    folder: PathBuf,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts one; it answers when this returns.
    pub fn start(
        programs: &Programs,
        kind: Kind,
        case: &Case,
        flags: &[(&str, &str)],
    ) -> io::Result<Self> {
        let allowed = case.allowed;
        let folder = programs.folder.join("server");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder)?;
        let user = programs::free_user();
        let (storage, log) = match kind {
            Kind::HttpNas => (folder.join("storage"), folder.join("log")),
            Kind::Nginx => (folder.join("www/file"), folder.join("error.log")),
        };
        fs::create_dir_all(&storage)?;
        if let Allowed::Threads(_) = allowed {
            for owned in [&folder, &storage, &folder.join("www")] {
                if owned.exists() {
                    chown(owned, Some(user), Some(user))?;
                }
            }
        }
        // Only nginx has children of its own to end.
        let ends_with = if kind == Kind::Nginx { "TERM" } else { "KILL" };
        let mut words = programs::limits(allowed, user, ends_with);
        let mut address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        match kind {
            Kind::HttpNas => {
                words.extend([text(&programs.http_nas), "--port".into(), "0".into()]);
                words.extend(["--storage".into(), text(&storage)]);
                if case.takes_token {
                    let everything = [("", "read,write,append,delete")];
                    let entries = [rules::token("good", TOKEN, &everything)];
                    words.extend(["--access".into(), rules::put(&folder, &entries)]);
                }
                words.extend(
                    flags
                        .iter()
                        .flat_map(|(name, value)| [(*name).into(), (*value).into()]),
                );
            }
            Kind::Nginx => {
                address = TcpListener::bind(address)?.local_addr()?;
                let as_root = programs.is_root && !matches!(allowed, Allowed::Threads(_));
                words.extend(nginx_command(&folder, address, as_root, flags)?);
            }
        }
        let stderr = File::options()
            .create(true)
            .append(true)
            .open(folder.join("log"))?;
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            // Its requests name the host "nas".
            .env("ALLOWED_HOSTS", "*")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr);
        let mut server = Self {
            kind,
            address,
            storage,
            folder,
            child: Child::spawn(&mut command)?,
            log,
        };
        server.wait_until_it_listens()?;
        Ok(server)
    }

    fn wait_until_it_listens(&mut self) -> io::Result<()> {
        let started = match (self.kind, self.child.take_stdout()) {
            (Kind::HttpNas, Some(stdout)) => listening_address(stdout, START).map(|address| {
                let everywhere = address.ip().is_unspecified();
                self.address = match everywhere {
                    true => SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())),
                    false => address,
                };
            }),
            _ => self.wait_for_connection(),
        };
        started.map_err(|error| {
            let (name, log) = (self.kind.name(), self.complaints().join("; "));
            Error::other(format!("{name} did not start: {error}; {log}"))
        })
    }

    fn wait_for_connection(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + START;
        while Instant::now() < deadline && self.is_alive() {
            if TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err("it takes no connection".to_owned())
    }

    /// Where to reach the server so that it sees another client's address than that of the attack,
    /// if it listens there: one client cannot have all of a server, and must not be all that it is
    /// tried with.
    pub fn for_others(&self) -> SocketAddr {
        let other = SocketAddr::from((Ipv6Addr::LOCALHOST, self.address.port()));
        match TcpStream::connect(other) {
            Ok(_) => other,
            Err(_) => self.address,
        }
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    pub fn is_alive(&mut self) -> bool {
        self.child.is_alive()
    }

    /// What the log says of failures of the server itself, the first few lines.
    pub fn complaints(&self) -> Vec<String> {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let bad = |line: &&str| {
            line.contains("panicked")
                || line.contains("overflow")
                || line.contains("[alert]")
                || line.contains("[emerg]")
                || line.contains(" ERROR ")
        };
        let cut = |line: &str| line.chars().take(300).collect();
        log.lines().filter(bad).take(3).map(cut).collect()
    }

    /// The files that requests have left in the folder of the server's own.
    pub fn litter(&self) -> Vec<String> {
        if self.kind == Kind::HttpNas {
            return testkit::litter(&self.storage);
        }
        let bodies = ["tmp", "tmp/0", "tmp/1"].map(|name| self.folder.join(name));
        let entries = bodies.iter().filter_map(|folder| fs::read_dir(folder).ok());
        let paths = entries.flatten().flatten().map(|entry| entry.path());
        paths
            .filter(|path| !path.is_dir())
            .map(|path| text(&path))
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // nginx is asked, so that its processes end together; what has to be whole has been looked
        // at before.
        if self.kind == Kind::Nginx {
            nginx::end(&mut self.child, END);
        }
        let _ = self.child.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// nginx as like http-nas as it can be, with those of the flags that it has something for.
fn nginx_command(
    folder: &Path,
    address: SocketAddr,
    as_root: bool,
    flags: &[(&str, &str)],
) -> io::Result<Vec<String>> {
    let value = |flag: &str| flags.iter().find(|(name, _)| *name == flag);
    let mut more = "location = /file { return 200 OK; }".to_owned();
    if let Some((_, limit)) = value("--idle-timeout") {
        more += &format!(" client_body_timeout {limit}; send_timeout {limit};");
    }
    let connections = value("--max-connections").and_then(|(_, value)| value.parse().ok());
    let settings = nginx::Settings {
        folder,
        root: &folder.join("www"),
        bodies: &folder.join("tmp"),
        address,
        connections: connections.unwrap_or(4096),
        as_root,
        more: &more,
    };
    settings.command()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
